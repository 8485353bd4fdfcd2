"""Where the lines of a document begin and end, and which of them belong to a node.

Positions are those of the document's text. A line is meant by the position at which it begins.
"""

from typing import NamedTuple

from webhook.cli.yaml_text.nodes import Mapping, Node, Scalar, Sequence

__all__ = ["Edit", "Lines", "applied", "children", "has_lines", "is_empty"]


class Edit(NamedTuple):
    """A change of a text: what is between `start` and `end` becomes `new`."""

    start: int
    end: int
    new: str


def applied(text: str, edits: list[Edit]) -> str:
    """`text` with all `edits`, whose positions are those of `text`: from the last to the first, so that they hold.

    What goes to one place stands there in the order of `edits`; lines below a last line that has no end give it one.
    """
    in_order = sorted(edits, key=lambda edit: edit[:2])
    for start, end, new in reversed(_below_an_end(text, in_order)):
        text = text[:start] + new + text[end:]
    return text


def _below_an_end(text: str, edits: list[Edit]) -> list[Edit]:
    """`edits`, of which the first that puts lines below a last line that has no end gives it one."""
    is_below = (edit.start == len(text) and edit.new.endswith("\n") for edit in edits)
    first = None if text.endswith("\n") else next((at for at, each in enumerate(is_below) if each), None)
    if first is None:
        return edits
    lines = edits[first].new
    newline = "\r\n" if lines.endswith("\r\n") else "\n"
    return [*edits[:first], edits[first]._replace(new=newline + lines), *edits[first + 1 :]]


def children(node: Node | None) -> list[Node]:
    """The items of a list, or the values of a map, as they are written."""
    if isinstance(node, Sequence):
        return node.items
    return [value for _, value in node.pairs] if isinstance(node, Mapping) else []


def is_empty(node: Node) -> bool:
    """Whether this is a list or a map with nothing in it."""
    return isinstance(node, Sequence | Mapping) and not children(node)


def has_lines(node: Node) -> bool:
    """Whether `node` is written in block style, a line or more for each thing in it."""
    return isinstance(node, Mapping | Sequence) and not node.is_flow and not is_empty(node)


class Lines:
    """The lines of one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def inserted(self, line: int, new: str) -> Edit:
        """The edit that puts the lines `new` above `line`, with the line ends that the text has."""
        newline = "\r\n" if "\r\n" in self._text else "\n"
        return Edit(line, line, new.replace("\n", newline))

    def column(self, node: Mapping | Sequence) -> int:
        """How far what is in `node`, in block style, is indented: its keys, or the dashes of its items."""
        if isinstance(node, Sequence):
            return self._column(self._after_properties(node.start))
        is_explicit = self._text[node.start] == "?"
        return self._column(node.start if is_explicit else node.pairs[0][0].start)

    def above(self, node: Sequence) -> int:
        """The line above which nothing belongs to the list `node`, in block style: comments on its first item do."""
        if self._text[node.start] in "&!":
            return self.following(node.start)
        line = self.beginning(node.start)
        if self._text[line : node.start].strip():
            raise node.wrong("nothing can be put before the first item of a list that begins in the middle of a line")
        while line and self._is_blank_or_comment(above := self.beginning(line - 1)):
            line = above
        return line

    def below(self, node: Node, column: int) -> int:
        """The line below the last one of `node`, and below the comments that are indented by more than `column`."""
        while has_lines(node):
            node = children(node)[-1]
        return self.below_comments(self.following(self.end(node)), column)

    def below_comments(self, line: int, column: int) -> int:
        """The line below the comments, from `line` on, that are indented by more than `column`."""
        end = line
        while line < len(self._text) and self._is_blank_or_comment(line):
            is_blank = not self._written(line)
            if not is_blank and self._indentation(line) <= column:
                break
            line = self.following(line)
            end = end if is_blank else line
        return end

    def following(self, position: int) -> int:
        """The line after the one of `position`."""
        return self._text.find("\n", position) + 1 or len(self._text)

    def beginning(self, position: int) -> int:
        """The line of `position`."""
        return self._text.rfind("\n", 0, position) + 1

    def end(self, node: Node) -> int:
        """Where the text of `node` ends; the parser counts the empty lines below a literal block (`|`, `>`) in."""
        if not (isinstance(node, Scalar) and node.style in {"|", ">"}):
            return node.end
        source = self._text[node.start : node.end]
        is_unended = node.end == len(self._text) and not self._text.endswith("\n")
        if is_unended and node.text and not node.text.endswith("\n") and "-" not in _header(source):
            raise node.wrong("the text that ends the file has no newline after it: add one")
        if node.text.endswith("\n\n"):
            return node.end - 1  # it keeps its empty lines
        return node.start + len(source.rstrip("\r\n"))

    def _after_properties(self, position: int) -> int:
        """Behind an anchor or a tag, and all that may stand between it and the first dash of a list."""
        while self._text[position] in "&!# \t\r\n":
            is_comment = self._text[position] == "#"
            position = self.following(position) if is_comment else self._after_word(position)
        return position

    def _after_word(self, position: int) -> int:
        if self._text[position].isspace():
            return position + 1
        while not self._text[position].isspace():
            position += 1
        return position

    def _column(self, position: int) -> int:
        return position - self.beginning(position)

    def _written(self, line: int) -> str:
        return self._text[line : self.following(line)].strip()

    def _indentation(self, line: int) -> int:
        whole = self._text[line : self.following(line)]
        return len(whole) - len(whole.lstrip(" "))

    def _is_blank_or_comment(self, line: int) -> bool:
        return self._written(line)[:1] in {"", "#"}


def _header(source: str) -> str:
    """What follows the mark of a literal block, without the comment."""
    return source.partition("\n")[0].partition("#")[0]
