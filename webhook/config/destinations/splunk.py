"""Splunk."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, Template

__all__ = ["Splunk"]


class Splunk(Web):
    """Splunk's HTTP Event Collector."""

    type: Literal["splunk"]
    port: Port = 8088
    token: Token
    index: Annotated[Template | None, Option("a template of the index", "shop-{namespace}")] = None
    sourcetype: Annotated[Template | None, Option("a template of the sourcetype", "{source}")] = None

    own_headers: ClassVar = {"authorization": "token"}
    title: ClassVar = "Splunk"
    about: ClassVar = "Splunk, by its HTTP Event Collector."
    example: ClassVar = {
        "host": "splunk.example.com",
        "token": {"secret": "logs", "key": "token"},
        "index": "kubernetes",
        "sourcetype": "{label:app.kubernetes.io/name}",
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_HTTP,
        "fluentd": answers.FLUENTD_TOLD,
        "vector": answers.VECTOR,
        "otel-collector": answers.COLLECTOR,
    }
    templates: ClassVar = ("index", "sourcetype")
