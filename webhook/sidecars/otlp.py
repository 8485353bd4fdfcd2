"""What is the same of records of OTLP, whichever agent ships them: what has a resource, and what the body is."""

from webhook.config.destinations import Logscale
from webhook.config.formats import Format
from webhook.sidecars import Target

__all__ = ["MESSAGE", "has_resource", "is_of_resource", "messages"]

MESSAGE = "message"
"""The field that is the body."""

_MESSAGES = ("msg", "@m", "@mt", "short_message", "Message")


def has_resource(target: Target) -> bool:
    """Whether the records go out as OTLP."""
    settings = target.settings
    return settings.type == "otlp" or (isinstance(settings, Logscale) and settings.via == "otlp")


def is_of_resource(name: str) -> bool:
    """Whether an attribute of ours is said of what writes the records, not of a record."""
    return name.startswith(("k8s.", "service."))


def messages(format_: Format) -> tuple[str, ...]:
    """The fields of which the first becomes the body of a record that has no MESSAGE.

    They are those of zap, slog, logrus, pino and bunyan; of Serilog, rendered or not; of GELF; of .NET.
    """
    return _MESSAGES if format_.syntax in {"json", "logfmt"} else ()
