"""JSON Patch's `add`, on the text of a YAML document: what is there stays as it is written, to the byte.

Comments, quotes, order, indentation and line ends survive because nothing is read and written anew: a few lines are put
between the others. Each addition takes three steps, and each can be read by itself. Take

    spec:
      containers:
      - name: web
        volumeMounts: []   # none so far
      # no more of them

and `{"name": "logs"}` to be added at `/spec/containers/0/volumeMounts/-`.

1. *Where* (`_place`). The path leads to an empty list. Nothing can be put between the items of that, so its place is
   the map around it: there the value at `volumeMounts` becomes `[{"name": "logs"}]`.
2. *What* (`_edits`). A list with something in it has lines of its own in block style, and goes below its key. That is
   two edits, in positions of the text as it is: ` []` becomes nothing, and below that line, but above the comment,
   which is not indented more than `volumeMounts` is, stands `    - name: logs`, as far in as the key.
3. *At once* (`applied`), from the last edit to the first, so that no position moves before it is used:

    spec:
      containers:
      - name: web
        volumeMounts:   # none so far
        - name: logs
      # no more of them

Only what is shared comes before that: an alias on the way is written out, as is one that repeats something on the way,
since neither must change with the other.
"""

import json
from collections.abc import Sequence as Steps
from functools import lru_cache
from typing import Any, NamedTuple

from webhook.cli.yaml_text.documents import Document, split
from webhook.cli.yaml_text.lines import Edit, Lines, applied, children, has_lines, is_empty
from webhook.cli.yaml_text.nodes import Alias, Mapping, Node, Sequence
from webhook.cli.yaml_text.notation import block, flow, scalar

__all__ = ["add", "add_all"]

Path = Steps[str]


def add(text: str, path: Path, value: Any) -> str:
    """The YAML document `text` with `value` (plain data) added at `path`, the segments of a JSON Pointer.

    As in RFC 6902: into a list before the index (`-`: at its end), into a map as a new key or in place of its value,
    where no comment stands in that. Raises DocumentError where more than that would have to change.
    """
    (document,) = split(text)
    if alias := _shared(document, path):
        return add(applied(text, _written_out(document, alias)), path, value)
    return applied(text, _edits(document, _place(document, path, value)))


def add_all(document: Document, additions: Steps[tuple[Path, Any]]) -> str:
    """As `add`, for one path and value after the other, with fewer readings of the text. Raises DocumentError."""
    while True:
        text, count = _first_added(document, additions)
        additions = additions[count:]
        if not additions:
            return text
        (document,) = split(text)


def _first_added(document: Document, additions: Steps[tuple[Path, Any]]) -> tuple[str, int]:
    """The text with the first of `additions`, and how many: those that one reading of the text is right for.

    That is so while each puts something new into what is written there, as far as lists go at their end. What goes to
    one place goes into the same map or list, or into one that is around the one before.
    """
    edits: list[Edit] = []
    parents: dict[int, Node | None] = {}
    keys: set[tuple[int, str]] = set()
    for path, value in additions:
        if not _is_written(document.root, path) or _shared(document, path):
            break
        place = _place(document, path, value)
        key = (id(place.parent), path[-1])
        if place.old is not None or (key in keys and path[-1] != "-"):
            break
        (edit,) = _edits(document, place)
        if not _is_within(parents.get(edit.start), place.parent):
            break
        parents[edit.start] = place.parent
        keys.add(key)
        edits.append(edit)
    if not edits:
        return (add(document.text, *additions[0]), 1) if additions else (document.text, 0)
    return applied(document.text, edits), len(edits)


def _is_within(node: Node | None, other: Node | None) -> bool:
    """Whether `node` is `other`, or somewhere in it; nothing is in everything."""
    return node is None or (other is not None and other.start <= node.start and node.end <= other.end)


def _is_written(node: Node | None, path: Path) -> bool:
    """Whether the map or list that `path` leads into stands in the text, and its last step is a key or `-`."""
    for step in path[:-1]:
        if isinstance(node, Sequence) and not int(step) < len(node.items):
            return False
        node = _child(node, step)
    return isinstance(node, Mapping) or (isinstance(node, Sequence) and path[-1] == "-")


# What is shared.


def _shared(document: Document, path: Path) -> Alias | None:
    """An alias through which the change would show elsewhere too: one on the way, or one that repeats what is on it."""
    node = document.root
    for depth, step in enumerate(path, start=1):
        is_last, parent = depth == len(path), node
        if is_last and not isinstance(parent, Mapping):
            return None  # into a list it goes between the items
        node = _child(parent, step)
        if isinstance(node, Alias):
            return None if is_last else node
        if repeated := next((alias for alias in document.aliases if alias.target is node), None):
            return repeated
    return None


def _written_out(document: Document, alias: Alias) -> list[Edit]:
    """What puts in the place of `alias` what it repeats."""
    parent = _parent(document.root, alias)
    return _replacement(document, parent, alias, Document("", alias.target, aliases=document.aliases).value)


