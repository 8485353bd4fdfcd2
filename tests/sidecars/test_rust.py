"""Expressions for Rust's engine, out of what Python takes."""

import re

import pytest

from webhook.config.formats import FORMATS, Format
from webhook.sidecars.rust import Untranslatable, translate


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
def test_the_built_in_patterns_are_the_same_but_for_classes(format_: Format) -> None:
    for pattern in (format_.pattern, format_.start):
        written = translate(pattern or "").replace(r"[\t\n\v\f\r [^\t\n\v\f\r ]]", r"[\s\S]")
        for escape, members in ((r"\S", r"[^\t\n\v\f\r ]"), (r"\s", r"[\t\n\v\f\r ]"), (r"\s", r"\t\n\v\f\r ")):
            written = written.replace(members, escape)
        assert written == (pattern or "")


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"\d\D\w\W\s\S", r"[0-9][^0-9][0-9A-Za-z_][^0-9A-Za-z_][\t\n\v\f\r ][^\t\n\v\f\r ]"),
        (r"[\d.][^\w-][\W]", r"[0-9.][^0-9A-Za-z_\-][[^0-9A-Za-z_]]"),
        (r"\bx\b", r"(?-u:\b)x(?-u:\b)"),
        (r"\\d", r"\\d"),
    ],
)
def test_classes_are_those_of_ascii(pattern: str, written: str) -> None:
    assert translate(pattern) == written


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"[^[]+", r"[^\[]+"),
        (r"[]a]", r"[\]a]"),
        (r"[^]a-z\]-]", r"[^\]a-z\]\-]"),
        (r"[&&a~~]", r"[\&\&a\~\~]"),
        (r"[a\-\d-]", r"[a\-0-9\-]"),
        (r"[\b]", r"[\x08]"),
        (r"a{b}", r"a\{b\}"),
        (r"a{,3}?", r"a{0,3}?"),
        (r"a{2}b{3,}c{4,5}", r"a{2}b{3,}c{4,5}"),
        (r"a\Z", r"a\z"),
        (r"\<a\>", "<a>"),
        (r"\é", "é"),
        (r"\0\101\u2603☃", r"\x{0}\x{41}\x{2603}☃"),
        (r"a(?#a comment)b", "ab"),
        (r"(?i)a(?s:.)(?-i:b)", r"(?i)a(?s:.)(?-i:b)"),
        (r"(?P<a>.)(?:b)\'\"\ ", r"(?P<a>.)(?:b)\'\"\ "),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # Python's advice on odd sets
def test_the_same_is_written_as_rust_reads_it(pattern: str, written: str) -> None:
    re.compile(pattern)
    assert translate(pattern) == written


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"a(?=b)", "look-ahead (?="),
        (r"a(?!b)", "look-ahead (?!"),
        (r"(?<=a)b", "look-behind (?<="),
        (r"(?<!a)b", "look-behind (?<!"),
        (r"(a)\1", r"the back-reference \1"),
        (r"(?P<a>b)(?P=a)", "a group of the kind (?P=a)"),
        (r"(a)?(?(1)b|c)", "a group of the kind (?("),
        (r"(?>a)", "a group of the kind (?>"),
        (r"a++", "the possessive quantifier ++"),
        (r"(?x) a", "the flag (?x)"),
        (r"(?a:\w)", "the flag (?a:"),
        (r"\N{SNOWMAN}", "a character by its name"),
        (r"a\Bb", r"\B, what is no border of a word"),
    ],
)
def test_what_rust_has_not_is_said(pattern: str, problem: str) -> None:
    re.compile(pattern)
    with pytest.raises(Untranslatable, match=re.escape(problem)):
        translate(pattern)
