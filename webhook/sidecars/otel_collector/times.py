"""How a record's time is read: with the operators of the receiver, and what they cannot do with statements of OTTL."""

import re
from collections.abc import Iterator
from typing import Any

from webhook.sidecars import Parsing, Text
from webhook.sidecars.otel_collector.notation import has_year, layouts, plain, quoted, statement, without_fraction

__all__ = ["UNREAD", "fallbacks", "needs_database", "operators", "problem", "statements"]

_YEAR = "(?:19(?:7[1-9]|[89][0-9])|20[0-9]{2})"
"""Others, as the year 1 of some languages, are those of no log, and more than the collector's numbers hold."""

_DAY = f"{_YEAR}[0-9-]{{6}}"  # a wrong one fails in silence; every form of it stands in every configuration
_HOURS = "[+-](?:[01][0-9]|2[0-3])"
_ISO = tuple(
    (f"^{_DAY}{between}[0-9:.,]+{zone}$", f"2006-01-02{between}15:04:05{layout}")
    for between in ("T", " ")
    for zone, layout in ((f"(?:Z|{_HOURS}:[0-5][0-9])", "Z07:00"), (f"{_HOURS}[0-5][0-9]", "-0700"), ("", ""))
)
"""Each way of writing ISO-8601: the expression by which it is known, and Go's layout."""

IS_READ = {"attributes": "", "body": 'type(body) == "map" and '}
"""Before a look at a field: a line that was not understood is text, and looking into it is an error."""

_NO_ZONE = f"^{_DAY}[T ][0-9:.,]+$"
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2})")
_SECONDS, _MILLISECONDS = (f"(?:[1-9][0-9]{{{size - 1}}}|[1-3][0-9]{{{size}}})" for size in (9, 12))  # 1973 to 2096
_EPOCH = (
    (f"^{_SECONDS}$", "Int({}) * 1000000000"),
    (rf"^{_SECONDS}\.[0-9]+$", "Int(Double({}) * 1000000.0) * 1000"),
    (f"^{_MILLISECONDS}$", "Int({}) * 1000000"),
    (rf"^{_MILLISECONDS}\.[0-9]+$", "Int(Double({}) * 1000.0) * 1000"),
)
"""Seconds and milliseconds since 1970, told apart by their size, as numbers or as text."""


def operators(parsing: Parsing, fields: str) -> Iterator[dict[str, Any]]:
    """Operators that read the time out of `fields` (`attributes` or `body`) and leave a record without one alone."""
    if parsing.time_key is None or parsing.time_format == "%s" or _is_yearless(parsing):
        return
    place = f"{fields}[{plain(quoted(parsing.time_key))}]"
    location = "UTC" if _OFFSET.fullmatch(parsing.time_zone) else parsing.time_zone
    parser = {
        "type": "time_parser",
        "parse_from": place,
        "layout_type": "gotime",
        "on_error": "send_quiet",
    }
    if parsing.time_format is not None:
        found = layouts(parsing.time_format) or ()
        yield from (parser | {"location": location, "layout": layout} for layout in found)
        return
    is_text = f'{IS_READ[fields]}type({place}) == "string" and {place}'
    for pattern, layout in _ISO:
        zone = {} if "07" in layout else {"location": location}
        yield parser | {**zone, "layout": layout, "if": f"{is_text} matches {plain(quoted(pattern))}"}


def statements(parsing: Parsing, fields: str) -> Iterator[Text]:
    """Statements behind the operators: times that are numbers, and fixed offsets."""
    if parsing.time_key is None or _is_yearless(parsing):
        return
    field = _field(parsing, fields)
    if parsing.time_format in {None, "%s"}:
        yield from _epoch(field)
    yield from _offset(parsing, field)
    if parsing.time_format not in {None, "%s"}:
        yield (f"set(log.time_unix_nano, 0) where log.time_unix_nano < {_FIRST} or log.time_unix_nano >= {_LAST}",)


_FIRST, _LAST = 31_536_000_000_000_000, 4_102_444_800_000_000_000
"""The nanoseconds of the years that are times, from 1971 to 2099."""


def fallbacks(parsing: Parsing, fields: str) -> Iterator[Text]:
    """Statements for records whose time is still UNREAD: times without a year, and seldom forms of ISO-8601."""
    if parsing.time_key is None:
        return
    if parsing.time_format is None:
        yield from _other_iso(parsing, _field(parsing, fields))
    elif _is_yearless(parsing) and re.search("%[dej]", parsing.time_format):  # a time of today would be a guess
        yield from _yearless(parsing, _field(parsing, fields))


