"""Fluentd's configuration syntax (v1): sections of parameters, each value between double quotes.

There, a backslash takes the meaning from any other character, `#{…}` is Ruby, and all else is literal. Ruby is only
ever written for a variable, for a file that may be missing, and once for a constant of ours. Source: Fluentd's
`lib/fluent/config/literal_parser.rb`.
"""

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from webhook.sidecars import Text, Variable

__all__ = ["Readable", "Ruby", "Section", "Value", "json_text", "write"]

_json = json.JSONEncoder(ensure_ascii=False).encode


class Ruby(msgspec.Struct, frozen=True):
    """A constant program of ours, whose value is the parameter's: Fluentd evaluates it where it reads it."""

    code: str


class Readable(msgspec.Struct, frozen=True):
    """A file that may be missing; without it the parameter is as if it were not said."""

    path: str


Value = str | int | Text | Ruby | Readable
"""A parameter's value. A tuple is Text, whose variables Fluentd looks up at its start."""


class Section(msgspec.Struct, frozen=True):
    """A directive or a part of one, e.g. `<match **>`. Parameters of None are left out."""

    name: str
    argument: str
    parameters: Mapping[str, Value | None]
    sections: "Sequence[Section]" = ()


_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")

_ESCAPES = str.maketrans(
    {"\\": r"\\", '"': r"\"", "#": r"\#", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f", "\b": r"\b", "\0": r"\0"}
)
_UNSAFE = re.compile(r'[\\"#\n\r\t\f\x08\0]')


def write(sections: Sequence[Section]) -> str:
    """The configuration. Names and arguments of sections are ours, never a user's."""
    return "".join([_lines(section) for section in sections])


def json_text(data: Mapping[str, Text] | Sequence[object]) -> Text:
    """JSON as a Text: an object of Texts, or what has no variable at all."""
    if not isinstance(data, Mapping):
        return (_json(data),)
    parts: list[str | Variable] = ["{"]
    for number, (key, text) in enumerate(data.items()):
        parts.append(f'{", " if number else ""}{_json(key)}: "')
        parts += (Variable(f"json:{part.name}") if isinstance(part, Variable) else _within(part) for part in text)
        parts.append('"')
    return (*parts, "}")


def _within(text: str) -> str:
    return _json(text)[1:-1]


def _lines(section: Section, margin: str = "") -> str:
    start = f"{margin}<{section.name}{f' {section.argument}' if section.argument else ''}>\n"
    inner = margin + "  "
    parameters = [f"{inner}{name} {_value(value)}\n" for name, value in section.parameters.items() if value is not None]
    parts = [_lines(part, inner) for part in section.sections]
    return "".join((start, *parameters, *parts, f"{margin}</{section.name}>\n"))


def _value(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"' if _UNSAFE.search(value) else f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Ruby):
        return f'"#{{{value.code}}}"'
    if isinstance(value, Readable):
        return _readable(value.path)
    return f'"{"".join([_part(part) for part in value])}"'


def _readable(path: str) -> str:
    """A path of ours, which a name of a destination is part of, and nothing that Ruby has a word for."""
    if not _PLAIN_PATH.fullmatch(path):
        return _value(path)
    return f"\"#{{::File.exist?('{path}') ? '{path}' : use_default}}\""


def _part(part: str | Variable) -> str:
    if isinstance(part, str):
        return part.translate(_ESCAPES)
    within_json = part.name.startswith("json:")
    return f"#{{Loghook.{'json' if within_json else 'env'}('{part.name.removeprefix('json:')}')}}"
