r"""How Fluent Bit reads the time of a record: by parsers that are tried one after another on the field that holds it.

A parser of Fluent Bit knows one notation. `%S.%L%z` does not read a time without fraction, and `%S%z` none with one
(seen with 5.1.1). So there is one for each way of writing ISO-8601 and the seconds since 1970, each behind a regular
expression that only lets through what it can read: a time that does not parse costs a line of complaint each, a day
that there is not is taken for a later one, and a record of a year before 1970 or after 2106 is lost.
"""

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

from webhook.sidecars import Parsing
from webhook.sidecars.fluent_bit.literals import literal

__all__ = ["FIELD", "is_yearless", "leap_day", "parsers", "unknown_directives"]

FIELD = "loghook_time"
"""The group that holds the time while it is read; it is not kept."""

_DATE = {"T": "%Y-%m-%dT%H:%M:%S", " ": "%Y-%m-%d %H:%M:%S", "basic": "%Y%m%dT%H%M%S"}
_FRACTIONS = {".": (r"\.[0-9]{1,9}", ".%L"), ",": (",[0-9]{1,9}", ",%L"), "": ("", "")}
_HOURS = "[+-](?:[01][0-9]|2[0-3])"
_OFFSET = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")

# What a directive of strptime stands for. %L is a fraction of any number of digits. The names that a locale has are
# English in Fluent Bit.
_DIRECTIVES = {
    **dict.fromkeys("aAbBh", "[A-Za-z]+"),
    **dict.fromkeys("dHImMSUW", "[0-9]{1,2}"),
    **dict.fromkeys("ekl", " ?[0-9]{1,2}"),
    **dict.fromkeys("jL", "[0-9]+"),
    **dict.fromkeys("uw", "[0-9]"),
    "C": "(?:19|20)",
    "R": "[0-9]{1,2}:[0-9]{2}",
    "T": "[0-9]{1,2}:[0-9]{2}:[0-9]{2}",
    "Y": "(?:19(?:7[1-9]|[89][0-9])|20[0-9]{2})",
    "Z": "[A-Za-z]+",
    "n": r"\s+",
    "p": "[AaPp][Mm]",
    "r": "[0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]",
    "s": "(?:[1-9][0-9]{8}|[1-3][0-9]{9})",
    "t": r"\s+",
    "y": "(?:[0-5][0-9]|6[0-8]|7[1-9]|[89][0-9])",
    "z": f"(?:Z|{_HOURS}:?[0-5][0-9])",
    "%": "%",
}
"""%Y and %s: of what there is no log, as the year 1 of some languages, is no time, for any agent."""
_DATES = {"%F": "%Y-%m-%d", "%D": "%m/%d/%y"}
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
_HAVE_YEAR = frozenset("CDFYys")
_DAYS = frozenset("deFDjs")
_LEAP_DAY = {"b": "Feb", "h": "Feb", "m": "02", "d": "29", "e": "29"}
_LEAP_DAY_DIRECTIVE = re.compile("%([bhmde])")


def parsers(parsing: Parsing) -> list[dict[str, Any]]:
    """The parsers of the time of `parsing`, in the order in which they are tried."""
    if parsing.time_format is None:
        return [*_iso(parsing.time_zone), *_EPOCHS]
    if parsing.time_format == "%s":
        return _EPOCHS
    if not _DAYS & {found[1] for found in _DIRECTIVE.finditer(parsing.time_format)}:
        return []  # a time of day: that of today would be a guess
    zone = {} if _has_zone(parsing.time_format) else _zone(parsing.time_zone)
    return [
        _parser(
            f"time {time_format} {parsing.time_zone}", _impossible(time_format) + _of(time_format), time_format, zone
        )
        for time_format in _with_and_without_fraction(parsing.time_format)
    ]


def _with_and_without_fraction(time_format: str) -> list[str]:
    """The formats to try: the program may leave out the fraction of a whole second."""
    return list(dict.fromkeys((time_format, re.sub("(?<=%[STs])[.,]%L", "", time_format))))


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
    known = {*_DIRECTIVES, *(date[1] for date in _DATES)}
    return [found[0] for found in _DIRECTIVE.finditer(time_format) if found[1] not in known]


def _iso(time_zone: str) -> list[dict[str, Any]]:
    return [
        _iso_parser(date, *zone, fraction, time_zone)
        for date, zone, fraction in product(_DATE, _zones(time_zone), _FRACTIONS)
    ]


def _zones(time_zone: str) -> list[tuple[str, str]]:
    """The name of each way of writing a zone, and what matches it: UTC, an offset, and none of its own."""
    offset = ("offset", f"{_HOURS}(?::?[0-5][0-9])?")
    if time_zone == "UTC":
        return [("", r"\s*[Zz]?"), offset]
    return [("Z", r"\s*[Zz]"), offset, ("", "")]


