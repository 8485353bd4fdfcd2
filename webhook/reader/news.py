"""News of directories, by inotify: at once of names that come, go and move, and with less hurry of what was written.

Those are two descriptors, so that a busy writer wakes nobody more often than is of use, and a file that is created and
renamed within milliseconds is opened all the same. Where there is no inotify, or a network's file system tells nothing
of other nodes, all of this stays silent, and the looks alone find what is new.
"""

from __future__ import annotations

import os
import struct

from . import kernel

__all__ = ["News", "Renaming"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .directories import Directory

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200  # linux/inotify.h
_IGNORED = 0x8000
_ONLY_DIRECTORIES = 0x01000000
_NAMES = _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLY_DIRECTORIES
_WRITES = _MODIFY | _ONLY_DIRECTORIES

_EVENT = struct.Struct("iIII")
_MUCH = 2**16


class Renaming:
    """What happened to one name: `come` or gone, and where it came from, where that was a directory we know."""

    __slots__ = ("come", "directory", "name", "origin")

    def __init__(
        self, directory: Directory, name: str, *, come: bool, origin: tuple[Directory, str] | None = None
    ) -> None:
        self.directory = directory
        self.name = name
        self.come = come
        self.origin = origin


class News:
    """The two descriptors `names` and `writes`, -1 where there is no inotify, and what they tell."""

    def __init__(self) -> None:
        self.names = self.writes = -1
        self._directories: dict[int, Directory] = {}
        self._written: dict[int, Directory] = {}
        try:
            self.names = kernel.inotify()
            self.writes = kernel.inotify()
        except OSError:  # the user has as many as it may have (fs.inotify.max_user_instances)
            self.writes = -1

    def follow(self, directory: Directory, file: int) -> bool:
        """Hear of what happens in `directory`, open as `file`, from now on; False where that cannot be."""
        if self.writes < 0:
            return False
        try:
            self._directories[kernel.watch(self.names, file, _NAMES)] = directory
            self._written[kernel.watch(self.writes, file, _WRITES)] = directory
        except OSError:  # as many as may be (max_user_watches), or no /proc
            return False
        return True

    def renamings(self) -> Iterator[Renaming | None]:
        """What happened to names since the last call, in its order; None where that is not known."""
        leaving: dict[int, tuple[Directory, str]] = {}
        while told := _read(self.names):
            for number, mask, cookie, name in _events(told):
                directory = self._directories.get(number)
                if mask & _IGNORED:
                    self._directories.pop(number, None)
                if directory is None:
                    yield None
                elif mask & (_MOVED_FROM | _DELETE):
                    leaving[cookie] = (directory, name)
                    yield Renaming(directory, name, come=False)
                elif name:
                    yield Renaming(directory, name, come=True, origin=leaving.get(cookie) if cookie else None)

    def written(self) -> set[tuple[Directory, str]] | None:
        """The names of the files that were written to since the last call; None where there are too many to tell."""
        told = _read(self.writes)
        if len(told) > _MUCH // 2:
            while _read(self.writes):
                pass
            return None
        found = set()
        for number, mask, _cookie, name in _events(told):
            if mask & _IGNORED:
                self._written.pop(number, None)
            elif number in self._written:
                found.add((self._written[number], name))
        return found


def _read(listener: int) -> bytes:
    """What waits to be told, or some of it where it is much."""
    try:
        return os.read(listener, _MUCH) if listener >= 0 else b""
    except BlockingIOError:
        return b""


def _events(told: bytes) -> Iterator[tuple[int, int, int, str]]:
    """Watch, mask, cookie and name of each event."""
    at = 0
    while at < len(told):
        number, mask, cookie, length = _EVENT.unpack_from(told, at)
        at += _EVENT.size
        yield number, mask, cookie, os.fsdecode(told[at : at + length].rstrip(b"\0"))
        at += length
