"""Apache Kafka."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from webhook.config.destinations.aws import Aws
from webhook.config.destinations.connections import KEY, Protection, SecretKey, Tls
from webhook.config.destinations.destination import Destination
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Template
from webhook.config.settings import Model, Text

__all__ = ["Kafka"]

_BY_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_CLUSTER = r"^arn:aws[a-z-]{0,16}:kafka:[a-z0-9-]{1,32}:[0-9]{12}:cluster/[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,64}$"
_ARN = "arn:aws:kafka:eu-central-1:123456789012:cluster/logs/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-5"

_PASSWORD: dict[str, Any] = {
    "required": ["user", "password"],
    "properties": {"cluster": {"type": "null"}, "keys": {"type": "null"}},
}
_IAM: dict[str, Any] = {
    "required": ["cluster"],
    "properties": {"user": {"type": "null"}, "password": {"type": "null"}},
}
_SCHEMA: dict[str, Any] = {
    "if": {"required": ["mechanism"], "properties": {"mechanism": {"const": "AWS_MSK_IAM"}}},
    "then": _IAM,
    "else": _PASSWORD,
}


class Sasl(Model):
    """How a client of Kafka logs in: by a user and a password, or at Amazon's by an identity of AWS.

    `cluster` is the ARN of Amazon's cluster, and `keys` those for AWS; without, the Pod's own identity is used.
    """

    model_config = ConfigDict(json_schema_extra=_SCHEMA)

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"] = "SCRAM-SHA-512"
    user: SecretKey | None = None
    password: SecretKey | None = None
    cluster: Annotated[str, Field(pattern=_CLUSTER)] | None = None
    keys: Aws | None = None

    @property
    def region(self) -> str:
        """The region of Amazon's cluster; empty where it is none of Amazon's."""
        return self.cluster.split(":")[3] if self.cluster else ""

    @model_validator(mode="after")
    def _has_what_its_mechanism_needs(self) -> Self:
        by_password, by_identity = (self.user, self.password), (self.cluster, self.keys)
        if self.mechanism in _BY_PASSWORD and (None in by_password or any(by_identity)):
            raise ValueError(f"give user and password for {self.mechanism}, and neither cluster nor keys")
        if self.mechanism == "AWS_MSK_IAM" and (not self.cluster or any(by_password)):
            raise ValueError(f"give cluster for AWS_MSK_IAM, e.g. {_ARN}, and neither user nor password")
        return self


_PROTECTED: dict[str, Any] = {
    "if": {
        "required": ["tls"],
        "properties": {"tls": {"required": ["enabled"], "properties": {"enabled": {"enum": [False, "false"]}}}},
    },
    "then": {"properties": {"sasl": {"properties": {"cluster": {"type": "null"}}}}},
}
"""What a JSON Schema says of the two together: a token of AWS goes out by TLS alone."""


class Kafka(Destination):
    """Apache Kafka."""

    model_config = ConfigDict(json_schema_extra=_PROTECTED)

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
            "`mechanism`, and what it needs: `user` and `password`, keys of Secrets, or `cluster` and `keys`",
            tries={
                **{
                    f"sasl.mechanism: {each}": {"user": KEY, "password": KEY, "mechanism": each}
                    for each in _BY_PASSWORD
                },
                "sasl.mechanism: AWS_MSK_IAM": {"mechanism": "AWS_MSK_IAM", "cluster": _ARN},
                "sasl.keys": {
                    "mechanism": "AWS_MSK_IAM",
                    "cluster": _ARN,
                    "keys": {"accessKeyId": KEY, "secretAccessKey": KEY},
                },
            },
        ),
    ] = None

    BATCH_BYTES: ClassVar = 16384
    """What agents that can be told so put into a batch at most, as Java's producer does; a longer message is alone.

    A topic's limit holds for a batch: one that is too long is refused with all that is in it.
    """

    MESSAGE_BYTES: ClassVar = 1_000_000
    """The longest message that clients send, below the 1,048,588 that brokers take unless they are told otherwise."""

    @model_validator(mode="after")
    def _is_protected_where_a_token_is_sent(self) -> Self:
        if self.sasl and self.sasl.cluster and not self.tls.enabled:
            raise ValueError("AWS_MSK_IAM needs TLS, leave out tls.enabled: false")
        return self

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
