"""Which expressions all agents share, and what is refused, since one of them could not do it or would take for ever."""

import pytest

from webhook.config.expressions import HIGHEST, Set, Unshared, is_bound, parse
from webhook.config.loghook_yaml import ConfigError, load
from webhook.config.replacements import BUILT_IN

SHARED = [
    "ERROR|WARN",
    r"\b(?:WARN|ERROR)\b",
    r"(\d+\.)+x",
    r'"(?:[^"\\]|\\.)*"',
    "(?i)get /healthz",
    "(?s)a.b",
    "a.*b.*c",
    "(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}",
    "(?:ab|cd)*e",
    "[^a-zé]",
    "(?x) a  b # spaces",
    "(?P<name>a)b",
    r"^\s*$",
]
REFUSED = {
    "(?=a)b": "no look-around",
    "(?<!a)b": "no look-around",
    r"(a)\1": "no back-references",
    "(?>a)b": "no atomic groups",
    "a++b": "no possessive repetitions",
    r"a\Bb": r"no \B",
    "(?m)^a": "not the flag m",
    "(": "missing ), unterminated subpattern",
    "x*": "it matches every text",
    "a|": "it matches every text",
    "(?:a?)*b": "no repetition of what may be nothing",
    "a{1001}": "at most 1000 characters, with each repetition written out",
    "(?:a{100}){11}": "at most 1000 characters, with each repetition written out",
}
TWO_WAYS = ["(a+)+b", "(?:a|aa)*b", "(?:.*,)*x", r"(?:\w+\s?)*x", "(?:a|b+)*c", "(?:a{1,3}a)*b", "(?:x*y|xz)*w"]


@pytest.mark.parametrize("text", SHARED)
def test_takes_what_all_share(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_what_not_all_can_do(text: str) -> None:
    with pytest.raises(Unshared) as refused:
        parse(text)
    assert str(refused.value) == REFUSED[text]


@pytest.mark.parametrize("text", TWO_WAYS)
def test_refuses_a_repetition_that_could_be_read_in_two_ways(text: str) -> None:
    with pytest.raises(Unshared, match="may have two ways"):
        parse(text)


def test_reads_nothing_that_is_too_deep() -> None:
    with pytest.raises(Unshared, match="nested too deep"):
        parse("(" * 5000 + "a" + ")" * 5000)


def test_sets_are_sorted_and_do_not_touch() -> None:
    assert parse("[c-ea-bx]") == Set(((97, 101), (120, 120)))
    assert parse(r"[^\x00-Y]") == Set(((90, HIGHEST),))
    assert parse("(?i)[k-m]") == Set(((75, 77), (107, 109)))


def test_knows_what_names_a_bound_of_the_text() -> None:
    assert is_bound(parse("a(?:b|c$)"))
    assert not is_bound(parse(r"\ba\b"))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_replacement_is_shared_and_has_a_hint_that_is(name: str) -> None:
    parse(BUILT_IN[name].pattern)
    parse(BUILT_IN[name].sign)
    assert not is_bound(parse(BUILT_IN[name].pattern))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("replacements: {a: {regex: '(?=a)b'}}", "no look-around"),
        ("replacements: {a: {regex: '^a'}}", "leave out ^ and $"),
        ("replacements: {email: {regex: a}}", "built-in"),
        ("replacements: {A: {regex: a}}", "A"),
        ("destinations: {c: {type: stdout, redact: [emial]}}", "no such replacement: emial"),
        ("defaults: {redact: 'email, tickt'}", "no such replacement: tickt"),
    ],
)
def test_a_configuration_says_what_is_wrong_with_it(said: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(said)
    assert problem in str(refused.value)


def test_a_replacement_without_a_text_is_its_name_in_brackets() -> None:
    config = load("replacements: {a: {regex: x+}, b: {regex: y, text: ''}}")
    assert [config.every_replacement[name].text for name in "ab"] == ["[a]", ""]
    assert set(BUILT_IN) < set(config.every_replacement)
