"""When to look again, and how long to leave a busy file alone."""

__all__ = ["Pace"]

_GAP = 0.06
"""Seconds between two readings of what is written all the time: the delay of a line, and so many wakings a second."""

_OFTEN = 0.05
_SELDOM = 1.0
_MOST_SELDOM = 30.0
_SHARE = 400
"""A look that takes long is worth its cost only so many times later: at most 1/400 of a core."""

_SHARE_OF_ASKED = 20
"""The same for a look that news ask for, as of a name that may lead to further directories: at most 1/20."""

_TRUSTED = 3


class Pace:
    """The times, on the monotonic clock.

    A look that finds what no news told of, again and again, shows that there is no news of these files: then looks come
    often while there is something to find.
    """

    __slots__ = ("_earliest", "_interval", "_next", "_untold", "_woke")

    def __init__(self) -> None:
        self._untold = 0
        self._interval = _SELDOM
        self._woke = self._next = self._earliest = 0.0

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
        self._next = now + self._interval
        self._earliest = now + min(seconds * _SHARE_OF_ASKED, self._interval)

    def next_look(self, *, asked: bool) -> float:
        """When it is time to look; `asked`: something has happened that only a look can tell."""
        return self._earliest if asked else self._next

    def woke(self, now: float) -> None:
        """What was written is read now."""
        self._woke = now

    def pause(self, now: float) -> float:
        """How long to wait before reading again what was just read."""
        return self._woke + _GAP - now
