"""What the tests of the agents are made of: every destination with nothing but what it needs, and with everything."""

import re
from collections.abc import Mapping
from typing import Any

from webhook.config.destinations import PLACEHOLDER, TYPES, Destination
from webhook.config.formats import FORMATS, Format
from webhook.plan.orders import file_of
from webhook.reference.abilities import least_of, variations
from webhook.sidecars import CA_DIRECTORY, Parsing, Shipment, Stream, Target, Text, Tree, Variable

__all__ = ["FULL", "MINIMAL", "SECRET", "named", "parsing", "shipment", "stream", "target"]

SECRET = "hunter2"  # noqa: S105 - the value that must never be seen
_KEY = {"secret": "backend", "key": "hunter2"}
_TLS = {"enabled": True, "verify": False, "ca": {"secret": "ca", "key": "ca.crt"}, "serverName": "logs.example"}
_BASIC = {"user": _KEY, "password": _KEY}
_KEYS = {"accessKeyId": _KEY, "secretAccessKey": _KEY}
_HEADERS = [{"name": "X-Team", "value": "shop"}, {"name": "X-Token", "value": _KEY}]
_ALL = "a-{namespace}-{pod}-{source}-{label:team}-z"

MINIMAL: Mapping[str, dict[str, Any]] = {
    **{type_: least_of(type_) for type_ in TYPES},
    "stdout": {},
    "elasticsearch": {"host": "es.example"},
    "opensearch": {"host": "os.example"},
    "loki": {"host": "loki.example"},
    "splunk": {"host": "splunk.example", "token": _KEY},
    "logscale": {"host": "logscale.example", "token": _KEY},
    "kafka": {"brokers": ["k1.example:9092"]},
    "s3": {"bucket": "logs", "region": "eu-central-1"},
    "otlp": {"host": "otlp.example"},
    "http": {"host": "http.example"},
    "datadog": {"apiKey": _KEY},
    "cloudwatch": {"region": "eu-central-1"},
    "forward": {"host": "aggregator.example"},
    "syslog": {"host": "syslog.example"},
    "google-cloud": {"project": "p", "cluster": "c", "location": "europe-west1"},
    "azure": {
        "tenant": "t",
        "clientId": _KEY,
        "clientSecret": _KEY,
        "endpoint": "https://dce.example",
        "rule": "dcr-1",
        "table": "App_CL",
    },
}
"""What each type of destination needs: what its example says of that, or else what stands here."""

_NETWORK = {"port": 12345, "tls": _TLS}

FULL: Mapping[str, list[dict[str, Any]]] = {
    **{type_: [option for _, option in variations(type_)] for type_ in TYPES},
    "stdout": [{}],
    "elasticsearch": [
        {**_NETWORK, "path": "/es", "index": _ALL, "daily": True, "basic": _BASIC},
        {**_NETWORK, "host": "2001:db8::1", "index": _ALL, "apiKey": _KEY},
        {"tls": {"enabled": False}},
    ],
    "opensearch": [
        {**_NETWORK, "path": "/os", "index": _ALL, "daily": True, "basic": _BASIC},
        {"awsRegion": "eu-central-1", "index": _ALL},
    ],
    "loki": [
        {**_NETWORK, "path": "/x/push", "labels": {"job": "j", "pod": "{pod}"}, "tenant": "t", "basic": _BASIC},
        {"token": _KEY, "tls": {"enabled": False}},
    ],
    "splunk": [{**_NETWORK, "index": _ALL, "sourcetype": "st-{source}"}],
    "logscale": [
        {**_NETWORK, "via": "hec", "sourcetype": "st-{source}"},
        {**_NETWORK, "via": "elastic-bulk"},
        {**_NETWORK, "via": "otlp"},
    ],
    "kafka": [
        {"brokers": ["k1.example:9092", "k2.example:9092"], "topic": _ALL, "tls": _TLS, "sasl": _BASIC},
        {"sasl": {**_BASIC, "mechanism": "PLAIN"}, "tls": {"ca": _TLS["ca"]}},
        {"sasl": {**_BASIC, "mechanism": "SCRAM-SHA-256"}, "tls": {"enabled": False}},
    ],
    "s3": [{"prefix": _ALL, "endpoint": "https://minio.example:9000", "keys": _KEYS}],
    "otlp": [
        {**_NETWORK, "path": "/x/logs", "token": _KEY, "headers": _HEADERS},
        {**_NETWORK, "protocol": "grpc", "token": _KEY, "headers": _HEADERS},
    ],
    "http": [
        {**_NETWORK, "path": "/x?y=z", "basic": _BASIC, "headers": _HEADERS},
        {"token": _KEY, "tls": {"enabled": False}},
    ],
    "datadog": [
        {"site": "datadoghq.eu", "service": _ALL, "source": "s", "tags": {"team": "{label:team}", "env": "x"}},
        {"host": "proxy.example", "port": 8080, "tls": _TLS},
    ],
    "cloudwatch": [
        {
            "group": "/g/{namespace}",
            "stream": _ALL,
            "createGroup": True,
            "retentionDays": 7,
            "keys": _KEYS,
            "endpoint": "https://logs.example",
        }
    ],
    "forward": [{**_NETWORK, "sharedKey": _KEY}, {"tls": {"enabled": False}}],
    "syslog": [{**_NETWORK, "protocol": "tls"}, {"protocol": "tcp"}, {"protocol": "udp"}],
    "google-cloud": [{"credentials": _KEY}],
    "azure": [{}],
}
_SHARED: Mapping[str, list[dict[str, Any]]] = {
    "headers": [{"headers": _HEADERS}],
    "tls": [{"tls": {"cert": _KEY, "key": _KEY}}, {"tls": {"ca": _KEY, "cert": _KEY, "key": _KEY}}],
}
FULL = {
    type_: [*options, *(one for field, more in _SHARED.items() if field in TYPES[type_].model_fields for one in more)]
    for type_, options in FULL.items()
}
"""Every option of each type of destination: one by one, or in as few destinations as that takes."""


