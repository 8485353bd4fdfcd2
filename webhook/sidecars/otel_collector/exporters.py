"""How records leave: the exporter of each type of destination, and what it needs besides.

Names and types of options are those of the collector's contrib distribution, 0.149 to 0.159; `tests/data` has them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from webhook.config.destinations import (
    S3,
    CloudWatch,
    Datadog,
    Elasticsearch,
    GoogleCloud,
    Kafka,
    Logscale,
    Network,
    OpenSearch,
    Sasl,
    Splunk,
    Syslog,
)
from webhook.sidecars import Target, Text
from webhook.sidecars.otel_collector import connections, otlp
from webhook.sidecars.otel_collector.connections import Export, Extension, assignment, settings_as
from webhook.sidecars.otel_collector.notation import quoted, statement

__all__ = ["EXPORTERS", "RETENTIONS", "Export", "export"]

RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""The days for which CloudWatch keeps logs; the exporter ends the collector over any other number."""


def export(target: Target, name: str, queue: Mapping[str, Any]) -> tuple[Export, dict[str, Any]]:
    """The exporter for `target` and its whole options; its extensions are to be called `<type>/<name>`."""
    found = EXPORTERS[target.settings.type](target)
    options = _named(found.options, name)
    if found.kind == "file":  # writes at once, and has no queue
        return found, options
    own = options.get("sending_queue", {})
    options["sending_queue"] = {**queue, **own, "batch": {**queue["batch"], **own.get("batch", {})}}
    if found.kind not in _OWN_RETRIES:
        options["retry_on_failure"] = _RETRY
    return found, options


def _named(value: Any, name: str) -> Any:
    if isinstance(value, Extension):
        return f"{value.kind}/{name}"
    if isinstance(value, dict):
        return {key: _named(each, name) for key, each in value.items()}
    return value


_OWN_RETRIES = frozenset({"elasticsearch", "googlecloud"})
_RETRY = {"enabled": True, "initial_interval": "1s", "max_interval": "30s", "max_elapsed_time": "0s"}
"""Without end: what is not delivered stays in the queue, and when that is full, in the files."""


# Search engines.

_BODYMAP: Mapping[str, list[Text]] = {"scope": [('set(scope.attributes["elastic.mapping.mode"], "bodymap")',)]}
"""From 0.145 on the exporter is told by the records what the document is; before, by its options."""


def _bulk(target: Target, path: str, **options: Any) -> Export:
    """Elasticsearch's bulk API. Its retries are of its own kind, and end after a number of them."""
    retry = {"enabled": True, "max_retries": 2**31 - 1, "initial_interval": "1s", "max_interval": "30s"}
    retry["retry_on_status"] = [429, 500, 502, 503, 504]
    shared = {
        "endpoints": [connections.url(settings_as(Network, target), path)],
        "retry": retry,
        "mapping": {"mode": "bodymap"},
        **connections.tls(target),
        **connections.headers(target),
    }
    return Export(kind="elasticsearch", options=shared | options, statements=_BODYMAP)


def _elasticsearch(target: Target) -> Export:
    settings = settings_as(Elasticsearch, target)
    options: dict[str, Any] = {"logs_index": target.templates["index"]}
    if settings.daily:
        options["logstash_format"] = {"enabled": True, "prefix_separator": "-", "date_format": "%Y.%m.%d"}
    if settings.basic:
        options |= {
            "user": connections.secret(target, "basic.user"),
            "password": connections.secret(target, "basic.password"),
        }
    if settings.api_key:
        options["api_key"] = connections.secret(target, "api_key")
    return _bulk(target, settings.path, **options)


def _opensearch(target: Target) -> Export:
    settings = settings_as(OpenSearch, target)
    extensions = connections.basic(target)
    if settings.aws_region:
        extensions = {"sigv4auth": {"region": settings.aws_region, "service": "es"}}
    http = {
        "endpoint": connections.url(settings, settings.path),
        **connections.tls(target),
        **connections.auth(extensions),
        **connections.headers(target),
    }
    options: dict[str, Any] = {"http": http, "logs_index": target.templates["index"], "mapping": {"mode": "bodymap"}}
    if settings.daily:
        options["logs_index_time_format"] = "yyyy.MM.dd"
    return Export(kind="opensearch", options=options, extensions=extensions)


