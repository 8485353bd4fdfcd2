"""How records leave: the exporter of each type of destination, and what it needs besides.

Names and types of options are those of the collector's contrib distribution, 0.149 to 0.159; `tests/data` has them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from webhook.config.destinations import (
    S3,
    CloudWatch,
    Datadog,
    Destination,
    Elasticsearch,
    GoogleCloud,
    Kafka,
    Logscale,
    Loki,
    Network,
    OpenSearch,
    Otlp,
    Splunk,
    Syslog,
    Tls,
)
from webhook.sidecars import Target, Text
from webhook.sidecars.otel_collector.notation import quoted, statement

__all__ = ["EXPORTERS", "RETENTIONS", "Export", "export"]

RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""The days for which CloudWatch keeps logs; the exporter ends the collector over any other number."""


_Settings = TypeVar("_Settings", bound=Destination)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One exporter: its `kind`, its `options`, and what its records and the collector need for it.

    `is_document`: it takes one flat document as the body, else a record of OTLP; `keeps_line`: the line as it was
    written, with fields as attributes beside it. `statements` are for its records, by context. `extensions`
    are others by type, and are named as the exporter; where it refers to one it does so by `Extension`.
    """

    kind: str
    options: dict[str, Any]
    is_document: bool = True
    keeps_line: bool = False
    statements: Mapping[str, list[Text]] = {}
    extensions: Mapping[str, dict[str, Any]] = {}
    is_in_small_image: bool = False


class Extension(NamedTuple):
    """The name of an extension of this exporter's own, by its type."""

    kind: str


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


# What several have in common.


def _url(settings: Network, path: str = "") -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls.enabled else 'http'}://{host}:{settings.port}{path}"


def _tls(tls: Tls) -> dict[str, Any]:
    """What is said of TLS. A CA is not named here: a file that is missing would end the collector (see `env`)."""
    if not tls.enabled:
        return {"tls": {"insecure": True}}
    said = {"insecure_skip_verify": not tls.verify, "server_name_override": tls.server_name}
    options = {key: value for key, value in said.items() if value}
    return {"tls": options} if options else {}


def _secret(target: Target, field: str) -> Text:
    return (target.secrets[field],)


def _bearer(target: Target) -> dict[str, Text]:
    return {"Authorization": ("Bearer ", target.secrets["token"])} if "token" in target.secrets else {}


def _basic(target: Target) -> dict[str, dict[str, Any]]:
    """The extension that logs in with a name and a password."""
    if "basic.user" not in target.secrets:
        return {}
    login = {"username": _secret(target, "basic.user"), "password": _secret(target, "basic.password")}
    return {"basicauth": {"client_auth": login}}


def _auth(extensions: Mapping[str, Any]) -> dict[str, Any]:
    return {"auth": {"authenticator": Extension(next(iter(extensions)))}} if extensions else {}


def _set(place: str, value: str | Text) -> Text:
    return statement(f"set({place}, ", quoted(value), ")")


# OTLP.


def _otlp(target: Target) -> Export:
    settings = _as(Otlp, target)
    headers = _bearer(target)
    for number, header in enumerate(settings.headers):
        value = target.secrets.get(f"headers.{number}")
        headers[header.name] = (str(header.value),) if value is None else (value,)
    if settings.protocol == "grpc":
        return _sent_by_grpc(settings, headers)
    return _sent_by_http(settings, settings.path, headers)


def _sent_by_http(
    settings: Network,
    path: str,
    headers: Mapping[str, Text],
    extensions: Mapping[str, dict[str, Any]] | None = None,
    statements: Mapping[str, list[Text]] | None = None,
) -> Export:
    extensions = extensions or {}
    options = {"logs_endpoint": _url(settings, path), "timeout": "30s", **_tls(settings.tls), **_auth(extensions)}
    return Export(
        kind="otlp_http",
        options=options | ({"headers": dict(headers)} if headers else {}),
        is_document=False,
        statements=statements or {},
        extensions=extensions,
        is_in_small_image=not extensions,
    )


