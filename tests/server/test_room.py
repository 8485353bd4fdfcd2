"""Room for large bodies: who gets it, and who gives way."""

import asyncio
import time

import pytest

from webhook.server import room
from webhook.server.room import BYTES_A_SECOND, DAWDLING_SECONDS, ROOM_BYTES, Room


class Body:
    """A large body that is being received."""

    def __init__(self, here: int = 0, *, waiting: bool = False, known: bool = False) -> None:
        self.body_bytes, self.is_kept_waiting, self.is_gone = here, waiting, False
        self.is_known = known

    def give_way(self) -> None:
        self.is_gone = True


class Counting(Room):
    """Room that counts how often somebody asked."""

    asked = 0

    def take(self, holder: room.Holder, size: int) -> bool:
        self.asked += 1
        return super().take(holder, size)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which is set by its only element."""
    now = [100.0]
    monkeypatch.setattr(room, "perf_counter", lambda: now[0])
    return now


def test_there_is_so_much_and_no_more(clock: list[float]) -> None:
    del clock
    there, one, other = Room(), Body(), Body()
    assert there.take(one, ROOM_BYTES)
    assert not there.take(other, 1)
    there.leave(one)
    assert there.take(other, 1)
    there.leave(one)  # again, which changes nothing
    assert not there.take(one, ROOM_BYTES)


def test_who_dawdles_gives_way_to_who_waits(clock: list[float]) -> None:
    there, one = Room(), Body()
    there.take(one, ROOM_BYTES)
    clock[0] += DAWDLING_SECONDS + 1
    other = Body()
    assert not there.take(other, ROOM_BYTES)
    assert one.is_gone
    assert there.take(other, ROOM_BYTES)


def test_the_newest_who_asks_is_first(clock: list[float]) -> None:
    del clock
    there, one, older, newer = Room(), Body(), Body(), Body()
    there.take(one, ROOM_BYTES)
    assert not there.take(older, 1)
    assert not there.take(newer, 1)
    there.leave(one)
    assert not there.take(older, 1)
    assert there.take(newer, ROOM_BYTES)
    there.leave(newer)
    assert there.take(older, 1)


def test_who_has_asked_reviews_before_is_before_the_newest(clock: list[float]) -> None:
    del clock
    there, one, known, newer, newest = Room(), Body(), Body(known=True), Body(known=True), Body()
    there.take(one, ROOM_BYTES)
    assert not there.take(known, 1)
    assert not there.take(newer, 1)
    assert not there.take(newest, 1)
    there.leave(one)
    assert not there.take(newest, 1)
    assert not there.take(known, 1)
    assert there.take(newer, ROOM_BYTES)
    there.leave(newer)
    assert there.take(known, ROOM_BYTES)
    there.leave(known)
    assert there.take(newest, 1)


@pytest.mark.parametrize("holder", [Body(waiting=True), Body(2 * BYTES_A_SECOND)])
def test_who_is_fast_and_who_waits_for_us_does_not(clock: list[float], holder: Body) -> None:
    there = Room()
    there.take(holder, ROOM_BYTES)
    clock[0] += DAWDLING_SECONDS + 1
    assert not there.take(Body(), 1)
    assert not holder.is_gone


def test_nobody_has_to_give_way_where_nobody_waits(clock: list[float]) -> None:
    there, slow = Room(), Body()
    there.take(slow, ROOM_BYTES // 2)
    clock[0] += 1000
    assert there.take(Body(), ROOM_BYTES // 2)
    assert not slow.is_gone


def test_of_those_who_wait_only_the_newest_looks() -> None:
    async def scenario() -> None:
        there, one, waiting = Counting(), Body(waiting=True), [Body() for _ in range(300)]
        there.take(one, ROOM_BYTES)
        until = time.perf_counter() + 120
        tasks = [asyncio.create_task(there.wait(each, ROOM_BYTES, until)) for each in waiting]
        await asyncio.sleep(0.5)
        assert there.asked < 3 * len(waiting)
        there.leave(one)
        for each, task in zip(reversed(waiting), reversed(tasks), strict=True):  # the newest first
            assert await task
            there.leave(each)

    asyncio.run(scenario())


def test_who_is_gone_waits_no_more() -> None:
    async def scenario() -> None:
        there, one, older, newer = Room(), Body(waiting=True), Body(), Body()
        there.take(one, ROOM_BYTES)
        until = time.perf_counter() + 1000
        tasks = [asyncio.create_task(there.wait(each, ROOM_BYTES, until)) for each in (older, newer)]
        await asyncio.sleep(0)
        there.leave(newer)
        assert not await tasks[1]
        there.leave(one)
        assert await tasks[0]

    asyncio.run(scenario())


def test_who_waits_too_long_has_none() -> None:
    async def scenario() -> None:
        there, one = Room(), Body(waiting=True)
        there.take(one, ROOM_BYTES)
        assert not await there.wait(Body(), ROOM_BYTES, time.perf_counter() + 0.1)

    asyncio.run(scenario())
