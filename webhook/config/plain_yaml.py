"""A YAML document as plain data, or an error that says where: no text makes it hang, or ends the process.

Lists inside of lists without end overflow the parser's stack, and a few aliases that repeat one another, or that a
merge key takes in, stand for billions of values. So a document is first read as events, one after another, which tell
how deep and how large it is. And the library's constructors raise whatever comes, e.g. for a date of no calendar.
"""

from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["DEPTH_LIMIT", "VALUES_LIMIT", "read"]

DEPTH_LIMIT = 100
"""Of lists and maps inside of one another; no configuration needs ten."""

VALUES_LIMIT = 100_000
"""Values of a document once its aliases stand for what they repeat."""

_BEGIN = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_END = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_WHOLE = (*_END, yaml.ScalarEvent, yaml.AliasEvent)
_WRONG = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


def read(text: str) -> tuple[yaml.Node | None, Any]:
    """The root of the one document in `text`, and what it says; None and None where there is none.

    Raises yaml.YAMLError.
    """
    _measure(text)
    root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return root, yaml.load(text, Loader=_Loader)  # noqa: S506 - what is safe_load, in C


class _Loader(yaml.CSafeLoader):
    """Whatever a constructor raises is an error of YAML, at the line of the value."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as PyYAML has it
        """The value of `node`."""
        try:
            return super().construct_object(node, deep)
        except _WRONG:
            kind = node.tag.rpartition(":")[2]
            problem = f"cannot be read as {kind}; quote it where it is text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


class _Size:
    """How many values are in a list or map so far, itself among them, and how deep they are in it."""

    def __init__(self, anchor: str | None) -> None:
        self.anchor = anchor
        self.values = self.depth = 1

    def take(self, other: "_Size") -> None:
        """Count what is in it too."""
        self.values += other.values
        self.depth = max(self.depth, other.depth + 1)


def _measure(text: str) -> None:
    """Raise yaml.MarkedYAMLError where the document is too deep, or too large once its aliases are what they repeat."""
    anchors: dict[str, _Size] = {}
    inside: list[_Size] = []
    for event in _events(text):
        if isinstance(event, _BEGIN):
            inside.append(_Size(event.anchor))
        elif isinstance(event, _WHOLE):
            size = inside.pop() if isinstance(event, _END) else _size(event, anchors)
            if size.anchor:
                anchors[size.anchor] = size
            if inside:
                inside[-1].take(size)
            if size.values > VALUES_LIMIT:
                raise _wrong(event, f"more than {VALUES_LIMIT:,} values, those that aliases repeat among them")
            if size.depth > DEPTH_LIMIT:
                raise _wrong(event, _TOO_DEEP)
        if len(inside) > DEPTH_LIMIT:
            raise _wrong(event, _TOO_DEEP)


_TOO_DEEP = "lists and maps are too deep inside of one another"


def _events(text: str) -> Iterator[Any]:
    parser = yaml.CSafeLoader(text)
    try:
        yield from iter(parser.get_event, None)
    finally:
        parser.dispose()


def _size(event: Any, anchors: dict[str, _Size]) -> _Size:
    """Of a scalar, or of what an alias repeats; an anchor that is not known yet is inside of what it repeats."""
    if isinstance(event, yaml.ScalarEvent):
        return _Size(event.anchor)
    if event.anchor not in anchors:
        raise _wrong(event, f"the alias *{event.anchor} has no anchor before it, or is inside of what it repeats")
    size = _Size(None)
    size.values, size.depth = anchors[event.anchor].values, anchors[event.anchor].depth
    return size


def _wrong(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
