"""A caller that behaves as the API server's webhook client does, and counts what an API server would call a failure.

Go's transport under client-go (apiserver util/webhook/client.go, client-go rest/request.go and with_retry.go, net/http
transport.go): HTTP/1.1; idle connections are kept for 90 s, the newest first, 25 for each host; a POST whose connection
ends before the answer is not repeated; 429 and 5xx are, up to ten times within the time limit, where the answer has a
`Retry-After` of whole seconds. A Service has one address, so each new connection goes to any of the endpoints that the
node knows of, for some time also to those that are gone.
"""

import asyncio
import itertools
import math
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

IDLE_CONNECTIONS = 25  # for each host; what is more is closed after its answer
IDLE_SECONDS = 90.0
HANDSHAKE_SECONDS = 10.0
TRIES = 11


class CallError(Exception):
    """What the API server calls "failed calling webhook", for which failurePolicy decides."""


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def retry_after(self) -> int | None:
        """The seconds after which to come again, where this is an answer that is repeated for."""
        value = self.headers.get(b"retry-after", b"")
        return int(value) if (self.status == 429 or self.status >= 500) and value.isdigit() else None


@dataclass
class Endpoints:
    """The ports behind the Service as a node knows them: it learns of each change after `lag` seconds at most.

    It learns of them in the order in which they happened, since each EndpointSlice has all that was true at its time.
    """

    ports: list[int] = field(default_factory=list)
    lag: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._last = 0.0

    def add(self, port: int) -> None:
        """A replica has become ready."""
        self._learn(self.ports.append, port)

    def remove(self, port: int) -> None:
        """A replica is being deleted."""
        self._learn(self.ports.remove, port)

    def _learn(self, change: Callable[[int], None], port: int) -> None:
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + self.random.uniform(0, self.lag))
        loop.call_at(self._last, change, port)


