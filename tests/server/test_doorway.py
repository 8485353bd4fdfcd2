"""Connections before they are let in: what they may do there, and what they cost."""

import asyncio
import errno
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sized
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvloop
from waiting import seen

from webhook.server import doorway, turns
from webhook.server.doorway import Doorway
from webhook.server.listener import listen
from webhook.server.tls import Files, ServingPair

if TYPE_CHECKING:
    from webhook.server.wire import Wire


class Exhausted:
    """A listening socket, of a process that has no descriptors left the next `times` times that it is asked."""

    def __init__(self, bound: socket.socket, times: int) -> None:
        self.asked = 0
        self.times = times
        self._bound = bound

    def accept(self) -> Any:
        self.asked += 1
        self.times -= 1
        if self.times >= 0:
            raise OSError(errno.EMFILE, "too many open files")
        return self._bound.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bound, name)


class Hall:
    """A doorway, whom it let in, and how many it turned away."""

    def __init__(self, bound: Exhausted, context: ssl.SSLContext | None) -> None:
        self.bound = bound
        self.port = bound.getsockname()[1]
        self.entered: list[Wire] = []
        self.turned_away = 0
        self.doorway = Doorway(cast("socket.socket", bound), context, self.entered.append, self._count)

    async def connect(self, says: bytes = b"") -> socket.socket:
        client = socket.socket()
        client.settimeout(0)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        if says:
            client.send(says)
        return client

    def _count(self) -> None:
        self.turned_away += 1


@asynccontextmanager
async def opened(exhausted: int = 0, context: ssl.SSLContext | None = None) -> AsyncIterator[Hall]:
    with listen("127.0.0.1", 0) as bound:
        hall = Hall(Exhausted(bound, exhausted), context)
        hall.doorway.open()
        try:
            yield hall
        finally:
            hall.doorway.close()
            await hall.doorway.wait_closed()
            for each in hall.entered:
                each.bound.close()


def has(these: Sized, count: int) -> bool:
    return len(these) == count


async def is_closed(client: socket.socket) -> bool:
    async with asyncio.timeout(120):
        try:
            return await asyncio.get_running_loop().sock_recv(client, 1) == b""
        except ConnectionResetError:
            return True


def test_who_speaks_is_let_in_with_all_that_was_said() -> None:
    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect(b"hello"):
                await seen(lambda: bool(hall.entered))
                assert hall.entered[0].read() == b"hello"
                assert hall.turned_away == 0

    uvloop.run(scenario())


def test_who_stays_silent_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "STAY_SWEEPS", 2)

    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect() as client:
                assert await is_closed(client)
                assert (hall.entered, hall.turned_away) == ([], 1)

    uvloop.run(scenario())


def test_who_has_spoken_while_we_did_not_look_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped must not take its own absence for a caller's silence."""
    monkeypatch.setattr(doorway, "STAY_SWEEPS", 6)

    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect() as client:
                await seen(partial(has, hall.doorway.there, 1))
                client.send(b"hello")
                time.sleep(0.5)  # noqa: ASYNC251  # the absence
                await seen(lambda: bool(hall.entered))
                assert hall.turned_away == 0

    uvloop.run(scenario())


def test_who_has_gone_again_costs_nothing() -> None:
    async def scenario() -> None:
        async with opened() as hall:
            (await hall.connect()).close()
            with await hall.connect(b"hello"):
                await seen(lambda: bool(hall.entered))
            assert (len(hall.entered), hall.turned_away) == (1, 0)

    uvloop.run(scenario())


def test_where_too_many_are_silent_the_first_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "BARE_LIMIT", 3)

    async def scenario() -> None:
        async with opened() as hall, AsyncExitStack() as clients:
            connected = []
            for _ in range(4):
                connected.append(clients.enter_context(await hall.connect()))
                await asyncio.sleep(0.02)
            assert await is_closed(connected[0])
            assert hall.turned_away == 1
            for client in connected[1:]:
                client.send(b"hello")
            await seen(lambda: len(hall.entered) == 3)

    uvloop.run(scenario())


def hello(context: ssl.SSLContext) -> bytes:
    """The first bytes of a handshake."""
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


@pytest.fixture
def served(pki: Path) -> ssl.SSLContext:
    """A server's context."""
    return ServingPair(Files(pki / "tls.crt", pki / "tls.key")).context


@pytest.fixture
def trusting(pki: Path) -> ssl.SSLContext:
    """A caller's context."""
    return ssl.create_default_context(cafile=pki / "ca.crt")


async def shake_hands(hall: Hall, trusting: ssl.SSLContext) -> None:
    dialling = asyncio.open_connection("127.0.0.1", hall.port, ssl=trusting, server_hostname="localhost")
    _, writer = await asyncio.wait_for(dialling, 120)
    writer.transport.abort()


