"""Whose turn it is: all sockets of a listener, looked at once in each turn of the event loop.

An event loop calls whoever can be read from, in whatever order it finds them, until nobody is left; so those who send
without a pause make everybody else wait for all of them. Here each turn has an end, and there are two orders. First
come the regulars: those whose last request was a review, all of which came in one go. When their reviews are decided
come all others, who are new or send something that has no end yet; some time is theirs in every turn. In each order,
who has had the least of our time comes first. That is fair to connections, not to addresses: behind a NAT, friend and
foe have the same one. Whoever asks now and then is always before those who never stop, however many these are.

While reviews wait for their decision that order would leave some unread until their callers have given up: whoever has
just been answered comes behind everyone who comes anew, and there are always more of these, since whoever gave up comes
anew too. So then the first part of a turn is for those who have waited for longest.

What is not read yet stays in the kernel, whose buffers are small and make the other side wait.
"""

import asyncio
import selectors
import socket
import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final, Protocol

__all__ = ["READ", "WRITE", "Guest", "Order", "Turns", "Watcher"]

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

TURN_SECONDS: Final = 0.001
"""How long connections are read in one turn of the loop. Whoever comes meanwhile waits."""

OTHERS_SECONDS: Final = 0.0004
"""How long others than regulars are read in any case."""

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


class Order:
    """An order of guests, by what each has had of our time since it stands in it, in seconds.

    `now` is what somebody has had who is always served as soon as everybody else: who comes starts with as much, and
    who comes back after a pause with a little less, and has saved no more up.
    """

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0.0


class Guest(Protocol):
    """Whoever is read from here, in the `order` in which it stands by what it has `had` so far.

    `ready_at` is since when it waits to be read, by `time.perf_counter`; 0 while it does not.
    """

    order: Order
    had: float
    ready_at: float

    @property
    def has_more(self) -> bool:
        """Whether it wants another turn although its socket may not be ready."""

    def read(self) -> None:
        """Read, for a moment."""

    def abort(self) -> None:
        """End, since something went wrong."""


class Watcher(Protocol):
    """Whoever has a socket here."""

    def ready(self, events: int) -> Guest | None:
        """Take note of what the socket is ready for; who wants to be read from when its turn has come, if anybody."""

    def abort(self) -> None:
        """End, since something went wrong."""


_what_it_had = attrgetter("had")
_since_when = attrgetter("ready_at")


