"""How a record's time is read: with the operators of the receiver, and what they cannot do with statements of OTTL."""

import re
from collections.abc import Iterator
from typing import Any

from webhook.sidecars import Parsing, Text
from webhook.sidecars.otel_collector.notation import layouts, plain, quoted, statement

__all__ = ["needs_database", "operators", "problem", "statements"]

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ISO = tuple(
    (f"^{_DAY}{between}[0-9:.,]+{zone}$", f"2006-01-02{between}15:04:05{layout}")
    for between in ("T", " ")
    for zone, layout in (("(?:Z|[+-][0-9]{2}:[0-9]{2})", "Z07:00"), ("[+-][0-9]{4}", "-0700"), ("", ""))
)
"""Each way of writing ISO-8601: the expression by which it is known, and Go's layout."""

IS_READ = {"attributes": "", "body": 'type(body) == "map" and '}
"""Before a look at a field: a line that was not understood is text, and looking into it is an error."""

_NO_ZONE = f"^{_DAY}[T ][0-9:.,]+$"
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2})")
_EPOCH = (
    ("^[0-9]{1,11}$", "Int({}) * 1000000000"),
    (r"^[0-9]{1,11}\.[0-9]+$", "Int(Double({}) * 1000000.0) * 1000"),
    ("^[0-9]{12,14}$", "Int({}) * 1000000"),
    (r"^[0-9]{12,14}\.[0-9]+$", "Int(Double({}) * 1000.0) * 1000"),
)
"""Seconds and milliseconds since 1970, told apart by their size, as numbers or as text."""


def operators(parsing: Parsing, fields: str) -> Iterator[dict[str, Any]]:
    """Operators that read the time out of `fields` (`attributes` or `body`) and leave a record without one alone."""
    if parsing.time_key is None or parsing.time_format == "%s":
        return
    place = f"{fields}[{plain(quoted(parsing.time_key))}]"
    location = "UTC" if _OFFSET.fullmatch(parsing.time_zone) else parsing.time_zone
    parser = {
        "type": "time_parser",
        "parse_from": place,
        "layout_type": "gotime",
        "location": location,
        "on_error": "send_quiet",
    }
    if parsing.time_format is not None:
        yield from (parser | {"layout": layout} for layout in layouts(parsing.time_format) or ())
        return
    is_text = f'{IS_READ[fields]}type({place}) == "string" and {place}'
    for pattern, layout in _ISO:
        yield parser | {"layout": layout, "if": f"{is_text} matches {plain(quoted(pattern))}"}


def statements(parsing: Parsing, fields: str) -> Iterator[Text]:
    """Statements behind the operators: times that are numbers, and fixed offsets."""
    if parsing.time_key is not None:
        field = statement(f"{fields}[", quoted(parsing.time_key), "]")
        if parsing.time_format in {None, "%s"}:
            yield from _epoch(field)
        yield from _offset(parsing, field)


def _epoch(field: Text) -> Iterator[Text]:
    place = plain(field)
    for pattern, value in _EPOCH:
        condition = statement(f" where {place} != nil and IsMatch({place}, ", quoted(pattern), ")")
        yield statement(f"set(log.time_unix_nano, {value.format(place)})", condition)


def _offset(parsing: Parsing, field: Text) -> Iterator[Text]:
    """Times without a zone were taken for UTC: move them by the offset that was named."""
    found = _OFFSET.fullmatch(parsing.time_zone)
    if found is None or (parsing.time_format is not None and "%z" in parsing.time_format):
        return
    seconds = int(found["hours"]) * 3600 + int(found["minutes"]) * 60
    shift = f"log.time_unix_nano {'-' if found['sign'] == '+' else '+'} {seconds * 10**9}"
    condition: Text = (" where log.time_unix_nano != 0",)
    if parsing.time_format is None:
        condition = statement(condition, " and IsMatch(", field, ", ", quoted(_NO_ZONE), ")")
    yield statement(f"set(log.time_unix_nano, {shift})", condition)


def problem(parsing: Parsing) -> str | None:
    """Why the collector cannot read times in `parsing.time_format`; None where it can."""
    if parsing.time_format in {None, "%s"} or layouts(str(parsing.time_format)):
        return None
    return "Go has no layout for this time"


def needs_database(parsing: Parsing) -> bool:
    """Whether the zone needs the database of time zones, which the smaller image lacks."""
    return parsing.time_key is not None and parsing.time_zone != "UTC" and not _OFFSET.fullmatch(parsing.time_zone)
