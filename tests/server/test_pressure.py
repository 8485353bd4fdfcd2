"""Too much to do: what is sent away, how, and what is never sent away."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from webhook.server.pressure import TURN_SECONDS, Pressure, budget
from webhook.server.watch import UNFINISHED_BYTES, Watch

HEAD = b"POST /mutate?timeout=%b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (b"", 30),
        (b"timeout=5s", 5),
        (b"timeout=30s", 30),
        (b"timeout=500ms", 0.5),
        (b"timeout=2m", 30),
        (b"dryRun=All&timeout=1s&x", 1),
        (b"timeout=1h", 30),
        (b"timeout=-1s", 30),
        (b"timeout=99999999s", 30),
        (b"xtimeout=1s", 30),
        (b"timeout=1sx", 30),
    ],
)
def test_the_callers_patience_is_in_the_query(query: bytes, seconds: float) -> None:
    assert budget(query) == seconds


def test_a_loop_that_was_held_up_lags_and_then_does_not() -> None:
    async def scenario() -> None:
        pressure = Pressure()
        measuring = asyncio.create_task(pressure.measure())
        await asyncio.sleep(0.25)
        time.sleep(0.7)  # noqa: ASYNC251  # what is tested is a loop that is held up
        held_until = time.perf_counter()
        seen = []
        for _ in range(10):  # turns of the loop, of which one finds out
            await asyncio.sleep(0)
            seen.append(pressure.lag(held_until))
        assert max(seen) > 0.4
        assert pressure.lag(held_until + 60) == 0
        while pressure.lag(time.perf_counter()) > 0.4:  # noqa: ASYNC110  # who comes now has not waited; nobody tells
            await asyncio.sleep(0.01)
        assert pressure.peak() > 0.4
        measuring.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_came_first_has_the_first_turn(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Five who wait, and one more in each turn of the loop, which has time for one and would ask the newest first."""
    order: list[int] = []

    async def decide(pressure: Pressure, number: int) -> None:
        await pressure.turn()
        order.append(number)
        time.sleep(TURN_SECONDS * 1.2)  # noqa: ASYNC251  # what a decision does

    async def scenario() -> None:
        pressure = Pressure()
        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                tasks.create_task(decide(pressure, number))
            await decide(pressure, -1)  # from here on each of the loop's turns ends after the five were asked
            for number in range(5, 25):
                tasks.create_task(decide(pressure, number))
                await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
    assert order == list(range(-1, 25))


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def labels(line: str) -> set[str]:
    return set(line.partition("{")[2].partition("}")[0].split(","))


def shed(server: Any, reason: str) -> int:
    (line,) = [
        line
        for line in server.health("/metrics")[1].splitlines()
        if line.startswith("loghook_reviews_shed_total{") and {f'reason="{reason}"', 'webhook="pods"'} <= labels(line)
    ]
    return int(float(line.rpartition(" ")[2]))


def test_a_review_that_waited_too_long_is_told_to_come_again(start: Any, review: Any) -> None:
    """Eight at once, of 0.7 s each: those whose turn comes first are answered, the last would wait for five."""
    server = start(core_seconds=0.7)
    body = review(annotated=False)
    with contextlib.ExitStack() as open_:
        callers = [open_.enter_context(server.open_socket()) for _ in range(8)]
        for caller in callers:
            caller.sendall(HEAD % (b"7s", len(body)) + body)
        heads = [caller.recv(65536).partition(b"\r\n\r\n")[0] for caller in callers]
    lines = [head.split(b"\r\n")[0] for head in heads]
    sent_away = [head for head in heads if head.startswith(b"HTTP/1.1 503 ")]
    assert lines.count(b"HTTP/1.1 200 OK") + len(sent_away) == 8
    assert 1 <= len(sent_away) <= 7
    for head in sent_away:
        assert {b"retry-after: 1", b"connection: close"} <= set(head.split(b"\r\n"))
    assert shed(server, "waited") == len(sent_away)
    assert server.ask(body=body).status == 200


def test_a_review_whose_caller_has_given_up_is_not_decided(start: Any, review: Any) -> None:
    server = start(constants={"limits.READ_SECONDS": 60})
    body = review("u-late")
    for timeout, status in ((b"1s", b"503"), (b"30s", b"200")):
        with server.open_socket() as caller:
            caller.sendall(HEAD % (timeout, len(body)) + body[:-1])
            time.sleep(1.2)
            caller.sendall(body[-1:])
            assert caller.recv(65536).startswith(b"HTTP/1.1 %b " % status)
    assert shed(server, "late") == 1


