"""Giving memory back. glibc keeps what is freed between pieces that are in use, page by page for ever.

Each TLS connection has a few dozen small pieces. When a thousand of them come and go, what is left is full of holes:
resident memory grew by 8 KiB for each connection that had ever been there. Nothing is leaked, and `malloc_trim` gives
all of it back. While it does, for 20 ms where memory is large, nobody else gets any: so it waits until nobody leaves.
"""

import asyncio
import ctypes
from collections.abc import Callable

__all__ = ["trim"]

TRIM_SECONDS = 1.5
TRIM_SECONDS_AT_MOST = 60.0
"""After that it waits no longer: somebody may come and go for ever."""

WORTH_CONNECTIONS = 100
"""How many connections must have ended for the holes to be worth the time."""


async def trim(ended: Callable[[], int]) -> None:
    """Give memory back, for ever, whenever enough connections have ended; `ended` is how many have so far."""
    malloc_trim = _of_glibc("malloc_trim")
    trimmed = before = ended()
    waited = 0.0
    while malloc_trim:
        await asyncio.sleep(TRIM_SECONDS)
        waited += TRIM_SECONDS
        is_calm, before = ended() == before, ended()
        if before - trimmed >= WORTH_CONNECTIONS and (is_calm or waited >= TRIM_SECONDS_AT_MOST):
            trimmed, waited = before, 0.0
            await asyncio.to_thread(malloc_trim, 0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it is another one, which has no such holes or no such cure."""
    return getattr(ctypes.CDLL(None), name, None)
