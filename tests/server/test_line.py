"""A connection that reads when its turn has come."""

import asyncio
import contextlib
import selectors
import socket
import ssl
from typing import Any, cast

from waiting import seen

from webhook.server.line import Line
from webhook.server.turns import SAVED_SECONDS, Turns
from webhook.server.wire import Wire


class Dripping:
    """A socket from which a byte can be read at a time, for ever: as many records of TLS."""

    def __init__(self) -> None:
        self.reads = 0

    def recv(self, size: int) -> bytes:
        del size
        self.reads += 1
        return b"x"

    def send(self, data: bytes) -> int:
        return len(data)

    def fileno(self) -> int:
        return 0


class Enduring(asyncio.Protocol):
    """Whoever takes all that comes, for as long as a test can wait."""

    def __init__(self, line: Line, dripping: Dripping) -> None:
        self._line, self._dripping = line, dripping

    def data_received(self, data: bytes) -> None:
        del data
        if self._dripping.reads > 10_000:
            self._line.pause_reading()


class Apart(Turns):
    """Turns that look at no socket."""

    def watch(self, bound: Any, guest: Any, events: int = selectors.EVENT_READ) -> None:
        """Nothing."""


def test_the_smallest_records_take_no_longer_than_a_turn() -> None:
    async def scenario() -> int:
        turns, dripping = Apart(lambda: False), Dripping()
        line = Line(Wire(cast("Any", dripping)), turns, lambda _: None)
        line.begin(Enduring(line, dripping))
        line.read()
        turns.close()
        return dripping.reads

    assert asyncio.run(scenario()) <= 32


class Silent(Dripping):
    """A socket that has nothing for now."""

    def recv(self, size: int) -> bytes:
        del size
        raise BlockingIOError


def test_who_stands_among_the_regulars() -> None:
    """Whose review was answered, with nothing behind it, until something comes that is no whole request."""

    async def scenario() -> None:
        turns = Apart(lambda: False)
        turns.others.now, turns.regulars.now = 5.0, 7.0
        line = Line(Wire(cast("Any", Silent())), turns, lambda _: None)
        assert (line.order, line.had) == (turns.others, 5.0)
        line.unread(b"POST")
        line.credit()
        assert line.order is turns.others
        line.unread(b"")
        line.credit()
        assert (line.order, line.had) == (turns.regulars, 7.0)
        line.begin(asyncio.Protocol())
        line.read()
        assert (line.order, line.had) == (turns.others, 5.0 - SAVED_SECONDS)
        line.credit()
        line.discredit(1.0)
        assert (line.order, line.had) == (turns.others, 6.0)
        turns.close()

    asyncio.run(scenario())


class Large(asyncio.Protocol):
    """Whoever answers each byte with megabytes, a little later."""

    def __init__(self) -> None:
        self.read = b""

    def connection_made(self, transport: Any) -> None:
        self._line = transport

    def data_received(self, data: bytes) -> None:
        self.read += data[:1]
        if data[1:]:
            self._line.unread(data[1:])
        self._line.hold()
        asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        self._line.write(b"a" * 4 * 1024 * 1024)
        self._line.release()


def test_what_was_given_back_is_read_behind_an_answer_that_takes_long() -> None:
    """Although no selector knows of it."""

    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(0)
            theirs.settimeout(0)
            turns, large = Turns(lambda: False), Large()
            line = Line(Wire(ours), turns, lambda _: None)
            line.begin(large)
            theirs.send(b"123")
            async with asyncio.timeout(120):
                while large.read != b"123":
                    with contextlib.suppress(BlockingIOError):
                        theirs.recv(1024 * 1024)
                    await asyncio.sleep(0)
            line.abort()
            turns.close()

    asyncio.run(scenario())


class Stuttering(Wire):
    """A wire that has all that comes already, with two records of nothing in front of it."""

    def __init__(self, bound: socket.socket) -> None:
        super().__init__(bound)
        self.rest = [b"", b"", b"a request", b"another"]
        self.has_more = True

    def read(self) -> bytes:
        if not self.rest:
            raise BlockingIOError
        content = self.rest.pop(0)
        self.has_more = bool(self.rest)
        if not content:
            raise ssl.SSLWantReadError
        return content


class Slowly(asyncio.Protocol):
    """Whoever takes one request at a time, and answers it a little later."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._line = transport

    def data_received(self, data: bytes) -> None:
        self.requests.append(data)
        self._line.hold()
        asyncio.get_running_loop().call_later(0.01, self._line.release)


def test_what_a_wire_has_is_read_although_no_selector_knows_of_it() -> None:
    """Behind the handshake, behind a record without content, and behind an answer."""

    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            turns, slowly = Turns(lambda: False), Slowly()
            line = Line(Stuttering(ours), turns, lambda _: None)
            line.begin(slowly)
            await seen(lambda: slowly.requests == [b"a request", b"another"])
            line.abort()
            turns.close()

    asyncio.run(scenario())


class Unmade(asyncio.Protocol):
    """Whoever cannot serve a connection, for a bug."""

    def connection_made(self, transport: Any) -> None:
        raise RuntimeError(transport)


def test_a_bug_at_its_beginning_ends_a_connection() -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        turns = Turns(lambda: False)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(0)
            Line(Wire(ours), turns, lambda _: None).begin(Unmade())
            assert theirs.recv(1) == b""
            assert turns.guests == 0
        turns.close()

    asyncio.run(scenario())
