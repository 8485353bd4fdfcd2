"""What a neighbour on the network can do to reviews: nothing that a caller would notice, whatever address he has."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
from apiserver import ApiServer, Endpoints, Reply, request
from replicas import STOCK, one_replica
from reviews import review
from scenes import forget_peak, peak_mib, processor_seconds, scene

MIB = 1024 * 1024
MIB_MORE = 32
P99_RATIO = 4
"""Of genuine reviews among hostile connections to the same callers' in peace."""

LARGEST_MIB_MORE = 64
HEAD = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
Size = Callable[[Any, Any], Any]


def figures_of(
    pki: Path,
    folder: Path,
    context: ssl.SSLContext,
    bodies: Sequence[bytes],
    seconds: tuple[float, float],
    attackers: Sequence[dict[str, int]],
    **given: Any,
) -> dict[str, Any]:
    """What is seen of a server in so many seconds of peace and of war."""

    async def scenario() -> dict[str, Any]:
        async with scene(pki, folder, context, bodies, drain_seconds=0, **given) as one:
            await one.peace(seconds[0])
            return await one.war(seconds[1], *attackers)

    return uvloop.run(scenario())


ALL = [{"half": 5000}, {"half": 4500, "torn": 500}, {"flood": 500}]
FEW = [{"half": 1400, "torn": 100}]


def test_unfinished_handshakes_cost_nobody_anything(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Size, report: Any
) -> None:
    """10,000 that are begun and never finished, beside 500 connections that send headers without end."""
    seconds, attackers = size(((1, 5), FEW), ((10, 60), ALL))
    found = figures_of(pki, tmp_path, context, bodies, seconds, attackers)
    report(**found)
    assert found["failures"] == []
    assert found["answered"] > size(50, 5000)
    assert found["mib_more"] <= MIB_MORE
    assert size(0, found["p99_ratio"]) <= P99_RATIO


