"""What was made before, for whoever asks the same again: by key, and bounded in bytes.

Only results of pure functions are kept, by all that they depend on. So this changes no answer, only what it costs.
"""

import itertools
import sys
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any, Generic, TypeVar

__all__ = ["Memory", "Remembered", "size_of"]

_OVERHEAD = 512  # bytes of an entry that nobody counts: the dictionary's own, tuples, small objects
_NOTED = 512  # keys that came once, as numbers

_V = TypeVar("_V")


class Remembered(Generic[_V]):
    """The newest results, which hold at most `limit` bytes together, keys included; one alone at most `largest`.

    `find` is the value of a key, or None: the dictionary's own method, since it is asked for each Pod.

    A result is kept when it is made for the second time. Most that is asked once is never asked again, and to keep all
    of that would cost more than it saves: each new result would push what is of use out of the processor's caches.
    """

    def __init__(self, limit: int, largest: int) -> None:
        self._limit = limit
        self._largest = largest
        self._kept: dict[Hashable, _V] = {}
        self._oldest: deque[tuple[Hashable, int]] = deque()  # keys with their sizes
        self._noted: set[int] = set()
        self.bytes = 0
        self.find = self._kept.get

    def is_new(self, key: Hashable) -> bool:
        """Whether `key` comes for the first time, as far as is known; from now on it does not."""
        number = hash(key)
        if number in self._noted:
            return False
        if len(self._noted) >= _NOTED:
            self._noted.clear()
        self._noted.add(number)
        return True

    def keep(self, key: Hashable, value: _V, size: int) -> None:
        """Remember `value`, which has `size` bytes with its key, in place of the oldest: a burst needs the newest."""
        size += _OVERHEAD
        if size > self._largest or key in self._kept:
            return
        while self.bytes + size > self._limit:
            oldest, freed = self._oldest.popleft()
            del self._kept[oldest]
            self.bytes -= freed
        self._kept[key] = value
        self._oldest.append((key, size))
        self.bytes += size


class Memory:
    """What is remembered under one configuration: what annotations ask for, what is planned for it, and what Pods get.

    `numbers` are those of the plans.
    """

    def __init__(self) -> None:
        self.asked: Remembered[Any] = Remembered(limit=2**20, largest=2**16)
        self.planned: Remembered[Any] = Remembered(limit=2**22, largest=2**19)
        self.injected: Remembered[Any] = Remembered(limit=2**22, largest=2**19)
        self.numbers = itertools.count(1)


def size_of(texts: Iterable[str | bytes]) -> int:
    """The bytes that `texts` hold in memory; a text with one emoji takes four for each of its characters."""
    return sum(map(sys.getsizeof, texts))
