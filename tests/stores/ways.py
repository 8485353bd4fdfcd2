"""The ways into VictoriaLogs, by each agent that is here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shipments import target
from victoria_logs import VictoriaLogs
from written import line

from webhook.sidecars import Target

__all__ = ["AUTHORIZATION", "BASIC", "WAYS", "Way", "to"]

_OF_POD = {"k8s.namespace.name": "shop", "k8s.pod.name": "shop-1", "loghook.source": "access"}
_FIELDS = {**_OF_POD, "level": "error", "n": "7", "log.value": "x", "log.file.path": "/var/log/app/app.log"}
_KEY = {"secret": "backend", "key": "token"}
BASIC = {"basic": {"user": _KEY, "password": _KEY}}
AUTHORIZATION = {"headers": [{"name": "Authorization", "value": _KEY}]}


class Way(NamedTuple):
    """A way in: the type of the destination, what is said of it, and what a record is there.

    `stream` is by what VictoriaLogs groups it, `fields` are those that it has under their own names. `has_message` and
    `has_time`: whether it is told the record's, without a question in the URL. `takes_numbers`: whether a value may be
    anything but a text. `keeps_long_names`: whether a record with a field's name over 128 bytes is stored, as one text.
    `login` is what is said of a secret besides.
    """

    type: str
    options: Mapping[str, Any]
    stream: str
    fields: Mapping[str, str] = _FIELDS
    has_message: bool = True
    has_time: bool = True
    takes_numbers: bool = True
    keeps_long_names: bool = True
    login: Mapping[str, Any] = {"token": _KEY}

    def line(self, text: str, **more: str) -> str:
        """A line that becomes a record with `fields`, and `more`."""
        number = 7 if self.takes_numbers else "7"
        return line(text, **{"level": "error", "n": number, "log": "x", **more})


_OTLP = {"path": "/insert/opentelemetry/v1/logs"}
_OF_RESOURCE = 'k8s.pod.name="shop-1"'
_IN_EVENT = {f"event.{name}": text for name, text in _FIELDS.items()}
_TAGS = {"tags": {"team": "{namespace}", "tier": "prod:1"}}
_OF_DATADOG = {**_FIELDS, "service": "web", "ddsource": "access", "team": "shop", "tier": "prod:1"}
_QUESTION = "?_msg_field=message&_time_field=@timestamp&_stream_fields=k8s.namespace.name"
_OWN = Way(
    "victorialogs", {"streamFields": ["k8s.namespace.name", "level"]}, '{k8s.namespace.name="shop",level="error"}'
)
_LOKI = {"path": "/insert/loki/api/v1/push"}
_LABELS = '{job="loghook",namespace="shop",source="access"}'
_BULK = {"path": "/insert/elasticsearch"}
WAYS = {
    ("victorialogs", "otel-collector"): _OWN._replace(keeps_long_names=False),
    ("victorialogs", "fluent-bit"): _OWN,
    ("otlp", "otel-collector"): Way("otlp", _OTLP, _OF_RESOURCE, keeps_long_names=False),
    ("loki", "otel-collector"): Way("loki", _OTLP, 'job="loghook"', keeps_long_names=False),
    ("otlp", "fluent-bit"): Way("otlp", _OTLP, "{", keeps_long_names=False),
    ("loki", "fluent-bit"): Way("loki", _LOKI, _LABELS, has_message=False),
    ("http", "fluent-bit"): Way("http", {"path": f"/insert/jsonline{_QUESTION}"}, '{k8s.namespace.name="shop"}'),
    ("splunk", "fluent-bit"): Way("splunk", {}, "{}", _IN_EVENT, login={}),
    ("datadog", "fluent-bit"): Way(
        "datadog", _TAGS, "{}", _OF_DATADOG, takes_numbers=False, keeps_long_names=False, login=AUTHORIZATION
    ),
    ("elasticsearch", "fluent-bit"): Way("elasticsearch", _BULK, "{}", has_message=False, has_time=False, login=BASIC),
}
"""By type and agent. Datadog's API is where it is at Datadog, too."""


def to(way: Way, store: VictoriaLogs, *more: Mapping[str, Any]) -> Target:
    """The destination, with `more` said of it."""
    options: dict[str, Any] = {"host": "127.0.0.1", "port": store.port, "tls": {"enabled": False}, **way.options}
    for each in more:
        options |= each
    return target(way.type, options)
