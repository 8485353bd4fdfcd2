"""Text that no configuration is: each gives a line, and neither hangs nor ends the process that reads it."""

import subprocess
import sys

import pytest

from webhook.config.loghook_yaml import ConfigError, load
from webhook.config.plain_yaml import DEPTH_LIMIT, VALUES_LIMIT, read

TOO_DEEP = "lists and maps are too deep inside of one another"
TOO_MANY = "more than 100,000 values, those that aliases repeat among them"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2001-99-99", "timestamp"),
        ("2001-12-14t21:59:43.10+99:00", "timestamp"),
        ("9" * 5000, "int"),
        ("0x_", "int"),
        ("0b_", "int"),
        ("!!timestamp soon", "timestamp"),
        ("!!int many", "int"),
        ("!!float some", "float"),
        ("!!bool perhaps", "bool"),
    ],
)
def test_names_the_line_of_what_a_constructor_refuses(value: str, kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(f"labels: [app]\ndefaults: {{paths: {value}}}\n", "x.yaml")
    assert str(refused.value) == f"x.yaml: line 2: cannot be read as {kind}; quote it where it is text"


def lists(depth: int) -> str:
    return "[" * depth + "]" * depth


def chained(count: int, item: str) -> str:
    """Anchors of which each repeats the one before it by some `item`."""
    links = (f"a{number}: &a{number} {item.replace('@', f'*a{number - 1}')}\n" for number in range(1, count))
    return "a0: &a0 {k: v}\n" + "".join(links)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lists(DEPTH_LIMIT + 1), f"line 1: {TOO_DEEP}"),
        (chained(DEPTH_LIMIT + 1, "[@]"), f"line 100: {TOO_DEEP}"),
        (chained(10, "{<<: [@, @, @, @, @, @, @, @]}"), f"line 6: {TOO_MANY}"),
        (f"[{'x,' * VALUES_LIMIT}]", f"line 1: {TOO_MANY}"),
        ("labels: &a [*a]", "line 1: the alias *a has no anchor before it, or is inside of what it repeats"),
        ("labels: *b", "line 1: the alias *b has no anchor before it, or is inside of what it repeats"),
    ],
    ids=["deep", "deep-by-aliases", "large-by-merging", "large", "inside-itself", "of-nothing"],
)
def test_refuses_what_is_too_deep_or_too_large(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text, "x.yaml")
    assert str(refused.value) == f"x.yaml: {problem}"


def test_takes_what_is_at_the_bounds() -> None:
    assert read(lists(DEPTH_LIMIT))[0] is not None
    assert len(read(f"[{'x,' * (VALUES_LIMIT - 1)}]")[1]) == VALUES_LIMIT - 1
    assert read("a: &a {x: 1}\nb: {<<: *a, y: 2}\n")[1]["b"] == {"x": 1, "y": 2}
    assert read("") == (None, None)


def test_a_text_with_hardly_anything_but_brackets_is_refused_at_once() -> None:
    """What looks at the whole of it overflows its stack, or takes time by the square of its length."""
    code = "from webhook.config.loghook_yaml import load; load('a: ' + '[' * 2**20, 'x.yaml')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 1
    assert f"x.yaml: line 1: {TOO_DEEP}" in done.stderr