_GRPC_LIMIT = 4000 * 1024  # bytes; receivers of gRPC take 4 MiB (google.golang.org/grpc, server.go)


def _sent_by_grpc(settings: Network, headers: Mapping[str, Text]) -> Export:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = {"endpoint": f"{host}:{settings.port}", "timeout": "30s", **_tls(settings.tls)}
    options["sending_queue"] = {"batch": {"max_size": _GRPC_LIMIT}}
    return Export(
        kind="otlp_grpc",
        options=options | ({"headers": {name.lower(): value for name, value in headers.items()}} if headers else {}),
        is_document=False,
        is_in_small_image=True,
    )


_PUSH = "/loki/api/v1/push"


def _loki(target: Target) -> Export:
    """By Loki's own OTLP endpoint, which stands beside the path of its push API."""
    settings = _as(Loki, target)
    path = settings.path.removesuffix(_PUSH) + "/otlp/v1/logs" if settings.path.endswith(_PUSH) else settings.path
    headers = _bearer(target) | ({"X-Scope-OrgID": (settings.tenant,)} if settings.tenant else {})
    labels = [
        statement("set(resource.attributes[", quoted(field.partition(".")[2]), "], ", quoted(text), ")")
        for field, text in target.templates.items()
    ]
    return _sent_by_http(settings, path, headers, _basic(target), {"resource": labels})


# Search engines.

_BODYMAP: Mapping[str, list[Text]] = {"scope": [('set(scope.attributes["elastic.mapping.mode"], "bodymap")',)]}
"""From 0.145 on the exporter is told by the records what the document is; before, by its options."""


def _bulk(settings: Network, path: str, **options: Any) -> Export:
    """Elasticsearch's bulk API. Its retries are of its own kind, and end after a number of them."""
    retry = {"enabled": True, "max_retries": 2**31 - 1, "initial_interval": "1s", "max_interval": "30s"}
    retry["retry_on_status"] = [429, 500, 502, 503, 504]
    shared = {"endpoints": [_url(settings, path)], "retry": retry, "mapping": {"mode": "bodymap"}}
    return Export(kind="elasticsearch", options=shared | _tls(settings.tls) | options, statements=_BODYMAP)


def _elasticsearch(target: Target) -> Export:
    settings = _as(Elasticsearch, target)
    options: dict[str, Any] = {"logs_index": target.templates["index"]}
    if settings.daily:
        options["logstash_format"] = {"enabled": True, "prefix_separator": "-", "date_format": "%Y.%m.%d"}
    if settings.basic:
        options |= {"user": _secret(target, "basic.user"), "password": _secret(target, "basic.password")}
    if settings.api_key:
        options["api_key"] = _secret(target, "api_key")
    return _bulk(settings, settings.path, **options)


def _opensearch(target: Target) -> Export:
    settings = _as(OpenSearch, target)
    extensions = _basic(target)
    if settings.aws_region:
        extensions = {"sigv4auth": {"region": settings.aws_region, "service": "es"}}
    http = {"endpoint": _url(settings, settings.path), **_tls(settings.tls), **_auth(extensions)}
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
            "endpoint": _url(settings, "/services/collector"),
            "token": _secret(target, "token"),
            **templates,
            **_tls(settings.tls),
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
    return _event_collector(_as(Splunk, target), target)


def _logscale(target: Target) -> Export:
    settings = _as(Logscale, target)
    if settings.via == "hec":
        return _event_collector(settings, target)
    if settings.via == "elastic-bulk":
        login = {"user": "loghook", "password": _secret(target, "token")}
        return _bulk(settings, "/api/v1/ingest/elastic-bulk", logs_index="loghook", **login)
    return _sent_by_http(settings, "/api/v1/ingest/otlp/v1/logs", _bearer(target))


