"""R12: memory and descriptors after a million reviews are what they were after the first hundred thousand."""

import asyncio
import itertools
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from apiserver import Endpoints, patient
from replicas import Replica, one_replica
from reviews import review

MIB_MORE = 5
MIB_NOISE = 16
"""What the allocator may differ by in a short run beside others. 40,000 reviews that are kept would be 220 MiB."""


def many(count: int) -> list[bytes]:
    """Reviews of different Pods, and of like ones, of wrong ones, and of some that are none."""
    found = [review(number, annotated=number % 5 > 0, differs=number % 2 > 0) for number in range(count)]
    found[::7] = [each.replace(b"/var/log", b"/etc/log") for each in found[::7]]  # refused
    return found


async def ask_all(replica: Replica, context: ssl.SSLContext, bodies: Sequence[bytes], count: int) -> int:
    """So many reviews by 25 callers, each over a new connection now and then; how many connections there were."""
    server = patient(context, Endpoints([replica.port]))
    source = itertools.islice(itertools.cycle(bodies), count)

    async def call(number: int) -> None:
        for asked, body in enumerate(source):
            await server.ask(body)
            server.latencies.clear()
            if asked % 100 == number:
                server.close()

    await asyncio.gather(*(call(number) for number in range(25)))
    server.close()
    assert server.failures == []
    return server.dialled


async def rotate(pki: Path, files: Sequence[Path], rotations: int) -> None:
    """Write the pair anew, as new files."""
    for _ in range(rotations):
        for file in files:
            new = file.with_suffix(".new")
            new.write_bytes((pki / file.name).read_bytes())
            new.replace(file)
        await asyncio.sleep(0.3)


async def growth(
    pki: Path, folder: Path, context: ssl.SSLContext, numbers: tuple[int, int, int], **given: Any
) -> dict[str, float]:
    """How many MiB and files a server has more after `numbers` of reviews to warm up, to measure, and of rotations."""
    warm, count, rotations = numbers
    bodies = many(2000)
    files = [folder / "tls.crt", folder / "tls.key"]
    for file in files:
        file.write_bytes((pki / file.name).read_bytes())
    given |= {"tls_cert": str(files[0]), "tls_key": str(files[1]), "drain_seconds": 0}
    async with one_replica(pki, folder, **given, constants={"files.POLL_SECONDS": 0.05}) as replica:
        await ask_all(replica, context, bodies, warm)
        before = replica.resident(), replica.descriptors()
        rotating = asyncio.create_task(rotate(pki, files, rotations))
        dialled = await ask_all(replica, context, bodies, count)
        await rotating
        await asyncio.sleep(4)  # connections that were closed are gone, and their memory given back
        return {
            "reviews": count,
            "connections": dialled,
            "mib_before": before[0],
            "mib_more": round(replica.resident() - before[0], 1),
            "files_more": replica.descriptors() - before[1],
            "taken_over": await asyncio.to_thread(
                replica.metric, "loghook_certificate_reloads_total", result="success"
            ),
        }


def test_nothing_grows(pki: Path, tmp_path: Path, context: ssl.SSLContext, size: Any, report: Any) -> None:
    numbers, most = size(((10_000, 40_000, 5), MIB_NOISE), ((100_000, 1_000_000, 1000), MIB_MORE))
    found = uvloop.run(growth(pki, tmp_path, context, numbers))
    report(**found)
    assert found["mib_more"] <= most
    assert found["files_more"] <= 0
    assert found["taken_over"] > 0


def test_what_grows_is_seen(pki: Path, tmp_path: Path, context: ssl.SSLContext) -> None:
    """The control: a server that forgets to let each review go."""
    found = uvloop.run(growth(pki, tmp_path, context, (2_000, 10_000, 0), keeps_bodies=True))
    assert found["mib_more"] > MIB_NOISE
