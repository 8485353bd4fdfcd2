"""Room for large bodies: one after the other, and who dawdles gives way to who waits.

A body of some MiB is in memory for the time of its transfer. Where that time is the sender's to choose, four who send
slowly have all the room there is. The API server has all of a review when it begins to send.
"""

import asyncio
from time import perf_counter
from typing import Final, Protocol

__all__ = ["LARGE_BYTES", "Holder", "Room"]

LARGE_BYTES: Final = 512 * 1024
"""Bodies of so many bytes need not ask for room: they are counted with all others (`webhook.server.limits`)."""

ROOM_BYTES: Final = 8 * 1024 * 1024
"""What large bodies may hold together: one of the largest."""

_LOOK_SECONDS: Final = 0.02
"""How often the first of those who wait looks whether somebody dawdles. The others are woken."""

DAWDLING_SECONDS: Final = 0.25
BYTES_A_SECOND: Final = 128 * 1024
"""How fast a large body has to come in after that while somebody else waits for its room. A sender who has no processor
for a tenth of a second, again and again, is five times faster."""


class Holder(Protocol):
    """Whoever holds room: how many bytes of its body are here, whether it is we who do not read, and its end."""

    is_known: bool
    """Whether it has asked a review before."""

    @property
    def body_bytes(self) -> int:
        """How much of the body is here."""

    @property
    def is_kept_waiting(self) -> bool:
        """Whether there is more that we have not read."""

    def give_way(self) -> None:
        """Go."""


class Room:
    """Who holds how much of it, and since when, by `time.perf_counter`."""

    def __init__(self) -> None:
        self._holders: dict[Holder, tuple[int, float]] = {}
        self._waiting: dict[Holder, asyncio.Event] = {}  # the newest stands last
        self._known: dict[Holder, None] = {}  # of these, those who are

    async def wait(self, holder: Holder, size: int, until: float) -> bool:
        """Take so many bytes as soon as there is room; false where there was none until then, or `holder` left.

        Only the first of those who wait looks by himself: hundreds who did would have no time left for anybody.
        """
        while not self.take(holder, size):
            left = until - perf_counter()
            chance = self._waiting[holder]
            chance.clear()
            await _until(chance, min(left, _LOOK_SECONDS) if self._first() is holder else left)
            if left <= 0 or holder not in self._waiting:
                return False
        return True

    def take(self, holder: Holder, size: int) -> bool:
        """Take so many bytes, unless there is no room; then whoever dawdles has to give way, for the next time.

        The newest of those who ask has it first, since who dawdles while he has room did so before; and before all
        others, the newest of those who have asked a review before.
        """
        self._waiting.setdefault(holder, asyncio.Event())
        if holder.is_known:
            self._known.setdefault(holder)
        if self._first() is not holder:
            return False
        if size + sum(each for each, _ in self._holders.values()) > ROOM_BYTES:
            now = perf_counter()
            for other, (_, since) in list(self._holders.items()):
                if _dawdles(other, now - since):
                    self.leave(other)
                    other.give_way()
            return False
        self._waits_no_more(holder)
        self._holders[holder] = size, perf_counter()
        return True

    def leave(self, holder: Holder) -> None:
        """Give back what was taken, or ask no more."""
        self._waits_no_more(holder)
        self._holders.pop(holder, None)
        self._wake_first()

    def _waits_no_more(self, holder: Holder) -> None:
        self._known.pop(holder, None)
        waited = self._waiting.pop(holder, None)
        if waited:
            waited.set()
        self._wake_first()

    def _first(self) -> Holder:
        """Who has room next, of those who wait."""
        return next(reversed(self._known or self._waiting))

    def _wake_first(self) -> None:
        if self._waiting:
            self._waiting[self._first()].set()


async def _until(chance: asyncio.Event, seconds: float) -> None:
    """Wait for it, no longer than this."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await chance.wait()
    except TimeoutError:
        return


def _dawdles(holder: Holder, seconds: float) -> bool:
    """Whether less has come in these seconds than should have, and not because we did not read it."""
    return not holder.is_kept_waiting and holder.body_bytes < (seconds - DAWDLING_SECONDS) * BYTES_A_SECOND
