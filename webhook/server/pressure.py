"""How hard the server is pressed, and which reviews are sent away for it.

A review that waits for its turn helps nobody once its caller has given up; to decide it all the same would make the
next one late too, until every answer is. So whatever waited for a good part of its caller's time is answered 503 with
`Retry-After: 1`, which the API server's client obeys: it is the only kind of failure that it repeats a POST for
(client-go rest/with_retry.go), within the same time limit and, since the answer ends the connection, perhaps at another
replica.
"""

import asyncio
import re
import time
from collections import deque
from typing import Final

__all__ = ["PATIENCE", "UNNOTICED_SECONDS", "Pressure", "budget"]

PATIENCE = 0.4
"""The part of the caller's time for which a review may wait for its turn: 2 s of the usual 5 s, which leaves as much
for another try a second later. Less would send a burst away that can be worked off in time."""

UNNOTICED_SECONDS: Final = 0.2
"""A wait that is never too long; callers wait for a second at least, so their time need not be looked up."""

TURN_SECONDS: Final = 0.01
"""How long reviews may be decided in one turn of the event loop before it looks at its sockets again: a handshake needs
three turns, and its caller's time runs meanwhile."""

LAG_SECONDS = 0.1
"""How often the lag is measured, while there is none worth speaking of."""

PEAK_SECONDS = 30.0
"""For how long the longest lag is remembered, at least, for whoever looks."""

_LAGGING = 0.02  # seconds from which on the lag is measured in each turn of the loop

_BUDGET_LIMIT: Final = 30.0  # seconds; no API server waits for longer (`timeoutSeconds`)
_TIMEOUT = re.compile(rb"(?:^|&)timeout=(\d{1,6})(ms|s|m)(?:&|$)")
_UNITS: Final = {b"ms": 0.001, b"s": 1.0, b"m": 60.0}


class Pressure:
    """The event loop's lag, and whose turn it is to be decided about. All times are of `time.perf_counter`."""

    def __init__(self) -> None:
        self._turn_began = 0.0  # 0 while nobody has had a turn in this one of the loop
        self._lag = 0.0
        self._measured_at = 0.0
        self._peaks = [0.0, 0.0]  # of this half minute and of the one before
        self._peaks_since = time.perf_counter()
        self._queue: deque[object] = deque()  # those who wait for their turn

    async def measure(self) -> None:
        """Measure the lag, for ever: how much later than asked this is woken."""
        while True:
            began = time.perf_counter()
            pause = LAG_SECONDS if self._lag < _LAGGING else 0
            await asyncio.sleep(pause)
            self._note(max(0.0, time.perf_counter() - began - pause))

    async def turn(self) -> float:
        """Wait for one's turn to decide; when it is. Who came first goes first, also before those who need not wait.

        One turn of the loop has time for many decisions, or for a long one. The order in which the loop wakes its tasks
        would be no order: with one decision in a turn, the newest was asked first again and again.
        """
        now = time.perf_counter()
        if not self.is_busy(now):
            return now
        mine = object()
        self._queue.append(mine)
        try:
            while self._queue[0] is not mine or self._has_had_enough(now := time.perf_counter()):  # noqa: ASYNC110
                await asyncio.sleep(0)
        finally:
            self._queue.remove(mine)
        return now

    def is_busy(self, now: float) -> bool:
        """Whether whoever comes `now` has to wait for a turn."""
        return bool(self._queue) or self._has_had_enough(now)

    def _has_had_enough(self, now: float) -> bool:
        """Whether so much was decided in this turn of the loop, until `now`, that whoever can wait should do so."""
        if not self._turn_began:
            self._turn_began = now
            asyncio.get_running_loop().call_soon(self._end_turn)
        return now - self._turn_began > TURN_SECONDS

    def lag(self, now: float) -> float:
        """How long what came in at `now` may have waited before it was looked at.

        Only what came in right after the loop was held up had to wait for all of that time. To be asked before one's
        turn is waited for, which would be counted twice.
        """
        passed = now - self._measured_at
        left = self._lag - passed if passed > 0 else self._lag
        return left if left > 0 else 0.0

    def peak(self) -> float:
        """The longest lag of the last minute, in seconds."""
        return max(self._peaks)

    def _end_turn(self) -> None:
        self._turn_began = 0.0

    def _note(self, lag: float) -> None:
        self._measured_at = time.perf_counter()
        self._lag = lag
        if self._measured_at - self._peaks_since > PEAK_SECONDS:
            self._peaks_since = self._measured_at
            self._peaks = [0.0, self._peaks[0]]
        self._peaks[0] = max(lag, self._peaks[0])


def budget(query: bytes) -> float:
    """For how many seconds the caller waits, by the `timeout=5s` in its query; the longest that any does without one.

    The API server rounds what is left of its own time up to a second, so this is an upper bound (apiserver
    util/webhook).
    """
    found = _TIMEOUT.search(query)
    return min(int(found[1]) * _UNITS[found[2]], _BUDGET_LIMIT) if found else _BUDGET_LIMIT
