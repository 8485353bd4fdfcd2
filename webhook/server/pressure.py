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
"""How often the lag is measured."""

_BUDGET_LIMIT: Final = 30.0  # seconds; no API server waits for longer (`timeoutSeconds`)
_TIMEOUT = re.compile(rb"(?:^|&)timeout=(\d{1,6})(ms|s|m)(?:&|$)")
_UNITS: Final = {b"ms": 0.001, b"s": 1.0, b"m": 60.0}


class Pressure:
    """The event loop's lag, and the memory that bodies hold. All times are of `time.perf_counter`."""

    def __init__(self) -> None:
        self.latest_lag = 0.0
        self._measured_at = 0.0
        self._held = 0

    async def measure(self) -> None:
        """Measure the lag, for ever: how much later than asked this is woken."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LAG_SECONDS)
            self._measured_at = time.perf_counter()
            self.latest_lag = max(0.0, self._measured_at - began - LAG_SECONDS)

    def lag(self, now: float) -> float:
        """How long what came in at `now` may have waited before it was looked at.

        Only what came in right after the loop was held up had to wait for all of that time.
        """
        return max(0.0, self.latest_lag - (now - self._measured_at))

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
