"""The JSON Schemas of what commands write with `-o json`, from the types that they write."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.standing.checks import Report
from webhook.standing.description import Description
from webhook.standing.open_files import Discovery
from webhook.standing.pods import Standing

__all__ = ["OUTPUT", "PAGES", "schema"]

OUTPUT: Mapping[str, Any] = {
    "check": Report,
    "describe": list[Description],
    "discover": list[Discovery],
    "list": list[Standing],
}
"""What each command writes."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema(command: str) -> dict[str, Any]:
    """The schema of what `command` writes."""
    return {"$schema": _DRAFT, "title": f"loghook {command} -o json", **msgspec.json.schema(OUTPUT[command])}


def _page(command: str) -> Callable[[], Iterator[str]]:
    return lambda: iter([json.dumps(schema(command), indent=2), ""])


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    f"output/{command}.schema.json": _page(command) for command in OUTPUT
}
"""Each schema's page and what writes it."""
