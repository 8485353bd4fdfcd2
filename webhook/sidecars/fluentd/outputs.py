"""Fluentd's outputs: how each type of destination is written, and which image has the plugin for it.

Source of the parameters: the plugins' own `config_param` in the versions of the daemonset images v1.19.3. Splunk and
LogScale are served by Fluentd's own `http` output, with records in the shape that they take: no image has a plugin.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.config.destinations import (
    S3,
    CloudWatch,
    Datadog,
    Elasticsearch,
    Forward,
    Http,
    Kafka,
    Logscale,
    OpenSearch,
    Splunk,
    VictoriaLogs,
)
from webhook.sidecars import STATE_DIRECTORY, Stream, Target, Text, Variable, victorialogs
from webhook.sidecars.fluentd import connections
from webhook.sidecars.fluentd.connections import Parameters
from webhook.sidecars.fluentd.literals import Section, Value, json_text

__all__ = ["OUTPUTS", "RETRIED", "Output", "known_environment", "output"]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """An output's parameters; what its records are to look like (`shape`, `envelope`); and how its chunks are cut."""

    parameters: Parameters
    sections: tuple[Section, ...] = ()
    shape: str = "record"
    envelope: Mapping[str, Text] = {}
    chunk_keys: str = "tag"
    buffer: Mapping[str, Value] = {}


_JSON = Section("format", "", {"@type": "json"})

_UNRECOVERABLE = json_text(["out_of_memory_error"])
"""Without `es_rejected_execution_exception`, which is by default one: a busy server would cost the whole chunk."""

RETRIED = "retried"
"""The tag of what a bulk request left over: whole records already, which no filter is to read as lines again."""


def _stdout(_: Any, __: Target) -> Output:
    return Output(parameters={"@type": "stdout"}, sections=(_JSON,))


def _search(settings: Elasticsearch | OpenSearch, target: Target) -> Parameters:
    index = target.templates["index"]
    return {
        "host": settings.host,
        "port": settings.port,
        "scheme": "https" if settings.tls.enabled else "http",
        "path": settings.path or None,
        "user": connections.secret(target, "basic.user"),
        "password": connections.secret(target, "basic.password"),
        "ssl_verify": settings.tls.verify,
        "ca_file": connections.ca(target),
        **connections.client(target, "client_cert", "client_key"),
        "index_name": None if settings.daily else index,
        "logstash_format": settings.daily,
        "logstash_prefix": index if settings.daily else None,
        "include_timestamp": True,
        "suppress_type_name": True,
        "request_timeout": "30s",
        "reload_connections": False,
        "reconnect_on_error": True,
        "reload_on_failure": True,
        "compression_level": "best_speed",
        "bulk_message_request_threshold": "4m",
        "custom_headers": connections.custom_headers(target),
        "retry_tag": RETRIED,
    }


def _elasticsearch(settings: Elasticsearch, target: Target) -> Output:
    own: Parameters = {
        "@type": "elasticsearch",
        **_search(settings, target),
        "api_key": connections.secret(target, "api_key"),
        "verify_es_version_at_startup": False,
        "default_elasticsearch_version": 8,
        "log_es_400_reason": True,
        "unrecoverable_error_types": _UNRECOVERABLE,
    }
    return Output(parameters=own)


def _opensearch(settings: OpenSearch, target: Target) -> Output:
    own: Parameters = {
        "@type": "opensearch",
        **_search(settings, target),
        "verify_os_version_at_startup": False,
        "log_os_400_reason": True,
        "unrecoverable_error_types": _UNRECOVERABLE,
    }
    if not settings.aws_region:
        return Output(parameters=own)
    url = f"{own['scheme']}://{connections.host(settings.host)}:{settings.port}{settings.path}"
    signed = Section("endpoint", "", {"url": url, "region": settings.aws_region})
    gone = {"host", "port", "scheme", "path", "user", "password"}
    return Output(parameters={name: value for name, value in own.items() if name not in gone}, sections=(signed,))


def _hec(settings: Splunk | Logscale, target: Target, scheme: str) -> Output:
    headers = {"Authorization": (f"{scheme} ", target.secrets["token"])}
    own = {name: text for name, text in target.templates.items() if name in {"index", "sourcetype"}}
    return Output(
        parameters=connections.web(settings, "/services/collector/event", headers, target),
        sections=(_JSON,),
        shape="hec",
        envelope=own,
    )


def _splunk(settings: Splunk, target: Target) -> Output:
    return _hec(settings, target, "Splunk")


