"""How Fluent Bit is told of each type of destination: one function for each, in the table `OUTPUTS`."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook.config import destinations
from webhook.config.destinations import TYPES
from webhook.sidecars import Stream, Target, victorialogs
from webhook.sidecars.clashes import TIME
from webhook.sidecars.fluent_bit import clouds, connections, kafka
from webhook.sidecars.fluent_bit.connections import JSON, Options, To
from webhook.sidecars.fluent_bit.literals import value
from webhook.tables import demand

__all__ = ["AWS", "OUTPUTS", "WHOLE_LINE", "is_blind", "output", "time_fields"]

WHOLE_LINE = "loghook.line"
"""The field in which a record for a syslog server keeps its whole text: syslog takes one field, not a record."""

_TRIES = 500
"""How often an output tries that cannot tell a refusal from a server that is away: for about two hours.

A try comes 1 to 30 s after the last one (`scheduler.cap`), at random.
"""

_BLIND = frozenset({"es", "datadog", "cloudwatch_logs", "azure_logs_ingestion"})
"""The outputs that try again whatever the answer is. The others give up by themselves what is refused (5.1.1)."""

_RESPONSE = "4M"
"""What is read of an answer. The answer to a bulk request has a line for each record."""

_TIME_FIELDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("loki", "splunk", "otlp", "forward", "syslog", "cloudwatch", "google-cloud"), ()),
    "datadog": ("timestamp",),
    "azure": ("TimeGenerated",),
}


def time_fields(target: Target) -> tuple[str, ...]:
    """The field in which the output of `target` writes the record's time; none where that stands beside the record.

    Of one that the application has too, outputs write the application's (seen with 5.1.1).
    """
    settings = target.settings
    if isinstance(settings, destinations.Logscale) and settings.via != "elastic-bulk":
        return ()
    return _TIME_FIELDS.get(settings.type, (TIME,))


AWS = {
    f"{where}{field}": variable
    for where in ("", "sasl.")
    for field, variable in (
        ("keys.access_key_id", "AWS_ACCESS_KEY_ID"),
        ("keys.secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    )
}
"""The variable that AWS's client reads, by the field that holds the secret."""


def is_blind(stream: Stream) -> bool:
    """Whether what delivers the records of `stream` cannot tell a refusal from a server that is away."""
    return output(stream, 0)["name"] in _BLIND


def output(stream: Stream, disk_bytes: int) -> Options:
    """The output that delivers the records of `stream`, and tries until they are delivered or refused.

    `disk_bytes` is what it may keep in the state volume.
    """
    own = OUTPUTS[stream.target.settings.type](To(stream, stream.target.settings, disk_bytes))
    tries = _TRIES if own["name"] in _BLIND else "no_limits"
    common = {"match": stream.tag, "alias": stream.tag, "retry_limit": tries, "log_suppress_interval": "30s"}
    return {**common, **own}


def _stdout(_to: To[destinations.Stdout]) -> Options:
    return {"name": "stdout", "format": "json_lines", **JSON}


def _elasticsearch(to: To[destinations.Elasticsearch]) -> Options:
    return {
        **_search(to),
        **connections.secrets(to.target, {"api_key": "http_api_key"}),
    }


def _opensearch(to: To[destinations.OpenSearch]) -> Options:
    """The output for Elasticsearch, whose bulk API it is.

    The one for OpenSearch sends a request again in which one record is refused, whole, so that all others are stored
    once for each try (5.1.1 reads no `status` but 409 as good, `opensearch_error_check`; seen with OpenSearch 2.19).
    """
    signed = {"aws_auth": True, "aws_region": to.settings.aws_region} if to.settings.aws_region else {}
    return {**_search(to), **signed}


def _search(to: "To[destinations.Elasticsearch | destinations.OpenSearch]") -> Options:
    index = value(to.target.templates["index"])
    named = {"logstash_format": True, "logstash_prefix": index} if to.settings.daily else {"index": index}
    return {
        "name": "es",
        **connections.network(to.target, to.settings),
        **({"path": to.settings.path} if to.settings.path else {}),
        **named,
        **connections.basic(to.target),
        **_BULK,
    }


_BULK = {
    "time_key": TIME,
    "time_key_nanos": True,
    "suppress_type_name": True,
    "compress": "gzip",
    "buffer_size": _RESPONSE,
    "trace_error": True,
}


def _loki(to: To[destinations.Loki]) -> Options:
    return {
        "name": "loki",
        **connections.network(to.target, to.settings),
        "uri": to.settings.path,
        "labels": ",".join(
            f"{key}={value(text, 1)}" for key, text in connections.templates(to.target, "labels").items()
        ),
        "line_format": "json",
        "compress": "gzip",
        **({"tenant_id": to.settings.tenant} if to.settings.tenant else {}),
        **connections.basic(to.target),
        **connections.secrets(to.target, {"token": "bearer_token"}),
        **connections.headers(to.target),
    }


def _splunk(to: To[destinations.Splunk]) -> Options:
    return {**_hec(to), **connections.named(to.target, {"index": "event_index"})}


