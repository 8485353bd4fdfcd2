"""One server among genuine callers and hostile ones, and what was seen of it."""

import asyncio
import itertools
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from apiserver import ApiServer, Endpoints, genuine, percentile
from replicas import SERVING, Replica, one_replica

HOSTILE = Path(__file__).with_name("hostile.py")
TICKS = os.sysconf("SC_CLK_TCK")
PEACEFUL = 25
"""How many answers it takes to know what peace is: a busy machine gives few of them in a second."""


class Scene:
    """A server, an API server with 25 callers, another caller who shakes hands anew each time, and what they saw."""

    def __init__(self, replica: Replica, context: ssl.SSLContext, bodies: Sequence[bytes]) -> None:
        self.replica = replica
        self.callers = ApiServer(context, Endpoints([replica.port]))
        self.failures: list[str] = []
        self.handshakes = 0
        self._context, self._bodies = context, bodies
        self._ends = asyncio.Event()

    async def run(self) -> None:
        """Call until `end`."""
        await asyncio.gather(genuine(self.callers, self._bodies, self._ends), self._come_anew())

    def end(self) -> None:
        self._ends.set()

    async def _come_anew(self) -> None:
        for body in itertools.cycle(self._bodies):
            newcomer = ApiServer(self._context, Endpoints([self.replica.port]))
            await newcomer.ask(body)
            newcomer.close()
            self.failures += newcomer.failures
            self.handshakes += 1
            if self._ends.is_set():
                return
            await asyncio.sleep(0.2)

    async def peace(self, seconds: float) -> None:
        """Let callers call, and have what they saw until now be peace."""
        await asyncio.sleep(1)  # 25 handshakes at once are no peace
        self.callers.latencies.clear()
        await asyncio.sleep(seconds)
        async with asyncio.timeout(120):
            while len(self.callers.latencies) < PEACEFUL:  # nobody tells
                await asyncio.sleep(0.05)
        self._calm = len(self.callers.latencies)
        self._mib = self.replica.resident()
        forget_peak(self.replica)
        self._cpu = processor_seconds(self.replica)

    async def war(self, seconds: float, *attackers: dict[str, int]) -> dict[str, Any]:
        """Let attackers come, each a process with so many of each sort (`hostile.py`); the figures."""
        came = await asyncio.gather(*(attack(self.replica.port, seconds, each) for each in attackers))
        spent = processor_seconds(self.replica) - self._cpu
        calm, pressed = self.callers.latencies[: self._calm], self.callers.latencies[self._calm :]
        p99 = {when: percentile(latencies, 0.99) for when, latencies in (("peace", calm), ("war", pressed))}
        return {
            "answered": len(pressed),
            "handshakes": self.handshakes,
            "failures": self.callers.failures + self.failures,
            "p99_ms": {when: round(1000 * value, 1) for when, value in p99.items()},
            "p99_ratio": round(p99["war"] / p99["peace"], 1),
            "mib_more": round(peak_mib(self.replica) - self._mib, 1),
            "cpu_seconds": round(spent, 1),
            "attackers": came,
        }


@asynccontextmanager
async def scene(
    pki: Path, folder: Path, context: ssl.SSLContext, bodies: Sequence[bytes], script: Path = SERVING, **given: Any
) -> AsyncIterator[Scene]:
    """A server and its callers."""
    async with one_replica(pki, folder, script, **given) as replica:
        one = Scene(replica, context, bodies)
        running = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            one.end()
            await running


async def attack(port: int, seconds: float, counts: dict[str, int]) -> dict[str, Any]:
    """Hostile clients for so many seconds, as a process; what each sort has seen."""
    given = json.dumps({"port": port, "seconds": seconds, **counts})
    process = await asyncio.create_subprocess_exec(sys.executable, str(HOSTILE), given, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    found: dict[str, Any] = json.loads(output)
    return found


def processor_seconds(replica: Replica) -> float:
    """The processor time that a server has had so far."""
    fields = Path(f"/proc/{replica.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def forget_peak(replica: Replica) -> None:
    """Have the peak of a server's memory count from now on."""
    Path(f"/proc/{replica.process.pid}/clear_refs").write_text("5")


def peak_mib(replica: Replica) -> float:
    """The most memory that a server had since."""
    status = Path(f"/proc/{replica.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
