"""From settings to a running server, and to its end."""

import asyncio
import gc
import resource
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from webhook import __version__
from webhook.config.loghook_yaml import Config, ConfigError
from webhook.review import Answer, Reviews
from webhook.server.admission import MUTATE, VALIDATE, Admission
from webhook.server.app import admission_app, health_app
from webhook.server.drain import Drain
from webhook.server.files import Followed
from webhook.server.listener import Listener, ListenError, listen
from webhook.server.logs import Level, Log
from webhook.server.memory import trim
from webhook.server.metrics import Metrics
from webhook.server.pressure import Pressure
from webhook.server.room import Room
from webhook.server.tls import Files, PairError, ServingPair
from webhook.server.watch import CONNECTIONS, Watch
from webhook.validation import Validations

__all__ = ["Addresses", "ServeError", "Settings", "serve", "settle"]

_PROBES = 100  # connections on the health port
_DESCRIPTORS = 65536


class ServeError(RuntimeError):
    """The server cannot start. Its text is one line that says why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `serve` is told.

    `host` None means every address, of both IP versions where the machine has both; a port 0 is one that the system
    chooses. `tls_names` are names that the certificate must have. With `client_ca` only callers with a certificate of
    it are served, and with `client_names` only those that have one of these names. `read_config` reads the
    configuration, again whenever one of `config_files` has changed, and raises ConfigError. Lines below `log_level` are
    not written.
    """

    tls_cert: Path
    tls_key: Path
    tls_names: tuple[str, ...] = ()
    client_ca: Path | None = None
    client_names: frozenset[str] = frozenset()
    host: str | None = None
    port: int = 8443
    health_port: int = 8080
    drain_seconds: float = 100
    max_connections: int = CONNECTIONS
    log_level: Level = "info"
    config_files: tuple[Path, ...] = ()
    read_config: Callable[[], Config] = Config

    def files(self) -> Files:
        """Where the serving pair is."""
        return Files(self.tls_cert, self.tls_key, self.tls_names, self.client_ca)


class Addresses(msgspec.Struct, frozen=True):
    """Where a server listens, with the ports as they really are."""

    host: str
    port: int
    health_port: int


Core = Callable[[bytes | bytearray], Answer]


def serve(
    settings: Settings,
    *,
    ready: Callable[[Addresses], None] | None = None,
    core: Callable[[Config], Core] = lambda config: Reviews(config).answer,
) -> None:
    """Serve until SIGTERM, SIGQUIT, SIGUSR1 or SIGUSR2 (after a drain) or SIGINT (at once).

    SIGHUP has the files read again.

    `ready` is called on the event loop when both ports answer. `core` makes what answers reviews of Pods under a
    configuration. Raises ServeError where the server cannot start: a port is taken, the certificate or the
    configuration cannot be used.
    """
    _allow_descriptors()
    try:
        pair = ServingPair(settings.files())
        config = Followed(settings.config_files, settings.read_config, ConfigError)
        with listen(settings.host, settings.port) as reviews, listen(settings.host, settings.health_port) as health:
            log = Log(level=settings.log_level)
            server = _Server(settings, pair, config, core, log)
            try:
                with log.with_python_logging():
                    uvloop.run(server.run(reviews, health, ready))
            finally:
                log.close()
    except (PairError, ConfigError, ListenError) as error:
        raise ServeError(str(error)) from None


