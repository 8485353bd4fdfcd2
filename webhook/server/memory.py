"""Giving memory back. glibc keeps what is freed between pieces that are in use, page by page for ever.

Each TLS connection has a few dozen small pieces and a buffer of 256 KiB (uvloop), of which a few pages are touched.
When a thousand of them come and go, what is left is full of holes: resident memory grew by 8 KiB for each connection
that had ever been there. Nothing is leaked, and `malloc_trim` gives all of it back in a few milliseconds.
"""

import asyncio
import ctypes
from collections.abc import Callable

__all__ = ["trim"]

TRIM_SECONDS = 2.0
WORTH_CONNECTIONS = 100
"""How many connections must have ended for the holes to be worth the time."""


async def trim(ended: Callable[[], int]) -> None:
    """Give memory back, for ever, whenever enough connections have ended; `ended` is how many have so far."""
    malloc_trim = _of_glibc("malloc_trim")
    before = ended()
    while malloc_trim:
        await asyncio.sleep(TRIM_SECONDS)
        if ended() - before >= WORTH_CONNECTIONS:
            before = ended()
            await asyncio.to_thread(malloc_trim, 0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it is another one, which has no such holes or no such cure."""
    return getattr(ctypes.CDLL(None), name, None)