def _logscale(settings: Logscale, target: Target) -> Output:
    if settings.via == "hec":
        return _hec(settings, target, "Bearer")
    bulk = Section("format", "", {"@type": "single_value", "message_key": "line"})
    headers = {"Authorization": ("Bearer ", target.secrets["token"])}
    own = connections.web(settings, "/api/v1/ingest/elastic-bulk/_bulk", headers, target)
    return Output(parameters=own, sections=(bulk,), shape="bulk")


def _http(settings: Http, target: Target) -> Output:
    return _lines(settings, settings.path, {}, target)


def _victorialogs(settings: VictoriaLogs, target: Target) -> Output:
    made = _lines(settings, f"{settings.path}/insert/jsonline", victorialogs.headers(target, settings), target)
    made.parameters["compress"] = "gzip" if settings.compression == "gzip" else None
    return made


def _lines(settings: Http | VictoriaLogs, path: str, own: Mapping[str, Text], target: Target) -> Output:
    """Lines of JSON, with headers of the type's `own`."""
    if "token" in target.secrets:
        own = {"Authorization": ("Bearer ", target.secrets["token"]), **own}
    basic: Parameters = {
        "method": "basic",
        "username": connections.secret(target, "basic.user"),
        "password": connections.secret(target, "basic.password"),
    }
    auth = (Section("auth", "", basic),) if "basic.user" in target.secrets else ()
    return Output(parameters=connections.web(settings, path, own, target), sections=(_JSON, *auth))


def _kafka(settings: Kafka, target: Target) -> Output:
    scram = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
    unused = "loghook.none"  # by default, fields called `topic`, `partition` and the like would steer the delivery
    own: Parameters = {
        "@type": "kafka2",
        "brokers": json_text(list(settings.brokers)),
        "topic": target.templates["topic"],
        "topic_key": unused,
        "partition_key": unused,
        "partition_key_key": unused,
        "message_key_key": unused,
        "max_send_limit_bytes": settings.MESSAGE_BYTES,
        "required_acks": -1,
        "compression_codec": "gzip",
        "sasl_over_ssl": settings.tls.enabled,
    }
    if settings.tls.enabled:
        own |= (
            {"ssl_ca_cert": connections.ca(target)} if "tls.ca" in target.files else {"ssl_ca_certs_from_system": True}
        )
        own |= connections.client(target, "ssl_client_cert", "ssl_client_cert_key")
    if settings.sasl:
        own |= {
            "username": connections.secret(target, "sasl.user"),
            "password": connections.secret(target, "sasl.password"),
            "scram_mechanism": scram.get(settings.sasl.mechanism),
        }
    return Output(parameters=own, sections=(_JSON,), chunk_keys="topic")


def _s3(settings: S3, target: Target) -> Output:
    own: Parameters = {
        "@type": "s3",
        "s3_bucket": settings.bucket,
        "s3_region": settings.region,
        "s3_endpoint": settings.endpoint,
        "force_path_style": True if settings.endpoint else None,
        "aws_key_id": connections.secret(target, "keys.access_key_id"),
        "aws_sec_key": connections.secret(target, "keys.secret_access_key"),
        "path": (*target.templates["prefix"], "/%Y/%m/%d/"),
        "s3_object_key_format": "%{path}%{time_slice}_%{index}_%{hex_random}.%{file_extension}",
        "hex_random_length": 16,
        "store_as": "gzip",
        "auto_create_bucket": False,
        "check_bucket": False,
        "check_object": False,
        "check_apikey_on_start": False,
    }
    minute: dict[str, Value] = {"timekey": 60, "timekey_wait": "5s", "timekey_use_utc": True, "flush_mode": "default"}
    return Output(parameters=own, sections=(_JSON,), chunk_keys="time", buffer=minute)


def _datadog(settings: Datadog, target: Target) -> Output:
    tags: list[str | Variable] = []
    for name, text in target.templates.items():
        if name.startswith("tags."):
            tags += [*([","] if tags else []), f"{name.removeprefix('tags.')}:", *text]
    own: Parameters = {
        "@type": "datadog",
        "api_key": connections.secret(target, "api_key"),
        "host": settings.host or f"http-intake.logs.{settings.site}",
        "port": settings.port,
        "ssl_port": settings.port,
        "use_ssl": settings.tls.enabled,
        "no_ssl_validation": not settings.tls.verify,
        "service": target.templates["service"],
        "dd_source": target.templates["source"],
        "dd_tags": tuple(tags) or None,
        "max_retries": 0,
        "custom_headers": connections.custom_headers(target),
    }
    return Output(parameters=own)


