"""What becomes of the sample of a format, found out by reading it as the agents do."""

import csv
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from webhook.config.formats import Format

__all__ = ["record"]

_YEAR = 2026
"""The year of the samples, for those that say none: in it they were "read"."""

_PAIR = re.compile(r'([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)')
_CASTS: Mapping[str, Callable[[str], Any]] = {"integer": int, "float": float, "boolean": lambda text: text == "true"}


def record(format_: Format) -> dict[str, Any]:
    """The fields of the sample's record, its time first as `@timestamp` where it has one."""
    fields = _READERS[format_.syntax](format_)
    for name, type_ in format_.types.items():
        if isinstance(fields.get(name), str):
            fields[name] = _CASTS[type_](fields[name])
    time = fields.get(format_.time_key or "")
    return {"@timestamp": _time(time, format_.time_format), **fields} if time else fields


def _regex(format_: Format) -> dict[str, Any]:
    found = re.search(format_.pattern, format_.sample)
    if found is None:
        raise ValueError(f"the sample of {format_.name} does not match")
    return {name: text for name, text in found.groupdict().items() if text is not None}


def _logfmt(format_: Format) -> dict[str, Any]:
    pairs = _PAIR.findall(format_.sample)
    return {name: json.loads(text) if text.startswith('"') else text for name, text in pairs}


_READERS: Mapping[str, Callable[[Format], dict[str, Any]]] = {
    "text": lambda format_: {"message": format_.sample},
    "json": lambda format_: dict(json.loads(format_.sample)),
    "logfmt": _logfmt,
    "csv": lambda format_: dict(zip(format_.columns, next(csv.reader([format_.sample])), strict=False)),
    "regex": _regex,
}


def _time(text: str, time_format: str | None) -> str:
    if time_format is None:
        found = datetime.fromisoformat(text)
    else:
        said = time_format if re.search("%[Yy]", time_format) else f"{time_format} {_YEAR}"
        read = f"{text} {_YEAR}" if said is not time_format else text
        python = said.replace("%L", "%f").replace("%e", "%d").replace(f" {_YEAR}", " %Y")
        found = datetime.strptime(read, python)  # noqa: DTZ007 - a zone is put on below
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