def _iso_parser(date: str, zone: str, zone_pattern: str, fraction: str, time_zone: str) -> dict[str, Any]:
    """More than nine digits of a fraction are not read, nor is a `Z`; both can be left out, but before an offset."""
    fraction_pattern, fraction_format = _FRACTIONS[fraction]
    time_format, pattern = _DATE[date] + fraction_format, _WIDE[date] + fraction_pattern
    behind = ("[0-9]*" if fraction else "") + zone_pattern
    if zone == "offset":
        time_format, pattern, behind = f"{time_format} %z", rf"{pattern}\s*{zone_pattern}", ""
    name = f"iso {date.strip() or 'space'}{fraction}{zone or time_zone}"
    local = {} if zone else _zone(time_zone)
    return _parser(name, pattern, time_format, local, (r"\s*", rf"{behind}\s*"))


# What a text looks like.


def _expanded(time_format: str) -> str:
    return _DIRECTIVE.sub(lambda found: _DATES.get(found[0], found[0]), time_format)


def _of(time_format: str, instead: Mapping[str, str] = {}) -> str:
    """What a text must look like to be read as `time_format`; `instead` has other patterns of directives."""
    parts = []
    place = 0
    whole = _expanded(time_format)
    for found in _DIRECTIVE.finditer(whole):
        parts.append(_text_pattern(whole[place : found.start()]))
        parts.append(instead.get(found[1]) or _DIRECTIVES[found[1]])
        place = found.end()
    return "".join((*parts, _text_pattern(whole[place:])))


def _text_pattern(text: str) -> str:
    """White space stands for any amount of it, as in strptime."""
    return r"\s*".join(re.escape(word) for word in re.split(r"\s+", text))


def _day(hyphen: str) -> str:
    """A day behind a year and a month: one of those that each month has, or what stands before it is looked at."""
    february = f"02{hyphen}"
    leap_year = f"[02468][048]{hyphen}{february}|[13579][26]{hyphen}{february}"
    late = f"(?<!{february})(?:29|30)|(?<!0[2469]{hyphen}|11{hyphen})31|(?<={leap_year})29"
    return f"(?>[01][0-9]|2[0-8]|{late})"


def _wide(time_format: str) -> str:
    """What a date looks like of which all numbers have all of their digits.

    All parsers are tried on what none of them reads, and half of them on what the first one does. So they fail early,
    and look no further than at two digits for most of the days.
    """
    digits = {**dict.fromkeys("mHMS", "[0-9]{2}"), "d": _day(r"\-" if "-" in time_format else "")}
    return _of(time_format, digits).replace(r"\s*", " ")


_WIDE = {date: _wide(time_format) for date, time_format in _DATE.items()}


def _parser(
    name: str, pattern: str, time_format: str, zone: dict[str, Any], around: tuple[str, str] = ("", "")
) -> dict[str, Any]:
    """A parser of what matches `pattern`, with what is left out `around` it."""
    before, behind = around
    return {
        "name": literal(name, 1),
        "format": "regex",
        "regex": literal(rf"\A{before}(?<{FIELD}>{pattern}){behind}\z", 1),
        "time_key": FIELD,
        "time_format": literal(time_format, 1),
        "time_keep": False,
        **zone,
    }


_MONTHS = {
    **dict.fromkeys("bBh", ("(?i:feb|apr|jun|sep|nov)[A-Za-z]*", "(?i:feb)[A-Za-z]*")),
    "m": ("(?:0?[2469]|11)", "0?2"),
}
"""The months without a 31st, and the one without a 30th, by how they are written."""
_NO_LEAP_YEARS = {
    "Y": "[0-9]{2}(?:[02468][^048]|[13579][^26])",
    "y": "(?:[02468][^048]|[13579][^26])",
}  # of 1971 to 2099


def _impossible(time_format: str) -> str:
    """A look ahead, that no day stands there which there is not: strptime takes 31 November for 1 December."""
    whole = _expanded(time_format)
    month, day, year, ordinal = (re.search(f"%([{letters}])", whole) for letters in ("bBhm", "de", "Yy", "j"))
    years = {year[1]: _NO_LEAP_YEARS[year[1]]} if year else {}
    days: list[dict[str, str]] = []
    if month and day:
        short, shortest = _MONTHS[month[1]]
        days += [{month[1]: short, day[1]: "31"}, {month[1]: shortest, day[1]: "30"}]
        days += [{month[1]: shortest, day[1]: "29", **years}] if year else []
    if ordinal:
        days += [{"j": "366", **years} if year else {"j": "36[7-9]"}]
    if not days:
        return ""
    date = whole[: max(found.end() for found in (month, day, year, ordinal) if found)]
    return f"(?!{'|'.join(_of(date, wrong) for wrong in days)})"


_EPOCHS = [
    _parser("epoch", _DIRECTIVES["s"], "%s", {}),
    _parser("epoch fraction", rf"{_DIRECTIVES['s']}\.[0-9]{{1,9}}", "%s.%L", {}, ("", "[0-9]*")),
]


def _has_zone(time_format: str) -> bool:
    return any(found[1] in {"z", "Z", "s"} for found in _DIRECTIVE.finditer(time_format))


def _zone(time_zone: str) -> dict[str, Any]:
    """The options of a parser for times without zone; UTC is what holds without any."""
    if time_zone == "UTC":
        return {}
    return {"time_offset": time_zone} if _OFFSET.fullmatch(time_zone) else {"time_zone": time_zone}
