"""What stands in files and may change while we serve: read anew when it does, with the last that was good kept."""

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["Followed", "read"]

POLL_SECONDS = 0.5
"""How often the files are looked at: a `stat` each, which works for every way in which a Secret reaches a file.
Watching for events would not: the kubelet swaps a link in a folder above, and some file systems send none."""

_T = TypeVar("_T")


class Followed(Generic[_T]):
    """What `load` makes of `files`. Raises what `load` raises; later on errors, of the type `wrong`, are only told.

    `current` is the newest that could be loaded.
    """

    def __init__(self, files: Sequence[Path], load: Callable[[], _T], wrong: type[Exception]) -> None:
        self._files = tuple(files)
        self._load = load
        self._wrong = wrong
        self._is_asked = False
        self._seen = self._look()  # before it is read: what is written in between is seen at the next look
        self.current = load()

    def read_again(self) -> None:
        """Read the files at the next look, whether or not they seem to have changed."""
        self._is_asked = True

    async def follow(self, told: Callable[[Exception | None], None]) -> None:
        """Take over what is written to the files, for ever. `told` gets None for news, else what is wrong with it.

        What is wrong is tried again at each look, since the second of two files may be on its way, or time may heal it,
        and told about once. Reading is a thread's work: reviews do not wait for a disk.
        """
        failed: str | None = None
        while True:
            await asyncio.sleep(POLL_SECONDS)
            seen = self._look()
            if seen == self._seen and failed is None and not self._is_asked:
                continue
            self._seen, self._is_asked = seen, False
            problem = await asyncio.to_thread(self._reload)
            if problem is None or str(problem) != failed:
                told(problem)
            failed = None if problem is None else str(problem)

    def _reload(self) -> Exception | None:
        """Load; what is wrong with the files. Whatever it is, no file may end a server."""
        try:
            self.current = self._load()
        except self._wrong as error:
            return error
        except Exception as error:  # noqa: BLE001  # of a kind that nobody thought of; its text may quote a key
            return self._wrong(f"cannot be read: {type(error).__name__}")
        return None

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes when a file is written, renamed over, or the link on the way to it is swapped."""
        return tuple(_mark(path) for path in self._files)


def read(path: Path, most: int) -> bytes:
    """The content of the file `path`, of at most so many bytes, at once or not at all.

    Raises OSError, whose `strerror` says why, where it cannot be read or is larger, and where it is something whose end
    may never come: a FIFO, whose other side need not say anything, or a device. To wait for one would be for ever, and
    nothing ends a thread that waits in `open`.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _mark(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None
