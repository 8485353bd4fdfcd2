"""OpenSearch."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.option import Option
from webhook.config.destinations.search import Search
from webhook.config.destinations.texts import Word

__all__ = ["OpenSearch"]


class OpenSearch(Search):
    """OpenSearch; with `awsRegion` the requests are signed for Amazon's."""

    type: Literal["opensearch"]
    aws_region: Annotated[
        Word | None, Option("sign requests for Amazon's OpenSearch in this region", "eu-central-1")
    ] = None

    title: ClassVar = "OpenSearch"
    about: ClassVar = "OpenSearch, by the bulk API; Amazon's with signed requests."
    example: ClassVar = {
        "host": "opensearch.logging.svc",
        "index": "{namespace}",
        "daily": True,
        "basic": {"user": {"secret": "logs", "key": "user"}, "password": {"secret": "logs", "key": "password"}},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_BULK,
        "fluentd": answers.FLUENTD,
        "vector": answers.VECTOR_BULK,
        "otel-collector": answers.COLLECTOR_BULK,
    }
