r"""How text is written in Vector's languages, so that it means itself in every character.

VRL: between double quotes, `\`, `"` and braces are escaped: `{{ }}` would be a template. Templates of sinks have no
escape, for `%` (strftime) as little as for `{{ }}`: such text cannot be written. The configuration as a whole is JSON,
which Vector reads as YAML.
"""

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
    text = _value(dict(data), "\n") + "\n"
    return text if text.isascii() and "\x7f" not in text else _NOT_YAML.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _value(data: Data, margin: str) -> str:
    """`data` as JSON. Text, which is most of it, is written where it is found."""
    if isinstance(data, dict):
        inner = margin + "  "
        members = [
            f"{_quoted(key)}: {_quoted(each) if type(each) is str else _value(each, inner)}"
            for key, each in data.items()
        ]
        return _block("{}", members, margin)
    if isinstance(data, tuple):
        return f'"{"".join([_part(part) for part in data])}"'
    if isinstance(data, str):
        return _quoted(data)
    if isinstance(data, list):
        inner = margin + "  "
        return _block("[]", [_quoted(each) if type(each) is str else _value(each, inner) for each in data], margin)
    return str(data).lower() if isinstance(data, bool) else str(data)


def _part(part: str | Variable) -> str:
    """A part of a Text; no literal may complete a secret's name with the one before it."""
    if isinstance(part, Variable):
        return f"SECRET[env.{part.name}]"
    return _quoted(part)[1:-1].replace("[", r"\u005b", 1) if part.startswith("[") else _quoted(part)[1:-1]


def _block(brackets: str, members: Iterable[str], margin: str) -> str:
    lines = f",{margin}  ".join(members)
    return f"{brackets[0]}{margin}  {lines}{margin}{brackets[1]}" if lines else brackets


def _quoted(text: str) -> str:
    """`text` as a JSON string in which Vector sees no secret's name."""
    quoted = encode_basestring(text)
    return quoted.replace("SECRET[", r"SECRET\u005b") if "SECRET[" in quoted else quoted
