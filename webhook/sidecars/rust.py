r"""Regular expressions for Rust's `regex`, the engine of Vector, out of what Python's `re` takes.

It has neither look-around nor back-references. Where it has the same thing, it writes some of it otherwise: in a set,
`[` opens another one and `&&`, `--` and `~~` are operations; a brace must be part of a quantifier; `\<` is a border of
a word. Source: docs.rs/regex, "Syntax".
"""

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from webhook.sidecars import classes

__all__ = ["BORDER", "Untranslatable", "translate"]

BORDER = r"(?-u:\b)"
"""The border of a word of ASCII."""


class Untranslatable(ValueError):
    """What Rust's engine cannot be told; the text says which part."""


class _Token(NamedTuple):
    kind: str
    text: str


_TOKENS = re.compile(
    r"(?P<escape>\\(?:N\{[^}]*\}|U[0-9A-Fa-f]{8}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|0[0-7]?|[1-9][0-9]?|[\s\S]))"
    r"|(?P<comment>\(\?#[^)]*\))"
    r"|(?P<name>\(\?P<\w+>)"
    r"|(?P<flags>\(\?[a-zA-Z]*(?:-[a-z]+)?[:)])"
    r"|(?P<group>\(\?(?:P=\w+\)|<[=!]|[^P\w\s]))"
    r"|(?P<quantifier>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\}|\{,[0-9]+\})[+?]?)"
    r"|(?P<brace>[{}])"
    r"|(?P<set>\[\^?+\]?(?:\\[\s\S]|[^\]\\])*\])"
    r"|(?P<anchor>[\^$])"
    r"|(?P<other>[\s\S])"
)
_MEMBER = re.compile(r"\\(?:U[0-9A-Fa-f]{8}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|0[0-7]?|[\s\S])|[\s\S]")


@functools.lru_cache(maxsize=128)  # expressions of formats, and of annotations: of 1,024 characters at most
def translate(pattern: str) -> str:
    """`pattern` as Rust reads it, with the meaning that it has in Python. Raises Untranslatable."""
    return "".join(_written(token) for token in _tokens(pattern))


def _tokens(pattern: str) -> Iterator[_Token]:
    for match in _TOKENS.finditer(pattern):
        yield _Token(match.lastgroup or "", match.group())


_LOOK_AROUND = {"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind"}


def _written(token: _Token) -> str:
    """One token as Rust writes it."""
    kind, text = token
    if kind == "group":
        raise Untranslatable(f"{_LOOK_AROUND.get(text, 'a group of the kind')} {text}")
    if kind == "flags" and set(text) & set("aLx"):
        raise Untranslatable(f"the flag {text}")
    if kind == "quantifier":
        return _quantifier(text)
    if kind == "escape":
        return classes.alone(text) or _border(text) or _escape(text)
    if kind == "set":
        return _set(text)
    return {"comment": "", "brace": f"\\{text}"}.get(kind, text)


def _quantifier(text: str) -> str:
    if len(text) > 1 and text.endswith("+"):
        raise Untranslatable(f"the possessive quantifier {text}")
    return text.replace("{,", "{0,")


def _set(text: str) -> str:
    """A set of characters, in which everything that could be an operator is escaped."""
    opening = "[^" if text.startswith("[^") else "["
    members = [match.group() for match in _MEMBER.finditer(text[len(opening) : -1])]
    return opening + "".join(_member(members, place) for place in range(len(members))) + "]"


def _member(members: list[str], place: int) -> str:
    member = members[place]
    if member.startswith("\\"):
        return r"\x08" if member == r"\b" else classes.within(member) or _escape(member)
    if member in "[]&~^":
        return f"\\{member}"
    is_range = member == "-" and 0 < place < len(members) - 1
    return r"\-" if member == "-" and not is_range else member


def _border(text: str) -> str | None:
    r"""The border of a word of ASCII; Rust has no `\B` of ASCII for text."""
    if text == r"\B":
        raise Untranslatable(r"\B, what is no border of a word")
    return BORDER if text == r"\b" else None


def _escape(text: str) -> str:
    code = _code_point(text)
    if code is not None:
        return rf"\x{{{code:x}}}"
    if text[1].isdigit():
        raise Untranslatable(f"the back-reference {text}")
    if text.startswith(r"\N"):
        raise Untranslatable("a character by its name")
    if text == r"\Z":
        return r"\z"
    return text[1] if text[1] in "<>" or not text[1].isascii() else text


def _code_point(text: str) -> int | None:
    """The character that a numeric escape stands for."""
    if text[1] in "xuU":
        return int(text[1:].lstrip("xuU"), base=16)
    is_octal = text[1] == "0" or (len(text) == len(r"\123") and text[1:].isdigit())
    return int(text[1:], base=8) if is_octal else None