def target(type_: str, options: Mapping[str, Any] = {}, name: str = "backend") -> Target:
    """A destination as an administrator writes it, and what a Pod makes of it."""
    settings: Destination = TYPES[type_].model_validate({"type": type_, **MINIMAL[type_], **options})
    prefix = f"LOGHOOK_{named(name)}_"
    return Target(
        name=name,
        settings=settings,
        secrets={field: Variable(prefix + named(field)) for field, _ in settings.secrets()},
        templates={field: _resolved(text) for field, text in settings.texts()},
        files={field: f"{CA_DIRECTORY}/{file_of(name, field)}" for field, _ in settings.secret_files()},
    )


def named(field: str) -> str:
    """A variable's name for a field."""
    return re.sub(r"\W", "_", field).upper()


def _resolved(template: str) -> Text:
    """The text of a template: what is known of a Pod as literals, what only the kubelet knows as variables."""
    literals = {"namespace": "shop", "source": "access", "container": "web"}
    parts: list[str | Variable] = []
    place = 0
    for match in PLACEHOLDER.finditer(template):
        what = match["what"]
        parts += [template[place : match.start()], literals.get(what) or Variable(f"LOGHOOK_{named(what)}")]
        place = match.end()
    return tuple(part for part in (*parts, template[place:]) if part)


def parsing(format_: Format | str = "plain", **options: Any) -> Parsing:
    """How records are read, with the format's own rules unless `options` say otherwise."""
    if isinstance(format_, str):
        format_ = FORMATS[format_]
    own = {"start": format_.start, "time_key": format_.time_key, "time_format": format_.time_format}
    return Parsing(format=format_, **{**own, **options})


def stream(**options: Any) -> Stream:
    """One source: /var/log/app/*.log of a container, in plain text, to stdout."""
    usual: dict[str, Any] = {
        "name": "",
        "paths": ("/var/log/app/*.log",),
        "exclude": ("*.gz",),
        "from_end": False,
        "trees": (Tree("/var/log/app", "/var/log/app"),),
        "parsing": parsing(),
        "target": target("stdout"),
        "attributes": {
            "k8s.namespace.name": ("shop",),
            "k8s.pod.name": (Variable("LOGHOOK_POD"),),
            "k8s.container.name": ("web",),
            "loghook.source": ("access",),
        },
    }
    return Stream(**{**usual, **options})


def shipment(*streams: Stream) -> Shipment:
    """What one agent sidecar is to do, within the limits that it has by default."""
    return Shipment(streams=streams, memory_bytes=256 << 20, state_bytes=1 << 30, grace_seconds=20)
