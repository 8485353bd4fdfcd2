"""What Prometheus sees. Labels come from closed sets, never from a Pod: an open one would grow memory for ever.

The counts of the hot path are plain numbers, which become metrics when somebody asks: prometheus-client's own counters
take a lock for each step, 3 µs a review in all.
"""

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from webhook import __version__
from webhook.diagnostics import CODES, Reason
from webhook.review import Answer

__all__ = ["Metrics", "OfWebhook"]

_BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the latency histogram, in seconds: a review takes 10 µs to 300 µs, a huge one 100 ms."""

_SIDECARS = (
    *(("streaming", engine) for engine in ("busybox", "fluent-bit")),
    *(("agent", engine) for engine in ("fluent-bit", "fluentd", "vector", "otel-collector")),
    ("drain", "busybox"),
)
"""Every mode with each engine that it may have (`agent` and `engine` in the registry of annotations)."""

REFUSALS = (400, 403, 404, 405, 413, 415, 431, 500)
"""What the TLS port answers besides 200, and besides 503, which is counted as shed."""

SHED = ("waited", "late", "memory")
"""Why a review is shed: it waited too long for its turn, its caller has given up by now, too much is being received."""

DROPPED = ("slow", "oversized", "crowded", "hollow")
"""Why a connection is dropped: it was too slow, sent too much after a refusal, or was the idlest of too many."""


WEBHOOKS = {
    "pods": (("injected", ""), ("refused", ""), *(("skipped", reason.value) for reason in Reason)),
    "workloads": (("allowed", ""), ("warned", ""), ("refused", "")),
}
"""The webhooks of a server, and what becomes of what they are asked about: decision and reason."""


class OfWebhook:
    """The counts of one webhook: reviews, and what was said and done in them."""

    def __init__(self, webhook: str, refusals: Counter[int]) -> None:
        # Every series is there from the start: what is missing cannot be alerted on, nor its first step be seen.
        self.webhook = webhook
        self.reviews = Counter(dict.fromkeys(WEBHOOKS[webhook], 0))
        self.diagnostics = Counter(dict.fromkeys(CODES, 0))
        self.sidecars = Counter(dict.fromkeys(_SIDECARS, 0))
        self.shed_reviews = Counter(dict.fromkeys(SHED, 0))
        self.seconds = 0.0
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self._refusals = refusals

    def review(self, answer: Answer, seconds: float) -> None:
        """Count one review that was answered within `seconds`."""
        self.reviews[answer.decision, answer.reason] += 1
        self.buckets[bisect_left(_BOUNDS, seconds)] += 1
        self.seconds += seconds
        for added in answer.sidecars:
            self.sidecars[added.mode, added.agent] += 1
        for code in answer.codes:
            self.diagnostics[code] += 1

    def refusal(self, status: int) -> None:
        """Count one request that was answered with an HTTP error."""
        self._refusals[status] += 1

    def shed(self, reason: str) -> None:
        """Count one review that was answered with 503, for one of the reasons of `SHED`."""
        self.shed_reviews[reason] += 1


class Metrics(Collector):
    """All counts of the server, and their exposition.

    The gauges are asked for when somebody looks: `in_flight`, `connections`, `lag`, `is_ready` and `dropped_lines` are
    functions, to be set by whoever knows.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._refusals = Counter(dict.fromkeys(REFUSALS, 0))
        self.pods = OfWebhook("pods", self._refusals)
        self.workloads = OfWebhook("workloads", self._refusals)
        self._dropped = Counter(dict.fromkeys(DROPPED, 0))
        self._certificate = _Reloads("certificate", "the certificate's files")
        self._config = _Reloads("config", "the configuration's file")
        self.certificate_begin = 0.0
        self.certificate_expiry = 0.0
        self.in_flight: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        self.lag: Callable[[], float] = lambda: 0.0
        self.is_ready: Callable[[], bool] = lambda: False
        self.dropped_lines: Callable[[], int] = lambda: 0
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def refusal(self, status: int) -> None:
        """Count one request that was answered with an HTTP error."""
        self._refusals[status] += 1

    def dropped(self, reason: str) -> None:
        """Count one connection that was closed from our side, for one of the reasons of `DROPPED`."""
        self._dropped[reason] += 1

    def reloaded_certificate(self, *, success: bool) -> None:
        """Count one change of the certificate's files."""
        self._certificate.count(success=success)

    def reloaded_config(self, *, success: bool) -> None:
        """Count one change of the configuration's file."""
        self._config.count(success=success)

    def text(self) -> bytes:
        """All metrics in the exposition format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """The metrics' names, for the registry."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Every metric as it stands now."""
        reviews = "Reviews answered, by what became of the Pod, or was said of what was applied"
        yield self._counted("reviews", reviews, ("decision", "reason"), lambda of: of.reviews)
        yield self._durations()
        yield _counter("sidecars_injected", "Sidecars injected", ("mode", "agent"), self.pods.sidecars)
        diagnostics = "Pods, or what brings them, that were given a diagnostic, by its code"
        yield self._counted("diagnostics", diagnostics, ("code",), lambda of: of.diagnostics)
        yield _counter("requests_refused", "Requests without a review's answer, by status", ("status",), self._refusals)
        shed = "Reviews answered with 503, by the reason"
        yield self._counted("reviews_shed", shed, ("reason",), lambda of: of.shed_reviews)
        dropped = "Connections that were closed from our side, by the reason"
        yield _counter("connections_dropped", dropped, ("reason",), self._dropped)
        yield _counter("log_lines_dropped", "Log lines that could not be written", (), {(): self.dropped_lines()})
        yield from self._certificate.collect()
        yield from self._config.collect()
        yield from self._state()

    def _state(self) -> Iterator[Metric]:
        yield _gauge("ready", "Whether reviews should be sent here", self.is_ready())
        yield _gauge("reviews_in_flight", "Requests being received or answered", self.in_flight())
        yield _gauge("connections", "Open connections on the TLS port", self.connections())
        lag = "The longest that anything waited to be looked at, within the last minute"
        yield _gauge("event_loop_lag_seconds", lag, self.lag())
        begin = "When the serving certificate began to be valid, in seconds since 1970"
        yield _gauge("certificate_not_before_timestamp_seconds", begin, self.certificate_begin)
        expiry = "When the serving certificate expires, in seconds since 1970"
        yield _gauge("certificate_expiry_timestamp_seconds", expiry, self.certificate_expiry)
        build = GaugeMetricFamily("loghook_build_info", "What is running; always 1", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "loghook_review_duration_seconds", "Time that deciding about a review took", labels=("webhook",)
        )
        bounds = (*map(str, _BOUNDS), "+Inf")
        for of in (self.pods, self.workloads):
            buckets = list(zip(bounds, accumulate(of.buckets), strict=True))
            family.add_metric((of.webhook,), buckets, of.seconds)
        return family

    def _counted(
        self, name: str, text: str, labels: tuple[str, ...], counts: Callable[[OfWebhook], Mapping[Any, int]]
    ) -> Metric:
        """A counter of both webhooks, told apart by one more label."""
        every = {
            (*(key if isinstance(key, tuple) else (str(key),)), of.webhook): count
            for of in (self.pods, self.workloads)
            for key, count in counts(of).items()
        }
        return _counter(name, text, (*labels, "webhook"), every)


class _Reloads:
    """How often something was read anew, and whether the last time went well."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what
        self._counts = Counter({"success": 0, "failure": 0})
        self._is_good = True

    def count(self, *, success: bool) -> None:
        """Count one."""
        self._counts["success" if success else "failure"] += 1
        self._is_good = success

    def collect(self) -> Iterator[Metric]:
        """Its metrics."""
        yield _counter(f"{self._name}_reloads", f"Changes of {self._what}", ("result",), self._counts)
        last = f"Whether the last change of {self._what} could be taken over; 1 where there was none"
        yield _gauge(f"{self._name}_last_reload_successful", last, self._is_good)


def _counter(
    name: str,
    text: str,
    labels: tuple[str, ...],
    counts: Mapping[Any, int],
) -> Metric:
    family = CounterMetricFamily(f"loghook_{name}", text, labels=labels)
    for key, count in counts.items():
        family.add_metric(key if isinstance(key, tuple) else (str(key),), count)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"loghook_{name}", text, value=value)
