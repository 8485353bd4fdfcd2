"""Syslog."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from webhook.config.destinations.destination import Network
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port

__all__ = ["Syslog"]


_SCHEMA: dict[str, Any] = {
    "if": {"required": ["protocol"], "properties": {"protocol": {"enum": ["tcp", "udp"]}}},
    "then": {"properties": {"tls": {"properties": {"cert": {"type": "null"}}}}},
}


class Syslog(Network):
    """A syslog server, RFC 5424."""

    model_config = ConfigDict(json_schema_extra=_SCHEMA)

    type: Literal["syslog"]
    port: Port = 6514
    protocol: Annotated[Literal["tls", "tcp", "udp"], Option("the protocol")] = "tls"
    max_bytes: Annotated[
        int,
        Field(ge=480, le=2**20),
        Option("the longest message that the server takes; what is longer is cut", 65536),
    ] = 8192

    HEADER_BYTES: ClassVar = 352
    """The room that the time, the Pod's name, the container's and the source's take in a message, where only its text
    can be cut."""

    @model_validator(mode="after")
    def _has_a_client_certificate_with_tls(self) -> Self:
        if self.tls.cert and self.protocol != "tls":
            raise ValueError("a client certificate needs protocol: tls")
        return self

    title: ClassVar = "Syslog"
    about: ClassVar = "A syslog server, RFC 5424 over TLS, TCP or UDP."
    example: ClassVar = {
        "host": "syslog.example.com",
        "protocol": "tls",
        "tls": {"ca": {"secret": "logs-ca", "key": "ca.crt"}},
    }
