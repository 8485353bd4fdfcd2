"""How Fluent Bit is told of Kafka: its own options, and those that it hands to librdkafka."""

from collections.abc import Iterable

from webhook.config import destinations
from webhook.sidecars.clashes import TIME
from webhook.sidecars.fluent_bit.connections import Options, To
from webhook.sidecars.fluent_bit.literals import value

__all__ = ["output"]


def output(to: To[destinations.Kafka]) -> Options:
    """The output for Kafka."""
    return {
        "name": "kafka",
        "brokers": ",".join(to.settings.brokers),
        "topics": value(to.target.templates["topic"]),
        "format": "json",
        "timestamp_key": TIME,
        "timestamp_format": "iso8601",
        "queue_full_retries": 0,
        **_msk(to.settings),
        **{f"rdkafka.{key}": text for key, text in _rdkafka(to)},
    }


def _msk(settings: destinations.Kafka) -> Options:
    """Amazon's identities: Fluent Bit signs tokens itself, and says the mechanism. The ARN tells it the region."""
    if not (settings.sasl and settings.sasl.cluster):
        return {}
    return {"aws_msk_iam": True, "aws_msk_iam_cluster_arn": settings.sasl.cluster}


def _rdkafka(to: To[destinations.Kafka]) -> Iterable[tuple[str, str | int]]:
    """Options of librdkafka. A message is tried without end, and what waits is bounded.

    It may be longer than any record is: with one that librdkafka takes for too long, Fluent Bit gives up what stands
    behind it in its chunk (5.1.1). The broker refuses that one alone.
    """
    yield "message.timeout.ms", 0
    yield "message.max.bytes", _LONGEST_RECORD
    yield "queue.buffering.max.kbytes", _LONGEST_RECORD // 1000
    yield "enable.idempotence", "true"
    yield "batch.size", to.settings.BATCH_BYTES
    yield "log.connection.close", "false"
    tls = to.settings.tls
    security = ("SASL_" if to.settings.sasl else "") + ("SSL" if tls.enabled else "PLAINTEXT")
    yield "security.protocol", security
    if tls.enabled:
        yield "enable.ssl.certificate.verification", "true" if tls.verify else "false"
        for field, option in _RDKAFKA_FILES.items():
            if field in to.target.files:
                yield option, to.target.files[field]
    if to.settings.sasl and not to.settings.sasl.cluster:
        yield "sasl.mechanism", to.settings.sasl.mechanism
        yield "sasl.username", value((to.target.secrets["sasl.user"],))
        yield "sasl.password", value((to.target.secrets["sasl.password"],))


_LONGEST_RECORD = 8_000_000
"""More than a line of 1 MiB is in JSON if each of its characters is escaped, with what is put on it."""

_RDKAFKA_FILES = {
    "tls.ca": "ssl.ca.location",
    "tls.cert": "ssl.certificate.location",
    "tls.key": "ssl.key.location",
}
