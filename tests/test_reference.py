"""What the reference says of agents and records is what they do."""

from typing import Any

import pytest
from samples import EXPECTED

from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.reference.abilities import abilities, reads_time, variations
from webhook.reference.records import record
from webhook.reference.words import of_destination
from webhook.sidecars.programs import AGENTS


@pytest.mark.parametrize("type_", TYPES)
def test_tries_every_option(type_: str) -> None:
    options = {field.alias for name, field in TYPES[type_].model_fields.items() if not field.is_required()}
    tried = {name for _, settings in variations(type_) for name in settings}
    assert tried == options - {"namespaces"}


def test_finds_what_agents_cannot_do() -> None:
    assert abilities("forward")["vector"] is None
    assert {
        agent for agent, ability in abilities("kafka").items() if ability and "tls.serverName" in ability.cannot
    } == {
        "fluent-bit",
        "fluentd",
        "vector",
    }
    assert all(ability and not ability.cannot for ability in abilities("stdout").values())


@pytest.mark.parametrize("type_", TYPES)
def test_names_every_type_and_says_what_to_know(type_: str) -> None:
    assert TYPES[type_].title
    assert "## " in of_destination(type_)
    assert "<!--" not in of_destination(type_)


@pytest.mark.parametrize("type_", [name for name, model in TYPES.items() if model.refusals])
def test_speaks_of_refusals_by_agents_that_ship_there(type_: str) -> None:
    able = {agent for agent, ability in abilities(type_).items() if ability}
    refusals = TYPES[type_].refusals
    assert refusals.keys() <= able
    assert type_ == "azure" or refusals.keys() == able


def test_knows_what_becomes_of_every_sample() -> None:
    assert EXPECTED.keys() == FORMATS.keys(), "say it in tests/sidecars/samples.py"


@pytest.mark.parametrize("name", FORMATS)
def test_shows_the_record_that_the_real_agent_makes(name: str) -> None:
    """EXPECTED is what the real agents are held to, with the same samples."""
    time, fields = EXPECTED[name]
    shown: dict[str, Any] = record(FORMATS[name])
    moment = shown.pop("@timestamp", None)
    assert shown == fields
    assert (moment and moment[4:].rstrip("0Z.")) == (time and time[4:26].rstrip("0"))


def test_knows_who_reads_a_time() -> None:
    assert reads_time("%Y-%m-%d") == set(AGENTS)
    assert "vector" not in reads_time("%Z")
