"""The values of a YAML document, each with its place in the text."""

from dataclasses import dataclass, field
from typing import Any

from webhook.cli.yaml_text.scalars import plain_value

__all__ = ["Alias", "DocumentError", "Mapping", "Node", "Scalar", "Sequence", "is_merge", "key_of"]


class DocumentError(ValueError):
    """The text is no YAML that can be used. `line` and `column` count from 1; `line` 0 means the text as a whole."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


@dataclass(eq=False, slots=True)
class Node:
    """A value's place: `start` and `end` in its document's text, `line` and `column` (from 1) in the whole text."""

    start: int
    end: int
    line: int
    column: int

    def wrong(self, problem: str) -> DocumentError:
        """The error that says `problem` of this place."""
        return DocumentError(problem, self.line, self.column)


@dataclass(eq=False, slots=True)
class Scalar(Node):
    """A text, number, boolean or null. `style` is YAML's mark for it: empty for a plain one, else one of `'"|>`."""

    text: str
    style: str
    tag: str | None

    @property
    def value(self) -> Any:
        """What kubectl takes it for."""
        if self.tag is None:
            return self.text if self.style else plain_value(self.text)
        if self.tag in _RESOLVED_TAGS:
            return plain_value(self.text)
        return self.text


@dataclass(eq=False, slots=True)
class Sequence(Node):
    """A list."""

    is_flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Mapping(Node):
    """A map; `pairs` as they are written, a merge key (`<<`) among them."""

    is_flow: bool
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """The value that is written at `key` in this very map; one that a merge key brings does not count."""
        return next((value for name, value in self.pairs if not is_merge(name) and key_of(name) == key), None)


@dataclass(eq=False, slots=True)
class Alias(Node):
    """A repetition of `target` by the name of its anchor."""

    target: Node


def is_merge(key: Node) -> bool:
    """Whether `key` is the merge key of YAML 1.1 (https://yaml.org/type/merge.html)."""
    return isinstance(key, Scalar) and key.text == "<<" and not key.style


def key_of(node: Node) -> str:
    """A key as the API sees it: JSON has texts only. Raises DocumentError where it is a list or a map."""
    node = node.target if isinstance(node, Alias) else node
    if not isinstance(node, Scalar):
        raise node.wrong("a key is a text, not a list or map")
    value = node.value
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else node.text if value is None else str(value)


_RESOLVED_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
