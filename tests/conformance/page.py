"""The page of lines and records: `page.py FILE` writes what `lines` say, for people."""

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from agents import CASES, Case, Record

INTRODUCTION = """# Lines and records

What becomes of a line, by format, whatever the agent: each row is run through the OpenTelemetry Collector, VRL (of
Vector), Fluentd's filter in Ruby and, where it is found, Fluent Bit. `@time` is the record's time; where there is none,
that of its reading holds. Where an agent makes something else of a line, the row says so.
"""


def page() -> Iterator[str]:
    """The lines of the page."""
    yield INTRODUCTION
    for folder, cases in groupby(CASES, lambda case: case.name.partition("/")[0]):
        yield f"## {folder}\n\n| line | record | |\n| --- | --- | --- |"
        yield from map(_row, cases)
        yield ""


def _row(case: Case) -> str:
    read = "".join(f", {key}: {_said(value)}" for key, value in case.options.items() if key not in _SET_UP)
    clock = (
        f", read at {case.clock:%Y-%m-%dT%H:%M:%SZ}" if "-12-31" in str(case.clock) or case.clock.year != 2026 else ""
    )
    differs = "".join(
        f"<br>{agent}: {_records(case.expected(agent))} ({said['why']})" for agent, said in case.differs.items()
    )
    return f"| {_code(_text(case.text))} | {_records(case.records)} | {case.about}{read}{clock}{differs} |"


_SET_UP = {"formats", "replacements"}


def _said(value: object) -> str:
    """What is said with a line: a text that may hold anything, or names."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _code(value) if isinstance(value, str) and not value.replace("-", "").isalnum() else str(value)


def _text(text: bytes) -> str:
    """The bytes of a file as JSON writes a text; what is no UTF-8 as it is in Python."""
    return json.dumps(text.removesuffix(b"\n").decode("utf-8", "backslashreplace"), ensure_ascii=False)[1:-1].replace(
        r"\"", '"'
    )


def _records(records: list[Record]) -> str:
    return "<br>".join(
        _code(json.dumps({**each.fields, **({"@time": each.time} if each.time else {})}, ensure_ascii=False))
        for each in records
    )


def _code(text: str) -> str:
    """A text in a cell of a table, whatever it holds."""
    mark = "``" if "`" in text else "`"
    visible = text.replace("|", "\\|").replace("\ufeff", "\\ufeff").replace("\x1b", "\\u001b")
    return f"{mark}{visible}{mark}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(page()) + "\n", "utf-8")