def request(body: bytes, timeout: int) -> bytes:
    """The bytes of one request, with the headers that the API server sends."""
    head = (
        f"POST /mutate?timeout={timeout}s HTTP/1.1\r\nHost: loghook.loghook.svc:443\r\n"
        f"User-Agent: kube-apiserver-admission\r\nContent-Length: {len(body)}\r\nAccept: application/json, */*\r\n"
        "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body


class ApiServer:
    """One API server's connections to the webhook, and what it saw."""

    def __init__(
        self,
        context: ssl.SSLContext,
        endpoints: Endpoints,
        *,
        timeout: int = 5,
        idle_seconds: float = IDLE_SECONDS,
        tries: int = TRIES,
        waited: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.answered = self.repeated = self.dialled = 0
        self.failures: list[str] = []
        self.starved: list[str] = []
        self.latencies: list[float] = []
        self.timeout = timeout
        self._context = context
        self._endpoints = endpoints
        self._idle_seconds = idle_seconds
        self._tries = tries
        self._waited = waited
        self._idle: list[_Connection] = []

    async def ask(self, body: bytes) -> Reply | None:
        """The answer to a review; None where it failed, which is noted.

        Where caller and servers have `waited` for a processor for most of its time, that is no failure of theirs.
        """
        began, before = time.perf_counter(), self._waited()
        try:
            reply = await self._ask(request(body, self.timeout), began + self.timeout)
        except (CallError, OSError, TimeoutError) as error:
            waited = self._waited() - before
            is_starved = isinstance(error, TimeoutError) and waited > self.timeout / 2
            noted = self.starved if is_starved else self.failures
            noted.append(f"{type(error).__name__}: {error}; {waited:.1f} s were waited for a processor meanwhile")
            return None
        self.latencies.append(time.perf_counter() - began)
        if reply.status != 200:
            self.failures.append(f"HTTP {reply.status}: {reply.body[:200]!r}")
            return None
        self.answered += 1
        return reply

    async def send(self, sent: bytes) -> Reply:
        """The reply to a request, whatever it is."""
        return await self._ask(sent, time.perf_counter() + self.timeout)

    async def _ask(self, sent: bytes, end: float) -> Reply:
        for number in range(self._tries):
            connection = self._take() or await self._dial(end)
            reply = await connection.ask(sent, end)
            if reply.headers.get(b"connection") == b"close" or len(self._idle) >= IDLE_CONNECTIONS:
                connection.close()
            else:
                connection.idle_since = time.perf_counter()
                self._idle.append(connection)
            if reply.retry_after is None or number + 1 == self._tries:
                break
            self.repeated += 1
            if time.perf_counter() + reply.retry_after >= end:
                raise TimeoutError("no time is left to come again")
            await asyncio.sleep(reply.retry_after)
        return reply

    def _take(self) -> "_Connection | None":
        """The idle connection that was used last; those that the server has closed, as far as is known, are no use."""
        too_old = time.perf_counter() - self._idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since > too_old:
                return connection
            connection.close()
        return None

    async def _dial(self, end: float) -> "_Connection":
        if not self._endpoints.ports:
            raise CallError("the Service has no endpoints")
        port = self._endpoints.random.choice(self._endpoints.ports)
        loop = asyncio.get_running_loop()
        self.dialled += 1
        dialling = loop.create_connection(
            _Connection, "127.0.0.1", port, ssl=self._context, server_hostname="localhost", ssl_handshake_timeout=10
        )
        _, connection = await asyncio.wait_for(dialling, max(0.001, end - time.perf_counter()))
        return connection

    def prune(self) -> None:
        """Close what has been idle for too long, as the transport's timers do."""
        too_old = time.perf_counter() - self._idle_seconds
        for connection in [each for each in self._idle if each.idle_since <= too_old]:
            self._idle.remove(connection)
            connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.pop().close()

    def percentile(self, part: float) -> float:
        """The latency within which this part of the answers came, in seconds."""
        return percentile(self.latencies, part)


def patient(context: ssl.SSLContext, endpoints: Endpoints) -> ApiServer:
    """One whose callers come again for two minutes: no machine is too busy for what is not about time."""
    return ApiServer(context, endpoints, timeout=120, tries=120)


async def genuine(server: ApiServer, bodies: Sequence[bytes], stop: asyncio.Event) -> None:
    """An API server with 25 callers, who think between their reviews."""
    source = itertools.cycle(bodies)

    async def call(dice: random.Random) -> None:
        while not stop.is_set():
            await server.ask(next(source))
            await asyncio.sleep(dice.uniform(0, 0.2))

    await asyncio.gather(*(call(random.Random(number)) for number in range(25)))


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part of `values` is; infinity where there are none."""
    ordered = sorted(values) or [math.inf]
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


class _Connection(asyncio.Protocol):
    """One connection, with at most one request at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self.idle_since = 0.0
        self._waiting: asyncio.Future[Reply] | None = None
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without being derived from it

    def ask(self, sent: bytes, end: float) -> "asyncio.Future[Reply]":
        """Send a request; the future of its answer. Ends in CallError or TimeoutError."""
        loop = asyncio.get_running_loop()
        self._waiting = waiting = loop.create_future()
        self._came.clear()
        if not self.is_open:
            waiting.set_exception(CallError("the connection was closed before it was written to"))
            return waiting
        self._transport.write(sent)
        timer = loop.call_later(max(0.0, end - time.perf_counter()), self._give_up)
        waiting.add_done_callback(lambda _: timer.cancel())
        return waiting

    def close(self) -> None:
        self.is_open = False
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes(self._came[:end]).lower().split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines[1:])
        if len(self._came) >= end + 4 + int(headers[b"content-length"]) and self._waiting and not self._waiting.done():
            self._waiting.set_result(Reply(int(lines[0].split()[1]), headers, bytes(self._came[end + 4 :])))

    def eof_received(self) -> None:
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(CallError(f"EOF ({exc})"))

    def _give_up(self) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(TimeoutError("no answer in time"))
        self.is_open = False
        self._transport.abort()
