"""What Vector's sinks cannot do that a destination asks for."""

from collections.abc import Iterator

from webhook.config.destinations import Datadog, Destination, Http, Kafka, Logscale, Loki, Otlp, Splunk, VictoriaLogs
from webhook.sidecars import Target, Text
from webhook.sidecars.vector.literals import is_template_safe
from webhook.sidecars.vector.sinks import SINKS

__all__ = ["misfits"]


def misfits(target: Target) -> Iterator[tuple[str, dict[str, str]]]:
    """What a sink cannot do of `target`: codes with their details."""
    settings = target.settings
    if settings.type not in SINKS:
        yield "LH142", {"type": settings.type}
        return
    if isinstance(settings, Otlp) and settings.protocol == "grpc":
        yield "LH145", {"option": "protocol: grpc"}
    if isinstance(settings, Kafka) and settings.sasl and settings.sasl.cluster:
        yield "LH145", {"option": "sasl.mechanism: AWS_MSK_IAM"}
    if isinstance(settings, Kafka) and settings.tls.server_name:
        yield "LH145", {"option": "tls.serverName"}
    if settings.given_headers and not _takes_headers(settings):
        yield "LH145", {"option": "headers"}
    if not all(is_template_safe(text) for text in _template_texts(target)):
        yield "LH144", {}


def _takes_headers(settings: Destination) -> bool:
    """Whether the sink can be told headers: those of Loki and of HEC cannot."""
    if isinstance(settings, Logscale):
        return settings.via != "hec"
    return not isinstance(settings, Loki | Splunk)


def _template_texts(target: Target) -> Iterator[Text]:
    """What sinks take for templates: what is one, the URLs of `http`, and headers."""
    settings = target.settings
    if not isinstance(settings, Datadog):
        yield from target.templates.values()
    if isinstance(settings, Otlp | Http | VictoriaLogs):
        yield (settings.path,)
    yield from ((header.value,) for header in settings.given_headers if isinstance(header.value, str))
