"""Callers that keep their connections, as the API server does, and are cheap enough to leave the server no rest.

They are several processes on one core. A single one would run in step with the server, which answers a batch of
requests at a time: each would sleep while the other works, and half of both cores' time would be in no figure.
"""

import asyncio
import itertools
import os
import ssl
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

CONNECTIONS = 25  # what the API server keeps for each host (client-go, MaxIdleConnsPerHost)
PROCESSES = 3


@dataclass(frozen=True)
class Round:
    """What one round showed: answers, wall-clock and own processor seconds, and each answer's latency in seconds."""

    answers: int
    seconds: float
    own_seconds: float
    latencies: Sequence[float]


def request(body: bytes) -> bytes:
    """The bytes of one request, with the headers that the API server sends."""
    head = (
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: loghook.loghook.svc:443\r\nUser-Agent: kube-apiserver-admission\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body


class Callers:
    """The caller processes, all on the core `cpu`; they trust the CA in the file `authority`."""

    def __init__(self, cpu: int, authority: Path) -> None:
        self._pool = ProcessPoolExecutor(PROCESSES, initializer=os.sched_setaffinity, initargs=(0, {cpu}))
        self._authority = authority

    def call(self, port: int, requests: Sequence[bytes], seconds: float) -> Round:
        """Send `requests`, again and again and on every connection the next after each answer, for so long."""
        shares = [len(range(each, CONNECTIONS, PROCESSES)) for each in range(PROCESSES)]
        starts = [requests[len(requests) * each // PROCESSES :] for each in range(PROCESSES)]
        begun = [
            self._pool.submit(_call, port, self._authority, (*start, *requests), share, seconds)
            for start, share in zip(starts, shares, strict=True)
        ]
        rounds = [each.result() for each in begun]
        latencies = [latency for each in rounds for latency in each.latencies]
        took = statistics.mean(each.seconds for each in rounds)
        return Round(len(latencies), took, sum(each.own_seconds for each in rounds), latencies)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _call(port: int, authority: Path, requests: Sequence[bytes], connections: int, seconds: float) -> Round:
    context = ssl.create_default_context(cafile=authority)
    return uvloop.run(_call_on_this_loop(port, context, requests, connections, seconds))


async def _call_on_this_loop(
    port: int, context: ssl.SSLContext, requests: Sequence[bytes], count: int, seconds: float
) -> Round:
    loop = asyncio.get_running_loop()
    source, latencies = itertools.cycle(requests), list[float]()
    connections: list[_Connection] = []
    for _ in range(count):
        _, connection = await loop.create_connection(
            lambda: _Connection(source, latencies), "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        connections.append(connection)
    began, own = time.perf_counter(), time.process_time()
    for connection in connections:
        connection.send()
    await asyncio.sleep(seconds)
    for connection in connections:
        connection.ending = True
    await asyncio.wait_for(asyncio.gather(*(connection.ended for connection in connections)), 10)
    took, own = time.perf_counter() - began, time.process_time() - own
    return Round(len(latencies), took, own, latencies)


class _Connection(asyncio.Protocol):
    """One connection. Only the first answer is parsed: the others have its length, and are whole when it has come."""

    def __init__(self, source: Iterator[bytes], latencies: list[float]) -> None:
        self.ending = False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._source = source
        self._latencies = latencies
        self._came = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without being derived from it

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server closed a connection"))

    def send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._source))

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            self._came += data
            self._left = _length(self._came)
            if self._left == 0:
                return
            data, self._came = self._came, b""
        self._left -= len(data)
        if self._left == 0:
            self._answered()

    def _answered(self) -> None:
        self._latencies.append(time.perf_counter() - self._sent)
        if self.ending:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self.send()


def _length(begun: bytes) -> int:
    """How many bytes the answer that has `begun` has, head and body; 0 where its head is not complete yet."""
    end = begun.find(b"\r\n\r\n")
    if end < 0:
        return 0
    if not begun.startswith(b"HTTP/1.1 200 "):
        raise ValueError(f"the server answered {begun[:200]!r}")
    at = begun.index(b"content-length: ") + 16
    return end + 4 + int(begun[at : begun.index(b"\r\n", at)])
