"""The vocabulary: codes that keep their meaning, and text that no terminal obeys."""

import string

import pytest

from webhook.diagnostics import CODES, Diagnostic, Mistake, Mistakes, Reason, escape, join, printable


def test_every_code_says_what_to_do_and_why() -> None:
    for id_, code in CODES.items():
        assert id_ == code.id
        assert code.severity in {"error", "warning"}
        assert code.about.endswith(".")
        assert "  " not in code.about
        assert not code.fix.endswith(".")
        assert all(name.isidentifier() for _, name, _, _ in string.Formatter().parse(code.fix) if name)


def test_keeps_the_codes_that_were_ever_given() -> None:
    """A code that is gone, or that changes from a warning to an error, breaks whoever counts or greps it."""
    errors = """
    LH101 LH102 LH103 LH104 LH105 LH111 LH112 LH113 LH114 LH115 LH116 LH117 LH118 LH120 LH121 LH122 LH123 LH124
    LH125 LH126 LH127 LH128 LH129 LH131 LH132 LH133 LH134 LH135 LH136 LH137
    LH138 LH139 LH141 LH142 LH143 LH144 LH145 LH146 LH147 LH151 LH152 LH153
    LH170 LH171 LH172 LH173 LH174 LH175 LH176 LH177 LH178 LH179 LH180 LH181 LH182
    LH190 LH201 LH202 LH203 LH204 LH206 LH207 LH208 LH211 LH301
    LH302 LH303 LH401
    """
    warnings = (
        "LH148 LH191 LH205 LH209 LH210 LH212 LH213 LH304 LH402 LH403 LH404 LH405 LH406 LH407 LH501 LH502 LH503 LH504 "
        "LH506 LH601 LH602 LH603"
    )
    given = {code.id: code.severity for code in CODES.values()}
    kept = dict.fromkeys(errors.split(), "error") | dict.fromkeys(warnings.split(), "warning")
    assert given == kept, "a code that is new is added to the list above; none is taken out of it, or changed"


def test_gives_each_reason_a_word_and_a_sentence() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)
    for reason in Reason:
        assert reason.value.replace("-", "").isalpha()
        assert reason.value == reason.name.lower().replace("_", "-")
        assert len(reason.sentence) > 10


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ("Ünïcödé 日誌", "Ünïcödé 日誌"),
        ('a"b', 'a\\"b'),
        ("a\\b", "a\\\\b"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m\x07", "\\x1b[31m\\x07"),
        ("\x7f\x80\x9b", "\\x7f\\x80\\x9b"),
        ("\u202egol\u2066\u2069", "\\u202egol\\u2066\\u2069"),
        ("\u200b\u200d\ufeff", "\\u200b\\u200d\\ufeff"),
        ("\u2028\u2029\u00a0", "\\u2028\\u2029\\xa0"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("\U000e0041", "\\U000e0041"),
        ("\0", "\\x00"),
    ],
)
def test_escapes_what_a_terminal_would_obey(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_cuts_what_is_too_long_after_escaping() -> None:
    assert escape("x" * 64) == "x" * 64
    assert escape("x" * 65) == "x" * 63 + "…"
    assert len(escape("\x1b" * 64)) == 64
    assert escape("abcdef", 3) == "ab…"
    assert escape("x" * 10_000_000, 5) == "xxxx…"


@pytest.mark.parametrize("code", CODES)
def test_fits_also_with_the_longest_details(code: str) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(CODES[code].fix) if name and name != "key"]
    longest = Diagnostic(code, "loghook.dev/" + "k" * 300, "v" * 300, dict.fromkeys(names, "d" * 300))
    assert len(str(longest)) <= 256


def test_leaves_braces_in_values_alone() -> None:
    assert str(Diagnostic("LH111", "{key}", "{0} {x}")).endswith('(got "{0} {x}")')


def test_gathers_mistakes_in_order() -> None:
    one, two = Mistake("LH111", "a"), Mistake("LH113", "b", path="/b/")
    assert one.each == (one,)
    assert Mistakes([one, two]).each == (one, two)
    assert two.details == {"path": "/b/"}


def test_joins_nothing_to_nothing() -> None:
    assert join([]) == ""
    assert join([Diagnostic("LH105", "loghook.dev/paths")]) == str(Diagnostic("LH105", "loghook.dev/paths"))


def test_a_whole_sentence_keeps_its_quotes_and_no_control_character() -> None:
    assert printable('LH129 no such format (got "jsn")\x1b[31m') == 'LH129 no such format (got "jsn")\\x1b[31m'
    assert printable("x" * 100, 10) == "x" * 9 + "…"
