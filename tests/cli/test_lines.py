"""Where lines begin and end, and what belongs to a node: the questions that an addition asks of a text."""

import pytest

from webhook.cli.yaml_text.documents import split
from webhook.cli.yaml_text.lines import Edit, Lines, applied
from webhook.cli.yaml_text.nodes import Mapping, Sequence

TEXT = """\
a: 1
list:  # of two
  # on the first
  - x
  - y: |
      text

    # on y

  # on nothing
b: 2
"""


def root(text: str = TEXT) -> Mapping:
    (document,) = split(text)
    assert isinstance(document.root, Mapping)
    return document.root


def the_list(text: str = TEXT) -> Sequence:
    found = root(text).get("list")
    assert isinstance(found, Sequence)
    return found


def line(beginning: str, text: str = TEXT) -> int:
    """The position of the one line that begins so."""
    assert f"\n{text}".count(f"\n{beginning}") == 1
    return f"\n{text}".index(f"\n{beginning}")


def test_edits_are_in_positions_of_the_text_as_it_was() -> None:
    assert applied("abcdef", [Edit(1, 2, "--"), Edit(4, 4, "+"), Edit(5, 6, "")]) == "a--cd+e"
    assert applied("abc", []) == "abc"


def test_lines_are_put_in_with_the_line_ends_of_the_others() -> None:
    assert Lines("a\r\nb\r\n").inserted(3, "x\ny\n") == Edit(3, 3, "x\r\ny\r\n")
    below = [Lines("a\nb").inserted(3, "x\n"), Lines("a\nb").inserted(3, "y\n")]
    assert applied("a\nb", below) == "a\nb\nx\ny\n"
    assert applied("a\r\nb", [Lines("a\r\nb").inserted(4, "x\n")]) == "a\r\nb\r\nx\r\n"
    assert Lines("a\nb").inserted(2, "x\n") == Edit(2, 2, "x\n")


def test_a_column_is_that_of_keys_and_dashes() -> None:
    lines = Lines(TEXT)
    assert lines.column(root()) == 0
    assert lines.column(the_list()) == 2
    marked = "list: &all !!seq\n\n   # more\n   - x\n"
    assert Lines(marked).column(the_list(marked)) == 3


def test_comments_above_the_first_item_are_on_it() -> None:
    assert Lines(TEXT).above(the_list()) == line("  # on the first")
    marked = "list: &all\n- x\n"
    assert Lines(marked).above(the_list(marked)) == line("- x", marked)


def test_comments_below_belong_to_what_is_less_far_in() -> None:
    lines, (first, second) = Lines(TEXT), the_list().items
    assert lines.below(first, 2) == line("  - y")
    assert lines.below(second, 2) == line("    # on y") + len("    # on y\n")
    assert lines.below(second, 4) == line("      text") + len("      text\n")
    assert lines.below(the_list(), 0) == line("b: 2")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("a: |\n  x\n\n\nb: 1\n", "|\n  x"),
        ("a: |+\n  x\n\n\nb: 1\n", "|+\n  x\n\n"),
        ("a: 'x'  # c\nb: 1\n", "'x'"),
        ("a: [1,\n  2]\nb: 1\n", "[1,\n  2]"),
    ],
)
def test_a_literal_block_ends_with_its_text(source: str, written: str) -> None:
    node = root(source).get("a")
    assert node is not None
    assert source[node.start : Lines(source).end(node)] == written
