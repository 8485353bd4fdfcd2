"""OTLP, the protocol of OpenTelemetry."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, UrlPath

__all__ = ["Otlp"]


class Otlp(Web):
    """What speaks OTLP: an OpenTelemetry Collector, and most backends."""

    type: Literal["otlp"]
    port: Port = 4318
    protocol: Annotated[Literal["http", "grpc"], Option("the protocol")] = "http"
    path: UrlPath = "/v1/logs"
    token: Token | None = None
    """Sent as `Authorization: Bearer`."""

    logins: ClassVar = ("token",)
    title: ClassVar = "OTLP"
    about: ClassVar = "OTLP over HTTP or gRPC: an OpenTelemetry Collector, and most backends."
    example: ClassVar = {
        "host": "collector.logging.svc",
        "protocol": "http",
        "tls": {"ca": {"secret": "logs-ca", "key": "ca.crt"}},
        "token": {"secret": "logs", "key": "token"},
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_OTLP,
        "vector": answers.VECTOR_TOLD,
        "otel-collector": answers.COLLECTOR,
    }

    @property
    def tells_service(self) -> bool:
        """It has a resource for each record."""
        return True
