"""What is searched and replaced in records, for Fluent Bit: trees of expressions, for the program `search.lua`.

Its own engine for expressions is in its parsers alone, which replace nothing. The sets of a tree are of bytes: a
character beyond ASCII is the sequence of its bytes in UTF-8.
"""

from collections.abc import Iterable, Iterator
from importlib.resources import files

from webhook.config.expressions import HIGHEST, Choice, Edge, Expression, Repeat, Sequence, Set, parse
from webhook.config.replacements import Replacement
from webhook.sidecars.fluent_bit.literals import lua_text

__all__ = ["SCRIPT", "replacing", "searching"]

_LUA = (files("webhook.sidecars.fluent_bit") / "search.lua").read_text("utf-8")
SCRIPT = "".join(f"{line.strip()}\n" for line in _LUA.splitlines() if line and not line.lstrip().startswith("--"))
"""The program, without its comments."""

Bytes = tuple[tuple[int, int], ...]

_ASCII = 0x7F
_BEYOND: Bytes = ((0xC2, 0xF4),)
_CONTINUED: Bytes = ((0x80, 0xBF),)
_SURROGATES = (0xD800, 0xDFFF)


def searching(keep: str | None, drop: str | None) -> str:
    """The rules of `choose`, in Lua."""
    named = (("keep", keep), ("drop", drop))
    said = ", ".join(f"{name} = {{ tree = {_tree(parse(text))} }}" for name, text in named if text is not None)
    return f"rules = {{ {said} }}"


def replacing(replacements: Iterable[Replacement]) -> str:
    """The rules of `redact`, in Lua."""
    rules = (f"{{ tree = {_tree(parse(each.pattern))}, text = {lua_text(each.text)} }}" for each in replacements)
    return f"rules = {{ {', '.join(rules)} }}"


def _tree(part: Expression) -> str:
    match part:
        case Set():
            return _characters(part)
        case Sequence():
            return _node("sequence", map(_tree, part.parts))
        case Choice():
            return _node("choice", map(_tree, part.options))
        case Repeat():
            most = -1 if part.most is None else part.most
            return _node("repeat", (_tree(part.part), str(part.least), str(most), str(part.is_greedy).lower()))
        case Edge():
            return _node(part.name, ())


def _node(kind: str, members: Iterable[str]) -> str:
    return "{" + ",".join((f'"{kind}"', *members)) + "}"


def _characters(part: Set) -> str:
    """A set of characters: a byte of ASCII, or the bytes of another."""
    options = [_set(ascii_)] if (ascii_ := tuple(_cut(part, 0, _ASCII))) else []
    beyond = list(_cut(part, _ASCII + 1, HIGHEST))
    if beyond == [(_ASCII + 1, HIGHEST)]:  # in a text of UTF-8 each first byte has its continuation behind it
        options.append(_node("sequence", (_set(_BEYOND), _node("repeat", (_set(_CONTINUED), "1", "3", "true")))))
    else:
        options += [
            _node("sequence", (_set((each,)) for each in bytes_)) for low, high in beyond for bytes_ in _utf8(low, high)
        ]
    return options[0] if len(options) == 1 else _node("choice", options)


def _cut(part: Set, first: int, last: int) -> Iterator[tuple[int, int]]:
    return ((max(low, first), min(high, last)) for low, high in part.ranges if low <= last and high >= first)


def _set(ranges: Bytes) -> str:
    return '"' + "".join(f"\\{byte:03}" for pair in ranges for byte in pair) + '"'


def _utf8(low: int, high: int) -> Iterator[Bytes]:
    """The characters from `low` to `high` as sequences of ranges of bytes; each sequence has all its combinations."""
    for border in (0x7F, 0x7FF, _SURROGATES[0] - 1, _SURROGATES[1], 0xFFFF):
        if low <= border < high:
            yield from _utf8(low, border)
            yield from _utf8(border + 1, high)
            return
    if _SURROGATES[0] <= low <= _SURROGATES[1]:
        return
    for tail in (0x3F, 0xFFF, 0x3FFFF):
        if low & ~tail != high & ~tail:
            if low & tail:
                yield from _utf8(low, low | tail)
                yield from _utf8((low | tail) + 1, high)
                return
            if high & tail != tail:
                yield from _utf8(low, (high & ~tail) - 1)
                yield from _utf8(high & ~tail, high)
                return
    yield tuple(zip(chr(low).encode(), chr(high).encode(), strict=True))
