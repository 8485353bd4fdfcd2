"""The agent's own stdout."""

from typing import ClassVar, Literal

from webhook.config.destinations.destination import Destination

__all__ = ["Stdout"]


class Stdout(Destination):
    """The agent's own stdout, as JSON lines."""

    type: Literal["stdout"]

    title: ClassVar = "Standard output"
    about: ClassVar = "The sidecar's own output, as JSON lines: for a first try, or for the node's agent."
    example: ClassVar = {}