# Others.

_LINES: Mapping[str, dict[str, Any]] = {"text_encoding": {"encoding": "utf8", "marshaling_separator": "\n"}}


def _stdout(_: Target) -> Export:
    options = {"path": "/dev/stdout", "append": True, "encoding": Extension("text_encoding"), "flush_interval": "1s"}
    return Export(kind="file", options=options, extensions=_LINES)


def _kafka(target: Target) -> Export:
    settings = _as(Kafka, target)
    options: dict[str, Any] = {
        "brokers": list(settings.brokers),
        "logs": {"topic": target.templates["topic"], "encoding": "raw"},
        "producer": {"max_message_bytes": 2 * 1024 * 1024, "required_acks": -1, "compression": "gzip"},
    }
    if settings.tls.enabled:
        options["tls"] = _tls(settings.tls).get("tls", {"insecure": False})
    if settings.sasl:
        login = {"username": _secret(target, "sasl.user"), "password": _secret(target, "sasl.password")}
        options["auth"] = {"sasl": {**login, "mechanism": settings.sasl.mechanism}}
    return Export(kind="kafka", options=options)


def _s3(target: Target) -> Export:
    settings = _as(S3, target)
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
    settings = _as(CloudWatch, target)
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
    settings = _as(Datadog, target)
    tags: list[Text] = [
        (f"{field.partition('.')[2]}:", *text) for field, text in target.templates.items() if field.startswith("tags.")
    ]
    joined: Text = tuple(part for number, tag in enumerate(tags) for part in ((",", *tag) if number else tag))
    options: dict[str, Any] = {
        "api": {"key": _secret(target, "api_key"), "site": settings.site},
        "host_metadata": {"enabled": False},
    }
    if settings.host:
        options["logs"] = {
            "endpoint": f"{'https' if settings.tls.enabled else 'http'}://{settings.host}:{settings.port}"
        }
    return Export(
        kind="datadog",
        options=options | _tls(settings.tls),
        is_document=False,
        statements={
            "resource": [
                _set('resource.attributes["service.name"]', target.templates["service"]),
                _set('resource.attributes["datadog.log.source"]', target.templates["source"]),
            ],
            "log": [_set('log.attributes["ddtags"]', joined)] if joined else [],
        },
    )


def _syslog(target: Target) -> Export:
    settings = _as(Syslog, target)
    tls = {"insecure": True} if settings.protocol != "tls" else _tls(settings.tls).get("tls", {"insecure": False})
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
            ]
        },
    )


def _google_cloud(target: Target) -> Export:
    """Its resource is `k8s_container` where these attributes are there."""
    settings = _as(GoogleCloud, target)
    return Export(
        kind="googlecloud",
        options={"project": settings.project, "log": {"default_log_name": "loghook"}},
        statements={
            "resource": [
                _set('resource.attributes["cloud.platform"]', "gcp_kubernetes_engine"),
                _set('resource.attributes["k8s.cluster.name"]', settings.cluster),
                _set('resource.attributes["cloud.availability_zone"]', settings.location),
            ]
        },
    )


def _as(model: type[_Settings], target: Target) -> _Settings:
    if not isinstance(target.settings, model):
        raise TypeError(f"{target.name} is no {model.__name__}")
    return target.settings


EXPORTERS: Mapping[str, Callable[[Target], Export]] = {
    "stdout": _stdout,
    "elasticsearch": _elasticsearch,
    "opensearch": _opensearch,
    "loki": _loki,
    "splunk": _splunk,
    "logscale": _logscale,
    "kafka": _kafka,
    "s3": _s3,
    "otlp": _otlp,
    "datadog": _datadog,
    "cloudwatch": _cloudwatch,
    "syslog": _syslog,
    "google-cloud": _google_cloud,
}
"""What makes the exporter of each type; the types that are missing are those that the collector cannot do."""
