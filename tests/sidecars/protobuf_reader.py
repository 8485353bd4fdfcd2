"""Protocol buffers without their definitions: the fields of a message by their numbers.

Source: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["messages", "numbers", "pair", "value"]

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The number, the wire type and the value of each field."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        wire = key & 7
        if wire == _VARINT:
            found, place = _varint(data, place)
            yield key >> 3, wire, found
            continue
        size, place = {_FIXED64: (8, place), _FIXED32: (4, place)}.get(wire) or _varint(data, place)
        yield key >> 3, wire, data[place : place + size]
        place += size


def messages(data: bytes, number: int) -> Iterator[bytes]:
    """Each message or text in the field `number`."""
    yield from (found for key, wire, found in fields(data) if key == number and wire == _LENGTH)


def numbers(data: bytes, number: int) -> Iterator[int]:
    """Each 64-bit number in the field `number`."""
    yield from (struct.unpack("<Q", found)[0] for key, wire, found in fields(data) if (key, wire) == (number, _FIXED64))


def pair(data: bytes) -> tuple[str, Any]:
    """A KeyValue of opentelemetry/proto/common/v1/common.proto."""
    (key,), (held,) = messages(data, 1), messages(data, 2)
    return key.decode(), value(held)


def value(data: bytes) -> Any:
    """An AnyValue of the same."""
    for number, wire, found in fields(data):
        if number == 4:
            return struct.unpack("<d", found)[0]
        if number == 6:
            return dict(map(pair, messages(found, 1)))
        if number == 5:
            return [value(each) for each in messages(found, 1)]
        return found.decode() if wire == _LENGTH else bool(found) if number == 2 else found
    return None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[place]
        place += 1
        found |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return found, place
