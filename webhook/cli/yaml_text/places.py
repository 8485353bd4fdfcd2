"""What is written at a place of a document: a place is the way to it, by keys and by numbers of items."""

from typing import Any

from webhook.cli.yaml_text.documents import Document
from webhook.cli.yaml_text.nodes import Alias, Mapping, Node, Sequence

__all__ = ["node_at", "stands_alone", "value_at"]


def node_at(node: Node | None, path: tuple[str, ...]) -> Node | None:
    """What is written at `path`; None where only a merge key brings it."""
    for step in path:
        target = node.target if isinstance(node, Alias) else node
        if isinstance(target, Sequence):
            node = target.items[int(step)] if int(step) < len(target.items) else None
        else:
            node = target.get(step) if isinstance(target, Mapping) else None
    return node


def stands_alone(document: Document, node: Node | None) -> bool:
    """Whether `node` is a map in block style of a document without aliases, so that its text can be read by itself."""
    return isinstance(node, Mapping) and not node.is_flow and not document.aliases


def value_at(value: Any, path: tuple[str, ...]) -> Any:
    """What is at `path` in maps of maps; None where nothing is."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
