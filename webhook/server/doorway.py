"""Where connections come in: accepted at once, and let in when they have shaken hands.

What is begun and not finished is bounded by its number, and the oldest gives way to the newest: a handshake of somebody
who means it takes milliseconds. Who gives way loses what TLS needs, and keeps the bare connection until its time is
over. That costs next to nothing; to close it would, since whoever means harm would come again at once, as a new one.

Whoever has said nothing yet, or whose turn for a handshake has not come, is a bare connection too.
"""

import asyncio
import errno
import itertools
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from webhook.server.turns import READ, Turns
from webhook.server.wire import AGAIN, Buffers, SecuredWire, Wire

__all__ = ["BACKLOG", "Doorway"]

BACKLOG = 4096
"""How many connections the kernel keeps until they are accepted."""

STAY_SWEEPS: Final = 160
"""How long a connection may stay in the doorway: 8 s, of twenty sweeps each. The API server gives up after 10. Sweeps
are counted, not seconds: a process that was stopped must not take its own absence for a caller's silence."""

SWEEP_SECONDS = 0.05

BEGUN_LIMIT: Final = 192  # handshakes that are begun and not finished, of 30 KiB each
BARE_LIMIT: Final = 12_000  # connections without TLS; descriptors may run out before
AT_ONCE: Final = 24
"""How many connections are accepted in one turn of the loop; and how many are turned away in one sweep, 480 a second:
who is turned away comes again, as a newcomer, and there must be time for the handshakes of all newcomers."""

SHAKING_SECONDS: Final = 0.0004  # in one turn of the loop: two handshakes are begun, or one goes on
SHAKING_PART: Final = 0.2
"""The part of the time since the last turn, pauses aside, for which there may be handshakes in any case. Where reviews
are slow there are few turns, and nobody must wait for many."""

SHAKING_MOST: Final = 0.003
"""However long it was since: reviews took long, or others had the processor."""

_IN_A_ROW: Final = 4  # connections that are closed before others have their turn
PAUSE_SECONDS: Final = 1.0  # before accepting goes on where the process has no descriptors left
_ROOM: Final = 64  # descriptors that are taken back then
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RECEIVE_BYTES: Final = 32 * 1024  # that the kernel may keep for one connection, and as much again for its own
_SEND_BYTES: Final = 64 * 1024
"""That the kernel may keep of an answer, which is memory of ours too. It would keep megabytes for who reads nothing."""

_VOID_BYTES: Final = 64 * 1024
_VOIDS: Final = 256  # times that somebody is heard out who was told goodbye


