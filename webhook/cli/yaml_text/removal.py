"""What is written at one place of a YAML document, taken out of its text: the rest stays as it is written, to the byte.

It is what `webhook.cli.yaml_text.insertion` does, the other way round: the lines of a key or of an item go, with the
comments that are indented below it; in flow style what is between two commas.
"""

from collections.abc import Sequence as Steps

from webhook.cli.yaml_text.documents import split
from webhook.cli.yaml_text.lines import Edit, Lines, applied
from webhook.cli.yaml_text.nodes import Alias, DocumentError, Mapping, Node, Sequence

__all__ = ["remove"]


def remove(text: str, path: Steps[str]) -> str:
    """The YAML document `text` without what is at `path`, the segments of a JSON Pointer to a key or an item.

    Raises DocumentError where it is not written there, or where other things would have to change too.
    """
    (document,) = split(text)
    parent = document.root
    for step in path[:-1]:
        parent = _child(parent, step)
    if isinstance(parent, Mapping):
        return applied(text, [_without_key(text, parent, path[-1])])
    if isinstance(parent, Sequence):
        return applied(text, [_without_item(text, parent, int(path[-1]))])
    raise DocumentError(f"{'/'.join(path)} is not written there")


def _child(node: Node | None, step: str) -> Node | None:
    found = (
        node.items[int(step)] if isinstance(node, Sequence) else node.get(step) if isinstance(node, Mapping) else None
    )
    if isinstance(found, Alias):
        raise found.wrong("what is to be taken out is repeated by an alias; write it out")
    return found


def _without_key(text: str, parent: Mapping, key: str) -> Edit:
    value = parent.get(key)
    if value is None:
        raise parent.wrong(f"{key} is not written here")
    index = next(index for index, (_, each) in enumerate(parent.pairs) if each is value)
    name = parent.pairs[index][0]
    if parent.is_flow:
        return _between_commas([(one.start, other.end) for one, other in parent.pairs], index)
    lines = Lines(text)
    begin = lines.beginning(name.start)
    if text[begin : name.start].strip():
        raise name.wrong("the first key of an item cannot be taken out: move another one before it")
    return Edit(begin, lines.below(value, lines.column(parent)), "")


def _without_item(text: str, parent: Sequence, index: int) -> Edit:
    item = parent.items[index]
    if parent.is_flow:
        return _between_commas([(each.start, each.end) for each in parent.items], index)
    lines = Lines(text)
    begin = lines.beginning(item.start)
    if text[begin : item.start].strip() != "-":
        raise item.wrong("this item cannot be taken out: it shares its line")
    return Edit(begin, lines.below(item, lines.column(parent)), "")


def _between_commas(places: Steps[tuple[int, int]], index: int) -> Edit:
    """What takes out the part `index` of a list or map in flow style, with one comma."""
    start, end = places[index]
    if index:
        return Edit(places[index - 1][1], end, "")
    return Edit(start, places[1][0] if len(places) > 1 else end, "")