class Turns:
    """The sockets of one listener, and the two orders of those that are read from.

    `afterwards` is called behind each turn, when what was read in it was decided about, and says whether it wants one
    more.

    `guests` is how many there are, and `busy_since` when it was that there was nothing to do, by `time.perf_counter`.

    `clock` is what our time is measured by. In a crowd that is our own processor time: who was being served while
    others had the processor would else pay for them, and come last until each of hundreds has had as much. It costs a
    system call, so with few connections, where all are read in each turn, it is the time that passes.
    """

    def __init__(self, afterwards: Callable[[], bool]) -> None:
        self.regulars = Order()
        self.others = Order()
        self.guests = self.in_hand = 0
        self.clock = time.perf_counter
        self.busy_since = 0.0
        self._afterwards = afterwards
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._selector.fileno(), self._turn)
        self._sockets = self._selector.get_map()
        self._is_coming = self._is_ending = self._is_closed = False
        self._is_idle = True
        self._until = 0.0  # by `clock`: the end of what may be read now
        self._others: list[Guest] = []  # who are ready, and wait until it is their turn
        self._again: dict[Guest, None] = {}

    def close(self) -> None:
        """Look at no socket any more."""
        self._loop.remove_reader(self._selector.fileno())
        self._selector.close()
        self._is_closed = True

    def watch(self, bound: socket.socket, watcher: Watcher, events: int = READ) -> None:
        """Begin to look at a socket."""
        if not self._is_closed:
            self._selector.register(bound, events, watcher)

    def change(self, bound: socket.socket, watcher: Watcher, events: int) -> None:
        """Look for something else at a socket that is looked at."""
        if not self._is_closed:
            self._selector.modify(bound, events, watcher)

    def leave(self, bound: socket.socket) -> None:
        """Look at a socket no more."""
        if not self._is_closed:
            self._selector.unregister(bound)

    def again(self, guest: Guest) -> None:
        """Give somebody another turn although its socket may not be ready."""
        self._again[guest] = None
        self._soon()

    def went_wrong(self, one: Guest | Watcher, error: Exception) -> None:
        """Log an `error` that nobody expected, and end the one in whom it was: everybody else goes on."""
        self._loop.call_exception_handler({"message": "a connection was ended by a bug", "exception": error})
        try:
            one.abort()
        except Exception as another:  # noqa: BLE001  # as above
            self._loop.call_exception_handler({"message": "and did not end well", "exception": another})

    def owe(self, seconds: float) -> None:
        """Count what is being read for so much more of the turn's time: it makes work that is put off until its end."""
        self._until -= seconds

    def _soon(self) -> None:
        if not self._is_coming:
            self._is_coming = True
            self._loop.call_soon(self._come)

    def _come(self) -> None:
        self._is_coming = False
        self._turn()

    def _turn(self) -> None:
        """Look at all sockets, and serve those that there is time for; once in each turn of the loop."""
        if self._is_closed or self._is_ending:
            return
        self.clock = time.thread_time if len(self._sockets) > CROWD else time.perf_counter
        began = time.perf_counter()
        if self._is_idle:
            self._is_idle = False
            self.busy_since = began
        self._serve_first(self._ready(), began)
        self._is_ending = True
        self._loop.call_soon(self._go_on)

    def _ready(self) -> Iterable[Guest]:
        """Who wants to be read from."""
        ready: list[Guest] = []
        for key, events in self._selector.select(0):
            try:
                if guest := key.data.ready(events):
                    ready.append(guest)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is one connection's
                self.went_wrong(key.data, error)
        if not self._again:
            return ready
        again, self._again = self._again, {}
        return {**dict.fromkeys(ready), **again}

    def _go_on(self) -> None:
        """Serve the others, and end the turn when what was read of them was decided about, too."""
        if self._others and not self._is_closed:
            self._serve_others()
            self._loop.call_soon(self._end_turn)
        else:
            self._end_turn()

    def _end_turn(self) -> None:
        self._is_ending = False
        if self._is_closed:
            return
        if self._afterwards() or self._again:
            self._soon()
        else:
            self._is_idle = not self.in_hand

    def _serve_first(self, ready: Iterable[Guest], began: float) -> None:
        """Serve those of the regulars who are ready since the turn `began`; the others have to wait."""
        if self.in_hand >= PRESSED:
            _note_waiting(ready, began)
            self._until = self.clock() + OLDEST_SECONDS
            ready = self._serve(sorted(ready, key=_since_when), began, in_order=False)
        self._until = self.clock() + TURN_SECONDS
        regulars = sorted((each for each in ready if each.order is self.regulars), key=_what_it_had)
        self._others = [each for each in ready if each.order is self.others]
        self._leave_for_later(self._serve(regulars, began, in_order=True))

    def _serve_others(self) -> None:
        """Serve others, when what was read of the regulars was decided about."""
        others, self._others = sorted(self._others, key=_what_it_had), []
        self._until = max(self._until, self.clock() + OTHERS_SECONDS)
        self._leave_for_later(self._serve(others, time.perf_counter(), in_order=True))

    def _leave_for_later(self, guests: list[Guest]) -> None:
        """Have those come again of whom no selector knows that they want to."""
        self._again |= {guest: None for guest in guests if guest.has_more}

    def _serve(self, ready: list[Guest], began: float, *, in_order: bool) -> list[Guest]:
        """Serve one after the other while there is time; who is left.

        `in_order` says that they stand in the order of what they have had: else that tells nothing about its `now`.
        """
        at = self.clock()
        for served, guest in enumerate(ready):
            if at > self._until or self.in_hand >= IN_HAND:
                _note_waiting(ready[served:], began)
                return ready[served:]
            order = guest.order
            if in_order:
                order.now = max(order.now, guest.had)
            guest.ready_at = guest.ready_at or began
            try:
                guest.read()
            except Exception as error:  # noqa: BLE001  # as in `_ready`; those who come behind it would be lost
                self.went_wrong(guest, error)
            guest.ready_at = 0.0
            before, at = at, self.clock()
            if guest.order is order:
                guest.had = max(order.now - SAVED_SECONDS, guest.had)
            guest.had += at - before
            order.now += (at - before) / max(self.guests, 1)  # what each of them would have had
        return []


def _note_waiting(guests: Iterable[Guest], now: float) -> None:
    """Note since when those wait who are not served at once."""
    for guest in guests:
        guest.ready_at = guest.ready_at or now
