"""Expressions for Onigmo: what Python means is what is written, whatever Ruby's syntax makes of it."""

import re

import pytest

from webhook.config.formats import FORMATS
from webhook.sidecars.onigmo import Untranslatable, negative, translate


@pytest.mark.filterwarnings("ignore:Possible")  # Python's advice on sets that Ruby reads otherwise
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^a$", r"\Aa\Z"),
        (r"\^a\$", r"\^a\$"),
        ("[$^]x[^$]", "[$^]x[^$]"),
        ("(?P<day>x)(?P=day)", r"(?<day>x)\k<day>"),
        ("(?s)a(?i:b)(?si-x:c)", "(?m)a(?i:b)(?mi-x:c)"),
        (r"[[a]\[[[]x", r"[\[a]\[[\[]x"),
        ("[a&&b]", r"[a&\&b]"),
        (r"[]a]", r"[\]a]"),
        (r"[^]a]", r"[^\]a]"),
        (r"[\]a]", r"[\]a]"),
        (r"a\Z", r"a\z"),
        (r"(?:a|b)(?=c)(?!d)(?<=a)", r"(?:a|b)(?=c)(?!d)(?<=a)"),
        (r"\d[\w.]\S\\d", r"[0-9][0-9A-Za-z_.][^\t\n\v\f\r ]\\d"),
        (r"\b", r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"),
    ],
)
def test_it_means_the_same(pattern: str, expected: str) -> None:
    re.compile(pattern)
    assert translate(pattern) == expected


@pytest.mark.parametrize("pattern", ["(?a)x", "(?u:x)", "(x)?(?(1)y|z)"])
def test_what_has_no_translation(pattern: str) -> None:
    re.compile(pattern)
    with pytest.raises(Untranslatable):
        translate(pattern)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_one(name: str) -> None:
    pattern = translate(FORMATS[name].pattern)
    assert "(?P" not in pattern
    assert not re.search(r"(?<!\\)\$|(?<![\[\\])\^", re.sub(r"\[(\\.|[^\]])*\]", "", pattern))


def test_nowhere() -> None:
    pattern = negative(translate("^b|x")).replace(r"\Z", "$")
    assert [text for text in ("a", "b", "ab", "ax", "a\nx") if re.search(pattern, text)] == ["a", "ab"]
