"""Standard output, to which whole lines go, also where the program is killed in the middle.

A write to a pipe of up to PIPE_BUF bytes is whole or does not happen. A longer one is whole where the pipe has room for
all of it: then the kernel does not wait, and a process is killed only where it waits. How much room there is, is known
from the writes that have not been read yet: each takes as many pages as it needs, and there is no other writer.

What is still in the pipe when its writer ends may be lost: containerd's shim copies on for 2 s, then it closes
(`waitTimeout` in runtime/v2/runc, containerd 1.6). A pipe of 1 MiB of short lines takes longer on a busy node.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import termios
import time

__all__ = ["Outlet"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = 4096  # PIPE_BUF as well
_PAUSE = 0.001
_LONGEST_PAUSE = 0.064
_STUCK_SECONDS = 10.0
_WISHED_CAPACITY = 2**20  # what a pipe may have without privileges (fs.pipe-max-size)


class Outlet:
    """The descriptor `file`. `wait` is called where it is full, and returns when it may have room again."""

    def __init__(self, file: int, wait: Callable[[int], None]) -> None:
        self._file = file
        self._wait = wait
        self._is_pipe = stat.S_ISFIFO(os.fstat(file).st_mode)
        self._pages = 0
        self._unread: list[int] = []  # how long the writes were of which something may be in the pipe, oldest first
        if self._is_pipe:
            self._pages = _widened(file) // _PAGE
            if self._in_pipe():
                self._unread.append(self._pages * _PAGE)  # of whoever had the pipe before

    def write(self, data: bytearray | bytes, start: int, end: int) -> None:
        """Write `data[start:end]`, which ends with a newline. Raises OSError where nobody reads."""
        if not self._is_pipe:
            self._put(data, start, end)
            return
        while start < end:
            room = self._room()
            until = end if end - start <= room else data.rfind(b"\n", start, start + room) + 1
            if not until and not room:
                until = self._after_waiting(data, start, end)
            if not until:
                until = self._end_of_long_line(data, start)
            self._put(data, start, until)
            self._unread.append(until - start)
            start = until

    def drain(self) -> None:
        """Wait until all was read, for as long as somebody reads on."""
        if not self._is_pipe:
            return
        poll = select.poll()
        poll.register(self._file, 0)
        left, since = self._in_pipe(), time.monotonic()
        while left and not poll.poll(0) and time.monotonic() - since < _STUCK_SECONDS:
            time.sleep(_PAUSE)
            now = self._in_pipe()
            if now < left:
                left, since = now, time.monotonic()

    def _put(self, data: bytearray | bytes, start: int, end: int) -> None:
        with memoryview(data) as view:
            while start < end:
                start += os.write(self._file, view[start:end])

    def _after_waiting(self, data: bytearray | bytes, start: int, end: int) -> int:
        """Where the lines end that one page takes, which there is when the pipe can be written to."""
        self._wait(self._file)
        return data.rfind(b"\n", start, min(start + _PAGE, end)) + 1

    def _end_of_long_line(self, data: bytearray | bytes, start: int) -> int:
        """Where the line at `start` ends, once the pipe has room for it; one longer than the pipe goes in pieces."""
        end = data.find(b"\n", start) + 1
        pause = _PAUSE
        while self._room() < min(end - start, self._pages * _PAGE):
            self._wait(self._file)
            time.sleep(pause)  # the pipe may be written to, but has not enough room, for hours where nobody reads
            pause = min(2 * pause, _LONGEST_PAUSE)
        return end

    def _room(self) -> int:
        """How many bytes the pipe certainly takes at once."""
        there = self._in_pipe()
        if not there:
            self._unread.clear()
            return self._pages * _PAGE
        used = count = 0
        for length in reversed(self._unread):
            count += 1
            used += min(length, there) // _PAGE + 2 if length > there else -(-length // _PAGE)
            there -= length
            if there <= 0:
                break
        del self._unread[:-count]
        return max(0, self._pages - used) * _PAGE

    def _in_pipe(self) -> int:
        return int.from_bytes(fcntl.ioctl(self._file, termios.FIONREAD, b"\0\0\0\0"), "little")


def _widened(file: int) -> int:
    """The capacity of the pipe, after it was made as large as may be."""
    try:
        return fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, _WISHED_CAPACITY)
    except OSError:
        return fcntl.fcntl(file, fcntl.F_GETPIPE_SZ)
