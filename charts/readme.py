"""The table of values in the chart's README, written from the comments of values.yaml: `readme.py CHART`.

A comment that begins with `# --` describes the key below it, `# @section` begins a section, and a key without a comment
is only the parent of others.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"
_SHOWN = 70  # characters of a default; what is longer is better read in values.yaml

_KEY = re.compile(r"( *)([A-Za-z0-9]+):")


class Value(NamedTuple):
    """One line of the table: where the value stands, its default as YAML, and what it is."""

    section: str
    place: str
    default: str
    about: str


def values(text: str) -> Iterator[Value]:
    """Read every value that has a comment out of a values.yaml, in its order."""
    defaults = yaml.safe_load(text)
    section, about = "", ""
    parents: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("# @section "):
            section = line.split("# @section ")[1]
        elif line.lstrip().startswith("# -- "):
            about = line.split("# -- ")[1]
        elif line.lstrip().startswith("# ") and about:
            about += " " + line.lstrip()[2:]
        elif found := _KEY.match(line):
            depth = len(found[1]) // 2
            parents[depth:] = [found[2]]
            if about:
                yield Value(section, ".".join(parents), _default(defaults, parents), about)
            about = ""


def _default(defaults: object, place: list[str]) -> str:
    for part in place:
        assert isinstance(defaults, dict)  # noqa: S101 - the keys were read out of the same text
        defaults = defaults[part]
    text = yaml.safe_dump(defaults, default_flow_style=True, width=10_000, sort_keys=False)
    text = text.removesuffix("\n...\n").strip()
    return text if len(text) <= _SHOWN else "see values.yaml"


def table(text: str) -> str:
    """Return the tables of a values.yaml, one for each section, as Markdown."""
    lines: list[str] = []
    section = None
    for value in values(text):
        if value.section != section:
            section = value.section
            lines += ["", f"### {section}", "", "| value | default | |", "| --- | --- | --- |"]
        about = value.about.replace("|", "\\|")
        lines.append(f"| `{value.place}` | `{value.default}` | {about} |")
    return "\n".join(lines[1:]) + "\n"


def readme(chart: Path) -> str:
    """Return the README of `chart` with the tables as they should be; the rest of it stays."""
    before, _, rest = (chart / "README.md").read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table((chart / 'values.yaml').read_text('utf-8'))}{END}{after}"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "README.md").write_text(readme(Path(sys.argv[1])), "utf-8")