# Splunk's HTTP Event Collector.


def _event_collector(settings: Network, target: Target) -> Export:
    """An event is the document, so that nothing else is to be a field; the time and the host stand beside it."""
    templates = {name: target.templates[name] for name in ("index", "sourcetype") if name in target.templates}
    return Export(
        kind="splunk_hec",
        options={
            "endpoint": connections.url(settings, "/services/collector"),
            "token": connections.secret(target, "token"),
            **templates,
            **connections.tls(target),
            **connections.headers(target),
        },
        statements={
            "log": [
                ('set(log.attributes["host.name"], resource.attributes["k8s.pod.name"])',),
                ('keep_keys(log.attributes, ["host.name"])',),
                ("keep_keys(resource.attributes, [])",),
            ]
        },
    )


def _splunk(target: Target) -> Export:
    return _event_collector(settings_as(Splunk, target), target)


def _logscale(target: Target) -> Export:
    settings = settings_as(Logscale, target)
    if settings.via == "hec":
        return _event_collector(settings, target)
    if settings.via == "elastic-bulk":
        login = {"user": "loghook", "password": connections.secret(target, "token")}
        return _bulk(target, "/api/v1/ingest/elastic-bulk", logs_index="loghook", **login)
    return otlp.by_http(target, "/api/v1/ingest/otlp/v1/logs", connections.bearer(target))


# Others.

_LINES: Mapping[str, dict[str, Any]] = {"text_encoding": {"encoding": "utf8", "marshaling_separator": "\n"}}


def _stdout(_: Target) -> Export:
    options = {"path": "/dev/stdout", "append": True, "encoding": Extension("text_encoding"), "flush_interval": "1s"}
    return Export(kind="file", options=options, extensions=_LINES)


def _kafka(target: Target) -> Export:
    settings = settings_as(Kafka, target)
    options: dict[str, Any] = {
        "brokers": list(settings.brokers),
        "logs": {"topic": target.templates["topic"], "encoding": "raw"},
        "producer": {"max_message_bytes": settings.MESSAGE_BYTES, "required_acks": -1, "compression": "gzip"},
    }
    if settings.tls.enabled:
        options["tls"] = connections.tls(target).get("tls", {"insecure": False})
    if settings.sasl:
        options["auth"] = {"sasl": _sasl(settings.sasl, target)}
    return Export(kind="kafka", options=options)


def _sasl(settings: Sasl, target: Target) -> dict[str, Any]:
    if settings.cluster:
        return {"mechanism": "AWS_MSK_IAM_OAUTHBEARER", "aws_msk": {"region": settings.region}}
    return {
        "username": connections.secret(target, "sasl.user"),
        "password": connections.secret(target, "sasl.password"),
        "mechanism": settings.mechanism,
    }


def _s3(target: Target) -> Export:
    settings = settings_as(S3, target)
    uploader: dict[str, Any] = {
        "region": settings.region,
        "s3_bucket": settings.bucket,
        "s3_prefix": target.templates["prefix"],
        "s3_partition_format": "%Y/%m/%d/%H/%M",
        "compression": "gzip",
        "retry_max_attempts": 3,
    }
    if settings.endpoint:
        uploader |= {"endpoint": settings.endpoint, "s3_force_path_style": True}
    options = {
        "s3uploader": uploader,
        "encoding": Extension("text_encoding"),
        "encoding_file_extension": "json",
        "sending_queue": {"batch": {"flush_timeout": "60s", "min_size": 512 * 1024}},
    }
    return Export(kind="awss3", options=options, extensions=_LINES)


