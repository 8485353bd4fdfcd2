"""Syslog."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations.destination import Network
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port

__all__ = ["Syslog"]


class Syslog(Network):
    """A syslog server, RFC 5424."""

    type: Literal["syslog"]
    port: Port = 6514
    protocol: Annotated[Literal["tls", "tcp", "udp"], Option("the protocol")] = "tls"

    title: ClassVar = "Syslog"
    about: ClassVar = "A syslog server, RFC 5424 over TLS, TCP or UDP."
    example: ClassVar = {
        "host": "syslog.example.com",
        "protocol": "tls",
        "tls": {"ca": {"secret": "logs-ca", "key": "ca.crt"}},
    }