def test_a_handshake_that_is_not_finished_gives_way_to_a_newer_one(
    served: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not closed for that, since whoever means harm would be there again at once."""
    monkeypatch.setattr(doorway, "BEGUN_LIMIT", 3)

    async def scenario() -> None:
        async with opened(context=served) as hall, AsyncExitStack() as clients:
            for count in range(1, 6):
                clients.enter_context(await hall.connect(hello(trusting)))
                await seen(partial(has, hall.doorway.there, count))
                await seen(partial(has, hall.doorway.begun, min(count, 3)))
            assert len(hall.doorway.begun) == 3
            assert hall.turned_away == 0
            await shake_hands(hall, trusting)
            await seen(lambda: len(hall.entered) == 1)
            assert len(hall.doorway.there) == 5

    uvloop.run(scenario())


def test_the_newest_shakes_hands_first(
    served: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorway, "SHAKING_SECONDS", 0)
    monkeypatch.setattr(doorway, "SHAKING_PART", 0)  # no handshake is begun at all

    async def scenario() -> None:
        async with opened(context=served) as hall, AsyncExitStack() as clients:
            for count in range(1, 21):
                clients.enter_context(await hall.connect(hello(trusting)))
                await seen(partial(has, hall.doorway.spoken, count))
            newest = hall.doorway.spoken[-1]
            monkeypatch.setattr(doorway, "SHAKING_SECONDS", 0.0001)
            await seen(lambda: bool(hall.doorway.begun))
            assert next(iter(hall.doorway.begun)) is newest

    uvloop.run(scenario())


@pytest.mark.parametrize("step", ["begin", "shake"])
def test_a_burst_of_handshakes_keeps_nobody_waiting(
    served: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """However long nothing was to do before, and whether they begin or go on: each costs 20 ms here."""
    at_once = [0]

    def costs(bare: Any) -> None:
        if at_once[-1] == 0:
            asyncio.get_running_loop().call_soon(at_once.append, 0)  # the next turn of the loop
        at_once[-1] += 1
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        bare.close()

    async def scenario() -> None:
        async with opened(context=served) as hall, AsyncExitStack() as clients:
            count = turns.CROWD + 5
            said = hello(trusting)
            there = [clients.enter_context(await hall.connect(said if step == "shake" else b"")) for _ in range(count)]
            await seen(partial(has, hall.doorway.begun if step == "shake" else hall.doorway.there, count))
            await asyncio.sleep(0.5)  # of which nothing is saved up
            monkeypatch.setattr(type(next(iter(hall.doorway.there))), step, costs)
            for client in there:
                client.send(b"x")
            await seen(lambda: not hall.doorway.there)
            assert sum(at_once) == count
            assert max(at_once) <= 2

    uvloop.run(scenario())


def test_what_somebody_says_who_was_told_goodbye_is_heard_out() -> None:
    """Else the kernel would answer it by a reset, and with that destroy the goodbye before it is read."""

    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect(b"hello") as client:
                await seen(lambda: bool(hall.entered))
                connected = hall.entered.pop().bound
                connected.send(b"goodbye")
                hall.doorway.farewell(connected)
                loop = asyncio.get_running_loop()
                await asyncio.wait_for(loop.sock_sendall(client, b"x" * 1_000_000), 120)
                assert await loop.sock_recv(client, 100) == b"goodbye"
                assert await is_closed(client)
            await seen(lambda: not hall.doorway.there)
            assert hall.turned_away == 0

    uvloop.run(scenario())


def test_a_process_without_descriptors_accepts_again_when_it_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "PAUSE_SECONDS", 0.05)

    async def scenario() -> None:
        async with opened(exhausted=2) as hall:
            with await hall.connect(b"hello"):
                await seen(lambda: bool(hall.entered))
            assert hall.bound.asked <= 2 + 2 + 1  # twice in vain, once for the connection, and until there is none

    uvloop.run(scenario())


def test_a_process_without_descriptors_takes_those_of_the_silent() -> None:
    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect() as silent:
                await seen(partial(has, hall.doorway.there, 1))
                hall.bound.times = 1
                with await hall.connect(b"hello"):
                    await seen(lambda: bool(hall.entered))
                assert await is_closed(silent)
                assert hall.turned_away == 1

    uvloop.run(scenario())


def test_a_server_without_descriptors_answers_reviews(start: Any, review: Any) -> None:
    server = start()
    there = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (there + 20, there + 20))
    with ExitStack() as silent:
        for _ in range(100):
            silent.enter_context(socket.create_connection(("127.0.0.1", server.port), 120))
        assert server.ask(body=review()).status == 200


def test_the_end_closes_who_waits() -> None:
    async def scenario() -> None:
        async with opened() as hall:
            client = await hall.connect()
            await seen(partial(has, hall.doorway.there, 1))
        with client:
            assert await is_closed(client)
            assert hall.turned_away == 0

    uvloop.run(scenario())


def test_a_bug_behind_the_doorway_ends_the_connection_in_which_it_is() -> None:
    """Whoever waits for his handshake at the same time is let in all the same."""

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with opened() as hall:
            let_in = hall.doorway.let_in

            def refuse(wire: "Wire") -> None:
                hall.doorway.let_in = let_in
                raise RuntimeError(wire)

            hall.doorway.let_in = refuse
            with await hall.connect(b"one") as one, await hall.connect(b"other") as other:
                await seen(lambda: bool(hall.entered))
                ended = other if hall.entered[0].bound.getpeername() == one.getsockname() else one
                assert await is_closed(ended)
                await seen(lambda: not hall.doorway.there)

    uvloop.run(scenario())
