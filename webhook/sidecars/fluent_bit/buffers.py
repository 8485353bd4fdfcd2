"""How much Fluent Bit holds back while a destination is away: then it stops reading, and the files are the buffer.

Chunks of up to 2 MiB are kept in the state volume, so that a restart of the container loses none, and reading pauses
when so many are in use. That count is one for all inputs: a destination that is away would stop the sources of the
others too. So with several destinations, or with more sources than chunks, each source has a limit of its own, of
memory; what is in there when the container is killed is lost. (Seen with 5.1.1: with 4 chunks, 36 MB at most.)

So has each where the output cannot tell a refusal from a server that is away, and tries both for two hours. As soon as
that many chunks in the state volume were tried in one moment, of those that it had there, reading would pause until one
of them is given up: with 5.1.1 that is the only time when it looks again (`flb_input_chunk_set_limits`). A few dozen
refused records were enough. A limit of memory counts their bytes; it is small, as each chunk costs 40 KB besides.
"""

from typing import Any

from webhook.sidecars import STATE_DIRECTORY, Shipment
from webhook.sidecars.fluent_bit import outputs

__all__ = ["disk_bytes", "of_input", "service"]

_MEBIBYTE = 2**20
_IDLE = 40 * _MEBIBYTE
"""What Fluent Bit uses with a few streams and nothing held back, with some room."""

_CHUNK = 6 * _MEBIBYTE
"""What one more chunk costs at most, while its records are taken apart and sent."""

_FEWEST_CHUNKS, _MOST_CHUNKS = 4, 32
_SMALLEST_LIMIT = 512 * 1024
_FEWEST_REFUSED = 64 * 1024
_COST_OF_REFUSED = 64
"""A refused request takes so many times its bytes at most: 1,500 of 330 bytes each made 51 MB of 11 (5.1.1)."""


def service(shipment: Shipment) -> dict[str, Any]:
    """The options of the section `service`."""
    if not _are_kept(shipment):
        return {}
    return {
        "storage.path": f"{STATE_DIRECTORY}/chunks",
        "storage.max_chunks_up": _chunks(shipment),
        "storage.trim_files": True,
    }


def of_input(shipment: Shipment) -> dict[str, Any]:
    """The options of each input."""
    if _are_kept(shipment):
        return {"storage.type": "filesystem", "storage.pause_on_chunks_overlimit": True}
    room = (shipment.memory_bytes - _IDLE) // len(shipment.streams)
    if _is_blind(shipment):
        return {"mem_buf_limit": max(_FEWEST_REFUSED, room // _COST_OF_REFUSED)}
    return {"mem_buf_limit": max(_SMALLEST_LIMIT, room // 3)}


def disk_bytes(shipment: Shipment) -> int:
    """What each output may keep in the state volume besides: half of the volume is for the chunks and offsets."""
    return shipment.state_bytes // 2 // len(shipment.streams)


def _are_kept(shipment: Shipment) -> bool:
    destinations = {stream.target.name for stream in shipment.streams}
    return len(destinations) == 1 and len(shipment.streams) < _chunks(shipment) and not _is_blind(shipment)


def _is_blind(shipment: Shipment) -> bool:
    return any(map(outputs.is_blind, shipment.streams))


def _chunks(shipment: Shipment) -> int:
    return max(_FEWEST_CHUNKS, min(_MOST_CHUNKS, (shipment.memory_bytes - _IDLE) // _CHUNK))
