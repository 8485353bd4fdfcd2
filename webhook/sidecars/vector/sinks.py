"""Vector's sinks: how each type of destination is written, and what its records need besides.

Source of the options: Vector's reference for 0.57 (`docs/reference/configuration/sinks`). A sink retries without end;
requests that the server refuses as such (4xx) are retried where a sink can be told so.
"""

from collections.abc import Callable, Mapping
from typing import Any

from webhook.config.destinations import (
    S3,
    Azure,
    CloudWatch,
    Datadog,
    Elasticsearch,
    Http,
    Kafka,
    Logscale,
    Loki,
    OpenSearch,
    Otlp,
    Splunk,
    Syslog,
    VictoriaLogs,
)
from webhook.sidecars import Target, Text, victorialogs
from webhook.sidecars.vector import connections
from webhook.sidecars.vector.connections import Sink

__all__ = ["SINKS"]

_BATCH: Sink = {"max_bytes": 1_000_000, "timeout_secs": 1}
_JSON: Sink = {"codec": "json"}

# What a request is refused for, but not for ever: a credential that comes later, a proxy, a busy server.
_RETRIED: Sink = {"type": "custom", "status_codes": [401, 403, 404, 407, 408, 425, 429, 500, 502, 503, 504]}


def _stdout(_: Any, __: Target) -> Sink:
    return {"type": "console", "target": "stdout", "encoding": _JSON, "framing": {"method": "newline_delimited"}}


def _search(settings: Elasticsearch | OpenSearch | Logscale, target: Target, url: str, index: Text, auth: Sink) -> Sink:
    return {
        "type": "elasticsearch",
        "endpoints": [url],
        "api_version": "v8",
        "mode": "bulk",
        "bulk": {"action": "create", "index": index},
        "compression": "gzip",
        "request_retry_partial": True,
        "batch": _BATCH,
        **connections.request({}, target),
        **auth,
        **connections.tls(settings.tls, target),
    }


def _index(settings: Elasticsearch | OpenSearch, target: Target) -> Text:
    return (*target.templates["index"], *(["-%Y.%m.%d"] if settings.daily else []))


def _elasticsearch(settings: Elasticsearch, target: Target) -> Sink:
    auth = connections.auth(target)
    if "api_key" in target.secrets:
        auth = connections.request({"Authorization": ("ApiKey ", target.secrets["api_key"])}, target)
    return _search(settings, target, connections.url(settings, settings.path), _index(settings, target), auth)


def _opensearch(settings: OpenSearch, target: Target) -> Sink:
    auth = connections.auth(target)
    if settings.aws_region:
        auth = {"auth": {"strategy": "aws"}, "aws": {"region": settings.aws_region}}
        auth["opensearch_service_type"] = "managed"
    return _search(settings, target, connections.url(settings, settings.path), _index(settings, target), auth)


def _loki(settings: Loki, target: Target) -> Sink:
    labels = {name.removeprefix("labels."): text for name, text in target.templates.items()}
    return {
        "type": "loki",
        "endpoint": connections.url(settings),
        "path": settings.path,
        "labels": labels,
        "encoding": _JSON,
        "remove_timestamp": True,
        "out_of_order_action": "accept",
        "batch": _BATCH,
        **({"tenant_id": settings.tenant} if settings.tenant else {}),
        **connections.auth(target),
        **connections.tls(settings.tls, target),
    }


def _splunk(settings: Splunk, target: Target) -> Sink:
    return {
        "type": "splunk_hec_logs",
        "endpoint": connections.url(settings),
        "default_token": connections.secret(target, "token"),
        "timestamp_key": '"@timestamp"',
        "host_key": '"k8s.pod.name"',
        "encoding": _JSON,
        "compression": "gzip",
        "batch": _BATCH,
        **target.templates,
        **connections.tls(settings.tls, target),
    }


def _logscale(settings: Logscale, target: Target) -> Sink:
    if settings.via == "otlp":
        headers: Sink = {"Authorization": connections.bearer(target)} | connections.headers(target)
        return _otlp_sink(
            connections.url(settings, "/api/v1/ingest/otlp/v1/logs"), headers, connections.tls(settings.tls, target)
        )
    if settings.via == "elastic-bulk":
        auth: Sink = {"auth": {"strategy": "basic", "user": "loghook", "password": connections.secret(target, "token")}}
        return _search(settings, target, connections.url(settings, "/api/v1/ingest/elastic-bulk"), ("loghook",), auth)
    return {
        "type": "humio_logs",
        "endpoint": connections.url(settings),
        "token": connections.secret(target, "token"),
        "timestamp_key": '"@timestamp"',
        "host_key": '"k8s.pod.name"',
        "encoding": _JSON,
        "compression": "gzip",
        "batch": _BATCH,
        **({"event_type": target.templates["sourcetype"]} if "sourcetype" in target.templates else {}),
        **connections.tls(settings.tls, target),
    }


def _kafka(settings: Kafka, target: Target) -> Sink:
    sink: Sink = {
        "type": "kafka",
        "bootstrap_servers": ",".join(settings.brokers),
        "topic": target.templates["topic"],
        "encoding": _JSON,
        "compression": "gzip",
        "message_timeout_ms": 0,
        "librdkafka_options": {
            "queue.buffering.max.kbytes": "4096",
            "message.max.bytes": str(settings.MESSAGE_BYTES),
            "batch.size": str(settings.BATCH_BYTES),
        },
    }
    if settings.tls.enabled:
        options = connections.tls(settings.tls, target).get("tls", {})
        sink["tls"] = {"enabled": True, **options} if isinstance(options, Mapping) else {}
    if settings.sasl:
        sink["sasl"] = {
            "enabled": True,
            "mechanism": settings.sasl.mechanism,
            "username": connections.secret(target, "sasl.user"),
            "password": connections.secret(target, "sasl.password"),
        }
    return sink


