"""R4: the serving pair is replaced again and again, often by something unusable, and no handshake fails."""

import asyncio
import itertools
import random
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from apiserver import ApiServer, Endpoints
from cryptography import x509
from replicas import STOCK, Replica, one_replica

from certs.authority import Authority, Pair, issue_leaf, parse_certificate, parse_key, restore_authority

CALLERS = 8
State = tuple[bytes, bytes]


class Rotation:
    """What is written to the serving pair's files, again and again: good pairs, and every kind of bad one."""

    def __init__(self, pki: Path, seed: int) -> None:
        ca = [(pki / name).read_bytes() for name in ("ca.crt", "ca.key")]
        self._ca = Authority(parse_certificate(ca[0]), parse_key(ca[1]))
        self._past = datetime.now(UTC) - timedelta(days=9)
        self._ca_then = restore_authority(self._ca.key, self._past)
        self._dice = random.Random(seed)
        self._kinds = itertools.cycle(["torn", "mismatched", "expired", "empty"])

    def good(self) -> State:
        """A new leaf and its key."""
        return _pem(issue_leaf(self._ca, ["localhost"], datetime.now(UTC)))

    def states(self, good: int, bad: int) -> Iterator[tuple[str, State]]:
        """So many pairs of each sort, in random order; a torn one is followed by what makes it whole."""
        order = ["good"] * (good - bad) + ["bad"] * bad
        self._dice.shuffle(order)
        for sort in order:
            kind = next(self._kinds) if sort == "bad" else "good"
            new = self.good()
            if kind != "good":
                yield kind, self._bad(kind, new)
            yield "good", new

    def _bad(self, kind: str, new: State) -> State:
        expired = issue_leaf(self._ca_then, ["localhost"], self._past, timedelta(days=1))
        kinds = {
            "torn": (new[0], new[1][: len(new[1]) // 2]),
            "mismatched": (new[0], self.good()[1]),
            "expired": _pem(expired),
            "empty": (b"", b""),
        }
        return kinds[kind]


def _pem(pair: Pair) -> State:
    return pair.certificate_pem(), pair.key_pem()


class InPlace:
    """Plain files, one written after the other."""

    def __init__(self, folder: Path, first: State) -> None:
        self.files = folder / "tls.crt", folder / "tls.key"
        self.write(first)

    def write(self, state: State) -> None:
        for file, content in zip(self.files, state, strict=True):
            file.write_bytes(content)


class Mounted(InPlace):
    """A mounted Secret: links through `..data`, which the kubelet renames over."""

    def __init__(self, folder: Path, first: State) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")
        super().__init__(folder, first)

    def write(self, state: State) -> None:
        link = self._folder / "..data"
        old = link.resolve() if link.is_symlink() else None
        new = self._folder / f"..{next(self._numbers)}"
        new.mkdir()
        for file, content in zip(self.files, state, strict=True):
            (new / file.name).write_bytes(content)
        (self._folder / "..new").symlink_to(new.name)
        (self._folder / "..new").replace(link)
        if old:
            shutil.rmtree(old)


class Shaking:
    """Callers that shake hands without a pause, and sometimes ask."""

    def __init__(self, context: ssl.SSLContext, port: int, bodies: Sequence[bytes]) -> None:
        self.done = 0
        self.serials: set[int] = set()
        self.failures: list[str] = []
        self._context, self._port, self._bodies = context, port, itertools.cycle(bodies)
        self._stop = False

    async def run(self) -> None:
        """Go on until `stop`."""
        await asyncio.gather(*(self._shake() for _ in range(CALLERS)))

    def stop(self) -> None:
        self._stop = True

    async def _shake(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop:
            try:
                transport, _ = await loop.create_connection(
                    asyncio.Protocol, "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
                )
            except OSError as error:
                self.failures.append(str(error))
                await asyncio.sleep(0.01)
                continue
            der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.serials.add(x509.load_der_x509_certificate(der).serial_number)
            transport.abort()
            self.done += 1
            if self.done % 50 == 0:
                await self._ask()

    async def _ask(self) -> None:
        server = ApiServer(self._context, Endpoints([self._port]))
        await server.ask(next(self._bodies))
        server.close()
        self.failures += server.failures


async def rotate(files: InPlace, rotation: Rotation, counts: tuple[int, int], seconds: float) -> int:
    """Write all states, evenly spread over so many seconds, the last one good; its serial number."""
    good, bad = counts
    states = [*rotation.states(good, bad)]
    began = time.perf_counter()
    for number, (_, state) in enumerate(states, start=1):
        await asyncio.to_thread(files.write, state)
        await asyncio.sleep(max(0.0, began + seconds * number / len(states) - time.perf_counter()))
    return parse_certificate(states[-1][1][0]).serial_number


async def served(shaking: Shaking, serial: int, seconds: float) -> bool:
    """Whether this certificate is served within so many seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if serial in shaking.serials:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("way", [InPlace, Mounted])
def test_no_handshake_fails_while_certificates_rotate(
    pki: Path,
    tmp_path: Path,
    context: ssl.SSLContext,
    bodies: Sequence[bytes],
    size: Callable[[Any, Any], Any],
    report: Callable[..., None],
    way: type[InPlace],
) -> None:
    counts, seconds = size(((20, 8), 2), ((500, 200), 60))

    async def scenario() -> None:
        rotation = Rotation(pki, seed=1)
        files = way(tmp_path, rotation.good())
        given: dict[str, Any] = {"tls_cert": str(files.files[0]), "tls_key": str(files.files[1]), "drain_seconds": 0}
        # Looked at far more often than usual, so that bad pairs are seen, and not only the last of many.
        constants = {"files.POLL_SECONDS": 0.01}
        async with one_replica(pki, tmp_path, **given, constants=constants) as replica:
            shaking = Shaking(context, replica.port, bodies)
            running = asyncio.create_task(shaking.run())
            last = await rotate(files, rotation, counts, seconds)
            assert await served(shaking, last, 120)
            while shaking.done < size(300, 30_000):
                await asyncio.sleep(0.1)
            shaking.stop()
            await running
            assert shaking.failures == []
            await check(replica, len(shaking.serials))
            report(handshakes=shaking.done, failed=0, served=len(shaking.serials), way=way.__name__)

    async def check(replica: Replica, serials: int) -> None:
        results = {
            result: await asyncio.to_thread(replica.metric, "loghook_certificate_reloads_total", result=result)
            for result in ("success", "failure")
        }
        assert results["success"] >= counts[0] / 6
        assert results["failure"] >= counts[1] / 6  # bad ones were seen, and not served
        assert serials >= counts[0] / 6

    uvloop.run(scenario())


def test_a_new_certificate_is_served_within_a_second_or_so(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], report: Callable[..., None]
) -> None:
    """With the interval that it has; the assertion is generous to a busy machine, the report is not."""

    async def scenario() -> None:
        rotation = Rotation(pki, seed=2)
        files = Mounted(tmp_path, rotation.good())
        given: dict[str, Any] = {"tls_cert": str(files.files[0]), "tls_key": str(files.files[1]), "drain_seconds": 0}
        async with one_replica(pki, tmp_path, **given) as replica:
            shaking = Shaking(context, replica.port, bodies)
            running = asyncio.create_task(shaking.run())
            new = rotation.good()
            files.write(new)
            began = time.perf_counter()
            assert await served(shaking, parse_certificate(new[0]).serial_number, 120)
            report(served_after=round(time.perf_counter() - began, 2))
            shaking.stop()
            await running
            assert shaking.failures == []

    uvloop.run(scenario())


def test_a_context_that_is_reloaded_in_place_fails_handshakes(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes]
) -> None:
    """The control: with the same callers and files, so they can see a failed handshake."""

    async def scenario() -> None:
        rotation = Rotation(pki, seed=1)
        files = InPlace(tmp_path, rotation.good())
        names = {"tls_cert": str(files.files[0]), "tls_key": str(files.files[1])}
        async with one_replica(pki, tmp_path, STOCK, **names, reload_in_place=True) as replica:
            shaking = Shaking(context, replica.port, bodies)
            running = asyncio.create_task(shaking.run())
            for _ in range(20):  # a busy machine shakes few hands meanwhile
                await rotate(files, rotation, (20, 8), 2)
                if shaking.failures:
                    break
            shaking.stop()
            await running
            assert shaking.failures

    uvloop.run(scenario())
