"""A reader of Fluentd's configuration syntax, as its own `lib/fluent/config` reads it, but for what we never write."""

import re
from typing import Any

from webhook.sidecars.fluentd import RECORD

__all__ = ["Element", "read"]

_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "b": "\b", "0": "\0"}
_LOOK_UP = re.compile(r"#\{Loghook\.(env|json)\('([A-Z0-9_]+)'\)\}")
_READABLE = re.compile(r"#\{::File\.exist\?\('([A-Za-z0-9/._-]+)'\) \? '\1' : use_default\}")
_CONSTANT = f"#{{unless defined?(::Loghook)\n{RECORD}end\n'loghook'}}"


class Element:
    """A section: parameters in order, and the sections within."""

    def __init__(self, name: str, argument: str = "") -> None:
        self.name, self.argument = name, argument
        self.parameters: dict[str, str | tuple[Any, ...]] = {}
        self.sections: list[Element] = []

    def find(self, name: str) -> "Element":
        (found,) = (section for section in self.sections if section.name == name)
        return found

    def all(self, name: str) -> "list[Element]":
        return [section for section in self.sections if section.name == name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"<{self.name} {self.argument}> {self.parameters} {self.sections}"

    __hash__ = None  # type: ignore[assignment] # two elements are compared, and never looked up


def read(text: str) -> Element:
    """The whole configuration. Fails where Fluentd would, and at any Ruby that is not ours."""
    root = Element("ROOT")
    open_: list[Element] = [root]
    place = 0
    while place < len(text):
        if match := re.compile(r"\s+").match(text, place):
            place = match.end()
        elif match := re.compile(r"</(\w+)>\n").match(text, place):
            assert open_.pop().name == match[1]
            place = match.end()
        elif match := re.compile(r"<(\w+) ?([^>\n]*)>\n").match(text, place):
            element = Element(match[1], match[2])
            open_[-1].sections.append(element)
            open_.append(element)
            place = match.end()
        else:
            match = re.compile(r"(@?\w+) ").match(text, place)
            assert match, text[place : place + 80]
            assert match[1] != "@include"
            assert match[1] not in open_[-1].parameters
            open_[-1].parameters[match[1]], place = _value(text, match.end())
    assert open_ == [root]
    return root


def _value(text: str, place: int) -> tuple[str | tuple[Any, ...], int]:
    if text[place] != '"':
        match = re.compile(r"(true|false|-?[0-9]+)\n").match(text, place)
        assert match, text[place : place + 80]
        return match[1], match.end()
    parts: list[Any] = []
    place += 1
    while True:
        if text[place] == '"':
            assert text[place + 1] == "\n"
            return _joined(parts), place + 2
        part, place = _part(text, place)
        parts.append(part)


def _part(text: str, place: int) -> tuple[str | tuple[str, ...], int]:
    if text.startswith("#{", place):
        return _ruby(text, place)
    if text[place] == "\\":
        assert text[place + 1] in _ESCAPED or not text[place + 1].isalnum()
        return _ESCAPED.get(text[place + 1], text[place + 1]), place + 2
    assert text[place] != "\n"
    return text[place], place + 1


def _ruby(text: str, place: int) -> tuple[tuple[str, ...], int]:
    if text.startswith(_CONSTANT, place):
        return ("ruby",), place + len(_CONSTANT)
    if match := _READABLE.match(text, place):
        return ("file", match[1]), match.end()
    match = _LOOK_UP.match(text, place)
    assert match, f"foreign Ruby: {text[place : place + 80]}"
    return (match[1], match[2]), match.end()


def _joined(parts: list[Any]) -> str | tuple[Any, ...]:
    """A str where there is no variable, else strings and variables in order."""
    joined: list[Any] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined[0] if len(joined) == 1 and isinstance(joined[0], str) else tuple(joined) if joined else ""
