"""Whose turn it is, and what is charged for it."""

import asyncio
import socket
import time
from contextlib import ExitStack

import pytest
import uvloop

from webhook.server import turns as turns_module
from webhook.server.turns import CROWD, Turns


class Slow:
    """A guest who is served while somebody else has the processor."""

    has_more = False

    def __init__(self, bound: socket.socket) -> None:
        self.had = self.ready_at = 0.0
        self.reads = 0
        self._socket = bound

    def ready(self, events: int) -> bool:
        del events
        return True

    def read(self) -> None:
        self.reads += len(self._socket.recv(1))
        time.sleep(0.5)


def test_in_a_crowd_nobody_pays_for_the_time_of_others() -> None:
    """Who did would come last until each of the crowd has had as much."""

    async def scenario() -> None:
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            pairs = [socket.socketpair() for _ in range(CROWD + 1)]
            guests = [Slow(one) for one, _ in pairs]
            for (one, other), guest in zip(pairs, guests, strict=True):
                opened.enter_context(one)
                opened.enter_context(other)
                turns.watch(one, guest)
            pairs[0][1].send(b"x")
            async with asyncio.timeout(120):
                while not guests[0].reads:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.005)
            assert guests[0].had < 0.25
            turns.close()

    uvloop.run(scenario())


class Asking:
    """A guest who is always ready, or when he is told; in which order they were read is in `order`."""

    has_more = False

    def __init__(self, bound: socket.socket, had: float, order: list["Asking"]) -> None:
        self.had, self.ready_at = had, 0.0
        self._socket, self._order = bound, order

    def ready(self, events: int) -> bool:
        del events
        return True

    def read(self) -> None:
        self._socket.recv(1)
        self._order.append(self)


def test_who_asks_now_and_then_goes_before_those_who_come_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as he has saved up for, and not for ever."""
    monkeypatch.setattr(turns_module, "SAVED_SECONDS", 50.0)

    async def scenario() -> None:
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            order: list[Asking] = []
            pairs = [socket.socketpair() for _ in range(2)]
            for one, other in pairs:
                opened.enter_context(one)
                opened.enter_context(other)
            rare, new = (Asking(one, 0.0, order) for one, _ in pairs)
            turns.now = 100.0
            new.had = turns.now
            for (one, _), guest in zip(pairs, (new, rare), strict=True):
                turns.watch(one, guest)
            for _, other in pairs:
                other.send(b"x")
            async with asyncio.timeout(120):
                while len(order) < 2:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.005)
            assert order == [rare, new]
            assert 50.0 <= rare.had < 100.0 <= new.had
            turns.close()

    uvloop.run(scenario())
