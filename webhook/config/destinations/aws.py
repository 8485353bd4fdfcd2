"""What Amazon's services have in common."""

from typing import Annotated

from pydantic import Field

from webhook.config.destinations.connections import KEY, SecretKey
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Word
from webhook.config.settings import Model, Text

__all__ = ["Aws", "Endpoint", "Keys", "Region"]


class Aws(Model):
    """Keys for AWS; without them the Pod's own identity is used (IRSA, Pod Identity, the instance's)."""

    access_key_id: SecretKey
    secret_access_key: SecretKey


Region = Annotated[Word, Option("the region")]
Keys = Annotated[
    Aws | None,
    Option(
        "`accessKeyId` and `secretAccessKey`, keys of Secrets; without, the Pod's own identity",
        {"accessKeyId": KEY, "secretAccessKey": KEY},
    ),
]
Endpoint = Annotated[
    Annotated[Text, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] | None,
    Option(
        "another endpoint than the usual one: `https://host:port`",
        tries={
            "endpoint: https://…": "https://aws.example.com:8443",
            "endpoint: http://…": "http://aws.example.com:4566",
        },
    ),
]
