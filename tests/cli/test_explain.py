"""`loghook explain`: every term of the tables, at the cost of a help text."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from webhook.annotations.registry import KEYS
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.diagnostics import CODES, Reason
from webhook.reference.terms import FILE, terms_file
from webhook.sidecars.programs import AGENTS

Run = Callable[..., Any]

TERMS = [*KEYS, *FORMATS, *TYPES, *AGENTS, *CODES, *(reason.value for reason in Reason)]


def test_what_it_knows_is_what_the_tables_say() -> None:
    assert FILE.read_text("utf-8") == terms_file(), "run `make docs`"


def test_it_knows_every_term_and_no_two_are_called_the_same() -> None:
    known = [term["name"].lower() for term in json.loads(FILE.read_text("utf-8"))]
    assert known == [term.lower() for term in TERMS]
    assert len(set(known)) == len(known)


@pytest.mark.parametrize("term", TERMS)
def test_it_explains_every_term(run: Run, term: str) -> None:
    result = run("explain", term)
    assert (result.code, result.err) == (0, "")
    heading, empty, *text = result.out.splitlines()
    assert term in heading
    assert empty == ""
    assert any(text)


@pytest.mark.parametrize(
    ("asked", "heading"),
    [
        ("loghook.dev/paths", "loghook.dev/paths (key)"),
        ("access.paths", "loghook.dev/paths (key)"),
        ("loghook.dev/access.Paths", "loghook.dev/paths (key)"),
        ("lh101", "LH101 (code)"),
        ("JSON", "json (format)"),
        ("Kafka", "kafka (destination)"),
        ("fluent-bit", "fluent-bit (agent)"),
        ("opted-out", "opted-out (reason)"),
    ],
)
def test_it_takes_a_term_as_it_was_met(run: Run, asked: str, heading: str) -> None:
    assert run("explain", asked).out.splitlines()[0] == heading


@pytest.mark.parametrize("asked", [None, "keys", "codes", "formats", "destinations", "agents", "reasons"])
def test_it_lists_what_there_is(run: Run, asked: str | None) -> None:
    result = run("explain", *([asked] if asked else []))
    listed = {line.split()[0] for line in result.out.splitlines() if line.startswith("  ")}
    everything = {*KEYS, *FORMATS, *TYPES, *AGENTS}
    wanted = {"keys": KEYS, "codes": CODES, "formats": FORMATS, "destinations": TYPES, "agents": AGENTS}
    reasons = {reason.value for reason in Reason}
    assert (result.code, result.err) == (0, "")
    assert listed == (everything if asked is None else reasons if asked == "reasons" else set(wanted[asked]))
    assert max(map(len, result.out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("pahts", "nothing is called 'pahts' here, did you mean paths?"),
        ("lh10", "nothing is called 'lh10' here, did you mean LH101?"),
        ("LH2099", "nothing is called 'LH2099' here, did you mean LH209?"),
        ("\x1b[31m", r"nothing is called '\x1b[31m' here"),
    ],
)
def test_what_is_unknown_is_said_with_what_comes_nearest(run: Run, asked: str, told: str) -> None:
    result = run("explain", asked)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"Error: {told} (`loghook explain` lists everything)\n"


def test_the_explanation_of_a_format_shows_what_becomes_of_a_line(run: Run) -> None:
    out = run("explain", "json").out
    assert f"    {FORMATS['json'].sample}\n" in out
    assert '      "port": 8080\n' in out


def test_examples_are_those_of_the_tables(run: Run) -> None:
    assert "    loghook.dev/paths: /var/log/app/*.log\n" in run("explain", "paths").out
    assert "        type: kafka\n" in run("explain", "kafka").out