def _cloudwatch(settings: CloudWatch, target: Target) -> Output:
    own: Parameters = {
        "@type": "cloudwatch_logs",
        "region": settings.region,
        "endpoint": settings.endpoint,
        "log_group_name": target.templates["group"],
        "log_stream_name": target.templates["stream"],
        "auto_create_stream": True,
        "retention_in_days": settings.retention_days,
        "aws_key_id": connections.secret(target, "keys.access_key_id"),
        "aws_sec_key": connections.secret(target, "keys.secret_access_key"),
        "json_handler": "json",
    }
    return Output(parameters=own)


def _forward(settings: Forward, target: Target) -> Output:
    tls = settings.tls
    own: Parameters = {
        "@type": "forward",
        "transport": "tls" if tls.enabled else "tcp",
        "require_ack_response": True,
        "ack_response_timeout": "60s",
        "heartbeat_type": "none",
        "compress": "gzip",
    }
    if tls.enabled:
        own |= {"tls_cert_path": connections.ca(target), "tls_insecure_mode": not tls.verify}
        own |= connections.client(target, "tls_client_cert_path", "tls_client_private_key_path")
    server: Parameters = {"host": settings.host, "port": settings.port}
    sections = [Section("server", "", server)]
    if "shared_key" in target.secrets:
        security: Parameters = {"self_hostname": "loghook", "shared_key": connections.secret(target, "shared_key")}
        sections.append(Section("security", "", security))
    return Output(parameters=own, sections=tuple(sections))


OUTPUTS: Mapping[str, tuple[Callable[[Any, Target], Output], str | None]] = {
    "stdout": (_stdout, None),
    "elasticsearch": (_elasticsearch, "elasticsearch"),
    "opensearch": (_opensearch, "opensearch"),
    "splunk": (_splunk, None),
    "logscale": (_logscale, None),
    "kafka": (_kafka, "kafka"),
    "s3": (_s3, "s3"),
    "http": (_http, None),
    "datadog": (_datadog, "datadog"),
    "cloudwatch": (_cloudwatch, "cloudwatch"),
    "forward": (_forward, None),
    "victorialogs": (_victorialogs, None),
}
"""How each type of destination is written, and the image that has its plugin; None: Fluentd's own, any has it.

Loki, OTLP, Google Cloud Logging and Azure Monitor have no plugin in any of the images, and the one for syslog speaks
RFC 3164 only.
"""


def output(stream: Stream, state_bytes: int, known: Mapping[str, Text]) -> tuple[Output, Section]:
    """What delivers the records of `stream`, tries without end, and keeps at most `state_bytes` on disk.

    Where `known` variables say the place, they are asked for it.
    """
    make, _ = OUTPUTS[stream.target.settings.type]
    made = make(stream.target.settings, stream.target)
    place = dict(known_environment(stream))
    if place and place.items() <= known.items():
        made.parameters.update({name.rpartition("_")[2].lower(): (Variable(name),) for name in place})
    buffer: Parameters = {
        "@type": "file",
        "path": f"{STATE_DIRECTORY}/buffer/{stream.tag}",
        "chunk_limit_size": "4m",
        "total_limit_size": state_bytes,
        "flush_mode": "interval",
        "flush_interval": "1s",
        "flush_thread_count": 1,
        "flush_at_shutdown": True,
        "overflow_action": "block",
        "retry_forever": True,
        "retry_wait": "1s",
        "retry_max_interval": "30s",
        "disable_chunk_backup": True,  # backups are not counted, and would fill the state volume
        **made.buffer,
    }
    if buffer["flush_mode"] == "default":
        del buffer["flush_interval"]
    parts = (*made.sections, Section("buffer", made.chunk_keys, buffer))
    return made, Section("match", "**", {"@id": f"{stream.tag}-out", **made.parameters}, parts)


def known_environment(stream: Stream) -> Iterator[tuple[str, Text]]:
    """The variables by which people know where the daemonset images ship to."""
    settings = stream.target.settings
    if isinstance(settings, Elasticsearch):
        yield "FLUENT_ELASTICSEARCH_HOST", (settings.host,)
        yield "FLUENT_ELASTICSEARCH_PORT", (str(settings.port),)
        yield "FLUENT_ELASTICSEARCH_SCHEME", ("https" if settings.tls.enabled else "http",)
