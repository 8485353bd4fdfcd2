"""How far each file has been written out, kept in a file, so that it is known after a restart.

A header and records, each of 64 bytes and none across a page: the kernel writes one wholly or not at all before a
process is killed, and a checksum finds what a power cut has torn. A record is rewritten in place, for one system call.
"""

from __future__ import annotations

import os
import struct
import zlib

__all__ = ["Key", "Offsets"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

Key = tuple[int, int]
"""A file: its device and inode."""

_SIZE = 64
_HEADER = b"loghook reader, offsets, version 1\n".ljust(_SIZE, b"\0")
_RECORD = struct.Struct("<QQQI")  # device, inode, offset, fingerprint
_CHECK = struct.Struct("<I")
_MOST = 65_536
_MOST_LOADED = 4 * _MOST


class Offsets:
    """The offsets in the file `path`; in memory alone where that is empty or cannot be written: `problem` says why.

    `is_new` until `begin` was called once in the file's life, and that could be written down. `live` are the files that
    there are: when the records become too many, those of others make way.
    """

    def __init__(self, path: str) -> None:
        self.problem = ""
        self.is_new = True
        self._has_header = False
        self.live: Container[Key] = ()
        self._known: dict[Key, tuple[int, int]] = {}
        self._slots: dict[Key, int] = {}
        self._strangers: dict[int, Key] = {}  # by inode, what is known of devices that are there no more
        self._free: list[int] = []
        self._next = 1
        self._most = _MOST
        self._file = -1
        if path:
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._load()
            except OSError as error:
                self.problem = f"{path}: {error.strerror}"

    def _load(self) -> None:
        if os.pread(self._file, _SIZE, 0) != _HEADER:
            os.ftruncate(self._file, 0)  # or what is left of another version would be taken for ours the next time
            return
        self.is_new, self._has_header = False, True
        slots = min(os.fstat(self._file).st_size // _SIZE, _MOST_LOADED)
        for slot in range(1, slots):
            record = os.pread(self._file, _SIZE, slot * _SIZE)
            body = record[: _RECORD.size]
            if _CHECK.unpack_from(record, _RECORD.size)[0] != zlib.crc32(body):
                self._free.append(slot)
                continue
            device, inode, offset, fingerprint = _RECORD.unpack(body)
            self._slots[device, inode] = slot
            self._known[device, inode] = (offset, fingerprint)
        self._next = max(1, slots)

    def begin(self) -> None:
        """From now on, what is not known is new.

        To be called with every look: where the disk is full, the file's beginning can be written later, and without it
        all that was remembered since would be taken for what is left of another version.
        """
        self.is_new = False
        if not self._has_header:
            self._has_header = self._write(0, _HEADER)

    def find(self, key: Key) -> tuple[int, int] | None:
        """The offset of a file and the fingerprint of what stands before it, when it is not followed yet, or again."""
        before = self._before(key)
        known = self._known.pop(before, None)
        if known is not None and before != key:
            del self._strangers[key[1]]
            self._slots[key] = self._slots.pop(before)
        return known

    def settle(self, devices: set[int]) -> None:
        """The files are on these devices. A volume may have got another number when its node was started again.

        So what is known of a device that is there no more may be said of a file by its inode alone: whether it is that
        file, its fingerprint tells.
        """
        self._strangers = {key[1]: key for key in self._known if key[0] not in devices}

    def _before(self, key: Key) -> Key:
        """What the file was known by."""
        return key if key in self._known else self._strangers.get(key[1], key)

    def let_go(self, key: Key, offset: int, fingerprint: int) -> None:
        """The file is followed no more, but it may come again."""
        if key in self._slots:
            self._known[key] = (offset, fingerprint)

    def has_begun(self, key: Key) -> bool:
        """Whether something of that file, which is not followed, has been written out."""
        return self._known.get(self._before(key), (0, 0))[0] > 0

    @property
    def are_all_found(self) -> bool:
        """Whether every file that is known is followed."""
        return not self._known

    def save(self, key: Key, offset: int, fingerprint: int) -> bool:
        """Remember that the file has been written out up to `offset`; whether that will be known after a restart."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = self._new_slot()
        body = _RECORD.pack(*key, offset, fingerprint)
        return self._write(slot, (body + _CHECK.pack(zlib.crc32(body))).ljust(_SIZE, b"\0"))

    def forget(self, key: Key) -> None:
        """The file is no more."""
        slot = self._slots.pop(key, None)
        self._known.pop(key, None)
        if slot is not None:
            self._write(slot, b"\xff" * _SIZE)
            self._free.append(slot)

    def _new_slot(self) -> int:
        if not self._free and self._next > self._most:
            for key in [key for key in self._slots if key not in self.live][: _MOST // 16]:
                self.forget(key)
            self._most += 0 if self._free else _MOST  # all of these files are there
        if self._free:
            return self._free.pop()
        self._next += 1
        return self._next - 1

    def _write(self, slot: int, record: bytes) -> bool:
        if self._file < 0:
            return False
        try:
            return os.pwrite(self._file, record, slot * _SIZE) == _SIZE
        except OSError as error:
            self.problem = self.problem or f"offsets: {error.strerror}"
            return False
