"""Where connections come in: accepted at once, and let in a few at a time, as soon as they have said something.

An event loop's own server makes all that TLS needs for each connection at once, some 60 KiB, and does the arithmetic of
every handshake that is ready in one turn. So those who only open connections fill the memory, and those who open many
hold everybody else up. Here a connection that says nothing is a descriptor and no more, and a turn of the loop has few
handshakes.
"""

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

__all__ = ["BACKLOG", "SILENT_SECONDS", "Doorway"]

BACKLOG = 2048
"""How many connections the kernel keeps until they are accepted."""

SILENT_SECONDS: Final = 5.0
"""How long a connection may stay silent at first. The API server's client speaks as soon as it is connected."""

WAITING_LIMIT: Final = 4096  # connections that may be silent at the same time; the one that came first goes for more
_ACCEPTED_AT_ONCE: Final = 256
LET_IN_AT_ONCE: Final = 4  # in one turn of the loop: 3 ms of handshakes
LET_IN_A_SECOND: Final = 400
"""So many may come in for each second that a turn of the loop took. Where reviews are slow it has few turns, and nobody
must wait for many; handshakes alone, of 0.7 ms, take less than a third of what is measured here, so that a turn which
they made long is followed by shorter ones."""

PAUSE_SECONDS: Final = 1.0  # before accepting goes on where the process has no descriptors left
_ROOM: Final = 64  # descriptors that are taken back then
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Doorway:
    """The connections of a listening socket until each has said something; then they are `let_in`, which takes them.

    `turned_away` is called for each that was closed because it stayed silent.
    """

    def __init__(
        self,
        bound: socket.socket,
        let_in: Callable[[socket.socket], Awaitable[None]],
        turned_away: Callable[[], None],
    ) -> None:
        self._bound = bound
        self._let_in = let_in
        self._turned_away = turned_away
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}  # the one that came first stands first
        self._ready: deque[socket.socket] = deque()
        self._entering: set[asyncio.Future[None]] = set()
        self._is_letting_in = False
        self._is_open = False

    def open(self) -> None:
        """Begin to accept."""
        self._loop = asyncio.get_running_loop()
        self._bound.settimeout(0)
        self._bound.listen(BACKLOG)
        self._is_open = True
        self._loop.add_reader(self._bound, self._accept)

    def close(self) -> None:
        """Accept no more, and close what was not let in."""
        self._is_open = False
        self._loop.remove_reader(self._bound)
        for connection in (*self._waiting, *self._ready):
            self._forget(connection)
            connection.close()
        self._ready.clear()
        for entering in self._entering:
            entering.cancel()

    async def wait_closed(self) -> None:
        """Return when all that were being let in are."""
        await asyncio.gather(*self._entering, return_exceptions=True)

    def _accept(self) -> None:
        for connection in _accepted(self._bound):
            if connection is None:
                self._make_room()
                return
            if len(self._waiting) >= WAITING_LIMIT:
                self._turn_away(next(iter(self._waiting)))
            connection.settimeout(0)
            if _has_spoken(connection):  # while we did something else
                self._speaks(connection)
                continue
            self._waiting[connection] = self._loop.call_later(SILENT_SECONDS, self._turn_away, connection)
            self._loop.add_reader(connection, self._speaks, connection)

    def _make_room(self) -> None:
        """Get descriptors back from those who are silent; else leave new connections to the kernel for a while."""
        if self._waiting:
            for connection in list(self._waiting)[:_ROOM]:
                self._turn_away(connection)
            return
        self._loop.remove_reader(self._bound)
        self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._bound, self._accept)

    def _speaks(self, connection: socket.socket) -> None:
        """Let `connection` in when it is its turn: at once for the first in a turn of the loop."""
        self._forget(connection)
        self._ready.append(connection)
        if not self._is_letting_in:
            self._is_letting_in = True
            self._let_some_in(1)

    def _let_some_in(self, count: int) -> None:
        """Let `count` in, and the next ones in the loop's next turn."""
        for _ in range(min(count, len(self._ready))):
            connection = self._ready.popleft()
            if _has_spoken(connection):
                self._enter(connection)
            else:  # it has gone again, as a load balancer's probe does
                connection.close()
        self._loop.call_soon(self._go_on, time.perf_counter())

    def _go_on(self, since: float) -> None:
        """Let in those who wait, by how long the turn of the loop was that began at `since`."""
        self._is_letting_in = bool(self._ready)
        if self._ready:
            turn = time.perf_counter() - since
            self._let_some_in(max(LET_IN_AT_ONCE, int(turn * LET_IN_A_SECOND)))

    def _enter(self, connection: socket.socket) -> None:
        entering = asyncio.ensure_future(self._let_in(connection))
        self._entering.add(entering)
        entering.add_done_callback(self._entering.discard)

    def _turn_away(self, connection: socket.socket) -> None:
        """Close `connection`, unless it has spoken and it was we who did not look."""
        if _has_spoken(connection):
            self._speaks(connection)
            return
        self._forget(connection)
        connection.close()
        self._turned_away()

    def _forget(self, connection: socket.socket) -> None:
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()
            self._loop.remove_reader(connection)


def _accepted(bound: socket.socket) -> Iterator[socket.socket | None]:
    """The connections that are there, not too many at a time; None where no more can be had for now."""
    for _ in range(_ACCEPTED_AT_ONCE):
        try:
            yield bound.accept()[0]
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                yield None
                return
            # Whatever else it says is about that one connection, which has gone already: accept(2).


def _has_spoken(connection: socket.socket) -> bool:
    with suppress(OSError):
        return connection.recv(1, socket.MSG_PEEK) != b""
    return False
