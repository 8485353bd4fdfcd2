r"""`multiline-start` starts the same records in every engine: RE2, Onigmo in Fluent Bit and in Ruby, Rust's, Python's.

What is right is what Python searches for in a line with `\w`, `\d`, `\s` and cases of ASCII. The expressions are those
that have misled an engine, and many more made by chance.
"""

import datetime as dt
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fluentd_syntax
import pytest
from agents import READING, Case, Record, by_vrl, fluent_bit, otel_collector
from shipments import parsing, shipment, stream

from webhook.config.expressions import Unshared, parse
from webhook.sidecars.fluentd import FLUENTD
from webhook.sidecars.programs import AGENTS
from webhook.sidecars.vector.files import sources

LINES = (
    "first",
    "2026-11-23 10:20:30 one",
    "  indented",
    "\tat com.example.Cart",
    "é1 é2",
    "1é",
    "日本 2026",
    "١٢٣ digits that are not of ASCII",
    "[2026] bracket",
    "[ERROR] x",
    "error: lower",
    "ERROR: upper",
    "a|b",
    "a^b$c",
    "back\\slash {1,2}",
    "dot.ted",
    "x_y",
    "x y",
    "x\u00a0y",
    "\u212aelvin and \u017f",
    "caf\u00e9",
    "#comment (a) [b] {c}",
    "100% ${HOME} $$ %{x}",
    '/slash/ "quoted"',
    "ends with e",
    "a-b",
    "BEGIN",
    "begin end",
    "0",
    "-",
)
MISLEADING = (
    r"^\d{4}-\d\d-\d\d",
    r"\A[0-9]{4}",
    r"^\w\d",
    r"\w$",
    r"^\S",
    r"^[^\s]",
    r"^\s+at\b",
    r"\bone\b",
    r"\Bd",
    r"^(?:ERROR|error)",
    r"(?i)^error",
    r"(?i)k",
    r"^[\[{]",
    r"^[^\t ]",
    r"x.y",
    r"^.1",
    r"^[a-z]+\.",
    r"\^b\$",
    r"\\s",
    r"\{1,2}",
    r"[$^]",
    r"^a-|^x_",
    r"a|^b",
    r"^(?P<day>2026)",
    r"^[^\x00-\x7f]",
    r"[\w-]$",
    r"\A.\Z",
    r"^\D+$",
    r"^\W",
    r"%|\$\{",
    r"/s",
    r"(?:é|本)",
    r"^.{7,}?\d",
    r"e$|1$",
    r"^x\s|\n",
)
_ATOMS = (
    "a",
    "e",
    "x",
    "1",
    ".",
    r"\d",
    r"\w",
    r"\s",
    r"\S",
    r"\D",
    r"\W",
    r"\b",
    "[a-f]",
    r"[^\d ]",
    r"[\s_]",
    "é",
    "-",
    r"\.",
)
_REPEATS = ("", "", "", "*", "+", "?", "{2}", "{1,3}", "*?", "+?")


def made(chance: random.Random, depth: int = 2) -> str:
    """An expression made by chance."""
    parts = []
    for _ in range(chance.randint(1, 3)):
        group = f"(?:{made(chance, depth - 1)}|{made(chance, depth - 1)})" if depth and chance.random() < 0.2 else ""
        atom = group or chance.choice(_ATOMS)
        parts.append(atom if atom == r"\b" else atom + chance.choice(_REPEATS))
    return chance.choice(("", "^", "")) + "".join(parts) + chance.choice(("", "", "$"))


def is_shared(expression: str) -> bool:
    """Whether all agents can be told it."""
    try:
        parse(expression)
    except Unshared:
        return False
    whole = shipment(stream(parsing=parsing(start=expression)))
    return all(not list(agent.problems(whole)) for agent in AGENTS.values())


_CHANCE = random.Random(14)  # noqa: S311 - the same expressions each time
EXPRESSIONS = tuple(
    each
    for each in filter(is_shared, (*MISLEADING, *dict.fromkeys(made(_CHANCE) for _ in range(80))))
    if any(re.search(each, line, re.ASCII) for line in LINES)
)

Starts = Mapping[str, list[str]]
"""By expression, the lines that start a record."""


