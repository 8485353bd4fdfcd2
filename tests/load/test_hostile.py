"""R13: silent and flooding clients in numbers, and no genuine review fails."""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop
from apiserver import ApiServer, Endpoints, genuine, percentile
from replicas import STOCK, Replica, one_replica

HOSTILE = Path(__file__).with_name("hostile.py")
RESIDENT_MIB = 256
"""What a Pod of ours should be limited to. Half of it may be pages in uvloop's buffers, 256 KiB for each connection."""
BORNE_SECONDS = 30


async def attack(port: int, seconds: float, **counts: int) -> dict[str, dict[str, float]]:
    """Let hostile clients come for so many seconds; how long each sort was borne at most, and how often it came."""
    given = json.dumps({"port": port, "seconds": seconds, **counts})
    process = await asyncio.create_subprocess_exec(sys.executable, str(HOSTILE), given, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    found: dict[str, dict[str, float]] = json.loads(output)
    return found


async def watch(replica: Replica, stop: asyncio.Event) -> float:
    """The most memory that it had, in MiB."""
    most = 0.0
    while not stop.is_set():
        most = max(most, replica.resident())
        await asyncio.sleep(0.2)
    return most


def test_no_genuine_review_fails_among_silent_and_flooding_clients(
    pki: Path,
    tmp_path: Path,
    context: ssl.SSLContext,
    bodies: Sequence[bytes],
    size: Callable[[Any, Any], Any],
    report: Callable[..., None],
) -> None:
    counts = size({"silent": 300, "mute": 60, "flood": 8}, {"silent": 2000, "mute": 500, "flood": 50})
    seconds = size(8, 60)
    more = size({"max_connections": 150}, {})

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0, **more) as replica:
            server, stop = ApiServer(context, Endpoints([replica.port])), asyncio.Event()
            calling = asyncio.create_task(genuine(server, bodies, stop))
            await asyncio.sleep(size(1, 5))
            async with asyncio.timeout(120):
                while not server.answered:  # nobody tells
                    await asyncio.sleep(0.05)
            before, calm = replica.resident(), len(server.latencies)
            watching = asyncio.create_task(watch(replica, stop))
            borne = await attack(replica.port, seconds, **counts)
            stop.set()
            await calling
            most = await watching
            report(
                answered=server.answered,
                failed=len(server.failures),
                repeated=server.repeated,
                p99_ms=round(1000 * percentile(server.latencies[calm:], 0.99), 1),
                p99_ms_in_peace=round(1000 * percentile(server.latencies[:calm], 0.99), 1),
                mib_before=round(before),
                mib_most=round(most),
                borne_seconds=borne,
            )
            assert server.failures == []
            assert server.answered > size(50, 5000)
            assert most < RESIDENT_MIB
            assert max(each["borne_seconds"] for each in borne.values()) <= BORNE_SECONDS
            assert await asyncio.to_thread(replica.metric, "loghook_connections_dropped_total") > 0

    uvloop.run(scenario())


def test_uvicorn_with_a_limit_fails_genuine_reviews(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control: what one would do about it with uvicorn's own means."""

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, STOCK, limit_concurrency=50) as replica:
            server = ApiServer(context, Endpoints([replica.port]))
            stop = asyncio.Event()
            calling = asyncio.create_task(genuine(server, bodies, stop))
            for _ in range(20):  # attackers are nice, and get little time of a busy machine
                await attack(replica.port, 3, silent=100)
                if server.failures:
                    break
            stop.set()
            await calling
            assert server.failures

    uvloop.run(scenario())
