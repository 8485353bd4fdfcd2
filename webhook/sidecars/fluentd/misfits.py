"""What Fluentd's outputs cannot do that a destination asks for."""

from collections.abc import Iterator

from webhook.config.destinations import (
    S3,
    CloudWatch,
    Elasticsearch,
    Http,
    Kafka,
    Logscale,
    OpenSearch,
    Tls,
    VictoriaLogs,
)
from webhook.sidecars import Target, Text
from webhook.sidecars.fluentd.outputs import OUTPUTS

__all__ = ["misfits"]


def misfits(target: Target) -> Iterator[tuple[str, dict[str, str]]]:
    """What an output cannot do of `target`: codes with their details."""
    settings = target.settings
    if settings.type not in OUTPUTS:
        yield "LH142", {"type": settings.type}
        return
    tls: Tls = getattr(settings, "tls", Tls())
    if tls.enabled and tls.server_name:
        yield "LH145", {"option": "tls.serverName"}
    if tls.enabled and not tls.verify and settings.type == "kafka":
        yield "LH145", {"option": "tls.verify: false"}
    if isinstance(settings, Kafka) and settings.sasl and settings.sasl.cluster:
        yield "LH145", {"option": "sasl.mechanism: AWS_MSK_IAM"}
    if settings.type == "datadog":  # its plugin has no parameters for files
        yield from (("LH145", {"option": field}) for field in ("tls.ca", "tls.cert") if field in target.files)
    if isinstance(settings, Logscale) and settings.via == "otlp":
        yield "LH145", {"option": "via: otlp"}
    if any(isinstance(part, str) and "%" in part for text in _placeholders(target) for part in text):
        yield "LH144", {}


def _placeholders(target: Target) -> Iterator[Text]:
    """What outputs expand: templates, and the URL of `http`."""
    settings = target.settings
    if isinstance(settings, Elasticsearch | OpenSearch | Kafka | S3 | CloudWatch):
        yield from target.templates.values()
    if isinstance(settings, Http | VictoriaLogs):
        yield (settings.path,)
