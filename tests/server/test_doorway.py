"""Connections before they are let in: what they may do there, and what they cost."""

import asyncio
import errno
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from webhook.server import doorway
from webhook.server.doorway import Doorway
from webhook.server.listener import listen


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

    def __init__(self, bound: Exhausted) -> None:
        self.bound = bound
        self.port = bound.getsockname()[1]
        self.entered: list[socket.socket] = []
        self.turned_away = 0
        self.doorway = Doorway(cast("socket.socket", bound), self._let_in, self._count)

    async def connect(self, says: bytes = b"") -> socket.socket:
        client = socket.socket()
        client.settimeout(0)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        if says:
            client.send(says)
        return client

    async def _let_in(self, accepted: socket.socket) -> None:
        self.entered.append(accepted)

    def _count(self) -> None:
        self.turned_away += 1


@asynccontextmanager
async def opened(exhausted: int = 0) -> AsyncIterator[Hall]:
    with listen("127.0.0.1", 0) as bound:
        hall = Hall(Exhausted(bound, exhausted))
        hall.doorway.open()
        try:
            yield hall
        finally:
            hall.doorway.close()
            await hall.doorway.wait_closed()
            for each in hall.entered:
                each.close()


async def seen(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.005)


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
                assert hall.entered[0].recv(100) == b"hello"
                assert hall.turned_away == 0

    uvloop.run(scenario())


def test_who_stays_silent_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "SILENT_SECONDS", 0.05)

    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect() as client:
                assert await is_closed(client)
                assert (hall.entered, hall.turned_away) == ([], 1)

    uvloop.run(scenario())


def test_who_has_spoken_while_we_did_not_look_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped must not take its own absence for a caller's silence."""
    monkeypatch.setattr(doorway, "SILENT_SECONDS", 0.3)

    async def scenario() -> None:
        async with opened() as hall:
            with await hall.connect() as client:
                await asyncio.sleep(0.05)
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
    monkeypatch.setattr(doorway, "WAITING_LIMIT", 3)

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


def test_a_turn_of_the_loop_has_few_handshakes() -> None:
    async def scenario() -> None:
        async with opened() as hall, AsyncExitStack() as clients:
            for _ in range(40):  # all before the loop has its next turn
                client = socket.create_connection(("127.0.0.1", hall.port), 120)
                clients.enter_context(client).send(b"hello")
            before, most = 0, 0
            while before < 40:
                await asyncio.sleep(0)
                most, before = max(most, len(hall.entered) - before), len(hall.entered)
            assert most <= doorway.LET_IN_AT_ONCE

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
                await asyncio.sleep(0.05)
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
            await asyncio.sleep(0.05)
        with client:
            assert await is_closed(client)
            assert hall.turned_away == 0

    uvloop.run(scenario())
