"""Elasticsearch."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.connections import KEY, SecretKey
from webhook.config.destinations.option import Option
from webhook.config.destinations.search import Search

__all__ = ["Elasticsearch"]


class Elasticsearch(Search):
    """Elasticsearch 7 to 9, or Elastic Cloud by its host."""

    type: Literal["elasticsearch"]
    api_key: Annotated[SecretKey | None, Option("a key of a Secret: the API key", KEY)] = None

    logins: ClassVar = ("basic", "api_key")
    title: ClassVar = "Elasticsearch"
    about: ClassVar = "Elasticsearch 7 to 9 and Elastic Cloud, by the bulk API."
    example: ClassVar = {
        "host": "elasticsearch.logging.svc",
        "index": "{namespace}-{source}",
        "basic": {"user": {"secret": "logs", "key": "user"}, "password": {"secret": "logs", "key": "password"}},
        "tls": {"ca": {"secret": "logs-ca", "key": "ca.crt"}},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_BULK,
        "fluentd": answers.FLUENTD,
        "vector": answers.VECTOR_BULK,
        "otel-collector": answers.COLLECTOR_BULK,
    }
