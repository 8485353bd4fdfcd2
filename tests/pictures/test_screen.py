"""The pictures of a terminal: what is drawn is what was said, and can be read."""

import xml.etree.ElementTree as ET
from itertools import product

import pytest
from screen import COLUMNS, PAPER, SCHEMES, picture

SAID = "\x1b[1mTitle\x1b[0m\n\n  \x1b[1;31mFAIL\x1b[0m  <a> & b\n  last"


def words(drawn: str) -> list[str]:
    texts = ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    return ["".join(each.itertext()) for each in texts]


def test_has_what_was_said_and_nothing_else() -> None:
    assert words(picture("loghook check", SAID)) == ["$ loghook check", "Title", "  FAIL  <a> & b", "  last"]
    assert '<tspan class="bold red">FAIL</tspan>' in picture("loghook check", SAID)


def test_says_where_lines_are_left_out() -> None:
    assert words(picture("x", SAID, [range(1, 3)])) == ["$ x", "Title", "  ⋮", "  last"]


def test_breaks_a_line_where_a_terminal_would() -> None:
    assert words(picture("x", "a" * (COLUMNS + 2))) == ["$ x", "a" * COLUMNS, "aa"]


@pytest.mark.parametrize(
    ("scheme", "ink"), [*product(SCHEMES, sorted(SCHEMES["light"].keys() - {PAPER, "bar", "edge"}))]
)
def test_every_ink_can_be_told_from_its_paper(scheme: str, ink: str) -> None:
    """By WCAG 2.2's contrast of at least 4.5 for text (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""
    dark, light = sorted(luminance(SCHEMES[scheme][each]) for each in (ink, PAPER))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
