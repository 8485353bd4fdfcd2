"""What `victorialogs` has an agent send is what the real VictoriaLogs understands.

The collector ships there in its own tests. Of the others the request is read out of their configuration and sent in
their place.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import fluentd_syntax
import pytest
import vector_syntax
from shipments import shipment, stream, target
from victoria_logs import VictoriaLogs

from webhook.sidecars import Target
from webhook.sidecars.programs import AGENTS

OPTIONS: Mapping[str, Any] = {
    "tls": {"enabled": False},
    "path": "",
    "streamFields": ["k8s.namespace.name", "team"],
    "messageFields": ["event", "message"],
    "tenant": {"account": 12, "project": 3},
    "extraFields": {"team": "a team of {pod}", "cluster": "eu=1"},
    "headers": [{"name": "VL-Ignore-Fields", "value": "secret,more"}],
}
RECORD = {
    "@timestamp": f"{datetime.now(UTC).isoformat()[:19]}.123456Z",
    "message": "hello",
    "k8s.namespace.name": "shop",
    "http": {"status": 200},
    "secret": "x",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaLogs]:
    found = VictoriaLogs(tmp_path_factory.mktemp("store"))
    yield found
    found.stop()


def _told(agent: str, to: Target) -> tuple[str, dict[str, str]]:
    """The path and the headers of a request, as the agent is told them; variables have the value `shop-1`."""
    config = AGENTS[agent].config(shipment(stream(target=to)))
    if agent == "fluent-bit":
        (output,) = json.loads(config)["pipeline"]["outputs"]
        pairs = [line.split(" ", 1) for line in output["header"]]
        return output["uri"], {name: re.sub(r"\$\{\w+\}", "shop-1", text) for name, text in pairs}
    if agent == "vector":
        (sink,) = vector_syntax.load(config)["sinks"].values()
        headers = {name: re.sub("\ufdd0.*?\ufdd1", "shop-1", text) for name, text in sink["request"]["headers"].items()}
        return urlsplit(sink["uri"]).path, headers
    match = fluentd_syntax.read(config).find("label").find("match")
    parts = match.parameters["headers"]
    text = parts if isinstance(parts, str) else "".join(part if isinstance(part, str) else "shop-1" for part in parts)
    return urlsplit(str(match.parameters["endpoint"])).path, json.loads(text)


@pytest.mark.parametrize(("agent", "account"), [("fluent-bit", 1), ("fluentd", 2), ("vector", 3)])
def test_a_request_as_the_agent_sends_it(agent: str, account: int, store: VictoriaLogs) -> None:
    """Each to a tenant of its own."""
    to = target("victorialogs", {**OPTIONS, "tenant": {"account": account, "project": 3}})
    path, headers = _told(agent, to)
    sent = {**headers, "Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    lines = [RECORD, {**RECORD, "event": "an event"}]
    store.post(path, sent, gzip.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode()))
    records = store.records(2, account=account, project=3)
    assert sorted(record["_msg"] for record in records) == ["an event", "hello"]
    for record in records:
        assert record["_time"] == RECORD["@timestamp"]
        assert record["_stream"] == '{k8s.namespace.name="shop",team="a team of shop-1"}'
        assert (record["cluster"], record["http.status"], "secret" in record) == ("eu=1", "200", False)


@pytest.mark.parametrize("agent", ["fluent-bit", "fluentd", "vector", "otel-collector"])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_compression_is_what_was_asked_for(agent: str, compression: str) -> None:
    config = AGENTS[agent].config(shipment(stream(target=target("victorialogs", {"compression": compression}))))
    output = config[config.index("<match") :] if agent == "fluentd" else config
    assert ('"gzip"' in output) == (compression == "gzip")


def test_the_collector_has_a_time_of_its_own() -> None:
    (problem,) = AGENTS["otel-collector"].problems(shipment(stream(target=target("victorialogs", {"timeField": "at"}))))
    assert (problem.code, problem.details["option"]) == ("LH145", "timeField")
