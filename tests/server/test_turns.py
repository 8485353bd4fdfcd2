"""Whose turn it is, and what is charged for it."""

import asyncio
import socket
import time
from contextlib import ExitStack

import pytest
import uvloop

from webhook.server import turns as turns_module
from webhook.server.turns import CROWD, IN_HAND, Turns


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


class Kept(Asking):
    """A guest whose request waits for its decision from when it is read until the end of the turn."""

    def __init__(self, bound: socket.socket, had: float, order: list[Asking], turns: Turns) -> None:
        super().__init__(bound, had, order)
        self._turns = turns

    def read(self) -> None:
        super().read()
        self._turns.in_hand += 1


def test_while_reviews_wait_newcomers_do_not_go_before_who_was_answered_before() -> None:
    """One place in each turn, for which somebody comes anew each time: he would have it each time, for ever."""

    async def scenario() -> None:
        with ExitStack() as opened:
            order: list[Asking] = []

            def comes(more: float) -> Asking:
                one, other = (opened.enter_context(each) for each in socket.socketpair())
                guest = Kept(one, turns.now + more, order, turns)
                turns.watch(one, guest)
                other.send(b"x")
                return guest

            def end_turn() -> bool:
                turns.in_hand = IN_HAND - 1
                comes(0.0)
                return True

            turns = Turns(end_turn)
            turns.in_hand = IN_HAND - 1
            kept = comes(1.0)
            comes(0.0)
            async with asyncio.timeout(120):
                while len(order) < 10:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.005)
            assert kept in order[:2]
            turns.close()

    uvloop.run(scenario())


class Endless(Asking):
    """A guest who always has more to say, of which a part takes longer than there is time for the oldest."""

    def read(self) -> None:
        super().read()
        ends = time.thread_time() + 2 * turns_module.OLDEST_SECONDS
        while time.thread_time() < ends:
            pass


def test_while_reviews_wait_who_never_stops_does_not_have_all_the_time() -> None:
    """However long they wait: one of them is read, and then who had the least, who has not to make up for them."""

    async def scenario() -> None:
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            turns.in_hand = IN_HAND - 1
            order: list[Asking] = []
            pairs = [socket.socketpair() for _ in range(5)]
            for number, (one, other) in enumerate(pairs):
                opened.enter_context(one)
                opened.enter_context(other)
                other.send(b"x" * 100 if number else b"x")
            endless = [Endless(one, 100.0, order) for one, _ in pairs[1:]]
            for each in endless:
                each.ready_at = 1.0
            rare = Asking(pairs[0][0], 0.0, order)
            for (one, _), guest in zip(pairs, (rare, *endless), strict=True):
                turns.watch(one, guest)
            async with asyncio.timeout(120):
                while len(order) < 2:  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.005)
            assert order[0] in endless
            assert order[1] is rare
            assert rare.had < 50.0
            turns.close()

    uvloop.run(scenario())
