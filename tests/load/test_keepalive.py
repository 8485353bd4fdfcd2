"""R2: whenever a caller uses a kept connection, it is still there.

Time is a hundred times faster than it is in life: the caller keeps connections for 0.9 s in place of 90.
"""

import asyncio
import random
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from apiserver import ApiServer, Endpoints
from replicas import STOCK, one_replica

LONGEST_GAP = 0.88  # seconds; the caller itself gives up its connections at 0.9


async def come_back(server: ApiServer, bodies: Sequence[bytes], dice: random.Random, times: int) -> None:
    """Ask again and again, after gaps of all lengths."""
    for number in range(times):
        await server.ask(bodies[number % len(bodies)])
        await asyncio.sleep(dice.uniform(0.005, LONGEST_GAP))


async def everyone_comes_back(port: int, context: ssl.SSLContext, bodies: Sequence[bytes], times: int) -> list[str]:
    """A hundred API servers with a connection each; what failed."""
    servers = [ApiServer(context, Endpoints([port]), idle_seconds=0.9) for _ in range(100)]
    coming = (come_back(server, bodies, random.Random(number), times) for number, server in enumerate(servers))
    await asyncio.gather(*coming)
    for server in servers:
        server.close()
    assert sum(server.answered + len(server.failures) for server in servers) == 100 * times
    return [failure for server in servers for failure in server.failures]


def test_no_kept_connection_is_closed_under_a_caller(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Any, report: Any
) -> None:
    times = size(8, 100)
    constants = {"watch.SWEEP_SECONDS": 0.01, "limits.KEEP_ALIVE_SECONDS": 240, "limits.READ_SECONDS": 500}

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0, constants=constants) as replica:
            failures = await everyone_comes_back(replica.port, context, bodies, times)
            report(reviews=100 * times, failed=len(failures))
            assert failures == []

    uvloop.run(scenario())


def test_uvicorns_five_seconds_lose_reviews(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control: a timeout within the caller's own. It has to meet the very moment, so gaps are all around it.

    The timeout is not faster than in life here, since uvicorn counts in whole seconds.
    """

    async def hit(server: ApiServer, dice: random.Random) -> None:
        for number in range(3):
            await server.ask(bodies[number])
            await asyncio.sleep(dice.uniform(0.99, 1.02))

    async def scenario() -> None:
        failures: list[str] = []
        async with one_replica(pki, tmp_path, STOCK, timeout_keep_alive=1) as replica:
            for attempt in range(20):
                servers = [ApiServer(context, Endpoints([replica.port])) for _ in range(200)]
                await asyncio.gather(*(hit(server, random.Random(n + attempt)) for n, server in enumerate(servers)))
                failures += [failure for server in servers for failure in server.failures]
                if failures:
                    break
        assert failures

    uvloop.run(scenario())
