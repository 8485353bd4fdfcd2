"""The names that we give, and those of others that we read."""

import re

from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Source
from webhook.sidecars import Variable

__all__ = [
    "ADDED_VOLUME",
    "AGENT_NAME",
    "CA_VOLUME",
    "CONFIG",
    "CONFIG_VOLUME",
    "DEFAULT_CONTAINER",
    "DRAIN_NAME",
    "FLUSH_SECONDS",
    "NAMESPACE",
    "NODE",
    "POD",
    "SAFE_TO_EVICT",
    "STATE_VOLUME",
    "STATUS",
    "TOKEN_VOLUME",
    "is_added",
    "sidecar_name",
]

AGENT_NAME = "loghook-agent"
DRAIN_NAME = "loghook-drain"

ADDED_VOLUME = "loghook-logs"
"""The first emptyDir for log files; others have a number behind it."""

_ADDED = re.compile(ADDED_VOLUME + r"(-[0-9]+)?")

STATE_VOLUME = "loghook-state"
CONFIG_VOLUME = "loghook-config"
CA_VOLUME = "loghook-ca"
TOKEN_VOLUME = "loghook-token"  # noqa: S105 - a volume's name

NAMESPACE = Variable("LOGHOOK_NAMESPACE")
POD = Variable("LOGHOOK_POD_NAME")
NODE = Variable("LOGHOOK_NODE_NAME")

FLUSH_SECONDS = 5
"""What an agent is given, after it was told to stop, to send what it has read."""

CONFIG = PREFIX + "config"
STATUS = PREFIX + "status"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"


def is_added(volume: str) -> bool:
    """Whether a volume of that name is one that we add for log files."""
    return _ADDED.fullmatch(volume) is not None


def sidecar_name(source: Source) -> str:
    """The name of the container that reads `source`."""
    if source.mode == "agent":
        return AGENT_NAME
    return f"loghook-{source.name}" if source.name else "loghook"
