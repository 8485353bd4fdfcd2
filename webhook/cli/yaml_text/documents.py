"""YAML documents as text: what stands where, and what each value means to Kubernetes.

A document is never written anew from its values, because that would lose comments, quotes and order. It stays text, and
its nodes know their place in it, so that `webhook.cli.yaml_text.insertion` can put something between two lines.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from webhook.cli.yaml_text.nodes import Alias, DocumentError, Mapping, Node, Scalar, Sequence, is_merge, key_of

__all__ = [
    "Document",
    "join",
    "split",
]

DEPTH_LIMIT = 500
"""Lists and maps inside of one another: no kind has fifty, and the parser takes time by the square of their number."""

VALUES_LIMIT = (
    1_000_000  # values of one document once its aliases stand for what they repeat: "billion laughs" has more
)


_TOO_DEEP = "lists and maps are too deep inside of one another"


@dataclass(eq=False)
class Document:
    """One document: its text, from its `---` (or the beginning) to the next, its root, and all its aliases.

    `has_marker` is about that `---`, `has_directive` about a `%YAML` or `%TAG` before it, and `has_mark` about a byte
    order mark that was before the text.
    """

    text: str
    root: Node | None = None
    has_marker: bool = False
    has_directive: bool = False
    has_mark: bool = False
    aliases: list[Alias] = field(default_factory=list)

    @property
    def value(self) -> Any:
        """The whole document as plain data: dict, list, str, int, float, bool, None. Aliases share what they repeat.

        Raises DocumentError for duplicate keys, and for aliases that refer to themselves or explode.
        """
        try:
            if self.root is None:
                return None
            construction = _Construction()
            return construction.sized(self.root)[0] if self.aliases else construction.plain(self.root)
        except RecursionError:
            raise DocumentError(_TOO_DEEP) from None


def split(text: str) -> list[Document]:
    """The documents of `text`, whose texts joined are `text` again. Raises DocumentError where it is no YAML."""
    return _Reading(text).run()


def join(files: Iterable[tuple[list[Document], list[str]]]) -> str:
    """One stream of the documents of several files; `files` has each one's documents and their new texts."""
    stream = ""
    for documents, texts in files:
        first = documents[0]
        if stream:
            stream += "" if stream.endswith("\n") else "\n"
            stream += "...\n" if first.has_directive else "" if first.has_marker else "---\n"
        elif first.has_mark:
            stream += "\ufeff"
        stream += "".join(texts)
    return stream


# Reading.


