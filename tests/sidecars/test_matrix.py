"""Every agent with every format and every destination: a configuration, or a clear word that it cannot be."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fluentd_syntax
import pytest
import vector_syntax
from shipments import FULL, SECRET, parsing, shipment, stream, target

from webhook.annotations.registry import KEYS
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.diagnostics import CODES, Diagnostic
from webhook.sidecars import Agent, Problem, Shipment, Text, Variable
from webhook.sidecars.programs import AGENTS, able

READERS: Mapping[str, Callable[[str], Any]] = {
    "fluent-bit": json.loads,
    "fluentd": fluentd_syntax.read,
    "vector": vector_syntax.load,
    "otel-collector": json.loads,
}
"""What reads the configuration of each agent; that its options are the agent's is in the agents' own tests."""

OF_ANOTHER_AGENT = {"LH141", "LH142", "LH145", "LH146"}
OF_THE_TEXT = {"LH143", "LH144"}


LIMIT = 256 * 1024 // 3
"""Bytes of a configuration: a third of what all annotations may have (k8s.io/apimachinery/pkg/api/validation)."""


def every_shipment() -> Iterator[Shipment]:
    """Each format to each destination with each of its options."""
    for type_ in TYPES:
        for options in ({}, *FULL[type_]):
            to = target(type_, options)
            for format_ in FORMATS:
                yield shipment(stream(parsing=parsing(format_), target=to))


def check(agent: Agent, shipped: Shipment) -> list[Problem]:
    """A configuration that can be read, or problems that can be said."""
    problems = list(agent.problems(shipped))
    if problems:
        for problem in problems:
            check_problem(agent, problem, shipped)
        return problems
    config = agent.config(shipped)
    READERS[agent.name](config)
    assert agent.config(shipped) == config
    assert len(config) < LIMIT
    command = agent.command(shipped)
    env = agent.env(shipped)
    everything = json.dumps([config, *command.command, *command.args, *map(str, env.values()), agent.image(shipped)])
    assert SECRET not in everything
    assert [*command.command, *command.args]
    assert known(env, shipped)
    return []


def known(env: Mapping[str, Text], shipped: Shipment) -> bool:
    """Whether the agent refers to no variable but those of the shipment."""
    given = {variable for each in shipped.streams for variable in each.target.secrets.values()}
    for each in shipped.streams:
        for text in (*each.attributes.values(), *each.target.templates.values()):
            given |= {part for part in text if isinstance(part, Variable)}
    return all(part in given for text in env.values() for part in text if isinstance(part, Variable))


def check_problem(agent: Agent, problem: Problem, shipped: Shipment) -> None:
    assert problem.code in OF_ANOTHER_AGENT | OF_THE_TEXT
    assert problem.source in {each.name for each in shipped.streams}
    assert problem.key in KEYS
    assert problem.details["agent"] == agent.name
    details = {"type": shipped.streams[0].target.settings.type, "example": "plain", **problem.details}
    if problem.code in OF_ANOTHER_AGENT:
        other = able(problem, shipped)
        assert other is not None, "what no agent can do is to be left out of the destination's options"
        assert other != agent.name
        assert not list(AGENTS[other].problems(shipped)), problem
    message = str(Diagnostic(problem.code, f"loghook.dev/{problem.key}", None, details))
    assert "{" not in message
    assert CODES[problem.code].severity == "error"


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_every_format_goes_to_every_destination_or_is_said_not_to(agent: Agent) -> None:
    outcomes = [not check(agent, shipped) for shipped in every_shipment()]
    assert len(outcomes) == len(FORMATS) * sum(1 + len(FULL[type_]) for type_ in TYPES)
    assert sum(outcomes) > len(outcomes) / 3


@pytest.mark.parametrize("type_", TYPES)
def test_every_destination_with_everything_is_served_by_some_agent(type_: str) -> None:
    for options in ({}, *FULL[type_]):
        shipped = shipment(stream(target=target(type_, options)))
        assert any(not list(agent.problems(shipped)) for agent in AGENTS.values()), options


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_many_sources_share_one_sidecar(agent: Agent) -> None:
    able = [type_ for type_ in TYPES if not list(agent.problems(shipment(stream(target=target(type_)))))]
    streams = [
        stream(name=f"s{number}", target=target(type_, name=f"d{number}"), parsing=parsing(format_))
        for number, (type_, format_) in enumerate(zip(able, FORMATS, strict=False))
    ]
    problems = check(agent, shipment(*streams, stream()))
    assert {problem.code for problem in problems} <= {"LH146"}


def digest() -> str:
    """Of all that is written for the whole matrix."""
    total = hashlib.sha256()
    for agent in AGENTS.values():
        for shipped in every_shipment():
            problems = list(agent.problems(shipped))
            written: list[Any] = [*problems] or [agent.config(shipped), agent.command(shipped), agent.env(shipped)]
            total.update(repr(written).encode())
    return total.hexdigest()


def test_the_same_is_written_under_every_hash_seed() -> None:
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    seen = set()
    for seed in ("0", "1", "4711"):
        outcome = subprocess.run(
            [sys.executable, "-c", "import test_matrix; print(test_matrix.digest())"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        seen.add(outcome.stdout)
    assert len(seen) == 1
