"""`docs/threats.md`: each threat has what holds it, and tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "threats.md").read_text("utf-8").splitlines()
    if re.match(r"\| [A-Z][0-9]+ \|", line)
]
TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_threat_has_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 5, "number, who and how, what for, what holds, tests"
    assert all(row)
    named = TEST.findall(row[4])
    assert named, "no test is named"
    for file, name in named:
        assert (ROOT / file).is_file(), file
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), f"{file}::{name}"


def test_every_threat_has_one_number() -> None:
    numbers = [row[0] for row in ROWS]
    assert len(set(numbers)) == len(numbers)
    assert {f"T{number}" for number in range(1, 24)} <= set(numbers)


def test_every_attack_is_a_threat() -> None:
    """A file of attacks that no row names would be read by nobody."""
    text = "\n".join(row[4] for row in ROWS)
    files = [file.relative_to(ROOT).as_posix() for file in (ROOT / "tests" / "attacks").glob("test_*.py")]
    assert [file for file in files if file not in text] == []