class _Server:
    """Both listeners, and what goes on beside them."""

    def __init__(
        self, settings: Settings, pair: ServingPair, config: Followed[Config], core: Callable[[Config], Core], log: Log
    ) -> None:
        self._pair = pair
        self._config = config
        self._core = core
        self._log = log
        self._metrics = Metrics()
        self._pressure = Pressure()
        self._watch = Watch(
            self._metrics.refusal, self._metrics.dropped, settings.max_connections, settings.client_names
        )
        self._drain = Drain(self._watch, settings.drain_seconds)
        shared = log, self._pressure, Room()
        self._mutation = Admission(core(config.current), self._metrics.pods, *shared)
        self._validation = Admission(Validations(config.current).answer, self._metrics.workloads, *shared)

    async def run(
        self, reviews: socket.socket, health: socket.socket, ready: Callable[[Addresses], None] | None
    ) -> None:
        """Serve on two bound sockets until the drain is over."""
        self._drain.listen(self._read_again)
        probes = Watch(lambda _: None, lambda _: None, _PROBES)
        deciders = {MUTATE.encode(): self._mutation, VALIDATE.encode(): self._validation}
        app = admission_app(self._mutation, self._validation, self._metrics.refusal)
        listeners = (
            Listener(app, reviews, self._pair.context, self._watch, deciders),
            Listener(health_app(self._hindrance, self._metrics), health, None, probes),
        )
        self._connect_gauges()
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(listener.serve())
                await listener.listening.wait()
            beside = [tasks.create_task(each) for each in (self._watch.sweep(), probes.sweep(), *self._beside())]
            self._say_ready(_addresses(reviews, health), ready)
            await self._drain.begun()
            self._log.info("draining", connections=len(self._watch.connections))
            await self._drain.over()
            self._log.info("ending", connections=len(self._watch.connections))
            for task in beside:
                task.cancel()
            for listener in listeners:
                listener.stop()

    def _read_again(self) -> None:
        self._log.info("reading the files again")
        self._pair.read_again()
        self._config.read_again()

    def _beside(self) -> tuple[Coroutine[None, None, None], ...]:
        """What goes on for as long as the server runs."""
        pair, config = self._pair.follow(self._report_pair), self._config.follow(self._report_config)
        return self._pressure.measure(), trim(lambda: self._watch.ended), pair, config

    def _say_ready(self, at: Addresses, ready: Callable[[Addresses], None] | None) -> None:
        settle()
        expires = self._pair.pair.not_after
        self._log.info(
            "ready", version=__version__, host=at.host, port=at.port, health_port=at.health_port, expires=expires
        )
        if ready is not None:
            ready(at)

    def _connect_gauges(self) -> None:
        self._show_dates()
        self._metrics.is_ready = lambda: self._hindrance() is None
        self._metrics.in_flight = lambda: sum(each.is_asking for each in self._watch.connections)
        self._metrics.connections = lambda: len(self._watch.connections)
        self._metrics.lag = self._pressure.peak
        self._metrics.dropped_lines = lambda: self._log.dropped

    def _show_dates(self) -> None:
        pair = self._pair.pair
        self._metrics.certificate_begin = pair.not_before.timestamp()
        self._metrics.certificate_expiry = pair.not_after.timestamp()

    def _hindrance(self) -> str | None:
        return "draining" if self._drain.has_begun else self._pair.hindrance(datetime.now(UTC))

    def _report_pair(self, problem: Exception | None) -> None:
        self._metrics.reloaded_certificate(success=problem is None)
        if problem is not None:
            self._log.error("kept the old certificate", error=str(problem))
            return
        self._show_dates()
        self._log.info("took over a new certificate", expires=self._pair.pair.not_after)

    def _report_config(self, problem: Exception | None) -> None:
        self._metrics.reloaded_config(success=problem is None)
        if problem is not None:
            self._log.error("kept the old configuration", error=str(problem))
            return
        self._mutation.answer = self._core(self._config.current)
        self._validation.answer = Validations(self._config.current).answer
        self._log.info("took over a new configuration")


def settle() -> None:
    """Keep what was made at the start out of the garbage collector's sight: it stays, and looking at it costs."""
    gc.collect()
    gc.freeze()


def _allow_descriptors() -> None:
    """Allow this process as many descriptors as it may allow itself, since each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _addresses(reviews: socket.socket, health: socket.socket) -> Addresses:
    host, port = reviews.getsockname()[:2]
    return Addresses(host, port, health.getsockname()[1])
