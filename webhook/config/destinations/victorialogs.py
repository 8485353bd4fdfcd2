"""VictoriaLogs."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Login, Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, Template, UrlPath
from webhook.config.settings import Model

__all__ = ["VictoriaLogs"]

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_@][A-Za-z0-9_@.:/-]{0,127}$")]
"""A field's name, in characters that mean nothing in the lists of VictoriaLogs' headers."""

_VALUE = r"^[!-#%-+\--~]([ -#%-+\--~]*[!-#%-+\--~])?$"


def _value(text: str) -> str:
    if "," in text or not text.isascii() or text != text.strip():
        raise ValueError("write printable ASCII without ',', and without a space at either end")
    return text


class Tenant(Model):
    """Whose the records are: two numbers, each 0 where it is not said."""

    account: Annotated[int, Field(ge=0, lt=2**32)] = 0
    project: Annotated[int, Field(ge=0, lt=2**32)] = 0


class VictoriaLogs(Web):
    """VictoriaLogs, or a vlagent or vmauth before it."""

    type: Literal["victorialogs"]
    port: Port = 9428
    path: UrlPath = ""
    stream_fields: Annotated[
        tuple[_Name, ...],
        Field(min_length=1, max_length=16),
        Option("the fields that say which stream a record belongs to", ["k8s.namespace.name", "team"]),
    ] = ("k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "loghook.source")
    message_fields: Annotated[
        tuple[_Name, ...],
        Field(min_length=1, max_length=8),
        Option("the fields that may be the message; the first that is there and not empty is", ["event", "message"]),
    ] = ("message", "msg")
    time_field: Annotated[_Name, Option("the field that is the time", "time")] = "@timestamp"
    tenant: Annotated[
        Tenant | None, Option("`account` and `project`, numbers: the tenant", {"account": 12, "project": 3})
    ] = None
    extra_fields: Annotated[
        dict[
            _Name,
            Annotated[Template, AfterValidator(_value), Field(json_schema_extra={"allOf": [{"pattern": _VALUE}]})],
        ],
        Option("templates of fields that each record gets besides, by name", {"cluster": "eu-1"}),
    ] = {}
    compression: Annotated[Literal["gzip", "none"], Option("how requests are compressed")] = "gzip"
    basic: Login = None
    token: Token | None = None

    logins: ClassVar = ("basic", "token")
    own_headers: ClassVar = {
        "vl-stream-fields": "streamFields",
        "vl-msg-field": "messageFields",
        "vl-time-field": "timeField",
        "vl-extra-fields": "extraFields",
        "accountid": "tenant",
        "projectid": "tenant",
    }
    title: ClassVar = "VictoriaLogs"
    about: ClassVar = "VictoriaLogs, by JSON lines."
    example: ClassVar = {
        "host": "victoria-logs.logging.svc",
        "tls": {"enabled": False},
        "streamFields": ["k8s.namespace.name", "k8s.pod.name", "k8s.container.name"],
        "messageFields": ["message", "msg"],
        "extraFields": {"cluster": "eu-1", "app": "{label:app.kubernetes.io/name}"},
        "tenant": {"account": 12, "project": 3},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_HTTP,
        "fluentd": answers.FLUENTD_TOLD,
        "vector": answers.VECTOR_TOLD,
        "otel-collector": answers.COLLECTOR,
    }
    templates: ClassVar = ("extra_fields",)
