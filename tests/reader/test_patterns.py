"""Globs of one segment: what a shell says they match."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.reader.patterns import is_glob, matches


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.log", "app.log"),
        ("app.log*", "app.log.1"),
        ("*", ""),
        ("a?c", "abc"),
        ("[ab].log", "b.log"),
        ("[!ab].log", "c.log"),
        ("[^ab].log", "c.log"),
        ("[0-9][a-]", "7-"),
        ("[]x]", "]"),
        ("[!]x]", "y"),
        ("[a", "[a"),
        ("*a*b*c", "xxaxxbxxbxc"),
        (".*", ".hidden"),
    ],
)
def test_matches(pattern: str, name: str) -> None:
    assert matches(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*.log", "app.logs"),
        ("*", ".hidden"),
        ("?hidden", ".hidden"),
        ("a?c", "ac"),
        ("[!ab].log", "a.log"),
        ("[]x]", "y"),
        ("*a*b*c", "xxbxxaxxc"),
        ("", "a"),
    ],
)
def test_does_not_match(pattern: str, name: str) -> None:
    assert not matches(pattern, name)


def test_a_leading_dot_may_be_left_out_of_what_excludes() -> None:
    assert matches("*.gz", ".a.gz", hidden=True)


def test_knows_a_glob() -> None:
    assert [is_glob(each) for each in ("a", "a*", "a?", "a[b]")] == [False, True, True, True]


@given(st.text("ab.*?[]!-", max_size=8), st.text("ab.-]", max_size=8))
def test_agrees_with_the_standard_library(pattern: str, name: str) -> None:
    # A range that runs backwards, and one of `[` or `!` at its ends, mean several things to several shells.
    if any(strange in pattern for strange in ("--", "b-a", "[-", "!-", ".-", "]-", "-]", "-[", "-!", "b-.", "a-.")):
        return
    assert matches(pattern, name, hidden=True) == fnmatch.fnmatchcase(name, pattern)
