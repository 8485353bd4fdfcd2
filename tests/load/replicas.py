"""Servers under test as processes, whose output goes to files: nobody has time to read it."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from processor import Waits
from prometheus_client.parser import text_string_to_metric_families

SERVING = Path(__file__).with_name("serving.py")
STOCK = Path(__file__).with_name("stock.py")
PATIENCE = 120.0


class Replica:
    """One server. `script` and what it is given make it; it says its ports in its first line."""

    def __init__(self, pki: Path, log: Path, script: Path = SERVING, **given: Any) -> None:
        given = {"tls_cert": str(pki / "tls.crt"), "tls_key": str(pki / "tls.key"), **given}
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(script), json.dumps(given)], stdout=output, stderr=subprocess.STDOUT
            )
        self.port = self.health_port = 0

    async def ready(self) -> "Replica":
        """Wait until it serves."""
        for _ in range(int(PATIENCE / 0.02)):
            with self.log.open("rb") as file:
                line = file.readline()
            if line.endswith(b"\n"):
                said = json.loads(line)
                self.port, self.health_port = said["port"], said.get("healthPort", 0)
                return self
            assert self.process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.02)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def terminate(self) -> None:
        """Begin to stop it, as the kubelet does."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), seconds)

    def resident(self) -> float:
        """Its resident memory, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of its metrics: the sum of those with these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=PATIENCE) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        samples = [one for family in families for one in family.samples if one.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())


class Replicas:
    """A Deployment's Pods: started and ended one by one, and none is left behind."""

    def __init__(self, pki: Path, folder: Path, script: Path = SERVING, **given: Any) -> None:
        self.all: list[Replica] = []
        self.waits = Waits()
        self._pki, self._folder, self._script, self._given = pki, folder, script, given

    async def start(self) -> Replica:
        """One more, that serves."""
        log = self._folder / f"replica-{len(self.all)}.log"
        self.all.append(Replica(self._pki, log, self._script, **self._given))
        self.waits.watch(self.all[-1].process.pid)
        return await self.all[-1].ready()

    def close(self) -> None:
        """End them all."""
        for each in self.all:
            if each.process.poll() is None:
                each.kill()


@contextlib.asynccontextmanager
async def one_replica(pki: Path, folder: Path, script: Path = SERVING, **given: Any) -> AsyncIterator[Replica]:
    """One server that is ready, ended at the end."""
    replicas = Replicas(pki, folder, script, **given)
    try:
        yield await replicas.start()
    finally:
        replicas.close()
