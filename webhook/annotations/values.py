"""The texts that annotations may hold, and what they mean: one parser for each type of value.

A parser takes the text of an annotation and returns its value, or raises Mistaken with all that is wrong with it.
"""

import contextlib
import difflib
import itertools
import re
import warnings
from collections.abc import Callable, Collection, Iterable
from re import _parser  # type: ignore[attr-defined]  # the only parser that knows what the compiler takes
from typing import Any, TypeVar

import msgspec

from webhook.config.expressions import Unshared, parse
from webhook.config.formats import FORMATS
from webhook.config.replacements import REPLACEMENT_NAME
from webhook.diagnostics import Mistake, Mistaken, Mistakes
from webhook.pod import paths, quantities
from webhook.pod.paths import LogPath

__all__ = [
    "PATHS_LIMIT",
    "Matching",
    "OneOf",
    "Seconds",
    "boolean",
    "containers",
    "expression",
    "fields",
    "format_name",
    "line",
    "log_paths",
    "matching",
    "name_globs",
    "nearest",
    "one_of",
    "quantity",
    "quantity_or_none",
    "replacements",
    "seconds",
    "shared_expression",
    "size",
    "size_or_none",
    "sound_paths",
]

PATHS_LIMIT = 32  # in one Pod, over all its sources

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123
_NUMBER = re.compile(r"[0-9]{1,6}")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,62})=(.{0,256})", re.DOTALL)
_REPLACEMENT = re.compile(REPLACEMENT_NAME)
_FIELDS_LIMIT = 16
_LINE_LIMIT = 256
_LONGEST_WORD = len("false") + 1
_COMPARED_LENGTH = 32
_CHOICES_LIMIT = 100  # a review may bring 20,000 containers, which would take seconds
_LEAST_BYTES = 2**20  # with less no program starts, and no log file is of use

_T = TypeVar("_T")


def _items(text: str) -> list[str]:
    """The parts of a list that commas or newlines separate."""
    return list(filter(None, map(str.strip, text.replace("\n", ",").split(","))))


def _all(parse_item: Callable[[str], _T], items: Iterable[str]) -> tuple[_T, ...]:
    """Every item parsed, each once; what is wrong with any of them is gathered."""
    values: dict[_T, None] = {}
    mistakes: list[Mistake] = []
    for item in items:
        try:
            values[parse_item(item)] = None
        except Mistaken as mistaken:
            mistakes.extend(mistaken.each)
    if mistakes:
        raise Mistakes(mistakes)
    return tuple(values)


def log_paths(text: str) -> tuple[LogPath, ...]:
    """The paths of a list, each once."""
    items = _items(text)
    if not items:
        raise Mistake("LH105")
    if len(items) > PATHS_LIMIT:
        raise Mistake("LH116")
    return _all(paths.parse, items)


def sound_paths(text: str) -> tuple[LogPath, ...]:
    """Those paths of a list with mistakes that have none; none of a list that is too long."""
    sound: dict[LogPath, None] = {}
    items = _items(text)
    for item in items if len(items) <= PATHS_LIMIT else ():
        with contextlib.suppress(Mistaken):
            sound[paths.parse(item)] = None
    return tuple(sound)


def name_globs(text: str) -> tuple[str, ...]:
    """The globs of file names of a list."""
    items = _items(text)
    if len(items) > PATHS_LIMIT:
        raise Mistake("LH120")
    return _all(paths.parse_name_glob, items)


def containers(text: str) -> tuple[str, ...]:
    """The names of containers of a list; at least one."""
    return (text,) if _LABEL.fullmatch(text) else _names(text, _LABEL, "LH123")


def _names(text: str, pattern: re.Pattern[str], code: str) -> tuple[str, ...]:
    """The names of a list, at least one, each of which `pattern` matches as a whole; else the mistake is `code`."""

    def parse_name(item: str) -> str:
        if not pattern.fullmatch(item):
            raise Mistake(code, item)
        return item

    items = _items(text)
    if not items or len(items) > PATHS_LIMIT:
        raise Mistake(code)
    return _all(parse_name, items)


class OneOf(msgspec.Struct, frozen=True):
    """A parser of one word out of `choices`."""

    choices: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """Return `text` where it is one of them; raise Mistake where not."""
        if text not in self.choices:
            said = " or ".join([", ".join(self.choices[:-1]), self.choices[-1]])
            raise Mistake("LH121", like=self.choices, choices=said, example=self.choices[0])
        return text


def one_of(*choices: str) -> OneOf:
    """A parser of one word out of `choices`."""
    return OneOf(choices)


def format_name(text: str, formats: Collection[str] = FORMATS) -> str:
    """The name of one of `formats`."""
    if text not in formats:
        raise Mistake("LH129", like=sorted(formats), example="json")
    return text


def boolean(text: str) -> bool:
    """`true` or `false`, as Kubernetes writes them."""
    if text not in {"true", "false"}:
        meant = text[:_LONGEST_WORD].lower()  # which takes 12 bytes for each character of a text with an emoji
        raise Mistake("LH122", example="false" if meant in {"no", "off", "0", "false", "n"} else "true")
    return text == "true"


