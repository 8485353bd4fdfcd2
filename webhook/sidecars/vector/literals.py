r"""How text is written in Vector's languages, so that it means itself in every character.

VRL: between double quotes, `\`, `"` and braces are escaped: `{{ }}` would be a template. Templates of sinks have no
escape, for `%` (strftime) as little as for `{{ }}`: such text cannot be written. The configuration as a whole is JSON,
which Vector reads as YAML.
"""

import json
import re
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring
from typing import Any, TypeAlias

from webhook.sidecars import Text, Variable

__all__ = ["Data", "document", "is_template_safe", "program_regex", "program_text"]

Data: TypeAlias = "str | int | Text | list[Any] | dict[str, Any]"
"""What a configuration is made of. A tuple is Text, whose variables Vector asks its secret backend for."""

_PROGRAM = str.maketrans(
    {"\\": r"\\", '"': r"\"", "{": r"\{", "}": r"\}", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\0": r"\0"}
)
_NOT_YAML = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_ESCAPE = re.compile(r"\\[\s\S]|'")


def program_text(text: str) -> str:
    """A VRL string whose value is `text`."""
    return f'"{text.translate(_PROGRAM)}"'


def program_regex(pattern: str) -> str:
    """A VRL regular expression; `pattern` is in Rust's syntax, in which an escaped quote is a quote."""
    return "r'" + _ESCAPE.sub(lambda match: r"\'" if match[0] == "'" else match[0], pattern) + "'"


def is_template_safe(text: Text) -> bool:
    """Whether the literal parts of `text` mean themselves in a template of a sink."""
    return not any(isinstance(part, str) and ("%" in part or "{{" in part) for part in text)


def document(data: Mapping[str, Data]) -> str:
    """The configuration `data`, by lines: JSON that is YAML, too."""
    return _value(dict(data), "\n") + "\n"


def _value(data: Data, margin: str) -> str:
    if isinstance(data, dict):
        return _block("{}", (f"{_quoted(key)}: {_value(value, margin + '  ')}" for key, value in data.items()), margin)
    if isinstance(data, tuple):
        return f'"{"".join(_part(part) for part in data)}"'
    if isinstance(data, str):
        return _quoted(data)
    if isinstance(data, list):
        return _block("[]", (_value(value, margin + "  ") for value in data), margin)
    return json.dumps(data)


def _block(brackets: str, members: Iterable[str], margin: str) -> str:
    lines = f",{margin}  ".join(members)
    return f"{brackets[0]}{margin}  {lines}{margin}{brackets[1]}" if lines else brackets


def _part(part: str | Variable) -> str:
    """A part of a Text; no literal may complete a secret's name with the one before it."""
    if isinstance(part, Variable):
        return f"SECRET[env.{part.name}]"
    return _quoted(part)[1:-1].replace("[", r"\u005b", 1) if part.startswith("[") else _quoted(part)[1:-1]


def _quoted(text: str) -> str:
    """`text` as a JSON string that is one for YAML, too, and in which Vector sees no secret's name."""
    plain = encode_basestring(text).replace("SECRET[", r"SECRET\u005b")
    if plain.isascii() and "\x7f" not in plain:
        return plain
    return _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", plain)
