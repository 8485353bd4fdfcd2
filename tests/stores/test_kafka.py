"""Kafka, read back from a broker."""

import base64
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_broker import SECRET, Broker
from parts import until
from shipments import target
from shippers import Shipper, agents_for
from written import ALL_TYPES, assert_whole, has, line

from webhook.sidecars import Target

_KEY = {"secret": "backend", "key": "key"}
_IN_MEMORY = ("fluent-bit",)  # whose library keeps there what waits for a broker, and forgets it at its end


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    found = Broker(tmp_path_factory.mktemp("kafka"))
    found.start()
    yield found
    found.stop()


agent = agents_for("kafka")


@pytest.fixture
def topic(broker: Broker, tmp_path: Path) -> str:
    """A topic that no other test writes to."""
    broker.make(tmp_path.name)
    return tmp_path.name


def to(port: int, topic: str, **options: Any) -> Target:
    return target("kafka", {"brokers": [f"127.0.0.1:{port}"], "topic": topic, "tls": {"enabled": False}, **options})


def test_a_record_arrives_with_its_fields_types_and_time(
    broker: Broker, agent: str, topic: str, tmp_path: Path
) -> None:
    fields = {**ALL_TYPES, "none": None}
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:
        shipper.write(line("pay", **fields))
        (got,) = broker.wait_for(topic, has("pay"))
    assert_whole(got, fields)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_who_logs_in_may_write(broker: Broker, agent: str, mechanism: str, topic: str, tmp_path: Path) -> None:
    login = {"sasl": {"user": _KEY, "password": _KEY, "mechanism": mechanism}}
    with Shipper(agent, to(broker.login_port, topic, **login), tmp_path, secret=SECRET) as shipper:
        shipper.write(line("in"))
        broker.wait_for(topic, has("in"))


def test_wrong_credentials_are_said_and_what_waits_arrives_with_right_ones(
    broker: Broker, agent: str, topic: str, tmp_path: Path
) -> None:
    login = {"sasl": {"user": _KEY, "password": _KEY}}
    with Shipper(agent, to(broker.login_port, topic, **login), tmp_path, secret=SECRET.upper()) as shipper:
        shipper.write(line("kept"))
        assert until(lambda: any("auth" in each.lower() for each in shipper.complaints)), shipper.said
    with Shipper(agent, to(broker.login_port, topic, **login), tmp_path, secret=SECRET) as shipper:
        shipper.write(line("next"))
        broker.wait_for(topic, has("next"))
        if agent not in _IN_MEMORY:
            broker.wait_for(topic, has("kept"))


def test_a_message_over_the_limit_takes_no_other_with_it(
    broker: Broker, agent: str, topic: str, tmp_path: Path
) -> None:
    """Brokers take 1,048,588 bytes unless they are told otherwise, and what is read of a line is up to 1 MiB."""
    after = [f"after {number}" for number in range(5)]
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:
        shipper.write(line("before"), line(_noise(1_040_000)), *map(line, after))
        broker.wait_for(topic, lambda records: {"before", *after} <= {each["message"] for each in records})


def test_what_a_smaller_topic_refuses_is_said_and_holds_up_nothing(
    broker: Broker, agent: str, topic: str, tmp_path: Path
) -> None:
    """A topic's own limit is that of a batch as it is compressed."""
    broker.change(topic, max_message_bytes=20_000)
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:

        def is_said() -> bool:
            return any("large" in each.lower() for each in shipper.complaints)

        shipper.write(line(_noise(120_000)))
        assert agent == "fluent-bit" or until(is_said), shipper.said  # that one hears of it when it sends another one
        for number in range(3):
            shipper.write(line(f"later {number}"))
            broker.wait_for(topic, has(f"later {number}"))
        assert until(is_said), shipper.said


def test_what_a_compacted_topic_refuses_is_said_and_holds_up_nothing(
    broker: Broker, agent: str, topic: str, tmp_path: Path
) -> None:
    """It takes no message without a key, until somebody makes it one that is not compacted."""
    broker.change(topic, cleanup_policy="compact")
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:
        numbers = itertools.count()

        def is_said() -> bool:
            shipper.write(line(f"refused {next(numbers)}"))
            return "validat" in shipper.said

        assert until(is_said), shipper.said  # Fluent Bit hears of it when it sends another one
        broker.change(topic, cleanup_policy="delete")
        shipper.write(line("later"))
        got = broker.wait_for(topic, has("later"))
    assert "refused 0" not in {each["message"] for each in got}


def _noise(length: int) -> str:
    """Text that is hardly smaller when it is compressed."""
    words = (hashlib.sha512(str(number).encode()).digest() for number in range(length // 80))
    return "".join(base64.b85encode(word).decode() for word in words)


def test_a_time_that_is_ahead_or_long_ago_is_taken(broker: Broker, agent: str, topic: str, tmp_path: Path) -> None:
    """A broker refuses messages of a time more than an hour ahead (`message.timestamp.after.max.ms`)."""
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:
        for year in (2016, 2040):
            shipper.write(line("odd time").replace("2026", str(year)))
        got = broker.wait_for(topic, lambda records: len(records) >= 2)
    assert sorted(each["@timestamp"][:10] for each in got) == ["2016-11-29", "2040-11-29"]


@pytest.mark.parametrize("agent", ["otel-collector"], indirect=True)
def test_what_waits_arrives_once_the_topic_is_there(broker: Broker, agent: str, tmp_path: Path) -> None:
    topic = f"{tmp_path.name}-late"
    with Shipper(agent, to(broker.port, topic), tmp_path) as shipper:
        shipper.write(line("early"))
        assert until(lambda: "UNKNOWN_TOPIC" in shipper.said), shipper.said
        broker.make(topic)
        broker.wait_for(topic, has("early"))


def test_what_waits_arrives_once_the_broker_is_back(agent: str, tmp_path: Path) -> None:
    topic, folder = "logs", tmp_path / "kafka"
    folder.mkdir()
    broker = Broker(folder)
    try:
        with Shipper(agent, to(broker.port, topic), tmp_path / "agent") as shipper:
            broker.start()
            broker.make(topic)
            shipper.write(line("here"))
            broker.wait_for(topic, has("here"))
            broker.stop()
            shipper.write(line("again"))
            broker.start()
            broker.wait_for(topic, has("again"))
    finally:
        broker.stop()
