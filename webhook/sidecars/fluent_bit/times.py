r"""How Fluent Bit reads the time of a record: by parsers that are tried one after another on the field that holds it.

A parser of Fluent Bit knows one notation. `%S.%L%z` does not read a time without fraction, and `%S%z` none with one
(seen with 5.1.1). So there is one for each way of writing ISO-8601 and the seconds since 1970, each behind a regular
expression that only lets through what it can read: a time that does not parse costs a line of complaint each.
"""

import re
from itertools import product
from typing import Any

from webhook.sidecars import Parsing
from webhook.sidecars.fluent_bit.literals import literal

__all__ = ["FIELD", "is_yearless", "leap_day", "parsers", "unknown_directives"]

FIELD = "loghook_time"
"""The group that holds the time while it is read; it is not kept."""

_DATE = {
    "T": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", "%Y-%m-%dT%H:%M:%S"),
    " ": (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", "%Y-%m-%d %H:%M:%S"),
    "basic": (r"[0-9]{8}T[0-9]{6}", "%Y%m%dT%H%M%S"),
}
_FRACTIONS = {".": (r"\.[0-9]+", ".%L"), ",": (",[0-9]+", ",%L"), "": ("", "")}
_ZONES = {"zone": (r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)", "%z"), "": ("", "")}
_OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")

# What a directive of strptime stands for. %L is a fraction of any number of digits. The names that a locale has are
# English in Fluent Bit.
_DIRECTIVES = {
    **dict.fromkeys("aAbBh", "[A-Za-z]+"),
    **dict.fromkeys("CdHImMSUWy", "[0-9]{1,2}"),
    **dict.fromkeys("ekl", " ?[0-9]{1,2}"),
    **dict.fromkeys("jL", "[0-9]+"),
    **dict.fromkeys("uw", "[0-9]"),
    "D": "[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}",
    "F": "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    "R": "[0-9]{1,2}:[0-9]{2}",
    "T": "[0-9]{1,2}:[0-9]{2}:[0-9]{2}",
    "Y": "[0-9]{4}",
    "Z": "[A-Za-z]+",
    "n": r"\s+",
    "p": "[AaPp][Mm]",
    "r": "[0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]",
    "s": "[0-9]{1,12}",
    "t": r"\s+",
    "z": r"(?:Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
_HAVE_YEAR = frozenset("CDFYys")
_LEAP_DAY = {"b": "Feb", "h": "Feb", "m": "02", "d": "29", "e": "29"}
_LEAP_DAY_DIRECTIVE = re.compile("%([bhmde])")


def parsers(parsing: Parsing) -> list[dict[str, Any]]:
    """The parsers of the time of `parsing`, in the order in which they are tried."""
    if parsing.time_format is None:
        return [*_iso(parsing.time_zone), *_EPOCHS]
    zone = {} if _has_zone(parsing.time_format) else _zone(parsing.time_zone)
    return [
        _parser(
            f"time {parsing.time_format} {parsing.time_zone}", _pattern(parsing.time_format), parsing.time_format, zone
        )
    ]


def is_yearless(parsing: Parsing) -> bool:
    """Whether the record's time names no year."""
    return parsing.time_format is not None and not _has_year(parsing.time_format)


def _has_year(time_format: str) -> bool:
    return any(found[1] in _HAVE_YEAR for found in _DIRECTIVE.finditer(time_format))


def leap_day(time_format: str) -> str:
    """How a time in `time_format`, which has no year, begins on 29 February; empty where that cannot be said."""
    date = re.match(r"(?:%[bhmde]|[^%])+", time_format)
    written = _LEAP_DAY_DIRECTIVE.sub(lambda found: _LEAP_DAY[found[1]], date[0]) if date else ""
    return written if "29" in written and not written.replace("29", "").isspace() else ""


def unknown_directives(time_format: str) -> list[str]:
    """The directives of `time_format` that Fluent Bit does not know."""
    return [found[0] for found in _DIRECTIVE.finditer(time_format) if found[1] not in _DIRECTIVES]


def _iso(time_zone: str) -> list[dict[str, Any]]:
    several = []
    for date, (zone, (zone_pattern, zone_format)), fraction in product(_DATE, _ZONES.items(), _FRACTIONS):
        fraction_pattern, fraction_format = _FRACTIONS[fraction]
        date_pattern, date_format = _DATE[date]
        several.append(
            _parser(
                f"iso {date.strip() or 'space'}{fraction}{zone or time_zone}",
                date_pattern + fraction_pattern + zone_pattern,
                date_format + fraction_format + zone_format,
                {} if zone else _zone(time_zone),
            )
        )
    return several


def _parser(name: str, pattern: str, time_format: str, zone: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": literal(name, 1),
        "format": "regex",
        "regex": literal(rf"\A(?<{FIELD}>{pattern})\z", 1),
        "time_key": FIELD,
        "time_format": literal(time_format, 1),
        "time_keep": False,
        **zone,
    }


_EPOCHS = [
    _parser("epoch", "[0-9]{9,10}", "%s", {}),
    _parser("epoch fraction", r"[0-9]{9,10}\.[0-9]+", "%s.%L", {}),
]


def _has_zone(time_format: str) -> bool:
    return any(found[1] in {"z", "Z", "s"} for found in _DIRECTIVE.finditer(time_format))


def _zone(time_zone: str) -> dict[str, Any]:
    """The options of a parser for times without zone; UTC is what holds without any."""
    if time_zone == "UTC":
        return {}
    return {"time_offset": time_zone} if _OFFSET.fullmatch(time_zone) else {"time_zone": time_zone}


def _pattern(time_format: str) -> str:
    """What a text must look like to be read as `time_format`."""
    parts = []
    place = 0
    for found in _DIRECTIVE.finditer(time_format):
        parts.append(_text_pattern(time_format[place : found.start()]))
        parts.append(_DIRECTIVES[found[1]])
        place = found.end()
    return "".join((*parts, _text_pattern(time_format[place:])))


def _text_pattern(text: str) -> str:
    """White space stands for any amount of it, as in strptime."""
    return r"\s*".join(re.escape(word) for word in re.split(r"\s+", text))
