"""One log file: where its reading stands, and how it is told from what was put in its place.

A file is its device and inode, and a fingerprint of what stands before the offset: the last FINGERPRINTED bytes of it.
That is looked at with each reading, so whatever was rewritten at the same length, truncated and filled again between
two looks, or created under an inode that was free again, is read from its start.
"""

from __future__ import annotations

import errno
import os
import zlib

__all__ = ["BATCH", "FINGERPRINTED", "LONGEST_LINE", "LogFile", "Reading"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .directories import Directory
    from .offsets import Key

FINGERPRINTED = 16 * 2**10
BATCH = 256 * 2**10
"""What is written between two savings of the offset, and so what may come twice after the program was killed."""

LONGEST_LINE = 2**20
"""Bytes that come out in one piece, without the newline after them; up to 3 fewer, where a character would be cut."""

_LAST_LINE = 64 * 2**10
_NOTHING_MORE = -1


class LogFile:
    """A file that is followed.

    `directory` and `name` are where it was seen last, `seen` in which look. `file` is its descriptor, -1 while closed.
    `offset` is how far it has been written out, `fingerprint` that of what stands before. `held` is the beginning of a
    line whose end has not been written yet. `saved` is the offset that is known after a restart. `size` and `changed`
    (ns) are those of the last look. `away_since` is when it had left the paths, or had grown last since then; None
    while it is there. `moved`: it had another name of ours before. `freed` is up to where the disk was given back.
    `is_doubtful`: only its inode says that it is one of ours.
    """

    __slots__ = (
        "away_since",
        "changed",
        "directory",
        "file",
        "fingerprint",
        "freed",
        "held",
        "is_doubtful",
        "is_writable",
        "key",
        "moved",
        "name",
        "offset",
        "saved",
        "seen",
        "size",
    )

    def __init__(self, key: Key, directory: Directory, name: str) -> None:
        self.key = key
        self.directory = directory
        self.name = name
        self.seen = 0
        self.file = -1
        self.offset = 0
        self.fingerprint = 0
        self.held = b""
        self.saved = 0
        self.size = 0
        self.changed = 0
        self.away_since: float | None = None
        self.moved = False
        self.freed = 0
        self.is_writable = False
        self.is_doubtful = False

    @property
    def behind(self) -> int:
        """How many bytes there are that have not been read."""
        return max(0, self.size - self.offset - len(self.held))

    def has_changed(self, status: os.stat_result) -> bool:
        """Whether there may be something to read, given the file's status now."""
        return status.st_mtime_ns != self.changed or status.st_size != self.size

    def status(self) -> os.stat_result | None:
        """The status of the open file; None where it cannot be had, as of a network's file that is gone."""
        try:
            return os.fstat(self.file)
        except OSError:
            return None

    def restart(self) -> None:
        """Begin at the file's start."""
        self.offset = self.fingerprint = self.saved = self.freed = 0
        self.held = b""

    def skip(self) -> None:
        """Go to the end of the file, or to where its last line begins if that has no end yet."""
        size = os.fstat(self.file).st_size
        tail = os.pread(self.file, _LAST_LINE, max(0, size - _LAST_LINE))
        self.offset = size - (len(tail) - tail.rfind(b"\n") - 1 if b"\n" in tail else 0)
        self.fingerprint = self.look_before()

    def look_before(self) -> int:
        """The fingerprint of what stands before the offset now. Raises OSError."""
        window = min(self.offset, FINGERPRINTED)
        return zlib.crc32(os.pread(self.file, window, self.offset - window))

    def close(self) -> None:
        """Give the descriptor back."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class Reading:
    """The buffer into which files are read, one after the other.

    After `read`, `text[start:end]` are whole lines to be written out, none where both are equal. Once they are, the
    file's offset is `offset`, its fingerprint `fingerprint`, and `held` what begins a further line. `has_more`: the end
    of the file was not reached.
    """

    __slots__ = ("_buffer", "_data", "end", "fingerprint", "has_more", "held", "offset", "start", "text")

    def __init__(self) -> None:
        self._buffer = self._data = bytearray(FINGERPRINTED + BATCH)
        self.text: bytearray | bytes = b""
        self.start = self.end = 0
        self.offset = self.fingerprint = 0
        self.held = b""
        self.has_more = False

    def read(self, log: LogFile, *, to_the_end: bool = False) -> bool:
        """Read on in `log`; False where it is not the file any more that was read so far.

        `to_the_end`: a last line that has no end is given one. Raises OSError.
        """
        self._data = self._buffer
        window, count = self._fill(log)
        if not self._is_what_was_read(log, window, count):
            return False
        if self._data[window : window + len(log.held)] != log.held:
            return self._is_without_its_last_line(log, window, count)
        if count > window and not self._data[window]:
            after = _next_data(log.file, log.offset)
            if after > log.offset:
                _go_on(log, after)
                return self.read(log, to_the_end=to_the_end)
        count = self._end_of_text(log, window, count)
        if count == len(self._data) and self._data.rfind(b"\n", window) < 0:
            self._data = bytearray(window + LONGEST_LINE + 1)
            window, count = self._fill(log)
            if not self._is_what_was_read(log, window, count):
                return False
            count = self._end_of_text(log, window, count)
        self._take_lines(log, window, count, to_the_end=to_the_end)
        return True

    def _fill(self, log: LogFile) -> tuple[int, int]:
        """Read the fingerprinted bytes and those after them: how many the former are, and how many all."""
        status = os.fstat(log.file)
        log.size, log.changed = status.st_size, status.st_mtime_ns
        window = min(log.offset, FINGERPRINTED)
        return window, os.preadv(log.file, [self._data], log.offset - window)

    def _is_what_was_read(self, log: LogFile, window: int, count: int) -> bool:
        return count >= window and zlib.crc32(memoryview(self._data)[:window]) == log.fingerprint

    def _end_of_text(self, log: LogFile, window: int, count: int) -> int:
        """How many of the `count` bytes that were read are text, where nothing is behind them but zeros.

        That is so in a file that was allocated beforehand: what is written next comes where the zeros begin. They may
        be terabytes, which nobody need read.
        """
        if count < len(self._data) or self._data[-1]:
            return count
        if _next_data(log.file, log.offset + count - window) != _NOTHING_MORE:
            return count
        return max(window, len(self._data.rstrip(b"\0")))

    def _is_without_its_last_line(self, log: LogFile, window: int, count: int) -> bool:
        """Whether nothing changed but that the line without an end was cut off: then that is written out."""
        if count - window >= len(log.held):
            return False
        self.text = log.held.lstrip(b"\0") + b"\n"
        self.start, self.end = 0, len(self.text)
        self.offset, self.fingerprint, self.held, self.has_more = log.offset, log.fingerprint, b"", True
        return True

    def _take_lines(self, log: LogFile, window: int, count: int, *, to_the_end: bool) -> None:
        """Find the lines among the `count` bytes that were read."""
        data = self._data
        after = data.rfind(b"\n", window, count) + 1 or window
        self.has_more = count == len(data)
        is_long = after == window and self.has_more
        if is_long:  # the byte more that was read is for the newline of a line that is just not too long
            count = window + LONGEST_LINE
            count -= _begun(data[count - 3 : count])
        self.text, self.start, self.end = data, window, after
        if data.find(b"\0", window, after) >= 0:
            self._write_instead(_without_nulls(data[window:after]))
        if is_long or (to_the_end and not self.has_more and data[after:count].strip(b"\0")):
            rest = data[after:count].lstrip(b"\0")
            self._write_instead(bytes(self.text[self.start : self.end]) + rest + b"\n" * bool(rest))
            after = count
        self.offset = log.offset + after - window
        self.fingerprint = zlib.crc32(memoryview(data)[after - min(self.offset, FINGERPRINTED) : after])
        self.held = b"" if self.has_more or not data[after:count].strip(b"\0") else bytes(data[after:count])

    def _write_instead(self, text: bytes) -> None:
        self.text, self.start, self.end = text, 0, len(text)


def _begun(tail: bytearray) -> int:
    """How many bytes at the end of `tail`, the last 3 of a piece, begin a character of UTF-8 that goes on behind it."""
    for count in range(1, len(tail) + 1):
        try:
            tail[-count:].decode()
        except UnicodeDecodeError as error:
            if error.start == 0 and error.reason == "unexpected end of data":
                return count
    return 0


def _next_data(file: int, at: int) -> int:
    """Where something was written, from `at` on, or _NOTHING_MORE."""
    try:
        return max(at, os.lseek(file, at, os.SEEK_DATA))
    except OSError as error:
        return _NOTHING_MORE if error.errno == errno.ENXIO else at  # this file system knows no holes


def _go_on(log: LogFile, after: int) -> None:
    """Go on at `after`, behind a hole: a writer leaves one that goes on where it was before the file was truncated."""
    log.offset, log.held = after, b""
    log.fingerprint = log.look_before()


def _without_nulls(lines: bytearray) -> bytes:
    """`lines` without the zeros that stand before a line: what is left of a hole, or of a write that never was."""
    return b"\n".join(line.lstrip(b"\0") for line in bytes(lines).split(b"\n"))