def _right() -> Starts:
    return {each: [line for line in LINES if re.search(each, line, re.ASCII)] for each in EXPRESSIONS}


def _joined(starts: list[str]) -> list[str]:
    """The records that the lines are, twice one after the other, if `starts` begin one.

    Those before the first of them may be joined or not; in the second round every line goes on, or is one of them.
    """
    records: list[str] = []
    for line in LINES * 2:
        if line in starts or not records:
            records.append(line)
        else:
            records[-1] += f"\n{line}"
    return records


def _started(records: list[str]) -> list[str]:
    """The lines of the second round that begin a record."""
    begins = [place == 0 for record in records for place in range(len(record.split("\n")))]
    return [line for line, is_first in zip(LINES, begins[len(LINES) :], strict=True) if is_first]


def _by_joining(agent: Callable[[list[Case], Path], dict[str, list[Record]]], folder: Path) -> Starts:
    """What an agent starts, by the records that it makes of a file of all lines."""
    text = "".join(f"{line}\n" for line in LINES * 2).encode()
    cases = {
        each: Case(
            name=f"start/{number}",
            format="plain",
            text=text,
            options={"start": each},
            clock=dt.datetime.fromisoformat(READING),
            records=[Record({"message": record}, None) for record in _joined(right)],
            differs={},
            about="",
            has_clock=False,
        )
        for number, (each, right) in enumerate(_right().items())
    }
    found = agent(list(cases.values()), folder)
    return {
        each: _started([str(record.fields["message"]) for record in found[case.name]]) for each, case in cases.items()
    }


def _by_rust(folder: Path) -> Starts:
    patterns = {each: _of_vector(each) for each in EXPRESSIONS}
    program = "\n".join(
        f".r{number} = match(string!(.message), r'{pattern}')" for number, pattern in enumerate(patterns.values())
    )
    events = [json.loads(line, strict=False) for line in by_vrl(program, [{"message": line} for line in LINES], folder)]
    return {each: [event["message"] for event in events if event[f"r{number}"]] for number, each in enumerate(patterns)}


def _of_vector(expression: str) -> str:
    source: Any
    (source,) = sources(stream(parsing=parsing(start=expression))).values()
    return str(source["multiline"]["start_pattern"])


_RUBY = """
require "json"
jobs = JSON.parse(STDIN.read)
puts JSON.generate(jobs["patterns"].map { |each|
  found = Regexp.new(each)
  jobs["lines"].select { |line| found.match?(line + "\\n") }
})
"""  # as Fluentd's multiline parser makes its `format_firstline`


def _by_ruby(_: Path) -> Starts:
    ruby = os.environ.get("RUBY") or shutil.which("ruby")
    if not ruby:
        if os.environ.get("LOGHOOK_CI"):
            pytest.fail("CI lacks ruby")
        pytest.skip("NOT TESTED: this needs ruby (apt install ruby)")
    job = json.dumps({"patterns": [_of_fluentd(each) for each in EXPRESSIONS], "lines": LINES})
    ran = subprocess.run([ruby, "-Ku", "-e", _RUBY], input=job, capture_output=True, text=True, check=True)
    return dict(zip(EXPRESSIONS, json.loads(ran.stdout), strict=True))


def _of_fluentd(expression: str) -> str:
    config = FLUENTD.config(shipment(stream(parsing=parsing(start=expression))))
    parameters = fluentd_syntax.read(config).find("source").find("parse").parameters
    return "".join(map(str, parameters["format_firstline"]))[1:-1]


ENGINES: Mapping[str, Callable[[Path], Starts]] = {
    "otel-collector": lambda folder: _by_joining(otel_collector, folder),
    "fluent-bit": lambda folder: _by_joining(fluent_bit, folder),
    "vector": _by_rust,
    "fluentd": _by_ruby,
}


def test_enough_is_compared() -> None:
    assert len(EXPRESSIONS) > 60
    assert sum(0 < len(starts) < len(LINES) for starts in _right().values()) > 50


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_lines_start_a_record(engine: str, tmp_path: Path) -> None:
    found = ENGINES[engine](tmp_path)
    wrong = {each: sorted({*starts} ^ {*found[each]}) for each, starts in _right().items() if starts != found[each]}
    assert wrong == {}
