"""Grafana Loki."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Login, Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, Template, UrlPath, Word

__all__ = ["Loki"]

_Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]


class Loki(Web):
    """Grafana Loki."""

    type: Literal["loki"]
    port: Port = 3100
    path: UrlPath = "/loki/api/v1/push"
    labels: Annotated[
        dict[_Label, Template],
        Option("templates of the stream's labels, by name; few values each", {"namespace": "{namespace}"}),
    ] = {"job": "loghook", "namespace": "{namespace}", "source": "{source}"}
    tenant: Annotated[Word | None, Option("the tenant", "shop")] = None
    basic: Login = None
    token: Token | None = None

    logins: ClassVar = ("basic", "token")
    own_headers: ClassVar = {"x-scope-orgid": "tenant"}
    title: ClassVar = "Grafana Loki"
    about: ClassVar = "Grafana Loki, by its push API."
    example: ClassVar = {
        "host": "loki-gateway.logging.svc",
        "port": 80,
        "tls": {"enabled": False},
        "tenant": "shop",
        "labels": {"job": "loghook", "namespace": "{namespace}", "app": "{label:app.kubernetes.io/name}"},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_LOKI,
        "vector": answers.VECTOR,
        "otel-collector": answers.COLLECTOR,
    }
    templates: ClassVar = ("labels",)
