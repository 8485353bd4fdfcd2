"""What VictoriaLogs is told by headers, which is the same for every agent.

Source: VictoriaLogs' page on data ingestion, and `app/vlinsert/insertutil` of 1.52.1. Lists have commas, and there is
no way to write one within an item.
"""

from collections.abc import Mapping

from webhook.config.destinations import VictoriaLogs
from webhook.sidecars import Target, Text, Variable

__all__ = ["headers"]


def headers(target: Target, settings: VictoriaLogs, *, are_lines: bool = True) -> dict[str, Text]:
    """The headers of each request to `target`. Where records `are_lines`, they say what the message and the time is."""
    found: dict[str, Text] = {"VL-Stream-Fields": (",".join(settings.stream_fields),)}
    if are_lines:
        found |= {"VL-Msg-Field": (",".join(settings.message_fields),), "VL-Time-Field": (settings.time_field,)}
    if target.templates:
        found["VL-Extra-Fields"] = _extra(target.templates)
    if settings.tenant:
        found |= {"AccountID": (str(settings.tenant.account),), "ProjectID": (str(settings.tenant.project),)}
    return found


def _extra(templates: Mapping[str, Text]) -> Text:
    """Fields and their values: `team=shop,cluster=eu-1`."""
    parts: list[str | Variable] = []
    for number, (field, text) in enumerate(templates.items()):
        parts += [f"{',' if number else ''}{field.partition('.')[2]}=", *text]
    return tuple(parts)
