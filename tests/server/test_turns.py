"""Whose turn it is, and what is charged for it."""

import asyncio
import socket
import time
from contextlib import ExitStack

import pytest
import uvloop
from waiting import seen

from webhook.server import turns as turns_module
from webhook.server.turns import CROWD, IN_HAND, SAVED_SECONDS, Order, Turns


class Slow:
    """A guest who is served while somebody else has the processor."""

    has_more = False

    def __init__(self, bound: socket.socket, order: Order) -> None:
        self.order = order
        self.had = self.ready_at = 0.0
        self.reads = 0
        self._socket = bound

    def ready(self, events: int) -> "Slow":
        del events
        return self

    def read(self) -> None:
        self.reads += len(self._socket.recv(1))
        time.sleep(0.5)

    def abort(self) -> None:
        raise AssertionError("nothing went wrong")


def pair(opened: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Two sockets that are connected, until `opened` is closed."""
    one, other = socket.socketpair()
    return opened.enter_context(one), opened.enter_context(other)


def test_in_a_crowd_nobody_pays_for_the_time_of_others() -> None:
    """Who did would come last until each of the crowd has had as much."""

    async def scenario() -> None:
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            pairs = [pair(opened) for _ in range(CROWD + 1)]
            guests = [Slow(one, turns.others) for one, _ in pairs]
            for (one, _), guest in zip(pairs, guests, strict=True):
                turns.watch(one, guest)
            pairs[0][1].send(b"x")
            await seen(lambda: guests[0].reads > 0)
            assert guests[0].had < 0.25
            turns.close()

    uvloop.run(scenario())


class Asking:
    """A guest who is always ready, or when he is told; who was read when is in `read_so_far`."""

    has_more = False

    def __init__(self, bound: socket.socket, order: Order, had: float, read_so_far: list["Asking"]) -> None:
        self.order, self.had, self.ready_at = order, had, 0.0
        self._socket, self._read_so_far = bound, read_so_far

    def ready(self, events: int) -> "Asking":
        del events
        return self

    def read(self) -> None:
        self._socket.recv(1)
        self._read_so_far.append(self)

    def abort(self) -> None:
        raise AssertionError("nothing went wrong")


def test_who_asks_now_and_then_goes_before_those_who_come_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as he has saved up for, and not for ever."""
    monkeypatch.setattr(turns_module, "SAVED_SECONDS", 50.0)

    async def scenario() -> None:
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            read: list[Asking] = []
            pairs = [pair(opened) for _ in range(2)]
            rare, new = (Asking(one, turns.others, 0.0, read) for one, _ in pairs)
            turns.others.now = new.had = 100.0
            for (one, _), guest in zip(pairs, (new, rare), strict=True):
                turns.watch(one, guest)
            for _, other in pairs:
                other.send(b"x")
            await seen(lambda: len(read) >= 2)
            assert read == [rare, new]
            assert 50.0 <= rare.had < 100.0 <= new.had
            turns.close()

    uvloop.run(scenario())


class Kept(Asking):
    """A guest whose request waits for its decision from when it is read until the end of the turn."""

    def __init__(self, bound: socket.socket, had: float, read_so_far: list[Asking], turns: Turns) -> None:
        super().__init__(bound, turns.others, had, read_so_far)
        self._turns = turns

    def read(self) -> None:
        super().read()
        self._turns.in_hand += 1


def test_while_reviews_wait_newcomers_do_not_go_before_who_was_answered_before() -> None:
    """One place in each turn, for which somebody comes anew each time: he would have it each time, for ever."""

    async def scenario() -> None:
        with ExitStack() as opened:
            read: list[Asking] = []

            def comes(more: float) -> Asking:
                one, other = pair(opened)
                guest = Kept(one, turns.others.now + more, read, turns)
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
            await seen(lambda: len(read) >= 10)
            assert kept in read[:2]
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
            read: list[Asking] = []
            pairs = [pair(opened) for _ in range(5)]
            for number, (_, other) in enumerate(pairs):
                other.send(b"x" * 100 if number else b"x")
            endless = [Endless(one, turns.others, 100.0, read) for one, _ in pairs[1:]]
            for each in endless:
                each.ready_at = 1.0
            rare = Asking(pairs[0][0], turns.others, 0.0, read)
            for (one, _), guest in zip(pairs, (rare, *endless), strict=True):
                turns.watch(one, guest)
            await seen(lambda: len(read) >= 2)
            assert read[0] in endless
            assert read[1] is rare
            assert rare.had < 50.0
            turns.close()

    uvloop.run(scenario())


class Hungry(Asking):
    """A guest who sends without end, of which each part takes all the time of a turn, or makes work for as long."""

    def __init__(self, bound: socket.socket, turns: Turns, read_so_far: list[Asking], *, later: bool) -> None:
        super().__init__(bound, turns.others, 0.0, read_so_far)
        self._turns, self._later = turns, later

    def read(self) -> None:
        super().read()
        if self._later:
            self._turns.owe(turns_module.TURN_SECONDS)
            return
        ends = time.perf_counter() + 1.5 * turns_module.TURN_SECONDS
        while time.perf_counter() < ends:
            pass


@pytest.mark.parametrize("later", [False, True])
def test_regulars_go_first_and_others_have_some_time_in_every_turn(*, later: bool) -> None:
    """Whatever a regular has had, and however many send without end: of these one is read in a turn."""

    async def scenario() -> None:
        with ExitStack() as opened:
            read: list[Asking] = []
            turns = Turns(lambda: True)
            pairs = [pair(opened) for _ in range(4)]
            for _, other in pairs:
                other.send(b"x" * 1000)
            regular = Asking(pairs[0][0], turns.regulars, 1000.0, read)
            hungry = [Hungry(one, turns, read, later=later) for one, _ in pairs[1:]]
            for (one, _), guest in zip(pairs, (regular, *hungry), strict=True):
                turns.watch(one, guest)
            await seen(lambda: len(read) >= 40)
            assert read[:40:2] == [regular] * 20
            assert set(read[1:40:2]) == set(hungry)
            turns.close()

    uvloop.run(scenario())


def test_who_has_come_once_is_not_behind_newcomers_for_ever() -> None:
    """Some time is everybody's who is there: however many come anew, those who have had a part of theirs go on."""

    async def scenario() -> None:
        with ExitStack() as opened:
            read: list[Asking] = []

            def comes(more: float) -> Asking:
                one, other = pair(opened)
                guest = Hungry(one, turns, read, later=False)
                guest.had = turns.others.now + more
                turns.watch(one, guest)
                other.send(b"x")
                return guest

            turns = Turns(lambda: bool(comes(0.0)))
            turns.guests = 2
            there = comes(SAVED_SECONDS)
            await seen(lambda: len(read) >= 10)
            assert there in read
            turns.close()

    uvloop.run(scenario())


class Quick(Asking):
    """A guest whose requests are decided in the next turn of the loop."""

    def __init__(self, bound: socket.socket, turns: Turns, read_so_far: list[Asking]) -> None:
        super().__init__(bound, turns.others, 0.0, read_so_far)
        self._turns = turns

    def read(self) -> None:
        super().read()
        self._turns.in_hand += 1
        asyncio.get_running_loop().call_soon(self._decide)

    def _decide(self) -> None:
        self._turns.in_hand -= 1


def test_what_others_ask_keeps_no_regular_waiting() -> None:
    """Their requests are decided before the next turn begins: so many as may be in hand would be one too many."""

    async def scenario() -> None:
        with ExitStack() as opened:
            read: list[Asking] = []
            turns = Turns(lambda: True)
            pairs = [pair(opened) for _ in range(IN_HAND + 1)]
            for _, other in pairs:
                other.send(b"x" * 1000)
            regular = Asking(pairs[0][0], turns.regulars, 0.0, read)
            for (one, _), guest in zip(
                pairs, (regular, *(Quick(one, turns, read) for one, _ in pairs[1:])), strict=True
            ):
                turns.watch(one, guest)
            await seen(lambda: len(read) >= 20 * IN_HAND)
            assert read.count(regular) >= len(read) // (2 * IN_HAND)
            turns.close()

    uvloop.run(scenario())


class Demoted(Asking):
    """A regular of whose request the end is missing."""

    def __init__(self, bound: socket.socket, turns: Turns, read_so_far: list[Asking]) -> None:
        super().__init__(bound, turns.regulars, 0.0, read_so_far)
        self._turns = turns

    def read(self) -> None:
        super().read()
        self.order, self.had = self._turns.others, 100.0
        time.sleep(0.05)


def test_who_becomes_no_regular_pays_for_it() -> None:
    async def scenario() -> None:
        one, other = socket.socketpair()
        with one, other:
            turns = Turns(lambda: False)
            read: list[Asking] = []
            demoted = Demoted(one, turns, read)
            turns.watch(one, demoted)
            other.send(b"x")
            await seen(lambda: bool(read))
            assert demoted.had >= 100.05
            turns.close()

    uvloop.run(scenario())


class Faulty(Asking):
    """A guest in whose reading there is a bug, or in the end that it comes to."""

    def __init__(self, bound: socket.socket, order: Order, read_so_far: list[Asking], *, ends_well: bool) -> None:
        super().__init__(bound, order, 0.0, read_so_far)
        self.is_over = False
        self._ends_well = ends_well

    def read(self) -> None:
        super().read()
        raise RecursionError("a bug")

    def abort(self) -> None:
        self.is_over = True
        self._socket.close()
        if not self._ends_well:
            raise KeyError("another bug")


@pytest.mark.parametrize("is_regular", [False, True], ids=["others", "regulars"])
def test_a_bug_ends_the_guest_in_whom_it_is(*, is_regular: bool) -> None:
    """It is logged, and whoever comes behind him has his turn: those, too, of whom no selector knows."""

    async def scenario() -> None:
        logged: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: logged.append(type(context["exception"]).__name__))
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            order = turns.regulars if is_regular else turns.others
            read: list[Asking] = []
            pairs = [pair(opened) for _ in range(3)]
            faulty = [Faulty(pairs[at][0], order, read, ends_well=at == 0) for at in range(2)]
            sound = Asking(pairs[2][0], order, 1.0, read)
            for guest, (_, other) in zip((*faulty, sound), pairs, strict=True):
                other.send(b"x")
                turns.again(guest)
            await seen(lambda: sound in read)
            assert [each.is_over for each in faulty] == [True, True]
            assert logged == ["RecursionError", "RecursionError", "KeyError"]
            turns.watch(pairs[2][0], sound)
            pairs[2][1].send(b"x")
            await seen(lambda: len(read) >= 4)
            turns.close()

    uvloop.run(scenario())


class Unready(Faulty):
    """A watcher who has a bug already before he is read from."""

    def ready(self, events: int) -> Asking:
        raise ValueError(events)


def test_a_bug_ends_the_watcher_in_whom_it_is() -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with ExitStack() as opened:
            turns = Turns(lambda: False)
            read: list[Asking] = []
            pairs = [pair(opened) for _ in range(2)]
            unready = Unready(pairs[0][0], turns.others, read, ends_well=True)
            sound = Asking(pairs[1][0], turns.others, 0.0, read)
            for guest, (one, other) in zip((unready, sound), pairs, strict=True):
                turns.watch(one, guest)
                other.send(b"x")
            await seen(lambda: sound in read)
            assert unready.is_over
            turns.close()

    uvloop.run(scenario())
