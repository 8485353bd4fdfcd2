"""Paths and globs as text."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.diagnostics import Mistake, Mistaken
from webhook.pod.paths import LENGTH_LIMIT, is_under, leaves_nothing, parse, parse_name_glob


@pytest.mark.parametrize(
    ("text", "directory", "anchor"),
    [
        ("/var/log/app.log", "/var/log", "/var/log/app.log"),
        ("/app.log", "/", "/app.log"),
        ("/var/log/*.log", "/var/log", "/var/log"),
        ("/var/log/app-?.log", "/var/log", "/var/log"),
        ("/var/log/[a-c]/x.log", "/var/log", "/var/log"),
        ("/var/*/x/*.log", "/var", "/var"),
        ("/*", "/", "/"),
        ("/var/log/a[!b]c", "/var/log", "/var/log"),
        ("/var/log/[]]", "/var/log", "/var/log"),
        ("/var/log/a]b.log", "/var/log", "/var/log/a]b.log"),
        ("/var/log/a:b.log", "/var/log", "/var/log/a:b.log"),
        ("/var/log/*/a:b.log", "/var/log", "/var/log"),
        ("/var/log/.hidden", "/var/log", "/var/log/.hidden"),
        ("/var/log/...", "/var/log", "/var/log/..."),
        ("/var/log/-f", "/var/log", "/var/log/-f"),
        ("/var/log/two words", "/var/log", "/var/log/two words"),
        ("/var/log/`id`;'\"&|<>!#~", "/var/log", "/var/log/`id`;'\"&|<>!#~"),
    ],
)
def test_knows_what_must_be_on_a_volume(text: str, directory: str, anchor: str) -> None:
    path = parse(text)
    assert (path.text, path.directory, path.anchor) == (text, directory, anchor)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "LH111"),
        ("x.log", "LH111"),
        ("/a//b", "LH112"),
        ("/a/./b", "LH112"),
        ("/a/..", "LH112"),
        ("/a/../", "LH112"),
        ("/", "LH113"),
        ("/a/", "LH113"),
        ("/a/**", "LH114"),
        ("/{a}", "LH114"),
        ("/a}", "LH114"),
        ("/$a", "LH115"),
        ("/a\\", "LH115"),
        ("/[a", "LH115"),
        ("/[a/]", "LH115"),
        ("/[]", "LH115"),
        ("/[!]", "LH115"),
        ("/a\n", "LH115"),
        ("/a\ud800", "LH115"),
        ("/a\u2066b", "LH115"),
        ("/a" * LENGTH_LIMIT, "LH117"),
        ("/a:b/c", "LH118"),
    ],
)
def test_says_what_is_wrong(text: str, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse(text)
    assert caught.value.code == code


@given(text=st.text(alphabet="/ab.*?[]!:{}$\\ \n-", max_size=20).map("/".__add__))
def test_takes_only_normal_paths(text: str) -> None:
    try:
        path = parse(text)
    except Mistaken:
        return
    assert not {"", ".", ".."} & set(text[1:].split("/"))
    assert not set("${}\\\n") & set(text)
    assert "**" not in text
    assert is_under(path.anchor, path.directory)
    assert path.is_glob or path.anchor == text
    assert text.startswith(path.directory)
    assert not set("*?[:") & set(path.directory)


@pytest.mark.parametrize("text", ["*.gz", "a?", "[0-9]*", "x y", "-x", "…"])
def test_takes_globs_of_names(text: str) -> None:
    assert parse_name_glob(text) == text


@pytest.mark.parametrize("text", ["a/b", "**", "$x", "a\\b", "[x", "a\tb"])
def test_refuses_other_globs(text: str) -> None:
    with pytest.raises(Mistake, match="LH120"):
        parse_name_glob(text)


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b/c", "/a/b", True),
        ("/a/b2", "/a/b", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
        ("/", "/", True),
        ("/", "/a", False),
    ],
)
def test_compares_by_segment(path: str, directory: str, *, expected: bool) -> None:
    assert is_under(path, directory) is expected


@pytest.mark.parametrize(
    ("exclude", "glob", "expected"),
    [
        ("*", "*.log", True),
        ("*.log", "*.log", True),
        ("err*.log", "error*.log", True),
        ("err*", "error-[0-9]?.log", True),
        ("*a*", "[ab].log", False),
        ("*]*", "[]]x", False),
        ("error.log", "error?log", False),
        ("*.gz", "*.log", False),
        ("error-?.log", "error-?.log", False),
        ("x*", "*x*", False),
    ],
)
def test_knows_when_an_exclude_surely_leaves_nothing(exclude: str, glob: str, expected: bool) -> None:  # noqa: FBT001 - a column
    assert leaves_nothing(["unlike-it", exclude], parse(f"/logs/{glob}")) is expected


pieces = st.sampled_from(["a", "b", ".log", "*", "?", "[ab]", "[!a]", "[]a]"])
globs = st.lists(pieces, min_size=1, max_size=4).map("".join).filter(lambda glob: "**" not in glob)


@given(exclude=globs, glob=globs, name=st.text("ab.log]x", max_size=6))
def test_never_takes_a_name_for_excluded_that_is_not(exclude: str, glob: str, name: str) -> None:
    if leaves_nothing([exclude], parse(f"/logs/*/{glob}")) and fnmatch.fnmatchcase(name, glob):
        assert fnmatch.fnmatchcase(name, exclude)
