"""JSON Patch's `add`, on the text of a YAML document: what is there stays as it is written, to the byte.

Comments, quotes, order, indentation and line ends survive because nothing is read and written anew: a few lines are put
between the others. Only an alias on the way to the place is written out, since its anchor must not change with it.
"""

import json
import re
from collections.abc import Sequence as Steps
from typing import Any

import yaml

from webhook.cli.documents import Alias, Document, Mapping, Node, Scalar, Sequence, is_plain_text, split

__all__ = ["add"]

Path = Steps[str]


def add(text: str, path: Path, value: Any) -> str:
    """The YAML document `text` with `value` (plain data) added at `path`, the segments of a JSON Pointer.

    As in RFC 6902: into a list before the index (`-`: at its end), into a map as a new key or in place of its value,
    where that is a scalar or empty. Raises DocumentError where more than that would have to change.
    """
    (document,) = split(text)
    parent, step = document.root, path[-1]
    for depth, name in enumerate(path[:-1], start=1):
        child = _child(parent, name)
        if child is None:  # a merge key brings it: the map gets a key of its own, which wins
            there = _at(document.value, path[:depth])
            return add(text, path[:depth], _with_addition(there, path[depth:], value))
        if alias := _alias_of(document, child):
            return add(_written_out(document, alias), path, value)
        if depth + 1 == len(path) and _is_empty(child):
            filled = [value] if isinstance(child, Sequence) else {step: value}
            if isinstance(parent, Mapping):
                return _with_value(document, parent, child, filled)
            return _spliced(text, child.start, child.end, _flow(filled))
        parent = child
    if isinstance(parent, Sequence):
        return _with_item(document, parent, len(parent.items) if step == "-" else int(step), value)
    if not isinstance(parent, Mapping):
        raise TypeError(f"{step} can be added neither to a text nor to a number")
    old = parent.get(step)
    if old is None:
        return _with_key(document, parent, step, value)
    if not isinstance(old, Alias) and (alias := _alias_of(document, old)):
        return add(_written_out(document, alias), path, value)
    return _with_value(document, parent, old, value)


def _child(node: Node | None, step: str) -> Node | None:
    if isinstance(node, Sequence):
        return node.items[int(step)]
    return node.get(step) if isinstance(node, Mapping) else None


def _is_empty(node: Node) -> bool:
    return (isinstance(node, Sequence) and not node.items) or (isinstance(node, Mapping) and not node.pairs)


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


# Aliases.


def _alias_of(document: Document, node: Node) -> Alias | None:
    """An alias through which a change of `node` would show elsewhere; `node` itself where it is one."""
    if isinstance(node, Alias):
        return node
    return next((alias for alias in document.aliases if alias.target is node), None)


def _written_out(document: Document, alias: Alias) -> str:
    """The text with `alias` replaced by what it repeats."""
    value = Document("", alias.target).value
    parent = _parent(document.root, alias)
    if isinstance(parent, Mapping):
        return _with_value(document, parent, alias, value)
    return _spliced(document.text, alias.start, alias.end, _flow(value))


def _parent(node: Node | None, child: Node) -> Node | None:
    children = _children(node)
    if child in children:
        return node
    return next((found for each in children if (found := _parent(each, child))), None)


def _children(node: Node | None) -> list[Node]:
    if isinstance(node, Sequence):
        return node.items
    return [value for _, value in node.pairs] if isinstance(node, Mapping) else []


# Where the new text goes. Flow style is JSON's, with braces; block style has a line for each thing.


def _with_key(document: Document, parent: Mapping, key: str, value: Any) -> str:
    if parent.is_flow:
        return _inserted(document.text, _children(parent)[-1].end, f", {_flow(key)}: {_flow(value)}")
    lines = _block(document, {key: value}, _column_of_map(document.text, parent))
    return _with_lines(document.text, _line_after(document.text, parent), lines)


def _with_item(document: Document, parent: Sequence, index: int, value: Any) -> str:
    if parent.is_flow and index == 0:
        return _inserted(document.text, parent.items[0].start, f"{_flow(value)}, ")
    if parent.is_flow:
        return _inserted(document.text, parent.items[index - 1].end, f", {_flow(value)}")
    lines = _block(document, [value], _column_of_list(document.text, parent))
    if index == 0:
        return _with_lines(document.text, _first_line(document.text, parent), lines)
    before = Sequence(parent.start, parent.end, parent.line, parent.column, is_flow=False)
    before.items = parent.items[:index]
    return _with_lines(document.text, _line_after(document.text, before), lines)


def _with_value(document: Document, parent: Mapping, old: Node, value: Any) -> str:
    if _has_lines(old):
        raise old.wrong("this cannot be replaced without losing what is written in it")
    text, start, end = document.text, old.start, _end(document.text, old)
    is_collection = isinstance(value, dict | list) and bool(value)
    if parent.is_flow or not is_collection:
        space = "" if text[start - 1].isspace() else " "
        return _spliced(text, start, end, space + (_flow(value) if parent.is_flow or is_collection else _scalar(value)))
    while text[start - 1] in " \t":
        start -= 1
    column = _column_of_map(text, parent)
    _, _, lines = _block(document, {"key": value}, column).partition("\n")
    emptied = _spliced(text, start, end, "")
    return _with_lines(emptied, _below_comments(emptied, _next_line(emptied, start), column), lines)


