"""`loghook-drain`: a native sidecar that holds up the end of those before it.

The kubelet stops native sidecars after the application and in reverse order (KEP-753), so whatever stands before this
one reads on until it has ended. A preStop hook could not do that: hooks of all containers start when the Pod's deletion
does, while the application still writes.
"""

from importlib.resources import files

from webhook.sidecars import Command
from webhook.sidecars.streaming import WITHOUT_ENVIRONMENT

__all__ = ["DRAIN", "DRAIN_SCRIPT", "drain_command"]

DRAIN = "drain"
"""Its name in the configuration: `resources.drain`; its image is busybox's."""

DRAIN_SCRIPT = (files("webhook.sidecars") / "drain.sh").read_text("utf-8")


def drain_command(seconds: int) -> Command:
    """Run the script, which waits `seconds` after it was told to stop."""
    return Command((*WITHOUT_ENVIRONMENT, "/bin/sh", "-c", DRAIN_SCRIPT, "loghook-drain"), (str(seconds),))
