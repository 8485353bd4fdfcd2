"""When to look again, and how long to leave a busy file alone."""

__all__ = ["Pace"]

_GAP = 0.06
"""Seconds between two readings of what is written all the time: the delay of a line, and so many wakings a second."""

_OFTEN = 0.05
_SELDOM = 1.0
_MOST_SELDOM = 30.0
_SHARE = 400
"""A look that takes long is worth its cost only so many times later: at most 1/400 of a core."""

_TRUSTED = 3


class Pace:
    """The times, on the monotonic clock.

    A look that finds what no news told of, again and again, shows that there is no news of these files: then looks come
    often while there is something to find.
    """

    __slots__ = ("_interval", "_untold", "_woke", "next_look")

    def __init__(self) -> None:
        self._untold = 0
        self._interval = _SELDOM
        self._woke = 0.0
        self.next_look = 0.0

    @property
    def is_told(self) -> bool:
        """Whether news can be relied upon."""
        return self._untold < _TRUSTED

    def looked(self, now: float, seconds: float, *, untold: bool) -> None:
        """A look has taken `seconds`; `untold`: it found that a file had grown of which there was no news."""
        self._untold = min(self._untold + 1, _TRUSTED) if untold else max(self._untold - self.is_told, 0)
        least = _OFTEN if untold else min(self._interval * 2, _SELDOM)
        if self.is_told:
            least = _SELDOM
        self._interval = min(max(least, seconds * _SHARE), _MOST_SELDOM)
        self.next_look = now + self._interval

    def woke(self, now: float) -> None:
        """What was written is read now."""
        self._woke = now

    def pause(self, now: float) -> float:
        """How long to wait before reading again what was just read."""
        return self._woke + _GAP - now