def _has_lines(node: Node) -> bool:
    """Whether `node` is written in block style, so that its text cannot just be left out."""
    return isinstance(node, Mapping | Sequence) and not node.is_flow and not _is_empty(node)


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _inserted(text: str, position: int, new: str) -> str:
    return text[:position] + new + text[position:]


def _with_lines(text: str, position: int, lines: str) -> str:
    """`text` with `lines` put in at the line that begins at `position`, with the line ends of the others."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = lines.replace("\n", newline)
    if position == len(text) and not text.endswith("\n"):
        return text + newline + lines
    return _inserted(text, position, lines)


def _next_line(text: str, position: int) -> int:
    return text.find("\n", position) + 1 or len(text)


def _first_line(text: str, node: Sequence) -> int:
    """Where the line begins above which nothing belongs to the block list `node`: comments on its first item do."""
    if text[node.start] in "&!":
        return _next_line(text, node.start)
    position = text.rfind("\n", 0, node.start) + 1
    if text[position : node.start].strip():
        raise node.wrong("nothing can be put before the first item of a list that begins in the middle of a line")
    while position:
        above = text.rfind("\n", 0, position - 1) + 1
        if text[above:position].strip() and not text[above:position].lstrip().startswith("#"):
            break
        position = above
    return position


def _line_after(text: str, node: Mapping | Sequence) -> int:
    """Where the line begins below the last one of `node`, comments included that are indented more than it is."""
    column = _column_of_map(text, node) if isinstance(node, Mapping) else _column_of_list(text, node)
    return _below_comments(text, _next_line(text, _end(text, _last(node))), column)


def _below_comments(text: str, position: int, column: int) -> int:
    """Where the line begins below the comments, from `position` on, that are indented by more than `column`."""
    end = ahead = position
    while ahead < len(text):
        following = _next_line(text, ahead)
        line = text[ahead:following]
        is_comment = line.lstrip().startswith("#")
        if line.strip() and not (is_comment and _indent(line) > column):
            break
        ahead = following
        end = ahead if is_comment else end
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _last(node: Node) -> Node:
    """What is written last of `node`."""
    return _last(_children(node)[-1]) if _has_lines(node) else node


def _end(text: str, node: Node) -> int:
    """Where the text of `node` ends; the parser counts the empty lines below a literal block (`|`, `>`) in."""
    if not (isinstance(node, Scalar) and node.style in {"|", ">"}):
        return node.end
    if node.end == len(text) and node.text and not node.text.endswith("\n") and not text.endswith("\n"):
        header = text[node.start :].partition("\n")[0]
        if "-" not in header.partition("#")[0]:
            raise node.wrong("the text that ends the file has no newline after it: add one")
    if node.text.endswith("\n\n"):
        return node.end - 1  # it keeps its empty lines
    return node.start + len(text[node.start : node.end].rstrip("\r\n"))


def _column_of_map(text: str, node: Mapping) -> int:
    explicit = text[node.start] == "?"
    return _column(text, node.start if explicit else node.pairs[0][0].start)


def _column_of_list(text: str, node: Sequence) -> int:
    match = _PROPERTIES.match(text, node.start)
    return _column(text, match.end() if match else node.start)


def _column(text: str, position: int) -> int:
    return position - (text.rfind("\n", 0, position) + 1)


_PROPERTIES = re.compile(r"(?:[&!]\S*|\s+|#[^\n]*)*")  # an anchor or tag, and all that may stand before the first dash


# How values are written.

# Texts that need no quotes, where they are no numbers or the like, and texts of several lines that need them.
_PLAIN = re.compile(r"-?[A-Za-z0-9/](?:[A-Za-z0-9 ._/()%+=-]|:(?=[^ ]))*(?<! )")
_UNBLOCKABLE = re.compile(r"[ \t](\n|$)|\n\n\Z|\A[ \n]|[^\n -~]")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def _flow(value: Any) -> str:
    """`value` as JSON that is YAML too."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _scalar(value: Any) -> str:
    """`value`, no list and no map with anything in it, on one line."""
    if isinstance(value, str) and "\n" in value:
        return _flow(value)
    return yaml.dump(value, Dumper=_Dumper, width=float("inf"), allow_unicode=True).removesuffix("\n...\n").rstrip("\n")


def _block(document: Document, value: Any, column: int) -> str:
    """`value` as lines that are indented by `column`, with the document's own way to indent lists."""
    dumper = _DumperOfIndentedLists if _indents_lists(document.root) else _Dumper
    lines = yaml.dump(
        value, Dumper=dumper, sort_keys=False, default_flow_style=False, width=float("inf"), allow_unicode=True
    ).splitlines(keepends=True)
    return "".join(" " * column + line if line.strip() else line for line in lines)


def _indents_lists(node: Node | None) -> bool:
    """Whether lists in block style begin further to the right than the key that they belong to."""
    waiting = [node]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, Mapping) and not here.is_flow:
            for key, value in here.pairs:
                if isinstance(value, Sequence) and _has_lines(value) and value.line > key.line:
                    return value.column > key.column
        waiting += _children(here)
    return False


class _Dumper(yaml.SafeDumper):
    """Writes maps and lists in block style, and texts so that no reader of YAML 1.1 takes one for anything else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


class _DumperOfIndentedLists(_Dumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow=flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    if "\n" in text:
        return '"' if _UNBLOCKABLE.search(text) else "|"
    if _PLAIN.fullmatch(text) and is_plain_text(text):
        return None
    return "'" if '"' in text or "\\" in text else '"'


_Dumper.add_representer(str, _represent_text)