def _field(parsing: Parsing, fields: str) -> Text:
    return statement(f"{fields}[", quoted(str(parsing.time_key)), "]")


def _is_yearless(parsing: Parsing) -> bool:
    return parsing.time_format is not None and not has_year(parsing.time_format)


UNREAD = "log.time_unix_nano == 0"
"""The condition that a record has no time yet."""

_YEARS = 5
"""Of so many years in a row one has a 29 February (until 2096; each is a statement)."""


def _yearless(parsing: Parsing, field: Text) -> Iterator[Text]:
    """Without a year it is that of now and a day, or the last in which the date exists and is no more than a day ahead.

    A date that a year has not is an error, by which a statement ends.
    """
    latest = 'Now() + Duration("24h")'
    time_format, zone = _notation(parsing)
    for back in range(_YEARS):
        year = f"Year({latest}) - {back}"
        text = statement(f'Format("%d %s{_appended(parsing)}", [{year}, ', field, "])")
        moment = statement("Time(", text, ", ", quoted(f"%Y {time_format}"), f"{zone})")
        yield statement(
            "set(log.time, ", moment, f") where {UNREAD} and IsString(", field, ") and ", moment, f" <= {latest}"
        )


_SHORT = {"%d": "%g", "%m": "%q", "%I": "%l"}
"""What OTTL calls a number of one digit or two."""


def _notation(parsing: Parsing) -> tuple[str, str]:
    """The time format, with an offset where one is appended to the text, and the argument for a named zone."""
    time_format = re.sub("%[dmI]", lambda found: _SHORT[found[0]], without_fraction(str(parsing.time_format)))
    if "%z" in time_format or parsing.time_zone == "UTC":
        return time_format, ""
    return (f"{time_format} %z", "") if _appended(parsing) else (time_format, f', "{parsing.time_zone}"')


def _appended(parsing: Parsing) -> str:
    """A fixed offset, to stand behind a time that has none."""
    has_own = "%z" in str(parsing.time_format)
    return "" if has_own or not _offset_of(parsing) else f" {_offset_of(parsing)}"


def _offset_of(parsing: Parsing) -> str:
    """The named offset as `+HHMM`; empty for a zone with a name."""
    return parsing.time_zone.replace(":", "") if _OFFSET.fullmatch(parsing.time_zone) else ""


_OTHER_ISO = (
    rf"^\s*({_YEAR})(?:-(\d\d)-|(\d\d))(\d\d)[Tt ](\d\d)(?::(\d\d):|(\d\d))(\d\d)(?:[.,](\d+))?"
    rf"\s*([Zz]|{_HOURS}(?::?[0-5]\d)?)?\s*$"
)
"""ISO-8601 as it is written seldom: the basic form, small letters, an offset in hours, a leap second."""


_ZONES = ((r"\|[Zz]$", "+0000"), (r"\|([+-]\d\d):?(\d\d)$", "$1$2"), (r"\|([+-]\d\d)$", "${1}00"))
"""Each way of writing the zone, which stands behind a bar, and the one that Go is told."""


def _other_iso(parsing: Parsing, field: Text) -> Iterator[Text]:
    """What no operator has read, in one notation; the mark before it is of what was understood."""
    text = 'log.cache["time"]'
    has_name = not _offset_of(parsing) and parsing.time_zone != "UTC"
    yield statement(f"set({text}, ", field, ") where IsString(", field, ")")
    yield _replace(text, _OTHER_ISO, "@$1-$2${3}-${4}T$5:$6${7}:$8.${9}0|$10")
    yield (f'set(log.cache["leap"], true) where IsMatch({text}, ":60[.]")',)
    yield _replace(text, ":60[.]", ":59.")
    for pattern, zone in (*_ZONES, (r"\|$", "" if has_name else _offset_of(parsing) or "+0000")):
        yield _replace(text, pattern, zone)
    yield (f'set(log.time, Time({text}, "@%Y-%m-%dT%H:%M:%S%z"))',)
    if has_name:
        yield (f'set(log.time, Time({text}, "@%Y-%m-%dT%H:%M:%S", "{parsing.time_zone}")) where {UNREAD}',)
    yield ('set(log.time_unix_nano, log.time_unix_nano + 1000000000) where log.cache["leap"] == true',)


def _replace(place: str, pattern: str, replacement: str) -> Text:
    return statement(f"replace_pattern({place}, ", quoted(pattern), ", ", quoted(replacement), ")")


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
