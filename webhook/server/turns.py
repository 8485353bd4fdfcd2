"""Whose turn it is: all sockets of a listener, looked at once in each turn of the event loop.

An event loop calls whoever can be read from, in whatever order it finds them, until nobody is left; so those who send
without a pause make everybody else wait for all of them. Here each turn has an end, and who has had the least of our
time comes first. That is fair to connections, not to addresses: behind a NAT, friend and foe have the same one. Whoever
asks now and then is always before those who never stop, however many these are.

While reviews wait for their decision that order would leave some unread until their callers have given up: whoever has
just been answered comes behind everyone who comes anew, and there are always more of these, since whoever gave up comes
anew too. So then the first part of a turn is for those who have waited for longest.

What is not read yet stays in the kernel, whose buffers are small and make the other side wait.
"""

import asyncio
import selectors
import socket
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Final, Protocol

__all__ = ["READ", "WRITE", "Guest", "Turns"]

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

TURN_SECONDS: Final = 0.002
"""How long connections are read in one turn of the loop."""

CROWD: Final = 40
"""So many sockets are read in one turn if all of them send: with more, somebody has to come last."""

SAVED_SECONDS: Final = 0.002
"""What somebody may save up who asks now and then: a dozen reviews before those who never stop, or come anew."""

IN_HAND: Final = 32
"""How many requests may wait for their decision before more are read. An API server keeps 25 connections."""


PRESSED: Final = IN_HAND // 2
"""Where so many requests still wait when a turn begins, their decisions take all the time that there is. With fewer,
more are read in each turn than there can be newcomers, for whose handshakes there is a fifth of the time."""

OLDEST_SECONDS: Final = 0.001
"""How long those are read first in a turn who have waited for longest. To read reviews takes far less; those who send
without end wait too, and must not have all the time."""


class Guest(Protocol):
    """Whoever has a socket here. Those that want to be read are read in the order of what they have had so far.

    `ready_at` is since when it waits to be read, by `time.perf_counter`; 0 while it does not.
    """

    had: float
    ready_at: float

    @property
    def has_more(self) -> bool:
        """Whether it wants another turn although its socket may not be ready."""

    def ready(self, events: int) -> bool:
        """Take note of what its socket is ready for; whether it wants to be read from when its turn has come."""

    def read(self) -> None:
        """Read, for a moment."""


_what_it_had = attrgetter("had")
_since_when = attrgetter("ready_at")


class Turns:
    """The sockets of one listener.

    `afterwards` is called behind each turn, when what was read in it was decided about, and says whether it wants one
    more.

    `now` is what somebody has had who is always served as soon as everybody else: who comes starts with as much, and
    who comes back after a pause with a little less, and has saved no more up.

    `clock` is what our time is measured by. In a crowd that is our own processor time: who was being served while
    others had the processor would else pay for them, and come last until each of hundreds has had as much. It costs a
    system call, so with few connections, where all are read in each turn, it is the time that passes.
    """

    def __init__(self, afterwards: Callable[[], bool]) -> None:
        self.now = 0.0
        self.in_hand = 0
        self.clock = time.perf_counter
        self._afterwards = afterwards
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._selector.fileno(), self._turn)
        self._sockets = self._selector.get_map()
        self._is_coming = self._is_ending = self._is_closed = False
        self._again: dict[Guest, None] = {}

    def close(self) -> None:
        """Look at no socket any more."""
        self._loop.remove_reader(self._selector.fileno())
        self._selector.close()
        self._is_closed = True

    def watch(self, bound: socket.socket, guest: Guest, events: int = READ) -> None:
        """Begin to look at a socket."""
        if not self._is_closed:
            self._selector.register(bound, events, guest)

    def change(self, bound: socket.socket, guest: Guest, events: int) -> None:
        """Look for something else at a socket that is looked at."""
        if not self._is_closed:
            self._selector.modify(bound, events, guest)

    def leave(self, bound: socket.socket) -> None:
        """Look at a socket no more."""
        if not self._is_closed:
            self._selector.unregister(bound)

    def again(self, guest: Guest) -> None:
        """Give somebody another turn although its socket may not be ready."""
        self._again[guest] = None
        self._soon()

    def _soon(self) -> None:
        if not self._is_coming:
            self._is_coming = True
            self._loop.call_soon(self._come)

    def _come(self) -> None:
        self._is_coming = False
        self._turn()

    def _turn(self) -> None:
        """Look at all sockets, and serve those that there is time for."""
        if self._is_closed:
            return
        self.clock = time.thread_time if len(self._sockets) > CROWD else time.perf_counter
        began = time.perf_counter()
        ready = [key.data for key, events in self._selector.select(0) if key.data.ready(events)]
        if self._again:
            ready = list({**dict.fromkeys(ready), **self._again})
        if len(ready) > 1:
            ready.sort(key=_what_it_had)
            if self.in_hand >= PRESSED:
                ready = self._serve_oldest(ready, began)
        left = self._serve(ready, began, TURN_SECONDS, in_order=True)
        self._again = {guest: None for guest in left if guest.has_more}
        if not self._is_ending:
            self._is_ending = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_ending = False
        if self._is_closed:
            return
        if self._afterwards() or self._again:
            self._soon()

    def _serve_oldest(self, ready: list[Guest], began: float) -> list[Guest]:
        """Serve those who have waited for longest; who is left, in the order of what they have had."""
        _note_waiting(ready, began)
        oldest = sorted(ready, key=_since_when)
        return sorted(self._serve(oldest, began, OLDEST_SECONDS, in_order=False), key=_what_it_had)

    def _serve(self, ready: list[Guest], began: float, seconds: float, *, in_order: bool) -> list[Guest]:
        """Serve those who are ready since the turn `began`, one after the other, for so long; who is left.

        `in_order` says that they stand in the order of what they have had: else that tells nothing about `now`.
        """
        clock = self.clock
        first = at = clock()
        for served, guest in enumerate(ready):
            if at - first > seconds or self.in_hand >= IN_HAND:
                _note_waiting(ready[served:], began)
                return ready[served:]
            if in_order:
                self.now = max(self.now, guest.had)
            guest.ready_at = guest.ready_at or began
            guest.read()
            guest.ready_at = 0.0
            before, at = at, clock()
            guest.had = max(self.now - SAVED_SECONDS, guest.had) + at - before
        return []


def _note_waiting(guests: list[Guest], now: float) -> None:
    """Note since when those wait who are not served at once."""
    for guest in guests:
        guest.ready_at = guest.ready_at or now