def test_a_large_body_waits_for_room_and_is_sent_away_when_there_is_none_in_time(start: Any, review: Any) -> None:
    """One of 7 MiB but for its last byte holds all the room that there is; those of less beside it are answered."""
    server = start(constants={"limits.READ_SECONDS": 60, "room.DAWDLING_SECONDS": 60})
    body = review("u-large", size=7 * MIB)
    with contextlib.ExitStack() as open_:
        holding = open_.enter_context(server.open_socket())
        holding.sendall(HEAD % (b"30s", len(body)) + body[:-1])
        assert server.ask(body=review()).status == 200
        assert server.ask(body=review(size=500 * 1024)).status == 200
        assert server.ask(path="/mutate?timeout=1s", body=body).status == 503
        assert shed(server, "memory") == 1
        patient = open_.enter_context(server.open_socket())
        sending = threading.Thread(target=patient.sendall, args=(HEAD % (b"30s", len(body)) + body,))
        sending.start()
        holding.sendall(body[-1:])
        assert holding.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert patient.recv(65536).startswith(b"HTTP/1.1 200 ")
        sending.join()
    assert shed(server, "memory") == 1


def test_the_idlest_connection_goes_for_a_new_one(start: Any, review: Any) -> None:
    server = start(max_connections=4)
    with contextlib.ExitStack() as open_:
        kept = [open_.enter_context(contextlib.closing(server.connect())) for _ in range(2)]
        for each in kept:
            server.ask(body=review(), on=each)
        silent = [open_.enter_context(server.open_socket()) for _ in range(2)]
        server.ask(body=review())  # a fifth: the first of the silent ones goes
        assert silent[0].recv(1) == b""
        for number in range(3):
            assert server.ask(body=review(f"u-{number}")).status == 200  # each takes and leaves the free place
        open_.enter_context(server.open_socket())
        assert server.ask(body=review()).status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            must_be_open(silent[1])
        used = [each.sock for each in kept]
        assert [server.ask(body=review(), on=each).status for each in kept] == [200, 200]
        assert [each.sock for each in kept] == used
    text = server.health("/metrics")[1]
    assert 'loghook_connections_dropped_total{reason="crowded"}' in text


def must_be_open(connection: ssl.SSLSocket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    if not connection.recv(1):
        raise ConnectionError("closed")


class Standing:
    """A connection as a Watch sees it."""

    def __init__(
        self, *, asked: bool = False, answering: bool = False, known: bool = False, asking: bool = False
    ) -> None:
        self.has_asked, self.is_answering, self.is_gone = asked, answering, False
        self.is_known, self.is_asking = known, answering or asking

    def abort(self) -> None:
        self.is_gone = True


@pytest.mark.parametrize(
    ("states", "gone"),
    [
        ([{"asked": True}, {}, {}], 1),  # one that never asked, before one that is kept
        ([{"asked": True}, {"asked": True}], 0),  # of kept ones, the one that did nothing for longest
        ([{"asked": True, "answering": True}, {"asked": True}], 1),
        ([{"asking": True}, {"asked": True}], 1),  # one that sends its first request, after one that asked no review
        ([{"asking": True}, {"asked": True, "known": True}], 0),
        ([{"answering": True}, {"asked": True, "answering": True}], None),  # one that waits for an answer never goes
    ],
)
def test_which_connection_goes(states: list[dict[str, bool]], gone: int | None) -> None:
    dropped: list[str] = []
    watch: Any = Watch(lambda _: None, dropped.append, most=len(states))
    there = [Standing(**state) for state in states]
    for each in (*there, Standing()):
        watch.add(each)
    assert [number for number, each in enumerate(there) if each.is_gone] == ([] if gone is None else [gone])
    assert dropped == ([] if gone is None else ["crowded"])


@pytest.mark.parametrize(
    ("known", "gone"),
    [
        ([False, False, False], [0]),
        ([True, False, True], [1]),  # one that has asked a review before stays as long as there is another
        ([True, True, False], [0]),  # but never the one that goes on
    ],
)
def test_whose_request_goes(known: list[bool], gone: list[int]) -> None:
    watch: Any = Watch(lambda _: None, lambda _: None)

    class Asking(Standing):
        """A connection that has begun a request."""

        def abort(self) -> None:
            super().abort()
            watch.holds_nothing(self)

    there = [Asking(known=each) for each in known]
    for each in there:
        watch.holds(each, UNFINISHED_BYTES // 3)
    watch.holds(there[-1], UNFINISHED_BYTES // 3 + 3)
    assert [number for number, each in enumerate(there) if each.is_gone] == gone


def test_no_request_goes_that_waits_for_its_answer() -> None:
    watch: Any = Watch(lambda _: None, lambda _: None)
    answering, asking = Standing(answering=True), Standing(asking=True)
    watch.holds(answering, UNFINISHED_BYTES)
    watch.holds(asking, 1)
    assert not answering.is_gone
