"""What reads fields out of a line: the parsers of the receiver, and what they cannot read by its parts."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from webhook.config.formats import Format
from webhook.sidecars import levels
from webhook.sidecars.otel_collector.expressions import translate
from webhook.sidecars.otel_collector.notation import plain, quoted

__all__ = ["UNMARKED", "operators", "severity"]

Operator = dict[str, Any]

UNMARKED: Operator = {
    "type": "regex_replace",
    "field": "body",
    "regex": r"^\x{FEFF}",
    "replace_with": "",
    "on_error": "send_quiet",
}
"""The mark at the head of a file (Unicode, 23.8) is no part of its first line."""


_OPENED = r"^\s*[{]"


def operators(format_: Format, fields: str) -> Iterator[Operator]:
    """The operators that read `format_` into `fields`. A line that they do not understand goes on as it is."""
    if format_.syntax == "logfmt":
        yield from _logfmt(fields)
        return
    pattern = {"type": "regex_parser", "regex": translate(format_.pattern)}
    parsers: Mapping[str, Operator] = {
        # Whole numbers stay whole by a decoder that takes any text behind an object: what is no JSON is found before.
        "json": {"type": "json_parser", "parse_ints": True, "if": f"{_matches(_OPENED)} and fromJSON(body) != nil"},
        "csv": {**pattern, "if": _matches('[^,"]')},
        "regex": pattern,
    }
    yield {**parsers[format_.syntax], "parse_to": fields, "on_error": "send_quiet"}


def _matches(pattern: str) -> str:
    """The condition that the line has a match of `pattern`."""
    return f"body matches {plain(quoted(pattern))}"


_ODD = r"""['\\\x00-\x1f]|="\s|\s"(?:\s|$)"""
_WORD = r'[^\s="]+'
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s"]*)'
_WHOLE = rf"^\s*(?:{_WORD}\s+)*{_WORD}={_VALUE}(?:\s+{_WORD}(?:={_VALUE})?)*\s*$"
"""Pairs and words, of which one is a pair, up to the end of the line."""

_PAIRS = 'attributes["loghook.pairs"]'
_PAIR = r'([^\s="]+)(=)?(?:("(?:[^"\\]|\\.)*")|([^\s"]*))(?:\s+|$)'
_AS_JSON = (
    f'EXPR("{{" + join(map(filter(split({_PAIRS}, "\\x1e"), # != ""), '
    'let pair = split(#, "\\x1f"); toJSON(pair[0]) + ":" + '
    '(pair[1] == "" ? "true" : hasPrefix(pair[2], "\\"") ? pair[2] : toJSON(pair[2]))), ",") + "}")'
)
"""The pairs that are cut, as an object of JSON, whose texts quoted values are already."""


def _logfmt(fields: str) -> Iterator[Operator]:
    """Pairs as most lines have them, by the parser of pairs; the others by their parts.

    That parser takes an apostrophe for a quote, leaves escapes as they are, cuts off spaces within quotes, and knows
    neither tabs nor words without a value (stanza 0.165). What it does not read is cut at the pairs by control
    characters, and becomes JSON.
    """
    has_pair = _matches(_WHOLE)
    is_unread = 'type(body) == "string"' if fields == "body" else "len(attributes) == 1"
    is_cut = '"loghook.pairs" in attributes'
    quiet = {"on_error": "send_quiet"}
    yield {
        "type": "key_value_parser",
        "parse_to": fields,
        "if": f"{has_pair} and not ({_matches(_ODD)})",
        **quiet,
    }
    yield {"type": "copy", "from": "body", "to": _PAIRS, "if": f"{is_unread} and {has_pair}", **quiet}
    cut = "\x1e${1}\x1f${2}\x1f${3}${4}"
    yield {"type": "regex_replace", "field": _PAIRS, "regex": _PAIR, "replace_with": cut, "if": is_cut, **quiet}
    yield {"type": "add", "field": _PAIRS, "value": _AS_JSON, "if": is_cut, **quiet}
    yield {"type": "json_parser", "parse_from": _PAIRS, "parse_to": fields, "if": is_cut, **quiet}
    yield {"type": "remove", "field": _PAIRS, "if": is_cut}


_LEVEL = 'attributes["loghook.level"]'
_IS_LEVEL = '{type(#) in ["string", "int"]}'


def severity(format_: Format, fields: str) -> Iterator[Operator]:
    """What makes a record's severity of its level: the number by the table, the text as it was written."""
    names = levels.fields(format_)
    if not names:
        return
    every = f"[{', '.join(f'{fields}[{plain(quoted(name))}]' for name in names)}]"
    is_there = f'type({fields}) == "map" and any({every}, {_IS_LEVEL})'
    found = f"trim(string(find({every}, {_IS_LEVEL})))"
    if levels.PRIORITY in names:
        is_there += f" and int({found}) < {levels.PRIORITIES}"
        found = f"{json.dumps(levels.OF_SYSLOG)}[int({found}) % {len(levels.OF_SYSLOG)}]"
    else:
        found = f"let level = {found}; {json.dumps(levels.NAMES_OF_NUMBERS)}[level] ?? level"
    mapping = {_SEVERITIES[number]: list(known) for number, known in levels.SEVERITIES.items()}
    quiet = {"on_error": "send_quiet"}
    yield {"type": "add", "field": _LEVEL, "value": f"EXPR({found})", "if": is_there, **quiet}
    own = {"parse_from": _LEVEL, "preset": "none", "mapping": mapping, "if": '"loghook.level" in attributes'}
    yield {"type": "severity_parser", **own, **quiet}
    yield {"type": "remove", "field": _LEVEL, "if": '"loghook.level" in attributes'}


_SEVERITIES = {
    number + step: f"{name}{step + 1 if step else ''}"
    for name, number in (("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21))
    for step in range(4)
}
"""The collector's name of each severity."""
