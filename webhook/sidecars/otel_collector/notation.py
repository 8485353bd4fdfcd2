"""How the collector writes things: its configuration, a string of its transformation language, a time's layout.

A configuration is data: dicts, lists, numbers, `str`, which is literal in every character, and tuples, which are `Text`
and may have variables in them.
"""

import re
from collections.abc import Mapping
from json.encoder import encode_basestring as quote
from typing import Any, cast

import msgspec

from webhook.sidecars import Text, Variable

__all__ = ["document", "has_year", "layouts", "plain", "quoted", "statement", "without_fraction"]

# What YAML takes for the end of a line or refuses where JSON has it bare (YAML 1.2, 5.1 and 5.4; go-yaml's reader).
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


_WITH_PARTS = frozenset({dict, list})


def document(data: Mapping[str, Any]) -> str:
    """`data` as JSON, which is YAML: what the collector reads back is what was meant.

    Each key has a line of its own, and each item of a list: an operator, a statement.
    """
    text = _written(data, "\n")
    return text if text.isascii() and "\x7f" not in text else _NOT_IN_YAML.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _written(value: Any, margin: str) -> str:
    """`value` as JSON, in which each literal `$` is doubled. Text, which is most of it, is written where it stands."""
    if isinstance(value, dict) and value:
        inner = f"{margin} "
        members = [
            f"{quote(key)}: {quote(each.replace('$', '$$')) if type(each) is str else _written(each, inner)}"
            for key, each in value.items()
        ]
        return f"{{{inner}{f',{inner}'.join(members)}{margin}}}"
    if isinstance(value, list) and value:
        inner = f"{margin} "
        items = [_flat(each) if _is_flat(each) else _written(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(items)}{margin}]"
    return _plainly(value)


def _is_flat(value: Any) -> bool:
    return isinstance(value, dict) and _WITH_PARTS.isdisjoint(map(type, value.values()))


def _flat(value: Mapping[str, Any]) -> str:
    """What has nothing in it that has parts, on one line."""
    return f"{{{','.join([f'{quote(key)}:{_plainly(each)}' for key, each in value.items()])}}}"


def _plainly(value: Any) -> str:
    """What has no parts.

    A variable that is not set, as that of an optional Secret which is missing, reads `unset`: several exporters end the
    collector over an empty token.
    """
    if isinstance(value, str):
        return quote(value.replace("$", "$$"))
    if isinstance(value, tuple):
        return quote("".join([part.replace("$", "$$") if isinstance(part, str) else _variable(part) for part in value]))
    return quote(_variable(value)) if isinstance(value, Variable) else msgspec.json.encode(value).decode()


def _variable(variable: Variable) -> str:
    return f"${{env:{variable.name}:-unset}}"


def quoted(text: str | Text) -> Text:
    """A string of the transformation language OTTL, or of expr: both read the escapes of JSON.

    The values of variables stand in it as they are; only names and labels of Kubernetes, which have no quotes, may.
    """
    parts = (text,) if isinstance(text, str) else text
    return ('"', *[quote(part)[1:-1] if isinstance(part, str) else part for part in parts], '"')


def plain(text: Text) -> str:
    """`text` as one literal. Raises TypeError where it has variables in it."""
    return "".join(cast("tuple[str, ...]", text))


def statement(*parts: str | Text) -> Text:
    """The parts of a statement, of which some are text with variables, as one."""
    return tuple([piece for part in parts for piece in ((part,) if isinstance(part, str) else part)])


# Times. The collector is told by Go's reference time (package time of Go).

_DIRECTIVES = {
    "Y": "2006", "y": "06", "m": "1", "b": "Jan", "h": "Jan", "B": "January", "d": "2", "e": "_2", "j": "002",
    "a": "Mon", "A": "Monday", "H": "15", "I": "3", "l": "3", "M": "4", "S": "5", "p": "PM",
    "F": "2006-1-2", "T": "15:4:5", "R": "15:4", "D": "1/2/06", "z": "-0700",
}  # fmt: skip
"""Numbers may have one digit or two, as strptime has it (package time of Go: only those with a zero must have two)."""

_TOKEN = re.compile(r"(?P<fraction>(?<=%[ST])[.,]%[Lf])|%(?P<directive>.)|(?P<literal>[^%]+)", re.DOTALL)
_OF_THE_REFERENCE = re.compile(r"[0-9]|Jan|Mon|MST|PM|pm")


_HAVE_YEAR = frozenset("YyFDs")


def has_year(time_format: str) -> bool:
    """Whether a time in `time_format`, of strftime, names its year."""
    return any(letter in _HAVE_YEAR for letter in re.findall("%(.)", time_format))


def without_fraction(time_format: str) -> str:
    """`time_format` without the fraction behind the seconds, which Go reads by itself."""
    return re.sub(r"(?<=%[ST])[.,]%[Lf]", "", time_format)


def layouts(time_format: str) -> list[str] | None:
    """Go's layouts for a format of strftime, in the order in which to try them; None for what Go has no word for.

    Go reads a fraction of any length behind the seconds by itself, so that `%L` there is left out. `%z` is `+0200` or
    `+02:00` and `Z`, for which Go has two words. For `%Z` there is none: Go takes CEST and PST for UTC where they are
    not those of its own zone (package time, Parse).
    """
    layout = ""
    for token in _TOKEN.finditer(time_format):
        if token["fraction"]:
            continue
        piece = token["literal"] if token["directive"] is None else _directive(token["directive"])
        if piece is None or (token["directive"] is None and _OF_THE_REFERENCE.search(piece)):
            return None
        layout += piece
    if "__2" in layout or not _DIRECTIVES.keys() & set(re.findall(r"%(.)", time_format)):
        return None
    zones = [layout] if "-0700" not in layout else [layout, layout.replace("-0700", "Z07:00")]
    return [each for found in zones for each in dict.fromkeys((found, found.replace("PM", "pm")))]


def _directive(letter: str) -> str | None:
    return "%" if letter == "%" else _DIRECTIVES.get(letter)