def _hec(to: To[destinations.Splunk | destinations.Logscale]) -> Options:
    return {
        "name": "splunk",
        **connections.network(to.target, to.settings),
        **connections.secrets(to.target, {"token": "splunk_token"}),
        **connections.named(to.target, {"sourcetype": "event_sourcetype"}),
        "compress": "gzip",
    }


def _logscale(to: To[destinations.Logscale]) -> Options:
    return _LOGSCALE[to.settings.via](to)


def _logscale_hec(to: To[destinations.Logscale]) -> Options:
    return _hec(to)


def _logscale_bulk(to: To[destinations.Logscale]) -> Options:
    """Its bulk API takes any user, with the token as the password."""
    return {
        "name": "es",
        **connections.network(to.target, to.settings),
        "path": "/api/v1/ingest/elastic-bulk",
        "http_user": "loghook",
        **connections.secrets(to.target, {"token": "http_passwd"}),
        **_BULK,
    }


def _logscale_otlp(to: To[destinations.Logscale]) -> Options:
    return {
        "name": "opentelemetry",
        **connections.network(to.target, to.settings),
        "logs_uri": "/api/v1/ingest/otlp/v1/logs",
        **connections.headers(to.target, is_bearer=True),
        **_RECORDS,
    }


_LOGSCALE = {"hec": _logscale_hec, "elastic-bulk": _logscale_bulk, "otlp": _logscale_otlp}


_RECORDS = {"logs_body_key": "$message", "logs_body_key_attributes": True, "log_response_payload": True}
"""What of a record is the body. Its severity is where the output looks for it."""


def _otlp(to: To[destinations.Otlp]) -> Options:
    is_grpc = to.settings.protocol == "grpc"
    return {
        "name": "opentelemetry",
        **connections.network(to.target, to.settings),
        **({"grpc": "on", "http2": "on"} if is_grpc else {"logs_uri": to.settings.path, "compress": "gzip"}),
        **connections.headers(to.target, is_bearer=True),
        **_RECORDS,
    }


def _http(to: To[destinations.Http]) -> Options:
    return {
        "name": "http",
        **connections.network(to.target, to.settings),
        "uri": to.settings.path or "/",
        "format": "json_lines",
        **JSON,
        **connections.basic(to.target),
        **connections.headers(to.target, is_bearer=True),
        "compress": "gzip",
        "log_response_payload": True,
    }


def _datadog(to: To[destinations.Datadog]) -> Options:
    tags = ",".join(f"{key}:{value(text)}" for key, text in connections.templates(to.target, "tags").items())
    return {
        "name": "datadog",
        "host": to.settings.host or f"http-intake.logs.{to.settings.site}",
        "port": to.settings.port,
        **connections.tls(to.target, to.settings.tls),
        **connections.secrets(to.target, {"api_key": "apikey"}),
        **connections.named(to.target, {"service": "dd_service", "source": "dd_source"}),
        **({"dd_tags": tags} if tags else {}),
        **connections.headers(to.target),
        "dd_message_key": "message",
        "compress": "gzip",
    }


def _forward(to: To[destinations.Forward]) -> Options:
    return {
        "name": "forward",
        **connections.network(to.target, to.settings),
        **connections.secrets(to.target, {"shared_key": "shared_key"}),
        "self_hostname": value(to.stream.attributes.get("k8s.pod.name", ("loghook",))),
        "require_ack_response": True,
        "send_options": True,
    }


def _syslog(to: To[destinations.Syslog]) -> Options:
    return {
        "name": "syslog",
        "host": to.settings.host,
        "port": to.settings.port,
        "mode": to.settings.protocol,
        **(connections.tls(to.target, to.settings.tls) if to.settings.protocol == "tls" else {}),
        "syslog_format": "rfc5424",
        "syslog_maxsize": to.settings.max_bytes,
        "syslog_message_key": WHOLE_LINE,
        "syslog_hostname_key": "k8s.pod.name",
        "syslog_appname_key": "k8s.container.name",
        "syslog_msgid_key": "loghook.source",
    }


def _victorialogs(to: To[destinations.VictoriaLogs]) -> Options:
    own = victorialogs.headers(to.target, to.settings)
    return {
        "name": "http",
        **connections.network(to.target, to.settings),
        "uri": f"{to.settings.path}/insert/jsonline",
        "format": "json_lines",
        **JSON,
        **connections.basic(to.target),
        **connections.headers(to.target, own, is_bearer=True),
        **({"compress": "gzip"} if to.settings.compression == "gzip" else {}),
        "log_response_payload": True,
    }


OUTPUTS: Mapping[str, Callable[[Any], Options]] = {
    "stdout": _stdout,
    "elasticsearch": _elasticsearch,
    "opensearch": _opensearch,
    "loki": _loki,
    "splunk": _splunk,
    "logscale": _logscale,
    "kafka": kafka.output,
    "s3": clouds.s3,
    "otlp": _otlp,
    "http": _http,
    "datadog": _datadog,
    "cloudwatch": clouds.cloudwatch,
    "forward": _forward,
    "syslog": _syslog,
    "google-cloud": clouds.google_cloud,
    "azure": clouds.azure,
    "victorialogs": _victorialogs,
}
"""The options of an output by the type of destination."""

demand(TYPES, OUTPUTS, f"Fluent Bit ships to every type, and OUTPUTS in {__name__} has no {{name}}: add its output")