def _s3(settings: S3, target: Target) -> Sink:
    return {
        "type": "aws_s3",
        "bucket": settings.bucket,
        "region": settings.region,
        "key_prefix": (*target.templates["prefix"], "/%Y/%m/%d/"),
        "compression": "gzip",
        "encoding": _JSON,
        "framing": {"method": "newline_delimited"},
        "batch": {"max_bytes": 10_000_000, "timeout_secs": 60},
        **({"endpoint": settings.endpoint, "force_path_style": True} if settings.endpoint else {}),
        **connections.aws_auth(target),
    }


def _otlp_sink(url: str, headers: Sink, tls: Sink) -> Sink:
    return {
        "type": "opentelemetry",
        "protocol": {
            "type": "http",
            "uri": url,
            "method": "post",
            "encoding": {"codec": "otlp"},
            "compression": "gzip",
            "batch": _BATCH,
            "request": {"headers": {"Content-Type": "application/x-protobuf", **headers}},
            "retry_strategy": _RETRIED,
            **tls,
        },
    }


def _otlp(settings: Otlp, target: Target) -> Sink:
    token: Sink = {"Authorization": connections.bearer(target)} if "token" in target.secrets else {}
    return _otlp_sink(
        connections.url(settings, settings.path),
        token | connections.headers(target),
        connections.tls(settings.tls, target),
    )


def _http(settings: Http, target: Target) -> Sink:
    return _lines(settings, settings.path, {}, target)


def _victorialogs(settings: VictoriaLogs, target: Target) -> Sink:
    own: Sink = {**victorialogs.headers(target, settings)}
    packed: Sink = {"compression": "gzip"} if settings.compression == "gzip" else {}
    return _lines(settings, f"{settings.path}/insert/jsonline", own, target) | packed


def _lines(settings: Http | VictoriaLogs, path: str, own: Sink, target: Target) -> Sink:
    """Lines of JSON, with headers of the type's `own`."""
    return {
        "type": "http",
        "uri": connections.url(settings, path),
        "method": "post",
        "encoding": _JSON,
        "framing": {"method": "newline_delimited"},
        "batch": _BATCH,
        "retry_strategy": _RETRIED,
        **connections.request(own, target),
        **connections.auth(target),
        **connections.tls(settings.tls, target),
    }


def _datadog(settings: Datadog, target: Target) -> Sink:
    host = settings.host or f"http-intake.logs.{settings.site}"
    scheme = "https" if settings.tls.enabled else "http"
    return {
        "type": "datadog_logs",
        "endpoint": f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}",
        "default_api_key": connections.secret(target, "api_key"),
        "compression": "gzip",
        "batch": _BATCH,
        **connections.request({}, target),
        **connections.tls(settings.tls, target),
    }


def _cloudwatch(settings: CloudWatch, target: Target) -> Sink:
    return {
        "type": "aws_cloudwatch_logs",
        "region": settings.region,
        "group_name": target.templates["group"],
        "stream_name": target.templates["stream"],
        "create_missing_group": settings.create_group,
        "create_missing_stream": True,
        "encoding": _JSON,
        "batch": _BATCH,
        **({"endpoint": settings.endpoint} if settings.endpoint else {}),
        **({"retention": {"enabled": True, "days": settings.retention_days}} if settings.retention_days else {}),
        **connections.aws_auth(target),
    }


def _syslog(settings: Syslog, target: Target) -> Sink:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    sink: Sink = {
        "type": "socket",
        "mode": "udp" if settings.protocol == "udp" else "tcp",
        "address": f"{host}:{settings.port}",
        "encoding": {
            "codec": "syslog",
            "syslog": {"rfc": "rfc5424", "app_name": ".app", "msg_id": ".source"},
        },
    }
    if settings.protocol != "udp":
        sink["framing"] = {"method": "newline_delimited"}
    if settings.protocol == "tls":
        options = connections.tls(settings.tls, target).get("tls", {})
        sink["tls"] = {"enabled": True, **options} if isinstance(options, Mapping) else {}
    return sink


def _azure(settings: Azure, target: Target) -> Sink:
    return {
        "type": "azure_logs_ingestion",
        "endpoint": settings.endpoint,
        "dcr_immutable_id": settings.rule,
        "stream_name": f"Custom-{settings.table}",
        "auth": {
            "azure_credential_kind": "client_secret_credential",
            "azure_tenant_id": settings.tenant,
            "azure_client_id": connections.secret(target, "client_id"),
            "azure_client_secret": connections.secret(target, "client_secret"),
        },
        "batch": _BATCH,
        "retry_strategy": _RETRIED,
    }


SINKS: Mapping[str, Callable[[Any, Target], Sink]] = {
    "stdout": _stdout,
    "elasticsearch": _elasticsearch,
    "opensearch": _opensearch,
    "loki": _loki,
    "splunk": _splunk,
    "logscale": _logscale,
    "kafka": _kafka,
    "s3": _s3,
    "otlp": _otlp,
    "http": _http,
    "datadog": _datadog,
    "cloudwatch": _cloudwatch,
    "syslog": _syslog,
    "azure": _azure,
    "victorialogs": _victorialogs,
}
"""How each type of destination is written.

There is no sink for `forward`, and `gcp_stackdriver_logs` ends Vector at its start when no token can be had at once.
"""
