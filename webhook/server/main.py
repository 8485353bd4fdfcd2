"""From settings to a running server, and to its end."""

import asyncio
import contextlib
import errno
import gc
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import uvicorn
import uvloop
from starlette.types import ASGIApp

from webhook import __version__
from webhook.config import Config
from webhook.review import Answer, Reviews
from webhook.server.admission import Admission
from webhook.server.app import admission_app, health_app
from webhook.server.drain import Drain
from webhook.server.limits import KEEP_ALIVE_SECONDS, Limited, Watch
from webhook.server.logs import Log
from webhook.server.metrics import Metrics
from webhook.server.tls import PairError, ServingPair

__all__ = ["Addresses", "Listener", "ServeError", "Settings", "serve", "settle"]

HANDSHAKE_SECONDS = 5.0
"""How long a TLS handshake may take. The API server gives up after 10 s."""

_FAREWELL_SECONDS = 5.0  # how long we wait for the other side's part in closing a TLS connection
_BACKLOG = 2048
_PORTS = 65536


class ServeError(RuntimeError):
    """The server cannot start. Its text is one line that says why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `serve` is told.

    `host` None means every address, of both IP versions where the machine has both; a port 0 is one that the system
    chooses.
    """

    tls_cert: Path
    tls_key: Path
    host: str | None = None
    port: int = 8443
    health_port: int = 8080
    drain_seconds: float = 100
    config: Config = Config()


class Addresses(msgspec.Struct, frozen=True):
    """Where a server listens, with the ports as they really are."""

    host: str
    port: int
    health_port: int


def serve(
    settings: Settings,
    *,
    ready: Callable[[Addresses], None] | None = None,
    answer: Callable[[bytes], Answer] | None = None,
) -> None:
    """Serve until SIGTERM (after a drain) or SIGINT (at once).

    `ready` is called on the event loop when both ports answer. `answer` stands in for the core. Raises ServeError where
    the server cannot start: a port is taken, the certificate cannot be served.
    """
    try:
        pair = ServingPair(settings.tls_cert, settings.tls_key)
    except PairError as error:
        raise ServeError(str(error)) from None
    with listen(settings.host, settings.port) as reviews, listen(settings.host, settings.health_port) as health:
        log = Log()
        server = _Server(settings, pair, log, answer or Reviews(settings.config).answer)
        try:
            with log.with_python_logging():
                uvloop.run(server.run(reviews, health, ready))
        finally:
            log.close()


class Listener(uvicorn.Server):
    """uvicorn on one bound socket: it leaves signals to `Drain`, and a TLS handshake has to come to an end."""

    def __init__(self, app: ASGIApp, bound: socket.socket, context: ssl.SSLContext | None, watch: Watch) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=Limited,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self.listening = asyncio.Event()
        self._bound = bound
        self._context = context
        self._watch = watch

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        del sockets
        server = await asyncio.get_running_loop().create_server(
            self._connection,
            sock=self._bound,
            backlog=_BACKLOG,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if self._context else None,
            ssl_shutdown_timeout=_FAREWELL_SECONDS if self._context else None,
        )
        self.servers = [server]
        self.started = True
        self.listening.set()

    def stop(self) -> None:
        """Close the socket and every connection, within a second and whatever they are about."""
        self.should_exit = self.force_exit = True

    def _connection(self) -> Limited:
        return Limited(self._watch, config=self.config, server_state=self.server_state, app_state={})


class _Server:
    """Both listeners, and what goes on beside them."""

    def __init__(self, settings: Settings, pair: ServingPair, log: Log, answer: Callable[[bytes], Answer]) -> None:
        self._pair = pair
        self._log = log
        self._metrics = Metrics()
        self._watch = Watch(self._metrics.refusal)
        self._drain = Drain(self._watch, settings.drain_seconds)
        self._admission = Admission(answer, self._metrics, log)

    async def run(
        self, reviews: socket.socket, health: socket.socket, ready: Callable[[Addresses], None] | None
    ) -> None:
        """Serve on two bound sockets until the drain is over."""
        self._drain.listen()
        probes = Watch(lambda _: None)
        app = admission_app(self._admission, self._metrics.refusal)
        listeners = (
            Listener(app, reviews, self._pair.context, self._watch),
            Listener(health_app(self._hindrance, self._metrics), health, None, probes),
        )
        self._connect_gauges(listeners[0])
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(listener.serve())
                await listener.listening.wait()
            beside = [tasks.create_task(each) for each in (self._watch.sweep(), probes.sweep(), self._follow_files())]
            self._say_ready(_addresses(reviews, health), ready)
            await self._drain.begun()
            self._log.info("draining", connections=len(self._watch.connections))
            await self._drain.over()
            self._log.info("ending", connections=len(self._watch.connections))
            for task in beside:
                task.cancel()
            for listener in listeners:
                listener.stop()

    def _say_ready(self, at: Addresses, ready: Callable[[Addresses], None] | None) -> None:
        settle()
        expires = self._pair.pair.not_after
        self._log.info(
            "ready", version=__version__, host=at.host, port=at.port, health_port=at.health_port, expires=expires
        )
        if ready is not None:
            ready(at)

    def _connect_gauges(self, listener: Listener) -> None:
        self._metrics.certificate_expiry = self._pair.pair.not_after.timestamp()
        self._metrics.is_ready = lambda: self._hindrance() is None
        self._metrics.in_flight = lambda: len(listener.server_state.tasks)
        self._metrics.connections = lambda: len(self._watch.connections)
        self._metrics.dropped_lines = lambda: self._log.dropped

    def _hindrance(self) -> str | None:
        if self._drain.has_begun:
            return "draining"
        return "the certificate has expired" if self._pair.has_expired() else None

    async def _follow_files(self) -> None:
        await self._pair.follow(self._report_pair)

    def _report_pair(self, problem: PairError | None) -> None:
        self._metrics.reloaded_certificate(success=problem is None)
        if problem is not None:
            self._log.error("kept the old certificate", error=str(problem))
            return
        expires = self._pair.pair.not_after
        self._metrics.certificate_expiry = expires.timestamp()
        self._log.info("took over a new certificate", expires=expires)


def settle() -> None:
    """Keep what was made at the start out of the garbage collector's sight: it stays, and looking at it costs."""
    gc.collect()
    gc.freeze()


def _addresses(reviews: socket.socket, health: socket.socket) -> Addresses:
    host, port = reviews.getsockname()[:2]
    return Addresses(host, port, health.getsockname()[1])


def listen(host: str | None, port: int) -> socket.socket:
    """A listening socket; one serves both IP versions where it is not bound to an address of one."""
    if not 0 <= port < _PORTS:
        raise ServeError(f"{port} is not a port: they go from 0 to {_PORTS - 1}")
    dual = host is None and socket.has_dualstack_ipv6()
    every = "::" if dual else "0.0.0.0"  # noqa: S104  # a Pod is called at whatever address it was given
    address = host or every
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=dual, backlog=_BACKLOG)
    except OSError as error:
        raise ServeError(f"cannot listen on {address} port {port}: {_why(error)}") from None


def _why(error: OSError) -> str:
    known = {
        errno.EADDRINUSE: "the port is taken, choose another or end what uses it",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EACCES: "this user may not listen on ports this low",
    }
    return known.get(error.errno or 0, (error.strerror or "unknown reason").lower())
