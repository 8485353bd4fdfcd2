"""R14, R15: more than there is time or memory for. What is answered comes in time, the rest is told to come again."""

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
from apiserver import TRIES, ApiServer, Endpoints, Reply, genuine
from replicas import Replica, Replicas, one_replica
from reviews import review

MIB = 1024 * 1024
RESIDENT_MIB = 256


async def arrive(server: ApiServer, bodies: Sequence[bytes], rate: float, seconds: float) -> list[Reply | None]:
    """Send so many reviews a second, whether or not earlier ones have been answered; all replies."""
    source = itertools.cycle(bodies)
    began = time.perf_counter()
    asked = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        asked.append(asyncio.create_task(server.ask(next(source))))
    return list(await asyncio.gather(*asked))


def overloaded(
    pki: Path, folder: Path, context: ssl.SSLContext, bodies: Sequence[bytes], seconds: float, **given: Any
) -> tuple[ApiServer, int, int]:
    """A server that needs 25 ms for a review, and twice as many as that allows, each once: who waits 2 s for an answer.

    The caller, how many it was told to send again, and how many got no answer in time.
    """

    async def scenario() -> ApiServer:
        async with one_replica(pki, folder, drain_seconds=0, core_seconds=0.025, **given) as replica:
            server = ApiServer(context, Endpoints([replica.port]), timeout=2, tries=1)
            await arrive(server, bodies, 80, seconds)
            server.close()
            return server

    server = uvloop.run(scenario())
    shed = sum(failure.startswith("HTTP 503") for failure in server.failures)
    return server, shed, len(server.failures) - shed


@pytest.mark.soak  # it is about seconds, and what else runs on the machine takes some of them
def test_twice_the_load_that_it_bears_makes_no_answer_late(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Any, report: Any
) -> None:
    seconds = size(4, 60)
    server, shed, late = overloaded(pki, tmp_path, context, bodies, seconds)
    report(answered=server.answered, shed=shed, late=late)
    assert late == 0
    assert shed > 0
    assert server.answered > 40 * seconds / 3  # it goes on answering, on a busy machine too


def test_without_shedding_most_answers_are_late(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control."""
    constants = {"admission.UNNOTICED_SECONDS": 1e9}
    _, shed, late = overloaded(pki, tmp_path, context, bodies, 4, constants=constants)
    assert shed == 0
    assert late > 0


def beside_a_slow_one(
    pki: Path, folder: Path, context: ssl.SSLContext, bodies: Sequence[bytes], seconds: float, tries: int
) -> ApiServer:
    """Two replicas, of which one needs 0.2 s for a review as if its processor were taken away; the caller of both."""

    async def scenario() -> ApiServer:
        good, slow = (
            Replicas(pki, each, drain_seconds=0, core_seconds=core_seconds)
            for each, core_seconds in ((_made(folder / "good"), 0.001), (_made(folder / "slow"), 0.2))
        )
        try:
            ports = [(await each.start()).port for each in (good, slow)]
            server, stop = ApiServer(context, Endpoints(ports, seed=1), tries=tries), asyncio.Event()
            calling = asyncio.create_task(genuine(server, bodies, stop))
            await asyncio.sleep(seconds)
            stop.set()
            await calling
            server.close()
        finally:
            good.close()
            slow.close()
        return server

    return uvloop.run(scenario())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.soak  # it is about seconds, and what else runs on the machine takes some of them
def test_a_caller_that_comes_again_fails_never(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Any, report: Any
) -> None:
    """One replica has 5 reviews a second to give, and half of all new connections of 25 callers."""
    server = beside_a_slow_one(pki, tmp_path, context, bodies, size(4, 60), tries=TRIES)
    report(answered=server.answered, repeated=server.repeated, failed=len(server.failures))
    assert server.failures == []
    assert server.repeated > 0


@pytest.mark.soak
def test_a_caller_that_does_not_come_again_fails(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control."""
    assert beside_a_slow_one(pki, tmp_path, context, bodies, 6, tries=1).failures


def test_many_of_the_largest_bodies_at_once_do_not_use_up_memory(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, size: Any, report: Any
) -> None:
    """They are sent at once, wait for memory, and come again as told; and a small one finds its way between them."""
    body = review(0, annotated=True).ljust(7 * MIB)

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            server = ApiServer(context, Endpoints([replica.port]), timeout=30)
            stop = asyncio.Event()
            watching = asyncio.create_task(_most_memory(replica, stop))
            await asyncio.gather(*(server.ask(body) for _ in range(size(40, 100))))
            small = await server.ask(review(1, annotated=True))
            stop.set()
            most = await watching
            report(mib=round(most), answered=server.answered, repeated=server.repeated, failed=len(server.failures))
            assert most < RESIDENT_MIB
            assert small
            assert server.answered > 10

    uvloop.run(scenario())


async def _most_memory(replica: Replica, stop: asyncio.Event) -> float:
    most = 0.0
    while not stop.is_set():
        most = max(most, replica.resident())
        await asyncio.sleep(0.02)
    return most


def test_a_pod_as_large_as_the_api_server_takes_is_answered(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, report: Any
) -> None:
    """3 MiB, of which 256 KiB are annotations."""
    text = review(0, annotated=True).decode()
    notes = ",".join(f'"note-{n}":"{"x" * 1000}"' for n in range(256))
    text = text.replace('"annotations":{', '"annotations":{' + notes + ",", 1)
    args = ",".join(f'"{"y" * 1000}"' for _ in range(2850))
    text = text.replace('"args":[', '"args":[' + args + ",", 1)
    assert 2.9 * MIB < len(text) < 3.2 * MIB

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            server = ApiServer(context, Endpoints([replica.port]))
            for _ in range(5):
                reply = await server.ask(text.encode())
                assert reply
                assert b'"patchType":"JSONPatch"' in reply.body
            report(ms=[round(1000 * each, 1) for each in server.latencies])
            server.close()

    uvloop.run(scenario())


@pytest.mark.soak
@pytest.mark.parametrize("callers", [25, 100])
def test_how_long_a_review_takes(
    pki: Path,
    tmp_path: Path,
    context: ssl.SSLContext,
    bodies: Sequence[bytes],
    report: Callable[..., None],
    callers: int,
) -> None:
    """R20: two replicas, each caller one review after the other; beyond 25 each pays a handshake."""

    async def scenario() -> None:
        replicas = Replicas(pki, tmp_path, drain_seconds=0)
        try:
            server = ApiServer(context, Endpoints([(await replicas.start()).port for _ in range(2)]))
            end = time.perf_counter() + 20

            async def call(source: Any) -> None:
                while time.perf_counter() < end:
                    await server.ask(next(source))

            await asyncio.gather(*(call(itertools.cycle(bodies)) for _ in range(callers)))
            assert server.failures == []
            figures = {f"p{int(100 * part)}_ms": round(1000 * server.percentile(part), 1) for part in (0.5, 0.99)}
            report(callers=callers, answered=server.answered, dialled=server.dialled, **figures)
        finally:
            replicas.close()

    uvloop.run(scenario())
