"""Giving disk back: holes in the files, behind what has been written out.

Only behind the saved offset, and the last KEPT bytes before it stay, for the fingerprint and for whoever looks into the
file. A file that was rotated away and read to its end keeps nothing. Files are neither removed nor made shorter, so the
application goes on where it was; what it reads back of the hole is zeros. A hole ends where a line begins: where the
offsets are lost, what is left is read again, as whole lines.
"""

from __future__ import annotations

import errno
import os

from . import kernel

__all__ = ["KEPT", "Space"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .logfile import LogFile
    from .report import Report

KEPT = 64 * 2**10
_STEP = 256 * 2**10  # what makes a system call worth it
_BLOCK = 4096  # of nearly every file system


class Space:
    """Frees what was read, and says once where that cannot be."""

    __slots__ = ("_is_possible", "_report")

    def __init__(self, report: Report) -> None:
        self._report = report
        self._is_possible = True

    def free(self, log: LogFile) -> None:
        """Free what `log` no longer needs, once that is worth it."""
        end = min(log.offset, log.saved) - KEPT
        if end - log.freed >= _STEP:
            self._punch(log, end)

    def free_whole(self, log: LogFile) -> bool:
        """Free all of a file that was rotated away, up to its offset; whether its fingerprint is another one now."""
        return log.freed < log.offset == log.saved and self._punch(log, log.offset)

    def _punch(self, log: LogFile, end: int) -> bool:
        if not (self._is_possible and log.is_writable):
            return False
        try:
            if log.look_before() != log.fingerprint:  # truncated and filled again while this was being written out
                return False
            if end < log.offset:
                end = _line_before(log.file, end)
            kernel.punch(log.file, log.freed // _BLOCK * _BLOCK, end)
            log.fingerprint = log.look_before()
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
                self._is_possible = False
            self._report.say(f"nothing is freed of {log.directory.volume.path}: {error.strerror}")
            return False
        self._report.freed += end - log.freed
        log.freed = end
        return True


def _line_before(file: int, place: int) -> int:
    """Where the last line begins that does so in the block before `place`; there, if none does."""
    return place - _BLOCK + (os.pread(file, _BLOCK, place - _BLOCK).rfind(b"\n") + 1 or _BLOCK)
