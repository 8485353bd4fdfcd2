"""Fluentd's forward protocol."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations.connections import KEY, SecretKey
from webhook.config.destinations.destination import Network
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port

__all__ = ["Forward"]


class Forward(Network):
    """Fluentd's forward protocol: another Fluentd or Fluent Bit."""

    type: Literal["forward"]
    port: Port = 24224
    shared_key: Annotated[SecretKey | None, Option("a key of a Secret: the shared key", KEY)] = None

    title: ClassVar = "Fluentd's forward protocol"
    about: ClassVar = "Fluentd's forward protocol: an aggregator of Fluentd or Fluent Bit."
    example: ClassVar = {
        "host": "fluentd.logging.svc",
        "sharedKey": {"secret": "logs", "key": "token"},
        "tls": {"enabled": False},
    }
