"""Amazon S3."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations.aws import Endpoint, Keys, Region
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Template
from webhook.config.settings import Text

__all__ = ["S3"]


class S3(Destination):
    """Amazon S3, or what speaks its API."""

    type: Literal["s3"]
    bucket: Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), Option("the bucket")]
    region: Region
    prefix: Annotated[Template, Option("a template of what objects' names begin with", "shop/{pod}")] = (
        "{namespace}/{source}"
    )
    endpoint: Endpoint = None
    keys: Keys = None

    title: ClassVar = "Amazon S3"
    about: ClassVar = "Amazon S3 and what speaks its API: gzipped JSON lines, an object a minute at most."
    example: ClassVar = {
        "bucket": "example-logs",
        "region": "eu-central-1",
        "prefix": "{namespace}/{pod}",
        "keys": {
            "accessKeyId": {"secret": "logs", "key": "id"},
            "secretAccessKey": {"secret": "logs", "key": "secret"},
        },
    }
    templates: ClassVar = ("prefix",)
