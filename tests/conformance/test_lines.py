"""The same line, the same record, from every agent: each case of `lines` by each of them."""

import functools
from collections.abc import Callable

import pytest
from agents import AGENTS, CASES, ROOT, Case, Record
from page import page

Made = Callable[[str], dict[str, list[Record]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What an agent makes of all cases, at once and once."""
    return functools.cache(lambda agent: AGENTS[agent](CASES, tmp_path_factory.mktemp(agent)))


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("line", CASES, ids=lambda line: line.name)
def test_a_line_is_the_right_record(line: Case, agent: str, made: Made) -> None:
    assert made(agent)[line.name] == line.expected(agent), line.about


@pytest.mark.parametrize("line", CASES, ids=lambda line: line.name)
def test_what_differs_says_why_and_differs(line: Case) -> None:
    for agent, other in line.differs.items():
        assert agent in AGENTS
        assert other["why"]
        assert line.expected(agent) != line.records


def test_the_page_is_that_of_the_lines() -> None:
    written = (ROOT / "docs" / "lines.md").read_text("utf-8")
    assert written == "\n".join(page()) + "\n", "run: make docs"
