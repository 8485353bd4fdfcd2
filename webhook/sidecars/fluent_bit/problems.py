"""What Fluent Bit cannot do of a shipment, told before anything is written."""

from collections.abc import Iterator

from webhook.config import destinations
from webhook.config.destinations import Destination
from webhook.sidecars import Problem, Shipment, Stream
from webhook.sidecars.fluent_bit import times
from webhook.sidecars.fluent_bit.outputs import AWS
from webhook.sidecars.onigmo import Untranslatable, translate

__all__ = ["problems"]

_AGENT = "fluent-bit"


def problems(shipment: Shipment) -> Iterator[Problem]:
    """Each thing that Fluent Bit cannot do of `shipment`."""
    for stream in shipment.streams:
        yield from _of_parsing(stream)
        yield from _of_target(stream)
    yield from _of_keys(shipment)


def _of_parsing(stream: Stream) -> Iterator[Problem]:
    parsing = stream.parsing
    for key, pattern in (("multiline-start", parsing.start), ("format", parsing.format.pattern)):
        try:
            translate(pattern or "")
        except Untranslatable as untranslatable:
            yield _problem(stream, key, "LH143", problem=str(untranslatable))
    unknown = times.unknown_directives(parsing.time_format or "")
    if unknown:
        yield _problem(stream, "time-format", "LH143", problem=unknown[0])
    if (parsing.time_key or "").startswith("$"):
        yield _problem(stream, "time-key", "LH144")


def _of_target(stream: Stream) -> Iterator[Problem]:
    settings = stream.target.settings
    if isinstance(settings, destinations.Kafka) and settings.tls.server_name:
        yield _problem(stream, "destination", "LH145", option="tls.serverName")
    if settings.given_headers and not _takes_headers(settings):
        yield _problem(stream, "destination", "LH145", option="headers")
    if isinstance(settings, destinations.CloudWatch) and (settings.endpoint or "").startswith("http:"):
        yield _problem(stream, "destination", "LH145", option="endpoint")
    if isinstance(settings, destinations.Loki):
        labels = [text for name, text in stream.target.templates.items() if name.startswith("labels.")]
        if any("," in part or "=" in part for text in labels for part in text if isinstance(part, str)):
            yield _problem(stream, "destination", "LH144")


def _takes_headers(settings: Destination) -> bool:
    """Whether the output can be told headers: those of bulk requests and of HEC cannot."""
    if isinstance(settings, destinations.Logscale):
        return settings.via == "otlp"
    return not isinstance(settings, destinations.Elasticsearch | destinations.OpenSearch | destinations.Splunk)


def _of_keys(shipment: Shipment) -> Iterator[Problem]:
    """AWS takes its keys from the environment, of which there is one."""
    first: dict[str, object] = {}
    for stream in shipment.streams:
        for field, variable in stream.target.secrets.items():
            if field in AWS and first.setdefault(AWS[field], variable) != variable:
                yield _problem(stream, "destination", "LH146")
                break


def _problem(stream: Stream, key: str, code: str, **details: str) -> Problem:
    return Problem(stream.name, key, code, {"agent": _AGENT, **details})