def test_an_event_loops_own_server_takes_memory_for_them(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control: the same handshakes before uvicorn as it comes."""

    async def scenario() -> float:
        async with scene(pki, tmp_path, context, bodies, STOCK) as one:
            await one.peace(0.5)
            more = 0.0
            for _ in range(12):  # attackers are nice, and get little time of a busy machine
                more = max(more, float((await one.war(5, *FEW))["mib_more"]))
                if more > MIB_MORE:
                    break
            return more

    assert uvloop.run(scenario()) > MIB_MORE


@pytest.mark.parametrize("sort", ["flood", "tiny", "bodies", "dawdling", "chunks", "pipeline"])
def test_flooding_connections_cost_nobody_anything(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Size, report: Any, sort: str
) -> None:
    """Headers or bodies without end, in small pieces or large ones, fast or slow; or requests, with no answer read."""
    seconds, attackers = size(((1, 4), [{sort: 150}]), ((10, 30), [{sort: 250}, {sort: 250}]))
    found = figures_of(pki, tmp_path, context, bodies, seconds, attackers)
    report(sort=sort, **found)
    assert found["failures"] == []
    assert found["answered"] > size(30, 2000)
    assert found["mib_more"] <= MIB_MORE
    assert size(0, found["p99_ratio"]) <= P99_RATIO


def test_many_requests_at_once_do_not_stall_their_connection(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any
) -> None:
    """The API server sends one after the other; who sends all at once gets all answers, and waits for nobody."""
    count = 400
    sent = b"".join(request(review(number, annotated=True), 5) for number in range(count))

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", replica.port, ssl=context, server_hostname="localhost"
            )
            forget_peak(replica)
            before = replica.resident()
            writer.write(sent)
            other = ApiServer(context, Endpoints([replica.port]))
            assert await other.ask(review(0, annotated=True))
            other.close()
            got = bytearray()
            async with asyncio.timeout(120):
                while got.count(b"HTTP/1.1 200 ") < count:
                    more = await reader.read(65536)
                    assert more, f"closed after {got.count(b'HTTP/1.1 200 ')} answers"
                    got += more
            writer.transport.abort()
            report(mib_more=round(peak_mib(replica) - before, 1))
            assert peak_mib(replica) - before < MIB_MORE

    uvloop.run(scenario())


def test_slow_large_bodies_shed_no_pod(pki: Path, tmp_path: Path, context: ssl.SSLContext) -> None:
    """Four of 6 MiB, of which each has sent a part and then a little now and then: who is slow has no room for ever."""
    head = HEAD + b"Content-Length: %d\r\n\r\n" % (6 * MIB)

    async def dawdle(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            writer.write(head + b" " * 100_000)
            while not writer.transport.is_closing():
                await asyncio.sleep(0.1)
                writer.write(b" " * 1000)
        finally:
            writer.transport.abort()

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            dawdling = [asyncio.create_task(dawdle(replica.port)) for _ in range(4)]
            await asyncio.sleep(1)
            server = ApiServer(context, Endpoints([replica.port]), timeout=5, tries=1)
            for bytes_ in (100_000, 100_000, 3 * MIB):
                await server.ask(review(0, annotated=True).ljust(bytes_))
            server.close()
            for each in dawdling:
                each.cancel()
            await asyncio.gather(*dawdling, return_exceptions=True)
            assert server.failures == []

    uvloop.run(scenario())


def test_large_reviews_come_through_among_large_bodies(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Size
) -> None:
    """Hundreds come anew for the room of one, and the newest has it first: but not before whom we know."""

    async def scenario() -> None:
        async with scene(pki, tmp_path, context, bodies, drain_seconds=0) as one:
            await one.peace(0.5)
            attackers, seconds = size(([{"bodies": 400}], 6), ([{"bodies": 250}] * 2, 30))
            attacked = asyncio.create_task(one.war(seconds, *attackers))
            server = ApiServer(context, Endpoints([one.replica.port]), timeout=30)
            while not attacked.done():
                await server.ask(review(0, annotated=True))
                await server.ask(review(1, annotated=True).ljust(3 * MIB))
                await asyncio.sleep(0.2)
            server.close()
            assert (await attacked)["failures"] == []
            assert server.failures == []
            assert server.answered > 2

    uvloop.run(scenario())


def cost_of(pki: Path, folder: Path, context: ssl.SSLContext, sent: bytes) -> tuple[bytes, float, float]:
    """The first line that comes back for some bytes, and the server's processor seconds and MiB for it.

    No line where the server has closed while bytes were still being sent: the system may throw the answer away then.
    """

    async def scenario() -> tuple[bytes, float, float]:
        async with one_replica(pki, folder, drain_seconds=0) as replica:
            server = ApiServer(context, Endpoints([replica.port]))
            assert isinstance(await server.send(request(review(0, annotated=True), 5)), Reply)
            forget_peak(replica)
            mib, cpu = replica.resident(), processor_seconds(replica)
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", replica.port, ssl=context, server_hostname="localhost"
            )
            answer = asyncio.create_task(reader.readline())
            for at in range(0, len(sent), 65536):
                writer.write(sent[at : at + 65536])
                try:
                    await writer.drain()
                except ConnectionError:
                    break
            line = b""
            async with asyncio.timeout(60):
                with contextlib.suppress(ConnectionError):
                    line = await answer
            writer.transport.abort()
            server.close()
            return line, processor_seconds(replica) - cpu, peak_mib(replica) - mib

    return uvloop.run(scenario())


def test_a_body_in_the_smallest_chunks_costs_little(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any
) -> None:
    sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * (2 * MIB)
    for number in range(10):  # until the refusal comes through
        folder = tmp_path / str(number)
        folder.mkdir()
        line, cpu, mib = cost_of(pki, folder, context, sent)
        report(cpu_seconds=cpu, mib_more=mib)
        if line:
            break
    assert line.startswith(b"HTTP/1.1 400 ")
    assert cpu <= 0.25


def test_a_head_of_the_smallest_headers_costs_little(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any
) -> None:
    """Of 63 KiB, which would be few large ones or 10,000 small ones, at twenty times their bytes in memory."""
    line, cpu, mib = cost_of(pki, tmp_path, context, HEAD + b"X:x\r\n" * 12_900 + b"\r\n")
    report(cpu_seconds=cpu, mib_more=mib)
    assert line.startswith(b"HTTP/1.1 431 ")


def test_headers_behind_a_body_cost_little(pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any) -> None:
    """A body in chunks may have some behind it, which are as many as those before it."""
    sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"a:b\r\n" * 1_000_000
    _, cpu, mib = cost_of(pki, tmp_path, context, sent)
    report(cpu_seconds=cpu, mib_more=mib)
    assert mib <= MIB_MORE


def test_who_was_refused_waits_for_no_room(pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any) -> None:
    """Large bodies that waited behind another, and have come to their end meanwhile: nothing is left of them."""

    async def send(port: int, head: bytes, part: bytes, seconds: float) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        ends = time.monotonic() + seconds
        try:
            writer.write(head)
            while time.monotonic() < ends:
                writer.write(part)
                await asyncio.sleep(0.1)
        finally:
            writer.transport.abort()

    async def scenario() -> float:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            slow = send(replica.port, HEAD + b"Content-Length: %d\r\n\r\n" % (7 * MIB), b" " * 20_000, 1000)
            holds_the_room = asyncio.create_task(slow)
            await asyncio.sleep(1)
            refused = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 40
            for _ in range(30):
                comes = (send(replica.port, refused, b"1\r\nx\r\n" * 4000, 0.05) for _ in range(40))
                await asyncio.gather(*comes)
            before = processor_seconds(replica)
            await asyncio.sleep(3)
            spent = processor_seconds(replica) - before
            holds_the_room.cancel()
            await asyncio.gather(holds_the_room, return_exceptions=True)
            return spent

    idle = uvloop.run(scenario())
    report(cpu_seconds=idle)
    assert idle < 0.25


def test_the_largest_bodies_at_once_take_little_memory(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, size: Size, report: Any
) -> None:
    """One at a time, and every one of them is answered."""
    body = review(0, annotated=True).ljust(7 * MIB)

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            server = ApiServer(context, Endpoints([replica.port]), timeout=30)
            await server.ask(review(1, annotated=True))
            forget_peak(replica)
            before = replica.resident()
            await asyncio.gather(*(server.ask(body) for _ in range(size(25, 100))))
            await server.ask(review(1, annotated=True))
            server.close()
            more = peak_mib(replica) - before
            report(mib_more=round(more, 1), answered=server.answered, failed=len(server.failures))
            assert more <= LARGEST_MIB_MORE
            assert server.answered > 2
            assert size([], server.failures) == []  # on a busy machine there may be too little time for all

    uvloop.run(scenario())