def expression(text: str) -> str:
    """A regular expression. It is parsed to be checked, and never compiled or matched against anything here.

    Python's compiler takes half a second for some sets of characters; its parser takes as long as the text is.
    """
    try:
        with warnings.catch_warnings():  # Python's advice on odd sets is not for the Pod's author
            warnings.simplefilter("ignore")
            _check_look_behind(_parser.parse(line(text)))
    except (re.error, RecursionError, OverflowError) as error:
        problem = str(error).partition(" at position")[0]
        raise Mistake("LH124", problem=problem, example="^[0-9]{4}-") from None
    return text


def shared_expression(text: str) -> str:
    """A regular expression of the subset that all agents share."""
    try:
        parse(line(text))
    except Unshared as problem:
        raise Mistake("LH139", problem=str(problem)) from None
    return text


def replacements(text: str) -> tuple[str, ...]:
    """The names of replacements of a list; at least one. Whether there are such is known where they are looked up."""
    return _names(text, _REPLACEMENT, "LH128")


def _check_look_behind(part: Any) -> None:
    """Raise re.error where a look-behind in `part` of a parsed expression has no one width, as the compiler would.

    Parts are pairs of an operation and what it is done to, in lists. Operations are integers like any, but objects of
    their own.
    """
    waiting = [part]
    while waiting:
        found = waiting.pop()
        if isinstance(found, _parser.SubPattern):
            waiting += found.data
        elif isinstance(found, list | tuple):
            is_assertion = bool(found) and (found[0] is _parser.ASSERT or found[0] is _parser.ASSERT_NOT)
            if is_assertion and found[1][0] < 0 and len(set(found[1][1].getwidth())) > 1:
                raise re.error("look-behind requires fixed-width pattern")
            waiting += [each for each in found if isinstance(each, _parser.SubPattern | list | tuple)]


def line(text: str) -> str:
    """Some printable text of at most 256 characters."""
    if not text or len(text) > _LINE_LIMIT or not text.isprintable():
        raise Mistake("LH128")
    return text


class Matching(msgspec.Struct, frozen=True):
    """A parser of text that matches `pattern` as a whole."""

    pattern: re.Pattern[str]

    def __call__(self, text: str) -> str:
        """Return `text` where it matches; raise Mistake where not."""
        if not self.pattern.fullmatch(text):
            raise Mistake("LH128")
        return text


def matching(pattern: str) -> Matching:
    """A parser of text that matches `pattern` as a whole."""
    return Matching(re.compile(pattern))


def fields(text: str) -> tuple[tuple[str, str], ...]:
    """`key=value` pairs, at most 16."""

    def parse_field(item: str) -> tuple[str, str]:
        match = _FIELD.fullmatch(item)
        if match is None or not item.isprintable():
            raise Mistake("LH125", item)
        return match[1], match[2]

    items = _items(text)
    if not items or len(items) > _FIELDS_LIMIT:
        raise Mistake("LH125")
    return _all(parse_field, items)


def quantity(text: str) -> str:
    """A Kubernetes quantity above zero, as it was written."""
    try:
        if not 0 < quantities.parse(text) <= quantities.MOST:
            raise Mistake("LH126")
    except ValueError:
        raise Mistake("LH126") from None
    return text


def quantity_or_none(text: str) -> str:
    """A quantity, or the word `none`."""
    return text if text == "none" else quantity(text)


def size(text: str) -> str:
    """A quantity of bytes, as it was written. `64m`, 0.064 bytes, is what someone writes who means `64Mi`."""
    if quantities.parse(quantity(text)) < _LEAST_BYTES:
        raise Mistake("LH126")
    return text


def size_or_none(text: str) -> str:
    """A quantity of bytes, or the word `none`."""
    return text if text == "none" else size(text)


class Seconds(msgspec.Struct, frozen=True):
    """A parser of whole numbers from `least` to `most`."""

    least: int
    most: int

    def __call__(self, text: str) -> int:
        """Return the number; raise Mistake where `text` is none, or none of those."""
        if not _NUMBER.fullmatch(text) or not self.least <= int(text) <= self.most:
            raise Mistake("LH127", least=str(self.least), most=str(self.most))
        return int(text)


def seconds(least: int, most: int) -> Seconds:
    """A parser of whole numbers from `least` to `most`."""
    return Seconds(least, most)


def nearest(text: str, choices: Iterable[str]) -> str | None:
    """The one of the first 100 `choices` that `text` most likely means; None where it is like none of them.

    They are compared as far as 32 characters: that takes time by the square of the length, and by their number.
    """
    compared = {choice[:_COMPARED_LENGTH]: choice for choice in itertools.islice(choices, _CHOICES_LIMIT)}
    found = difflib.get_close_matches(text[:_COMPARED_LENGTH].lower(), compared, n=1)
    return compared[found[0]] if found else None
