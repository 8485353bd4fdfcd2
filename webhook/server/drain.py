"""Going away without losing a review.

The API server keeps its connections to a Pod that is terminating, and does not repeat a POST when one breaks
(kubernetes#127335). So on SIGTERM readiness fails, but listening goes on and idle connections stay open; each answer
says `Connection: close`, by which the caller itself leaves. The process ends when nobody was connected for a while.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Sized

from webhook.server.watch import Watch

__all__ = ["Drain"]

QUIET_SECONDS = 2.0
"""How long nobody must have been connected before the drain is over. Callers that have not yet heard that we are going
open new connections: for about a second, which is how fast endpoints travel. Leaving the moment that no connection is
open would refuse those."""

_POLL_SECONDS = 0.05
_DRAINING = (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Drain:
    """From the signal to the end of the process."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        self.has_begun = False
        self._is_urgent = False
        self._watch = watch
        self._seconds = seconds
        self._signalled = asyncio.Event()

    def listen(self, read_again: Callable[[], None]) -> None:
        """Take over every signal by which people and supervisors tell a server something.

        SIGTERM drains. SIGINT ends at once. SIGHUP has the files read again (`read_again`). The others would end the
        process as they come, with the reviews that it has in hand, so they drain too. Only a process's main thread gets
        signals.
        """
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in _DRAINING:
                loop.add_signal_handler(number, self.begin)
            loop.add_signal_handler(signal.SIGINT, self.hurry)
            loop.add_signal_handler(signal.SIGHUP, read_again)

    def begin(self) -> None:
        """Drain. A second time changes nothing."""
        self.has_begun = True
        self._watch.drain()
        self._signalled.set()

    def hurry(self) -> None:
        """End at once, also from within a drain."""
        self._is_urgent = True
        self.begin()

    async def begun(self) -> None:
        """Return when one of the signals has come."""
        await self._signalled.wait()

    async def over(self) -> None:
        """Return when the process may end: nobody is connected any more, the time is spent, or it is urgent."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._seconds
        quiet_since = clock()
        while not self._is_urgent and clock() < end:
            if _anybody(self._watch.connections):
                quiet_since = clock()
            elif clock() - quiet_since >= QUIET_SECONDS:
                return
            await asyncio.sleep(_POLL_SECONDS)


def _anybody(connections: Sized) -> bool:
    return len(connections) > 0
