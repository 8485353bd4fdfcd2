"""The search of our own, in LuaJIT as Fluent Bit has it: what it finds is what Python finds in the same text.

Python's engine goes back and ours never does, so this compares two ways to the same meaning.
"""

import random
import re
from collections.abc import Callable, Iterable

import pytest
from lupa import luajit21  # type: ignore[import-untyped]  # it has no types

from webhook.config.replacements import BUILT_IN, Replacement
from webhook.sidecars.fluent_bit.search import SCRIPT, replacing, searching
from webhook.sidecars.shared import written

PATTERNS = [
    "ab|a", "a|ab", "(?:a|b)*?c", "a{2,3}", "a+?b", "[^a]{2}", r"\bab\b", "é+", "[é-ü]x", "a.c", "(?:ab|cd)+e?", "a?b",
    "[^é]é", "日.", "(?i)aB", "(?:a{1,2}b){2,}", r"\w+", r"[^\s]+ ", "(?s)b.", "a[^b]*b", "x(?:|a|ab)",
]  # fmt: skip
ALPHABET = "aabbccdeé日ü xA-_\n"


def lua(constants: str) -> luajit21.LuaRuntime:
    runtime = luajit21.LuaRuntime(encoding=None)
    runtime.execute(f"{constants}\n{SCRIPT}".encode())
    return runtime


def redactor(replacements: Iterable[Replacement]) -> Callable[[str], str]:
    runtime = lua(replacing(replacements))
    call = runtime.eval(
        b"function(text) local record = { message = text }; redact('', 0, record); return record.message end"
    )
    return lambda text: call(text.encode()).decode()


def chooser(keep: str | None, drop: str | None) -> Callable[[str], bool]:
    call = lua(searching(keep, drop)).eval(b"function(text) return choose('a', 0, { message = text }) end")
    return lambda text: call(text.encode())[0] == 0


def in_python(pattern: str) -> re.Pattern[str]:
    return re.compile(written(pattern).replace(r"\z", r"\Z"), re.ASCII)


def texts(count: int) -> list[str]:
    chance = random.Random(7)  # noqa: S311 - the same texts each time
    return ["".join(chance.choices(ALPHABET, k=chance.randrange(14))) for _ in range(count)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_replaces_what_python_does(pattern: str) -> None:
    redacted = redactor([Replacement(name="x", pattern=pattern, text="<>")])
    for text in texts(300):
        assert redacted(text) == in_python(pattern).sub("<>", text), text


@pytest.mark.parametrize("pattern", [*PATTERNS, "^a", "b$", "^a|c$", "^$|x", r"^\s*$"])
def test_finds_what_python_does(pattern: str) -> None:
    is_dropped = chooser(None, pattern)
    for text in texts(300):
        assert is_dropped(text) == (in_python(pattern).search(text) is None), text


def test_keeps_first_and_then_drops() -> None:
    is_shipped = chooser("a", "b")
    assert [is_shipped(text) for text in ("a", "b", "ab", "")] == [True, False, False, False]


def test_takes_as_long_as_the_text_is() -> None:
    """Steps are counted, not seconds: a search that goes back would need some 10^11 of them here."""
    runtime = lua(replacing([BUILT_IN["email"], BUILT_IN["jwt"]]))
    runtime.execute(b"steps = 0; jit.off(); debug.sethook(function() steps = steps + 1000 end, '', 1000)")
    size = 40_000
    runtime.eval(b"function(text) redact('', 0, { message = text }) end")(b"a." * (size // 2))
    assert 0 < runtime.eval(b"steps") < 200 * size


def test_a_record_without_anything_goes_on_as_it_is() -> None:
    runtime = lua(replacing([BUILT_IN["email"]]))
    call = runtime.eval(b"function(text) return (redact('', 0, { message = text, n = { 1, { a = text } } })) end")
    assert (call(b"nothing"), call(b"me@example.org")) == (0, 2)


def test_the_path_of_the_file_is_left_alone() -> None:
    runtime = lua(replacing([BUILT_IN["email"]]))
    call = runtime.eval(
        b"function(t) local r = { ['log.file.path'] = t }; redact('', 0, r); return r['log.file.path'] end"
    )
    assert call(b"/logs/me@example.org.log") == b"/logs/me@example.org.log"
