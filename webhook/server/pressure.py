"""How hard the server is pressed, and which reviews are sent away for it.

A review that waits for its turn helps nobody once its caller has given up. So whatever waited too long is answered 503
with `Retry-After: 1`, which the API server's client obeys: it is the only kind of failure that it repeats a POST for
(client-go rest/with_retry.go), within the same time limit and, since the answer ends the connection, perhaps elsewhere.
"""

import asyncio
import re
import time
from typing import Final

__all__ = ["PATIENCE_SECONDS", "Pressure", "budget"]

PATIENCE_SECONDS: Final = 0.5
"""How long a review may wait for its turn. Short enough that a caller with the usual 5 s may come three times more."""

BODIES_BYTES: Final = 48 * 1024 * 1024
"""What bodies that are being received and answered may hold together, those aside that came in one piece: six of the
largest, each for a fraction of a second."""

LAG_SECONDS = 0.1
"""How often the lag is measured, while there is none worth speaking of."""

PEAK_SECONDS = 30.0
"""For how long the longest lag is remembered, at least, for whoever looks."""

_LAGGING = 0.02  # seconds from which on the lag is measured in each turn of the loop

_BUDGET_LIMIT: Final = 30.0  # seconds; no API server waits for longer (`timeoutSeconds`)
_TIMEOUT = re.compile(rb"(?:^|&)timeout=(\d{1,6})(ms|s|m)(?:&|$)")
_UNITS: Final = {b"ms": 0.001, b"s": 1.0, b"m": 60.0}


class Pressure:
    """The event loop's lag, and the memory that bodies hold. All times are of `time.perf_counter`."""

    def __init__(self) -> None:
        self._lag = 0.0
        self._measured_at = 0.0
        self._peaks = [0.0, 0.0]  # of this half minute and of the one before
        self._peaks_since = time.perf_counter()
        self._held = 0

    async def measure(self) -> None:
        """Measure the lag, for ever: how much later than asked this is woken."""
        while True:
            began = time.perf_counter()
            pause = LAG_SECONDS if self._lag < _LAGGING else 0
            await asyncio.sleep(pause)
            self._note(max(0.0, time.perf_counter() - began - pause))

    def lag(self, now: float) -> float:
        """How long what came in at `now` may have waited before it was looked at.

        Only what came in right after the loop was held up had to wait for all of that time.
        """
        return max(0.0, self._lag - (now - self._measured_at))

    def peak(self) -> float:
        """The longest lag of the last minute, in seconds."""
        return max(self._peaks)

    def _note(self, lag: float) -> None:
        self._measured_at = time.perf_counter()
        self._lag = lag
        if self._measured_at - self._peaks_since > PEAK_SECONDS:
            self._peaks_since = self._measured_at
            self._peaks = [0.0, self._peaks[0]]
        self._peaks[0] = max(lag, self._peaks[0])

    def hold(self, count: int) -> bool:
        """Take so many bytes of memory for a body, unless that is too much."""
        if self._held + count > BODIES_BYTES:
            return False
        self._held += count
        return True

    def release(self, count: int) -> None:
        """Give back what was taken."""
        self._held -= count


def budget(query: bytes) -> float:
    """For how many seconds the caller waits, by the `timeout=5s` in its query; the longest that any does without one.

    The API server rounds what is left of its own time up to a second, so this is an upper bound (apiserver
    util/webhook).
    """
    found = _TIMEOUT.search(query)
    return min(int(found[1]) * _UNITS[found[2]], _BUDGET_LIMIT) if found else _BUDGET_LIMIT
