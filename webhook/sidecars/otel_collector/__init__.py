"""The OpenTelemetry Collector as the agent sidecar.

Each source is a pipeline of its own, from its files to its destination, so that one that waits holds up no other. The
collector keeps offsets and queues in files, and reads no further while a queue is full.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from webhook.config.destinations import Datadog, Destination, VictoriaLogs
from webhook.sidecars import (
    CA_DIRECTORY,
    CONFIG_DIRECTORY,
    STATE_DIRECTORY,
    Command,
    Problem,
    Shipment,
    Stream,
    Target,
    Text,
)
from webhook.sidecars.otel_collector import expressions, times
from webhook.sidecars.otel_collector.exporters import EXPORTERS, RETENTIONS, export
from webhook.sidecars.otel_collector.notation import document
from webhook.sidecars.otel_collector.receivers import STORAGE, receivers
from webhook.sidecars.otel_collector.records import told_apart, transform

__all__ = ["OTEL_COLLECTOR"]

_KIB = 1024
_HANDED_OVER = 100  # records at a time, at most (pkg/stanza, fileconsumer)
_SHORT_RECORD = 40  # bytes
_ROOM = 40 * _KIB  # of the state volume for each record in a queue
_UNNAMEABLE = re.compile(r"[\"'\[\]\\]")


class OtelCollector:
    """The OpenTelemetry Collector, 0.149 or newer; its contrib distribution where a destination needs that."""

    name = "otel-collector"
    files = frozenset({"/etc/ssl", "/otelcol-contrib", "/otelcol-k8s"})
    config_file = "otel-collector.yaml"
    unwraps_first = True

    def problems(self, shipment: Shipment) -> Iterator[Problem]:
        """What it cannot do of `shipment`."""
        for stream in shipment.streams:
            for key, code, details in _problems(stream):
                yield Problem(stream.name, key, code, {"agent": self.name, **details})
        yield from self._clashes(shipment)

    def _clashes(self, shipment: Shipment) -> Iterator[Problem]:
        """Destinations that need different values of one variable: clients of clouds log in by the environment."""
        variables: dict[str, Text] = {}
        for stream in shipment.streams:
            for name, value in _variables(stream).items():
                if variables.setdefault(name, value) != value:
                    yield Problem(stream.name, "destination", "LH146", {"agent": self.name})
                    break

    def config(self, shipment: Shipment) -> str:
        """Its configuration, JSON."""
        parts: dict[str, dict[str, Any]] = {
            "extensions": {STORAGE: {"directory": STATE_DIRECTORY, "create_directory": True, "recreate": True}},
            "receivers": {},
            "processors": {},
            "exporters": {},
        }
        pipelines = {}
        for stream in shipment.streams:
            pipelines[f"logs/{stream.tag}"] = _pipeline(stream, _queue(shipment), parts)
        telemetry = {"metrics": {"level": "none"}, "logs": {"level": "info"}}
        service = {"extensions": list(parts["extensions"]), "telemetry": telemetry, "pipelines": pipelines}
        return document({**parts, "service": service})

    def command(self, shipment: Shipment) -> Command:  # noqa: ARG002 - it is the same for all
        """The image's own program, which is not the same in all distributions."""
        return Command((), (f"--config={CONFIG_DIRECTORY}/{self.config_file}",))

    def env(self, shipment: Shipment) -> Mapping[str, Text]:
        """A bound for the heap, below the container's limit; CAs; and what clients of clouds read there."""
        variables: dict[str, Text] = {"GOMEMLIMIT": (str(shipment.memory_bytes * 8 // 10),)}
        for stream in shipment.streams:
            variables |= _variables(stream)
        variables |= _authorities(shipment)
        return variables

    def image(self, shipment: Shipment) -> str | None:
        """`otlp`, the smaller image, where it has all that is needed."""
        for stream in shipment.streams:
            found = EXPORTERS[stream.target.settings.type](stream.target)
            if not found.is_in_small_image or times.needs_database(stream.parsing):
                return None
        return "otlp"


def _queue(shipment: Shipment) -> dict[str, Any]:
    """The queue of each exporter: in a file, and small, since what is not read yet is safe where it is.

    It is counted in records. Counted in bytes it would wait for ever for room for a request that is larger than it: a
    receiver hands over 100 records at a time, whatever their size. A batch is sent when it is a fraction of the queue,
    so that a full one never waits for time to pass.
    """
    records = max(_HANDED_OVER * 4, min(6400, shipment.state_bytes // _ROOM) // len(shipment.streams))
    return {
        "enabled": True,
        "storage": STORAGE,
        "sizer": "items",
        "queue_size": records,
        "block_on_overflow": True,
        "num_consumers": 2,
        "batch": {
            "sizer": "bytes",
            "flush_timeout": "200ms",
            "min_size": min(256 * _KIB, records * _SHORT_RECORD),
            "max_size": 8192 * _KIB,
        },
    }


def _pipeline(stream: Stream, queue: Mapping[str, Any], parts: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Put the components of `stream` into `parts`; the pipeline that they are."""
    found, options = export(stream.target, stream.tag, queue)
    is_record = not (found.is_document or found.keeps_line)
    sources = receivers(stream, "attributes" if found.keeps_line else "body", has_severity=is_record)
    processor, exporter = f"transform/{stream.tag}", f"{found.kind}/{stream.tag}"
    parts["receivers"] |= sources
    parts["processors"][processor] = transform(
        stream, is_document=found.is_document, more=found.statements, keeps_line=found.keeps_line
    )
    processors = [processor, *_names(stream, parts["processors"], is_document=found.is_document)]
    parts["exporters"][exporter] = options
    parts["extensions"] |= {f"{kind}/{stream.tag}": said for kind, said in found.extensions.items()}
    return {"receivers": list(sources), "processors": processors, "exporters": [exporter]}


def _names(stream: Stream, processors: dict[str, Any], *, is_document: bool) -> Iterator[str]:
    """The processor that tells names apart, put into `processors` where no other source has the same."""
    wanted = told_apart(stream, is_document=is_document)
    if wanted:
        found = (name for name, processor in processors.items() if processor == wanted)
        name = next(found, f"transform/{stream.tag}.names")
        processors[name] = wanted
        yield name


def _variables(stream: Stream) -> Mapping[str, Text]:
    """What the destination of `stream` needs in the environment."""
    target = stream.target
    variables: dict[str, Text] = {}
    for keys in ("keys", "sasl.keys"):
        if f"{keys}.access_key_id" in target.secrets:
            variables["AWS_ACCESS_KEY_ID"] = (target.secrets[f"{keys}.access_key_id"],)
            variables["AWS_SECRET_ACCESS_KEY"] = (target.secrets[f"{keys}.secret_access_key"],)
    if "credentials" in target.files:
        variables["GOOGLE_APPLICATION_CREDENTIALS"] = (target.files["credentials"],)
    return variables


def _authorities(shipment: Shipment) -> Mapping[str, Text]:
    """Where CAs of destinations are looked for.

    They are no options of exporters: a file that is missing there ends the collector, and one that is missing here does
    not. So they hold for all destinations of a Pod, beside those of the image where a destination has no CA.
    """
    files = [stream.target.files.get("tls.ca") for stream in shipment.streams if _is_verified(stream.target.settings)]
    found = [file for file in files if file is not None]
    if not found:
        return {}
    directory: dict[str, Text] = {"SSL_CERT_DIR": (CA_DIRECTORY,)}
    return directory | ({"SSL_CERT_FILE": (found[0],)} if len(found) == len(files) else {})


def _is_verified(settings: Destination) -> bool:
    tls = getattr(settings, "tls", None)
    return settings.type != "stdout" and (tls is None or tls.enabled)


def _problems(stream: Stream) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each problem of `stream`: key, code, and details."""
    settings, parsing = stream.target.settings, stream.parsing
    if settings.type not in EXPORTERS:
        yield "destination", "LH142", {"type": settings.type}
    for option in _unheard(stream.target):
        yield "destination", "LH145", {"option": option}
    retention = getattr(settings, "retention_days", None)
    if retention is not None and retention not in RETENTIONS:
        yield "destination", "LH145", {"option": "retentionDays"}
    for key, pattern in (("format", parsing.format.pattern), ("multiline-start", parsing.start or "")):
        problem = expressions.objection(pattern)
        if problem:
            yield key, "LH143", {"problem": problem}
    problem = times.problem(parsing)
    if problem:
        yield "time-format", "LH143", {"problem": problem}
    if parsing.time_key is not None and _UNNAMEABLE.search(parsing.time_key):
        yield "time-key", "LH144", {}


def _unheard(target: Target) -> Iterator[str]:
    """Options that an exporter does not heed: Datadog's has its own client for logs, and OTLP its own time."""
    if isinstance(target.settings, VictoriaLogs) and target.settings.time_field != "@timestamp":
        yield "timeField"
    if isinstance(target.settings, Datadog):
        if target.settings.headers:
            yield "headers"
        if "tls.cert" in target.files:
            yield "tls.cert"


OTEL_COLLECTOR = OtelCollector()
