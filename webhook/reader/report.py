"""What happened: counted, and said where somebody looks."""

from __future__ import annotations

import os

__all__ = ["Report"]

_MOST_NAMES = 1_000
_TERMINATION_LOG = "/dev/termination-log"
_LONGEST_MESSAGE = 4_096  # bytes of it that the kubelet takes


class Report:
    """The counts of one run. `denied` has what may not be read, and why; `missed` counts what was gone unread."""

    __slots__ = ("bytes", "denied", "files", "freed", "lines", "missed", "said")

    def __init__(self) -> None:
        self.lines = self.bytes = self.files = self.freed = self.missed = 0
        self.denied: dict[str, str] = {}
        self.said: set[str] = set()

    def deny(self, name: str, reason: str) -> None:
        """Say once that the file `name` cannot be read."""
        if name not in self.denied and len(self.denied) < _MOST_NAMES:
            self.denied[name] = reason
            self.say(f"{name}: {reason}")

    def allow(self, name: str) -> None:
        """The file can be read by now."""
        if self.denied:
            self.denied.pop(name, None)

    def say(self, sentence: str) -> None:
        """Write a line to stderr, once for each sentence; escaped, for it may have a name of the application's."""
        line = f"loghook: {sentence}\n".encode("ascii", "backslashreplace").replace(b"\x1b", b"\\x1b")
        if sentence in self.said or len(self.said) > _MOST_NAMES:
            return
        self.said.add(sentence)
        try:
            os.write(2, line[:-1].translate(_PRINTABLE) + b"\n")
        except OSError:  # nobody listens
            return

    def end(self) -> None:
        """Leave the termination message, which `kubectl describe pod` shows."""
        text = f"{self.lines} lines, {self.bytes} bytes of {self.files} files were written out."
        if self.missed:
            text += f" {self.missed} files were gone before all of them was read."
        text += "".join(f"\n{name}: {reason}" for name, reason in self.denied.items())
        message = text.encode("ascii", "backslashreplace")[:_LONGEST_MESSAGE]
        try:
            file = os.open(_TERMINATION_LOG, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        except OSError:  # not in a container of a Pod
            return
        try:
            os.write(file, message)
        except OSError as error:  # the node's disk is full, which is no failure of ours
            self.say(f"{_TERMINATION_LOG}: {error.strerror}")
        finally:
            os.close(file)


_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))  # noqa: PLR2004 - ASCII's
