"""Azure Monitor."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations import answers
from webhook.config.destinations.connections import SecretKey
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Word
from webhook.config.settings import Text

__all__ = ["Azure"]


class Azure(Destination):
    """Azure Monitor, by the Logs Ingestion API."""

    type: Literal["azure"]
    tenant: Annotated[Word, Option("the tenant")]
    client_id: Annotated[SecretKey, Option("a key of a Secret: the application's client ID")]
    client_secret: Annotated[SecretKey, Option("a key of a Secret: its client secret")]
    endpoint: Annotated[
        Text,
        Field(pattern=r"^https://[A-Za-z0-9.-]+$"),
        Option("the endpoint of the data collection: `https://host`"),
    ]
    rule: Annotated[Word, Option("the immutable ID of the data collection rule")]
    table: Annotated[Word, Option("the table, e.g. `Logs_CL`; the rule's stream is `Custom-Logs_CL`")]

    title: ClassVar = "Azure Monitor"
    about: ClassVar = "Azure Monitor, by the Logs Ingestion API."
    example: ClassVar = {
        "tenant": "00000000-0000-0000-0000-000000000000",
        "clientId": {"secret": "logs", "key": "id"},
        "clientSecret": {"secret": "logs", "key": "secret"},
        "endpoint": "https://example-abcd.westeurope-1.ingest.monitor.azure.com",
        "rule": "dcr-00000000000000000000000000000000",
        "table": "Logs_CL",
    }
    refusals: ClassVar = {"vector": answers.VECTOR_TOLD}
