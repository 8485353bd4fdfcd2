"""Datadog."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Protection, SecretKey, Tls
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.headers import Headers
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Host, Port, Template

__all__ = ["Datadog"]

_Tag = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,63}$")]


class Datadog(Destination):
    """Datadog's log intake."""

    type: Literal["datadog"]
    site: Annotated[Host, Option("the site of the account", "datadoghq.eu")] = "datadoghq.com"
    api_key: Annotated[SecretKey, Option("a key of a Secret: the API key")]
    service: Annotated[Template, Option("a template of the service", "{label:app.kubernetes.io/name}")] = "{container}"
    source: Annotated[Template, Option("a template of the source", "{source}")] = "{source}"
    tags: Annotated[dict[_Tag, Template], Option("templates of tags, by name", {"team": "{field:team}"})] = {}
    host: Annotated[
        Host | None, Option("instead of the site's own intake, e.g. a proxy: a name or an address", "logs.example.com")
    ] = None
    port: Port = 443
    tls: Protection = Tls()
    headers: Headers = ()

    own_headers: ClassVar = {"dd-api-key": "apiKey"}
    title: ClassVar = "Datadog"
    about: ClassVar = "Datadog's log intake."
    example: ClassVar = {
        "site": "datadoghq.eu",
        "apiKey": {"secret": "logs", "key": "token"},
        "service": "{label:app.kubernetes.io/name}",
        "tags": {"env": "production", "team": "{field:team}"},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT,
        "fluentd": answers.FLUENTD,
        "vector": answers.VECTOR,
        "otel-collector": answers.COLLECTOR,
    }
    templates: ClassVar = ("service", "source", "tags")