class Doorway:
    """The connections of a listening socket until they are let in; with a `context`, after a TLS handshake.

    `let_in` takes those, and `turned_away` is called for each that was closed because its time was over.
    """

    def __init__(
        self,
        bound: socket.socket,
        context: ssl.SSLContext | None,
        let_in: Callable[[Wire], None],
        turned_away: Callable[[], None],
    ) -> None:
        self.turns = Turns(self._go_on)
        self.let_in = let_in
        self.context = context
        self.buffers = Buffers.new()
        self.there: dict[_Bare, None] = {}  # the one that came first stands first
        self.begun: dict[_Bare, None] = {}  # of these, those with a handshake that is not finished
        self.spoken: list[_Bare] = []  # of these, those who wait for their turn; the newest is asked first
        self.answered: dict[_Bare, None] = {}  # of those that have begun, who can go on; who answered first goes first
        self._bound = bound
        self._turned_away = turned_away
        self._sweeps = 0
        self._ended_at = time.perf_counter()

    def open(self) -> None:
        """Begin to accept."""
        self._bound.settimeout(0)
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)  # of each that is accepted
        self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
        self._bound.listen(BACKLOG)
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._sweeping = self._loop.create_task(self._sweep())
        self.turns.watch(self._bound, self)

    def close(self) -> None:
        """Accept no more, and close what was not let in."""
        if self._is_open:
            self._is_open = False
            self._sweeping.cancel()
            with suppress(KeyError):
                self.turns.leave(self._bound)
        for bare in list(self.there):
            bare.abort()

    async def wait_closed(self) -> None:
        """Look at nothing any more."""
        self.turns.close()

    def farewell(self, connected: socket.socket) -> None:
        """Hear out whoever was told goodbye, until he goes too: what he still sends would destroy what he was told."""
        with suppress(OSError):
            connected.shutdown(socket.SHUT_WR)
            self._take_in(_Leaving(connected, self, self._sweeps))
            return
        connected.close()

    def _take_in(self, bare: "_Bare") -> None:
        if len(self.there) >= BARE_LIMIT:
            self._turn_away(next(iter(self.there)))
        self.there[bare] = None
        bare.look()

    # In each turn of the loop.

    def ready(self, events: int) -> None:
        """Accept: nobody has to wait for that, since it takes next to no time."""
        del events
        for connected in _accepted(self._bound):
            if connected is None:
                self._make_room()
                break
            connected.settimeout(0)
            self._take_in(_Bare(connected, self, self._sweeps))

    def _go_on(self) -> bool:
        """Go on with handshakes for a moment; whether some are left for the next turn.

        Half of it is for those that have begun, and what they leave for others, of whom the newest begins first.
        """
        clock = self.turns.clock
        began = clock()
        passed = time.perf_counter() - max(self._ended_at, self.turns.busy_since)
        seconds = min(max(SHAKING_SECONDS, passed * SHAKING_PART), SHAKING_MOST)
        while self.answered and clock() - began < seconds / 2:
            bare = next(iter(self.answered))
            del self.answered[bare]
            self._try(bare, bare.shake)
        while self.spoken and clock() - began < seconds:
            bare = self.spoken.pop()
            self._try(bare, bare.begin)
        self._ended_at = time.perf_counter()
        return bool(self.spoken or self.answered)

    def _try(self, bare: "_Bare", step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  # whatever it is, others wait for their step
            self.turns.went_wrong(bare, error)

    def abort(self) -> None:
        """Leave new connections to the kernel for a while."""
        self.turns.leave(self._bound)
        self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _make_room(self) -> None:
        """Get descriptors back from those who came first; else leave new connections to the kernel for a while."""
        if self.there:
            for bare in list(self.there)[:_ROOM]:
                self._turn_away(bare)
            return
        self.abort()

    def _resume(self) -> None:
        if self._is_open:
            self.turns.watch(self._bound, self)

    # Beside it.

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._sweeps += 1
            too_long = itertools.takewhile(lambda bare: bare.came_at + STAY_SWEEPS <= self._sweeps, self.there)
            for number, bare in enumerate(list(itertools.islice(too_long, AT_ONCE))):
                if number % _IN_A_ROW == 0:
                    await asyncio.sleep(0)  # others wait
                self._turn_away(bare)

    def _turn_away(self, bare: "_Bare") -> None:
        if bare in self.there:
            bare.abort()
            if bare.is_expected:
                self._turned_away()


class _Bare:
    """A connection that was not let in yet: silent at first, then with its handshake begun, then bare again."""

    __slots__ = ("_doorway", "_is_looked_at", "_is_over", "_secured", "_socket", "came_at")
    is_expected = True  # to do something before its time is over

    def __init__(self, connected: socket.socket, doorway: Doorway, sweeps: int) -> None:
        self.came_at = sweeps
        self._socket = connected
        self._secured: SecuredWire | None = None
        self._doorway = doorway
        self._is_looked_at = self._is_over = False

    def look(self) -> None:
        """Wait for its first word."""
        self._doorway.turns.watch(self._socket, self, READ)
        self._is_looked_at = True

    def ready(self, events: int) -> None:
        """Have it queue for a handshake, or go on with it."""
        del events
        if self in self._doorway.begun:
            self._doorway.answered[self] = None
        else:
            self._look_away()
            self._doorway.spoken.append(self)

    def begin(self) -> None:
        """Let it in, or begin its handshake, in place of the oldest one that is not finished."""
        if self._is_over:
            return
        if self._doorway.context is None:
            self._enter(Wire(self._socket))
            return
        begun = self._doorway.begun
        if len(begun) >= BEGUN_LIMIT:
            next(iter(begun)).give_way()
        self._secured = SecuredWire(self._socket, self._doorway.context, self._doorway.buffers)
        begun[self] = None
        self.shake()
        if self in begun:
            self.look()

    def shake(self) -> None:
        """Go on with the handshake, as far as it goes."""
        if self._is_over or self._secured is None:
            return
        try:
            self._secured.shake_hands()
        except AGAIN:
            return
        except (OSError, ValueError):
            self.abort()
            return
        self._enter(self._secured)

    def give_way(self) -> None:
        """End TLS, and be a bare connection for the rest of its time."""
        self._look_away()
        del self._doorway.begun[self]
        self._doorway.answered.pop(self, None)
        self._secured = None

    def abort(self) -> None:
        """End it."""
        self._leave()
        self._socket.close()

    def _enter(self, wire: Wire) -> None:
        self._leave()
        self._doorway.let_in(wire)

    def _leave(self) -> None:
        self._look_away()
        self._is_over = True
        self._doorway.begun.pop(self, None)
        self._doorway.answered.pop(self, None)
        self._doorway.there.pop(self, None)

    def _look_away(self) -> None:
        if self._is_looked_at:
            self._is_looked_at = False
            self._doorway.turns.leave(self._socket)


class _Leaving(_Bare):
    """A connection that was told goodbye, and goes when it likes, or when its time is over, or when it talks on."""

    __slots__ = ("_heard",)
    is_expected = False

    def __init__(self, connected: socket.socket, doorway: Doorway, sweeps: int) -> None:
        super().__init__(connected, doorway, sweeps)
        self._heard = 0

    def ready(self, events: int) -> None:
        """Throw away what came."""
        del events
        self._heard += 1
        try:
            has_ended = not self._socket.recv(_VOID_BYTES)
        except BlockingIOError:
            return
        except OSError:
            has_ended = True
        if has_ended or self._heard > _VOIDS:
            self.abort()


def _accepted(bound: socket.socket) -> Iterator[socket.socket | None]:
    """The connections that are there, not too many at a time; None where no more can be had for now."""
    for _ in range(AT_ONCE):
        try:
            yield bound.accept()[0]
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                yield None
                return
            # Whatever else it says is about that one connection, which has gone already: accept(2).
