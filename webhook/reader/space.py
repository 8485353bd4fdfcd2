"""Giving disk back: holes in the files, behind what has been written out.

Only behind the saved offset, and the last KEPT bytes before it stay, for the fingerprint and for whoever looks into the
file. A file that was rotated away and read to its end keeps nothing. Files are neither removed nor made shorter, so the
application goes on where it was; what it reads back of the hole is zeros.
"""

from __future__ import annotations

import errno
import os
import zlib

from . import kernel
from .logfile import FINGERPRINTED

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

    def free(self, log: LogFile, *, at_rest: bool = False) -> None:
        """Free what `log` no longer needs; `at_rest`: also where that is little."""
        end = (log.offset - KEPT) // _BLOCK * _BLOCK
        if end - log.freed >= (_BLOCK if at_rest else _STEP):
            self._punch(log, end)

    def free_whole(self, log: LogFile) -> bool:
        """Free all of a file that was rotated away, up to its offset; whether its fingerprint is another one now."""
        if log.offset <= log.freed or not self._punch(log, log.offset):
            return False
        window = min(log.offset, FINGERPRINTED)
        log.fingerprint = zlib.crc32(os.pread(log.file, window, log.offset - window))
        return True

    def _punch(self, log: LogFile, end: int) -> bool:
        if not (self._is_possible and log.is_writable):
            return False
        try:
            kernel.punch(log.file, log.freed, end)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
                self._is_possible = False
            self._report.say(f"nothing is freed of {log.directory.volume.path}: {error.strerror}")
            return False
        self._report.freed += end - log.freed
        log.freed = end
        return True
