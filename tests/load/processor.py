"""How long processes have waited for a processor: what tells a server that is slow from a machine that is."""

import contextlib
import os

__all__ = ["Waits"]


class Waits:
    """What this process and others have waited together: ready to run, and not running. 0 where that is not known.

    Of each it is the first thread, where the event loop is. Source: Documentation/scheduler/sched-stats.rst of Linux.
    """

    def __init__(self) -> None:
        self._of_those_gone = 0.0
        self._files: dict[int, float] = {}
        self.watch("self")

    def watch(self, process: int | str) -> None:
        """Count another one, too."""
        with contextlib.suppress(OSError):
            self._files[os.open(f"/proc/{process}/schedstat", os.O_RDONLY)] = 0.0

    def seconds(self) -> float:
        """All of it so far."""
        for file in list(self._files):
            try:
                self._files[file] = int(os.pread(file, 100, 0).split()[1]) / 1e9
            except (OSError, IndexError):  # it has ended
                self._of_those_gone += self._files.pop(file)
                os.close(file)
        return self._of_those_gone + sum(self._files.values())