def _parent(node: Node | None, child: Node) -> Node | None:
    below = children(node)
    if child in below:
        return node
    return next((found for each in below if (found := _parent(each, child))), None)


# Where something is put.


class _Place(NamedTuple):
    """At `step` of the map or list `parent` goes `value`: in place of `old`, or as something new where that is None."""

    parent: Node | None
    step: str
    old: Node | None
    value: Any


def _place(document: Document, path: Path, value: Any) -> _Place:
    """The place at the end of `path`, or the nearest around it that is written in the text and has something in it."""
    parent, last = document.root, path[-1]
    for depth, step in enumerate(path[:-1], start=1):
        child = _child(parent, step)
        if child is None:  # a merge key brings it: the map gets a key of its own, which wins
            merged = _at(document.value, path[:depth])
            return _Place(parent, step, None, _with_addition(merged, path[depth:], value))
        if is_empty(child) and depth + 1 == len(path):
            return _Place(parent, step, child, [value] if isinstance(child, Sequence) else {last: value})
        parent = child
    return _Place(parent, last, parent.get(last) if isinstance(parent, Mapping) else None, value)


def _child(node: Node | None, step: str) -> Node | None:
    if isinstance(node, Sequence):
        return node.items[int(step)]
    return node.get(step) if isinstance(node, Mapping) else None


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def _with_addition(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with `new` added at `path`."""
    copy = json.loads(json.dumps(value))
    parent = _at(copy, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else int(path[-1]), new)
    else:
        parent[path[-1]] = new
    return copy


# What is written there. Flow style is JSON's, with braces; block style has a line for each thing.


def _edits(document: Document, place: _Place) -> list[Edit]:
    parent, step, old, value = place
    if old is not None:
        return _replacement(document, parent, old, value)
    if isinstance(parent, Sequence):
        return [_new_item(document, parent, len(parent.items) if step == "-" else int(step), value)]
    if isinstance(parent, Mapping):
        return [_new_key(document, parent, step, value)]
    raise TypeError(f"{step} can be added neither to a text nor to a number")


def _new_key(document: Document, parent: Mapping, key: str, value: Any) -> Edit:
    if parent.is_flow:
        end = children(parent)[-1].end
        return Edit(end, end, f", {flow(key)}: {flow(value)}")
    lines = Lines(document.text)
    column = lines.column(parent)
    return lines.inserted(lines.below(parent, column), _block(document, {key: value}, column))


def _new_item(document: Document, parent: Sequence, index: int, value: Any) -> Edit:
    if parent.is_flow:
        position = parent.items[index - 1].end if index else parent.items[0].start
        return Edit(position, position, f", {flow(value)}" if index else f"{flow(value)}, ")
    lines = Lines(document.text)
    column = lines.column(parent)
    line = lines.below(parent.items[index - 1], column) if index else lines.above(parent)
    return lines.inserted(line, _block(document, [value], column))


def _replacement(document: Document, parent: Node | None, old: Node, value: Any) -> list[Edit]:
    """`value` in place of `old`, on its line or, where it needs lines of its own, below it."""
    if not isinstance(parent, Mapping):
        return [Edit(old.start, old.end, flow(value))]
    if has_lines(old):
        return [_in_place_of_lines(document, old, value)]
    text, lines = document.text, Lines(document.text)
    end = lines.end(old)
    needs_lines = isinstance(value, dict | list) and bool(value) and not parent.is_flow
    if not needs_lines:
        space = "" if text[old.start - 1].isspace() else " "
        return [Edit(old.start, end, space + (flow(value) if parent.is_flow else scalar(value)))]
    column = lines.column(parent)
    _, _, new = _block(document, {"key": value}, column).partition("\n")
    gone = Edit(len(text[: old.start].rstrip(" \t")), end, "")
    return [gone, lines.inserted(lines.below_comments(lines.following(end), column), new)]


def _in_place_of_lines(document: Document, old: Node, value: Any) -> Edit:
    """`value` behind the key, in place of the lines of `old`, which have nothing else in them."""
    last = old
    while below := children(last):
        last = below[-1]
    start, end = len(document.text[: old.start].rstrip()), len(document.text[: last.end].rstrip())
    if "#" in document.text[old.start : end] or not document.text[:start].endswith(":"):
        raise old.wrong("this cannot be replaced without losing what is written in it")
    return Edit(start, end, " " + flow(value))


def _block(document: Document, value: Any, column: int) -> str:
    """`value` as lines that are indented by `column`, with the document's own way to indent lists."""
    return block(value, column, indents_lists=_indents_lists(document.root))


@lru_cache(maxsize=1)
def _indents_lists(node: Node | None) -> bool:
    """Whether lists in block style begin further to the right than the key that they belong to."""
    waiting = [node]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, Mapping) and not here.is_flow:
            for key, value in here.pairs:
                if isinstance(value, Sequence) and has_lines(value) and value.line > key.line:
                    return value.column > key.column
        waiting += children(here)
    return False