class _Reading:
    """One run of the parser over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.documents: list[Document] = []
        self.starts: list[int] = []
        self.base = 0  # the last of them
        self.anchors: dict[str, Node] = {}
        self.inside: list[Node] = []  # what is in the innermost open list or map so far, keys and values in turn
        self.open: list[tuple[Sequence | Mapping, list[Node]]] = []  # each with what is in the one around it

    def run(self) -> list[Document]:
        try:
            parser = yaml.CSafeLoader(self.text)
            for event in iter(parser.get_event, None):
                if take := self._TAKES.get(type(event)):
                    take(self, event)
        except yaml.reader.ReaderError as error:
            raise self._unreadable(error) from None
        except yaml.MarkedYAMLError as error:
            raise self._bad(error) from None
        if not self.documents:
            return [Document(self.text)]
        for document, start, end in zip(self.documents, self.starts, [*self.starts[1:], len(self.text)], strict=True):
            document.text = self.text[start:end]
        return self.documents

    def _unreadable(self, error: yaml.reader.ReaderError) -> DocumentError:
        before = self.text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        return DocumentError(f"no YAML: the character U+{error.character:04X}", before.count("\n") + 1, column)

    def _bad(self, error: yaml.MarkedYAMLError) -> DocumentError:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        problem = f"no YAML: {error.problem}{context}"
        if not mark:
            return DocumentError(problem)
        last = self.text.count("\n")
        if mark.line > last:  # the parser ends the last line where the text does not
            return DocumentError(problem, last + 1, len(self.text) - self.text.rfind("\n"))
        return DocumentError(problem, mark.line + 1, mark.column + 1)

    def _scalar(self, event: Any) -> None:
        tag, style = event.tag, event.style or ""
        if tag == "!":
            tag, style = None, style or "'"
        self._place(Scalar(*self._span(event), event.value, style, tag), event.anchor)

    def _mapping(self, event: Any) -> None:
        self._enter(Mapping(*self._span(event), bool(event.flow_style)), event.anchor)

    def _sequence(self, event: Any) -> None:
        self._enter(Sequence(*self._span(event), bool(event.flow_style)), event.anchor)

    def _begin(self, event: Any) -> None:
        self.base = event.start_mark.index if self.documents else 0
        self.starts.append(self.base)
        has_directive = self.text[event.start_mark.index : event.start_mark.index + 1] == "%"
        self.documents.append(Document("", None, bool(event.explicit), has_directive))
        self.anchors = {}

    def _span(self, event: Any) -> tuple[int, int, int, int]:
        mark, base = event.start_mark, self.base
        return mark.index - base, event.end_mark.index - base, mark.line + 1, mark.column + 1

    def _alias(self, event: Any) -> None:
        target = self.anchors.get(event.anchor)
        if target is None:
            raise DocumentError(
                f"no YAML: the alias *{event.anchor} comes without an anchor &{event.anchor} before it",
                event.start_mark.line + 1,
                event.start_mark.column + 1,
            )
        alias = Alias(*self._span(event), target)
        self.documents[-1].aliases.append(alias)
        self._place(alias, None)

    def _place(self, node: Node, anchor: str | None) -> None:
        """Put `node` where the parser is: into the innermost open list or map, or at the root."""
        if anchor:
            self.anchors[anchor] = node
        self.inside.append(node)

    def _enter(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self._place(node, anchor)
        if len(self.open) == DEPTH_LIMIT:
            raise node.wrong(_TOO_DEEP)
        self.open.append((node, self.inside))
        self.inside = []

    def _close(self, event: Any) -> None:
        node, around = self.open.pop()
        node.end = event.end_mark.index - self.base
        if isinstance(node, Sequence):
            node.items = self.inside
        else:
            node.pairs = list(zip(self.inside[::2], self.inside[1::2], strict=True))
        self.inside = around

    def _end(self, _: Any) -> None:
        self.documents[-1].root = self.inside.pop()

    _TAKES: ClassVar[dict[type, Callable[["_Reading", Any], None]]] = {
        yaml.ScalarEvent: _scalar,
        yaml.MappingStartEvent: _mapping,
        yaml.MappingEndEvent: _close,
        yaml.SequenceStartEvent: _sequence,
        yaml.SequenceEndEvent: _close,
        yaml.DocumentStartEvent: _begin,
        yaml.DocumentEndEvent: _end,
        yaml.AliasEvent: _alias,
    }
    """What is done with each kind of event; nothing with the others. A table, since there are thousands of them."""


# Values.


class _Construction:
    """Turns nodes into plain data, each node once."""

    def __init__(self) -> None:
        self.done: dict[Node, tuple[Any, int]] = {}  # with the number of values in it, repetitions counted
        self.doing: set[Node] = set()

    def plain(self, node: Node) -> Any:
        """The value of what has no alias in it: nothing can explode, and nothing need be counted."""
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Sequence):
            return [self.plain(item) for item in node.items]
        assert isinstance(node, Mapping)  # noqa: S101 - there are no others; for mypy
        return _map(node, [self.plain(child) for _, child in node.pairs])

    def sized(self, node: Node) -> tuple[Any, int]:
        if isinstance(node, Scalar):
            return node.value, 1
        if isinstance(node, Alias):
            if node.target in self.doing:
                raise node.wrong("the alias is inside of what it repeats")
            return self.sized(node.target)
        if node not in self.done:
            self.doing.add(node)
            self.done[node] = self._construct(node)
            self.doing.remove(node)
            if self.done[node][1] > VALUES_LIMIT:
                raise node.wrong(f"the aliases repeat more than {VALUES_LIMIT:,} values")
        return self.done[node]

    def _construct(self, node: Node) -> tuple[Any, int]:
        assert isinstance(node, Sequence | Mapping)  # noqa: S101 - there are no others; for mypy
        inside = node.items if isinstance(node, Sequence) else [child for _, child in node.pairs]
        sized = [self.sized(each) for each in inside]
        values = [value for value, _ in sized]
        return values if isinstance(node, Sequence) else _map(node, values), 1 + sum(size for _, size in sized)


def _map(node: Mapping, values: Iterable[Any]) -> dict[str, Any]:
    """The map of the keys of `node` and their `values`, with what merge keys bring."""
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for (name, child), value in zip(node.pairs, values, strict=True):
        key = key_of(name)
        if key == "<<" and is_merge(name):
            for other in _merged_maps(child, value):
                merged = {**other, **merged}
            continue
        if key in own:
            raise name.wrong(f"the key {key} comes twice in this map")
        own[key] = value
    return {**merged, **own} if merged else own


def _merged_maps(node: Node, value: Any) -> Iterable[dict[str, Any]]:
    maps = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in maps):
        raise node.wrong("a merge key (<<) takes a map, or a list of maps")
    return maps
