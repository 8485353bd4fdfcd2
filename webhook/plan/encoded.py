"""A patch in base64, as a review's answer has it.

Four fifths of most patches are a script that is the same in all of them, and base64 takes three bytes at a time. So the
script is encoded once, for each of the three places at which it can begin, and of each patch only the rest.
"""

from binascii import b2a_base64

import msgspec

from webhook.sidecars.streaming import SCRIPT

__all__ = ["base64"]

_SCRIPT = msgspec.json.encode(SCRIPT)[1:-1]
_BEGINNING = _SCRIPT[:32]


def _from(place: int) -> tuple[int, bytes]:
    """The script from `place` on, as far as threes of bytes go: where that ends, and what it is in base64."""
    end = len(_SCRIPT) - (len(_SCRIPT) - place) % 3
    return end, b2a_base64(_SCRIPT[place:end], newline=False)


_ENCODED = tuple(_from(place) for place in range(3))


def base64(patch: bytes) -> bytes:
    """`patch` in base64, without line breaks."""
    parts: list[bytes] = []
    done = 0
    found = patch.find(_BEGINNING)
    while found >= 0:
        if patch.startswith(_SCRIPT, found):
            left_over = (done - found) % 3  # bytes of the script that fill up the three that come before it
            end, encoded = _ENCODED[left_over]
            parts += (b2a_base64(patch[done : found + left_over], newline=False), encoded)
            done = found + end
        found = patch.find(_BEGINNING, max(found + 1, done))
    parts.append(b2a_base64(patch[done:], newline=False))
    return b"".join(parts)