def _cloudwatch(target: Target) -> Export:
    settings = settings_as(CloudWatch, target)
    options: dict[str, Any] = {
        "region": settings.region,
        "log_group_name": target.templates["group"],
        "log_stream_name": target.templates["stream"],
        "raw_log": True,
    }
    if settings.endpoint:
        options["endpoint"] = settings.endpoint
    if settings.retention_days:
        options["log_retention"] = settings.retention_days
    return Export(kind="awscloudwatchlogs", options=options)


def _datadog(target: Target) -> Export:
    settings = settings_as(Datadog, target)
    tags: list[Text] = [
        (f"{field.partition('.')[2]}:", *text) for field, text in target.templates.items() if field.startswith("tags.")
    ]
    joined: Text = tuple(part for number, tag in enumerate(tags) for part in ((",", *tag) if number else tag))
    options: dict[str, Any] = {
        "api": {"key": connections.secret(target, "api_key"), "site": settings.site},
        "host_metadata": {"enabled": False},
    }
    if settings.host:
        options["logs"] = {
            "endpoint": f"{'https' if settings.tls.enabled else 'http'}://{settings.host}:{settings.port}"
        }
    return Export(
        kind="datadog",
        options=options | connections.tls(target),
        is_document=False,
        statements={
            "resource": [
                assignment('resource.attributes["service.name"]', target.templates["service"]),
                assignment('resource.attributes["datadog.log.source"]', target.templates["source"]),
            ],
            "log": [assignment('log.attributes["ddtags"]', joined)] if joined else [],
        },
    )


def _syslog(target: Target) -> Export:
    settings = settings_as(Syslog, target)
    tls = {"insecure": True} if settings.protocol != "tls" else connections.tls(target).get("tls", {"insecure": False})
    return Export(
        kind="syslog",
        options={
            "endpoint": settings.host,
            "port": settings.port,
            "network": "udp" if settings.protocol == "udp" else "tcp",
            "protocol": "rfc5424",
            "enable_octet_counting": settings.protocol == "tls",
            "tls": tls,
        },
        is_document=False,
        keeps_line=True,
        statements={
            "log": [
                ("keep_keys(log.attributes, [])",),  # the exporter takes some of them for parts of the message
                ('set(log.attributes["message"], log.body)',),
                statement('replace_pattern(log.attributes["message"], ', quoted("\n"), ', "#012")'),
                ('set(log.attributes["hostname"], resource.attributes["k8s.pod.name"])',),
                ('set(log.attributes["appname"], resource.attributes["k8s.container.name"])',),
                ('set(log.attributes["msg_id"], resource.attributes["loghook.source"])',),
                statement('replace_pattern(log.attributes["msg_id"], ', quoted("^(.{32}).+$"), ', "$1")'),
                (f"truncate_all(log.attributes, {settings.max_bytes - settings.HEADER_BYTES})",),
                ('set(log.time, TruncateTime(log.time, Duration("1us")))',),  # RFC 5424 has six digits
            ]
        },
    )


def _google_cloud(target: Target) -> Export:
    """Its resource is `k8s_container` where these attributes are there."""
    settings = settings_as(GoogleCloud, target)
    return Export(
        kind="googlecloud",
        options={"project": settings.project, "log": {"default_log_name": "loghook"}},
        statements={
            "resource": [
                assignment('resource.attributes["cloud.platform"]', "gcp_kubernetes_engine"),
                assignment('resource.attributes["k8s.cluster.name"]', settings.cluster),
                assignment('resource.attributes["cloud.availability_zone"]', settings.location),
            ]
        },
    )


EXPORTERS: Mapping[str, Callable[[Target], Export]] = {
    "stdout": _stdout,
    "elasticsearch": _elasticsearch,
    "opensearch": _opensearch,
    "loki": otlp.loki,
    "splunk": _splunk,
    "logscale": _logscale,
    "kafka": _kafka,
    "s3": _s3,
    "otlp": otlp.otlp,
    "datadog": _datadog,
    "cloudwatch": _cloudwatch,
    "syslog": _syslog,
    "google-cloud": _google_cloud,
    "victorialogs": otlp.victorialogs,
}
"""What makes the exporter of each type; the types that are missing are those that the collector cannot do."""
