"""All connections of a listener: how many there are, what they hold together, and who has to go.

Time is counted in sweeps, one each second, and not on the clock: a process that was stopped or starved for ten seconds
must not take its own absence for a caller's silence.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["CONNECTIONS", "Watch", "Watched"]

CONNECTIONS = 1000
"""How many connections are kept, of 25 KiB each. An API server keeps 25; those that wait for an answer come on top."""

UNFINISHED_BYTES = 8 * 1024 * 1024
"""What all requests that are begun and not finished may hold together, those aside that have room of their own
(`webhook.server.room`), and all answers that nobody reads. For more, the one that was begun first goes, of a connection
that has not asked a review before if there is any."""

SWEEP_SECONDS = 1.0


class Watched(Protocol):
    """A connection as it is seen here."""

    has_asked: bool
    is_known: bool  # for having asked a review last

    @property
    def is_answering(self) -> bool:
        """Whether a caller waits for an answer."""

    @property
    def is_asking(self) -> bool:
        """Whether it has a request that is being received or answered."""

    def is_slow(self, sweeps: int) -> bool:
        """Whether it should have done something by the sweep with this number."""

    def end_with_this_answer(self) -> None:
        """Close when the answer that is being made has been sent."""

    def abort(self) -> None:
        """Close at once."""


_IDLEST: Final[tuple[Callable[[Watched], bool], ...]] = (
    lambda one: not (one.has_asked or one.is_asking),
    lambda one: not (one.is_known or one.is_asking),
    lambda one: not one.has_asked,
    lambda _: True,
)
"""Who has to go for a new connection, of those that are not being answered: whoever is of the first of these kinds that
there is, and did nothing for longest."""


class Watch:
    """The connections of one listener, at most `most` of them, with what each of them is waited for.

    `callers` are the names of which a caller's certificate must have one; any will do where there are none. `refused`
    is told the status of each request that is answered here, before any application sees it, and `dropped` the reason
    for which a connection is closed.
    """

    def __init__(
        self,
        refused: Callable[[int], None],
        dropped: Callable[[str], None],
        most: int = CONNECTIONS,
        callers: frozenset[str] = frozenset(),
    ) -> None:
        self.sweeps = 0
        self.connections: dict[Watched, None] = {}  # the one that did something last stands last
        self.ended = 0  # connections so far
        self.draining = False
        self.callers = callers
        self.refused = refused
        self.dropped = dropped
        self._most = most
        self._unfinished: dict[Watched, int] = {}  # what each holds in bytes; the one that was begun first stands first
        self._unfinished_bytes = 0

    def add(self, connection: Watched) -> None:
        """Watch one more. Where that is too many, the idlest of the others goes.

        One that waits for an answer never goes: the API server does not repeat a POST whose connection has broken.
        """
        if len(self.connections) >= self._most:
            idle = [each for each in self.connections if not each.is_answering]
            idlest = next((each for is_one in _IDLEST for each in idle if is_one(each)), None)
            if idlest is not None:
                self.drop(idlest, "crowded")
        self.connections[connection] = None

    def touch(self, connection: Watched) -> None:
        """Note that `connection` did something."""
        if connection in self.connections:
            del self.connections[connection]
            self.connections[connection] = None

    def holds(self, connection: Watched, count: int) -> None:
        """Note what `connection` holds of a request that is not finished. Where that is too much, another one goes."""
        self._unfinished_bytes += count - self._unfinished.get(connection, 0)
        self._unfinished[connection] = count
        while self._unfinished_bytes > UNFINISHED_BYTES:
            others = [each for each in self._unfinished if each is not connection and not each.is_answering]
            if not others:
                return
            self.drop(next((each for each in others if not each.is_known), others[0]), "crowded")

    def holds_nothing(self, connection: Watched) -> None:
        """Note that the request of `connection` is finished, or gone."""
        self._unfinished_bytes -= self._unfinished.pop(connection, 0)

    def drop(self, connection: Watched, reason: str) -> None:
        """Close `connection`."""
        self.dropped(reason)
        connection.abort()

    async def sweep(self) -> None:
        """Drop what is too slow, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweeps += 1
            for connection in [each for each in self.connections if each.is_slow(self.sweeps)]:
                self.drop(connection, "slow")
                await asyncio.sleep(0)  # there may be hundreds, and others wait

    def drain(self) -> None:
        """Let each connection end with the answer to its next request, or to the one that is being answered."""
        self.draining = True
        for connection in self.connections:
            connection.end_with_this_answer()
