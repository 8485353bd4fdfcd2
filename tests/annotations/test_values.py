"""The parsers of annotation values, where the table of messages is not the natural place."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.annotations import values
from webhook.annotations.registry import KEYS
from webhook.diagnostics import Mistaken


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.name_globs, "", ()),
        (values.name_globs, "*.gz, *.zip\n*.gz", ("*.gz", "*.zip")),
        (values.containers, " app ,web\n", ("app", "web")),
        (values.containers, "app,app", ("app",)),
        (values.containers, "a" * 63, ("a" * 63,)),
        (values.one_of("a", "b"), "b", "b"),
        (values.format_name, "apache-error", "apache-error"),
        (values.boolean, "true", True),
        (values.boolean, "false", False),
        (values.expression, r"^\d{4}|\[", r"^\d{4}|\["),
        (values.expression, "[[a]", "[[a]"),
        (values.line, "x" * 256, "x" * 256),
        (values.fields, "a=,B_1=x=y, c= d", (("a", ""), ("B_1", "x=y"), ("c", " d"))),
        (values.quantity, "0.5", "0.5"),
        (values.quantity_or_none, "none", "none"),
        (values.quantity_or_none, "1Gi", "1Gi"),
        (values.size, "1Mi", "1Mi"),
        (values.size, "1.5e6", "1.5e6"),
        (values.size_or_none, "none", "none"),
        (values.seconds(0, 600), "0", 0),
        (values.seconds(0, 600), "600", 600),
        (values.seconds(0, 600), "007", 7),
    ],
)
def test_reads(parse: Callable[[str], Any], text: str, value: Any) -> None:
    assert parse(text) == value


def test_reads_paths_each_once_and_in_their_order() -> None:
    found = values.log_paths("/b.log, /a*.log\r\n/b.log,\t/c d.log ")
    assert [path.text for path in found] == ["/b.log", "/a*.log", "/c d.log"]


@pytest.mark.parametrize("text", ["64m", "1", "512Ki", "0", "-1Gi", "Mi", ""])
def test_takes_no_size_in_which_nothing_could_run(text: str) -> None:
    with pytest.raises(Mistaken, match="LH126"):
        values.size(text)


def test_takes_as_many_paths_as_the_limit() -> None:
    several = ",".join(f"/var/log/{number}.log" for number in range(values.PATHS_LIMIT))
    assert len(values.log_paths(several)) == values.PATHS_LIMIT
    with pytest.raises(Mistaken, match="LH116"):
        values.log_paths(several + ",/one/more.log")


def test_gathers_all_that_is_wrong_in_a_list() -> None:
    with pytest.raises(Mistaken) as caught:
        values.log_paths("a.log,/ok.log,/dir/,/x/../y")
    assert [(mistake.code, mistake.value) for mistake in caught.value.each] == [
        ("LH111", "a.log"),
        ("LH113", "/dir/"),
        ("LH112", "/x/../y"),
    ]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("jsn", "json"), ("JSON", "json"), ("ngnix", "nginx"), ("zzzz", None), ("", None), ("j" * 100_000, None)],
)
def test_finds_the_nearest_word(text: str, nearest: str | None) -> None:
    assert values.nearest(text, ["plain", "json", "nginx"]) == nearest


def test_looks_for_the_nearest_word_among_the_first_hundred() -> None:
    endless = itertools.chain(["jsn"], map(str, itertools.count()))
    assert values.nearest("json", endless) == "jsn"


@given(key=st.sampled_from(list(KEYS.values())), text=st.text(max_size=40))
def test_parses_or_says_what_is_wrong_whatever_is_written(key: Any, text: str) -> None:
    try:
        key.parse(text)
    except Mistaken as mistaken:
        assert [mistake.code for mistake in mistaken.each]  # noqa: PT017 - that it is raised is not what is tested


def test_is_not_slow_on_long_values() -> None:
    """What takes quadratic time would not end: 256 KiB is what all annotations of a Pod may have together."""
    for key in KEYS.values():
        for text in ("a" * 2**18, "a," * 2**17, "/" * 2**18, "/a*" * 2**16, "(" * 2**18, "[" * 2**18, "a=b," * 2**16):
            try:
                key.parse(text)
            except Mistaken:
                continue
