r"""Regular expressions for Onigmo, the engine of Fluent Bit and Fluentd, out of what Python's `re` takes.

Ruby's syntax reads some things otherwise: named groups are `(?<name>…)`; `^` and `$` match at each line of a text;
`(?s)` is `(?m)`; and in a set, `[` opens another one and `&&` is an intersection. Source: Onigmo's doc/RE.
"""

import functools
import re

from webhook.sidecars import classes

__all__ = ["BORDER", "Untranslatable", "negative", "translate"]

_TOKEN = re.compile(
    r"\\.|\[\^?\]?|\(\?P<|\(\?P=(?P<reference>\w+)\)|\(\?(?P<flags>[a-zA-Z]+)(?=[:)-])|\(\?\(|[\^$]", re.DOTALL
)
_IN_SET = re.compile(r"\\.|\[|\]|&&|--|~~|\|\|", re.DOTALL)
_WORD = f"[{classes.MEMBERS['w']}]"
BORDER = f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))"
"""The border of a word of ASCII."""
_ANCHORS = {
    "^": r"\A",
    "$": r"\Z",
    r"\Z": r"\z",
    r"\b": BORDER,
    r"\B": f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
}
_GROUPS = {"(?P<": "(?<"}
_FLAGS = {"i": "i", "s": "m", "x": "x"}


class Untranslatable(ValueError):
    """What Onigmo cannot be told; the text says which part."""


@functools.lru_cache(maxsize=128)  # expressions of formats, and of annotations: of 1,024 characters at most
def translate(pattern: str) -> str:
    """`pattern` as Onigmo reads it, with the meaning that it has in Python without flags. Raises Untranslatable."""
    parts: list[str] = []
    place = 0
    while found := _TOKEN.search(pattern, place):
        parts.append(pattern[place : found.start()])
        if found[0].startswith("["):
            written, place = _set(pattern, found)
            parts.append(written)
        else:
            parts.append(_token(found))
            place = found.end()
    return "".join((*parts, pattern[place:]))


def negative(pattern: str) -> str:
    """What matches a text in which `pattern`, as `translate` gives it, is nowhere found."""
    return rf"\A(?![\s\S]*(?:{pattern}))"


def _token(found: re.Match[str]) -> str:
    text = found[0]
    if text == "(?(":
        raise Untranslatable("a condition on a group")
    if found["reference"]:
        return rf"\k<{found['reference']}>"
    if found["flags"]:
        unknown = [flag for flag in found["flags"] if flag not in _FLAGS]
        if unknown:
            raise Untranslatable(f"the flag {unknown[0]}")
        return "(?" + "".join(_FLAGS[flag] for flag in found["flags"])
    return _ANCHORS.get(text) or classes.alone(text) or _GROUPS.get(text, text)


def _set(pattern: str, opening: re.Match[str]) -> tuple[str, int]:
    """The set that begins at `opening`, and the place after it."""
    parts = [opening[0].removesuffix("]") + (r"\]" if opening[0].endswith("]") else "")]
    place = opening.end()
    while found := _IN_SET.search(pattern, place):
        parts.append(pattern[place : found.start()])
        place = found.end()
        if found[0] == "]":
            return "".join((*parts, "]")), place
        parts.append({"[": r"\[", "&&": r"&\&"}.get(found[0]) or classes.within(found[0]) or found[0])
    raise Untranslatable("a set without an end")
