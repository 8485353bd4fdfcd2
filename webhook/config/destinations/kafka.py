"""Apache Kafka."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from webhook.config.destinations.connections import KEY, Basic, Protection, Tls
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Template
from webhook.config.settings import Text

__all__ = ["Kafka"]

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Sasl(Basic):
    """How a client of Kafka logs in."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class Kafka(Destination):
    """Apache Kafka."""

    type: Literal["kafka"]
    brokers: Annotated[
        tuple[Annotated[Text, Field(pattern=r"^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$")], ...],
        Field(min_length=1),
        Option("host:port of the first brokers"),
    ]
    topic: Annotated[Template, Option("a template of the topic", "logs-{namespace}")] = "logs"
    tls: Protection = Tls()
    sasl: Annotated[
        Sasl | None,
        Option(
            "`user` and `password`, keys of Secrets, and `mechanism`: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
            tries={
                f"sasl.mechanism: {each}": {"user": KEY, "password": KEY, "mechanism": each} for each in _MECHANISMS
            },
        ),
    ] = None

    title: ClassVar = "Apache Kafka"
    about: ClassVar = "Apache Kafka, records as JSON."
    example: ClassVar = {
        "brokers": ["kafka-0.kafka:9093", "kafka-1.kafka:9093"],
        "topic": "logs-{namespace}",
        "sasl": {
            "user": {"secret": "logs", "key": "user"},
            "password": {"secret": "logs", "key": "password"},
            "mechanism": "SCRAM-SHA-512",
        },
    }
    templates: ClassVar = ("topic",)
