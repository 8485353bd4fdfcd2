"""What the controller says of itself: `/healthz`, `/readyz` and `/metrics` on a plain port, and JSON lines on stdout.

`/healthz` only says that the controller goes on looking: an API server that is away is no reason to restart it.
`/readyz` says that every configuration trusts what the Secret serves, as far as the last look, a short while ago, could
tell. Nothing here ever sees a key: what comes in are sentences, counts and dates.
"""

import contextlib
import json
import platform
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from certs.rotate import Phase, Trust

__all__ = ["LEVELS", "Health", "HealthServer", "say", "say_from"]

ALIVE_SECONDS = 180.0
"""The longest that one look may take: a few requests, each of which ends within 13 s."""

FRESH_SECONDS = 60.0
"""For how long a look counts. The next one is due after 10 s; with no API server nobody can say what is trusted."""

_MOST_REQUESTS = 16  # at once: a probe and a scraper need two
_REQUEST_SECONDS = 5.0


class Health(Collector):
    """What was seen and done, for probes and metrics. `clock` is monotonic, in seconds. Safe to share by threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._beat = clock()
        self._seen = float("-inf")
        self._seen_at = 0.0
        self._offset = 0.0
        self._trust: Trust | None = None
        self._missing: tuple[str, ...] = ()
        self._phase: Phase | None = None
        self._writes = Counter({"secret": 0, "ca_bundle": 0})
        reasons = ("conflict", "unreachable", "throttled", "refused", "failed", "unexpected")
        self._failures = Counter(dict.fromkeys(reasons, 0))
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def beat(self) -> None:
        """The loop is about to look."""
        self._beat = self._clock()

    def saw(self, trust: Trust, missing: tuple[str, ...], now: datetime) -> None:
        """A look has succeeded, at `now` by the API server's clock."""
        with self._lock:
            self._trust, self._missing = trust, missing
            self._seen, self._seen_at = self._clock(), now.timestamp()
            self._offset = now.timestamp() - time.time()

    def is_in(self, phase: Phase | None) -> None:
        """A roll-over is in `phase`, or there is none."""
        self._phase = phase

    def wrote(self, what: str) -> None:
        """The Secret or a caBundle was written."""
        with self._lock:
            self._writes[what] += 1

    def failed(self, why: str) -> None:
        """A look or a write has failed."""
        with self._lock:
            self._failures[why] += 1

    def is_alive(self) -> bool:
        """Whether the loop goes round."""
        return self._clock() - self._beat < ALIVE_SECONDS

    def hindrance(self) -> str:
        """Why callers may not trust the injector, in one sentence; empty where they do."""
        with self._lock:
            if self._trust is None:
                return "the API server has not been reached yet"
            if self._clock() - self._seen > FRESH_SECONDS:
                return f"the API server has not been reached for {FRESH_SECONDS:.0f} s"
            if self._missing:
                return f"the webhook configuration {', '.join(self._missing)} does not exist"
            return self._trust.problem

    def text(self) -> bytes:
        """All metrics in the exposition format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """The metrics' names, for the registry."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Every metric as it stands now."""
        yield _gauge("ready", "Whether every configuration trusts what the Secret serves", not self.hindrance())
        with self._lock:
            metrics = [*self._certificates(), *self._work()]
        yield from metrics
        build = GaugeMetricFamily("loghook_certs_build_info", "What is running; always 1", labels=("version", "python"))
        build.add_metric((version("loghook"), platform.python_version()), 1)
        yield build

    def _certificates(self) -> Iterator[Metric]:
        trust = self._trust
        ends = {"serving": trust and trust.serving, "ca": trust and trust.signing}
        values = {name: end.timestamp() for name, end in ends.items() if end}
        expiry = "When the certificate expires, in seconds since 1970"
        yield _family(GaugeMetricFamily, "expiry_timestamp_seconds", expiry, "certificate", values)
        trusted = "CAs that callers are to trust: more than one during a roll-over"
        yield _gauge("trusted_cas", trusted, trust.trusted if trust else 0)
        phases = {phase: phase == self._phase for phase in ("announce", "overlap")}
        yield _family(
            GaugeMetricFamily, "rollover", "Whether a roll-over to a new CA is in this phase", "phase", phases
        )

    def _work(self) -> Iterator[Metric]:
        looked = "When everything was last read, by the API server's clock, in seconds since 1970"
        yield _gauge("last_look_timestamp_seconds", looked, self._seen_at)
        yield _gauge("clock_offset_seconds", "How far the API server's clock is ahead of ours", self._offset)
        yield _family(CounterMetricFamily, "writes", "Times that something was written", "object", self._writes)
        failures = "Requests to the API server that failed, by the reason"
        yield _family(CounterMetricFamily, "failures", failures, "reason", self._failures)


class HealthServer(ThreadingHTTPServer):
    """Serves a `Health` on every address of this machine, IPv4 and IPv6 alike, from threads of its own.

    Raises OSError where the port is taken. Where there are more than a handful of connections at once, the oldest makes
    way for a new one, so that nobody can use up memory, or keep the kubelet away by connections on which little comes.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 4 * _MOST_REQUESTS

    def __init__(self, health: Health, port: int) -> None:
        self.health = health
        self._open: dict[socket.socket, None] = {}  # in the order in which they came
        self._open_lock = threading.Lock()
        dual = socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if dual else socket.AF_INET
        super().__init__(("::" if dual else "0.0.0.0", port), _Answer)  # noqa: S104  # the kubelet asks at the Pod's address

    def server_bind(self) -> None:
        """Bind for both families; the base class would also ask the DNS for this machine's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, and have the oldest make way where there are too many: its thread then ends at once."""
        with self._open_lock:
            self._open[request] = None
            if len(self._open) > _MOST_REQUESTS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with contextlib.suppress(OSError):  # it has hung up
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, once it is one of those that are open no more."""
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""

    def start(self) -> None:
        """Serve from a thread until the process ends."""
        threading.Thread(target=self.serve_forever, name="health", daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    """Three paths by GET; HTTP/1.0, so each connection ends with its answer."""

    server: HealthServer
    timeout = _REQUEST_SECONDS

    def do_GET(self) -> None:
        """Answer a probe or a scraper."""
        health = self.server.health
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._say("" if health.is_alive() else "the loop has stopped")
        elif path == "/readyz":
            self._say(health.hindrance())
        elif path == "/metrics":
            self._send(200, CONTENT_TYPE_LATEST, health.text())
        else:
            self._send(404, "text/plain; charset=utf-8", b"not found\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""

    def _say(self, problem: str) -> None:
        text = f"{problem or 'ok'}\n".encode()
        self._send(503 if problem else 200, "text/plain; charset=utf-8", text)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


LEVELS = ("info", "warning", "error")
_silent: set[str] = set()


def say_from(level: str) -> None:
    """Write lines of this level, one of LEVELS, and above from now on."""
    _silent.clear()
    _silent.update(LEVELS[: LEVELS.index(level)])


def say(level: str, message: str, **details: object) -> None:
    """Write one JSON line to stdout. `details` are JSON values or dates; nothing that could be a key."""
    if level in _silent:
        return
    line = {"time": datetime.now(UTC).isoformat(), "level": level, "message": message, **details}
    with contextlib.suppress(OSError):  # nobody reads, or there is no room: certificates are looked after all the same
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"loghook_certs_{name}", text, value=value)


def _family(kind: Any, name: str, text: str, label: str, values: Any) -> Metric:
    family: Metric = kind(f"loghook_certs_{name}", text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)  # type: ignore[attr-defined]  # counters and gauges have it, their base has not
    return family
