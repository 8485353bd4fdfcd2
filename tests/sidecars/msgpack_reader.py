"""MessagePack, of which several values may stand in a row: msgspec reads one that ends with the bytes.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["read", "read_all", "write"]

write = msgspec.msgpack.encode

_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}


def read(data: bytes) -> tuple[Any, bytes]:
    """The first value of `data`, and what stands after it. Raises IndexError where the value is not complete."""
    value, place = _value(data, 0)
    return value, data[place:]


def read_all(data: bytes) -> Iterator[Any]:
    """Every value of `data`."""
    place = 0
    while place < len(data):
        value, place = _value(data, place)
        yield value


def _value(data: bytes, place: int) -> tuple[Any, int]:
    kind = data[place]
    place += 1
    if kind < 0x80 or kind >= 0xE0:
        return kind - 0x100 if kind >= 0xE0 else kind, place
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], place
    if kind in _NUMBERS:
        size = struct.calcsize(_NUMBERS[kind])
        return struct.unpack(_NUMBERS[kind], _slice(data, place, size))[0], place + size
    return _sized(data, place, kind)


def _sized(data: bytes, place: int, kind: int) -> tuple[Any, int]:
    if kind in _EXTENSIONS or 0xD4 <= kind <= 0xD8:
        size, place = _size(data, place, _EXTENSIONS[kind]) if kind in _EXTENSIONS else (1 << (kind - 0xD4), place)
        return _slice(data, place + 1, size), place + 1 + size
    if kind in _TEXTS or 0xA0 <= kind < 0xC0:
        size, place = _size(data, place, _TEXTS[kind]) if kind in _TEXTS else (kind & 0x1F, place)
        return _slice(data, place, size).decode("utf-8", "surrogateescape"), place + size
    if kind in _BYTES:
        size, place = _size(data, place, _BYTES[kind])
        return _slice(data, place, size), place + size
    if kind in _LISTS or 0x90 <= kind < 0xA0:
        size, place = _size(data, place, _LISTS[kind]) if kind in _LISTS else (kind & 0x0F, place)
        return _several(data, place, size)
    size, place = _size(data, place, _MAPS[kind]) if kind in _MAPS else (kind & 0x0F, place)
    flat, place = _several(data, place, 2 * size)
    return dict(zip(flat[::2], flat[1::2], strict=True)), place


def _several(data: bytes, place: int, count: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(count):
        value, place = _value(data, place)
        values.append(value)
    return values, place


def _size(data: bytes, place: int, length: int) -> tuple[int, int]:
    return int.from_bytes(_slice(data, place, length), "big"), place + length


def _slice(data: bytes, place: int, size: int) -> bytes:
    if place + size > len(data):
        raise IndexError
    return data[place : place + size]
