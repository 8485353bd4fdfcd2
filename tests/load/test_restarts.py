"""R1: replicas are restarted under load, and no review fails. uvicorn as it comes loses some."""

import asyncio
import functools
import itertools
import random
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
from apiserver import ApiServer, Endpoints
from processor import Waits
from replicas import STOCK, Replica, Replicas

CALLERS = 25
ENDPOINT_LAG = 1.0  # seconds until the last node knows
IDLE_SECONDS = 5.0  # of the caller's 90, so that old replicas are left within the test


class Load:
    """Callers that ask one review after the other through one API server, until they are told to stop."""

    def __init__(self, server: ApiServer, bodies: Sequence[bytes], right: dict[bytes, bytes] | None) -> None:
        self.wrong = 0
        self._server = server
        self._bodies = itertools.cycle(bodies)
        self._right = right
        self._stop = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, callers: int, think_seconds: float) -> None:
        for number in range(callers):
            self._tasks.append(asyncio.create_task(self._call(random.Random(number), think_seconds)))
        self._tasks.append(asyncio.create_task(self._prune()))

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)
        self._server.close()

    async def _call(self, dice: random.Random, think_seconds: float) -> None:
        while not self._stop:
            body = next(self._bodies)
            reply = await self._server.ask(body)
            if reply is None and self._server.failures:
                return  # one is enough, and one that is refused at once would go on for ever
            if reply is not None and self._right and reply.body != self._right[body]:
                self.wrong += 1
            if think_seconds:
                await asyncio.sleep(dice.uniform(0, think_seconds))

    async def _prune(self) -> None:
        while not self._stop:
            self._server.prune()
            await asyncio.sleep(0.2)


async def restart_each(replicas: Replicas, endpoints: Endpoints, running: list[Replica]) -> None:
    """A rolling restart: for each replica a new one, which is ready before the old one is told to go."""
    for old in list(running):
        new = await replicas.start()
        endpoints.add(new.port)
        running.append(new)
        await asyncio.sleep(endpoints.random.uniform(0, endpoints.lag))
        running.remove(old)
        endpoints.remove(old.port)  # the kubelet's signal and the news of it travel apart
        old.terminate()


async def under_load(
    replicas: Replicas, server: ApiServer, endpoints: Endpoints, load: Load, rounds: int, think_seconds: float
) -> None:
    """So many rolling restarts of two replicas, with callers all the time."""
    running = [await replicas.start() for _ in range(2)]
    endpoints.ports += [each.port for each in running]
    load.start(CALLERS if not think_seconds else 60, think_seconds)
    for _ in range(rounds):
        await restart_each(replicas, endpoints, running)
        if server.failures:
            break
    await load.stop()


@pytest.mark.parametrize("think_seconds", [0, 0.8], ids=["busy", "sparse"])
def test_no_review_fails_while_replicas_restart(
    pki: Path,
    tmp_path: Path,
    context: ssl.SSLContext,
    bodies: Sequence[bytes],
    answers: dict[bytes, bytes],
    size: Callable[[Any, Any], Any],
    report: Callable[..., None],
    think_seconds: float,
) -> None:
    rounds = size(1, 20) if think_seconds else size(5, 50)  # of both: twice as many restarts

    async def scenario() -> None:
        replicas = Replicas(pki, tmp_path, drain_seconds=60)
        endpoints = Endpoints(lag=ENDPOINT_LAG)
        server = ApiServer(context, endpoints, idle_seconds=IDLE_SECONDS, waited=replicas.waits.seconds)
        load = Load(server, bodies, answers)
        try:
            await under_load(replicas, server, endpoints, load, rounds, think_seconds)
            assert server.failures == []
            assert size([], server.starved) == [], "there was too much else to do: this says nothing of the servers"
            assert load.wrong == 0
            assert server.answered >= size(200, 300_000 if not think_seconds else 5_000)
            codes = [await each.ended() for each in replicas.all[:-2]]
            assert codes == [0] * (2 * rounds)
        finally:
            replicas.close()
        report(
            restarts=2 * rounds,
            answered=server.answered,
            failed=len(server.failures),
            starved=len(server.starved),
            repeated=server.repeated,
        )

    uvloop.run(scenario())


def test_uvicorn_as_it_comes_loses_reviews(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control: with the same callers, so they can see a lost review."""

    async def scenario() -> None:
        replicas = Replicas(pki, tmp_path, STOCK)
        endpoints = Endpoints(lag=ENDPOINT_LAG)
        server = ApiServer(context, endpoints, idle_seconds=IDLE_SECONDS)
        load = Load(server, bodies, None)
        try:
            await under_load(replicas, server, endpoints, load, 10, 0)
            assert server.failures
        finally:
            replicas.close()

    uvloop.run(scenario())


def test_tells_a_slow_server_from_a_slow_machine(context: ssl.SSLContext) -> None:
    """The control: who is not answered has failed, unless it was the processor that he and the server waited for."""

    def waiting(each_time: float) -> Callable[[], float]:
        return functools.partial(next, itertools.count(0, each_time))

    async def scenario(silent: socket.socket) -> tuple[int, ...]:
        port = silent.getsockname()[1]
        servers = [
            ApiServer(context, Endpoints([port]), timeout=1),
            ApiServer(context, Endpoints([port]), timeout=1, waited=waiting(0.3)),
            ApiServer(context, Endpoints([port]), timeout=1, waited=waiting(0.6)),
        ]
        assert await asyncio.gather(*(each.ask(b"{}") for each in servers)) == [None] * 3
        return tuple(len(each.failures) for each in servers)

    with socket.create_server(("127.0.0.1", 0)) as silent:  # where nobody ever shakes hands
        assert uvloop.run(scenario(silent)) == (1, 1, 0)
    assert Waits().seconds() > 0 or not Path("/proc/self/schedstat").exists()
