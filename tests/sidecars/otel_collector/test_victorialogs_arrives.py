"""The real collector ships to the real VictoriaLogs: what arrives is what lines of JSON from another agent give."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from victoria_logs import VictoriaLogs

NOW = datetime.now(UTC).replace(microsecond=0)
OPTIONS = {
    "tls": {"enabled": False},
    "streamFields": ["loghook.source", "team"],
    "messageFields": ["message", "msg", "event"],
    "tenant": {"account": 12, "project": 3},
    "extraFields": {"team": "{namespace}", "cluster": "{namespace}"},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VictoriaLogs]:
    folder = tmp_path / "store"
    folder.mkdir()
    found = VictoriaLogs(folder)
    yield found
    found.stop()


def test_records_arrive(otel: Any, sidecar: Any, store: VictoriaLogs) -> None:
    """The message, which has three names; the time, to its last digit; fields within fields; numbers as text."""
    times = [f"{(NOW + timedelta(seconds=number)).isoformat()[:19]}.123456789Z" for number in range(4)]
    lines = [
        {"time": times[0], "message": "first", "msg": "kept", "http": {"status": 200}},
        {"time": times[1], "msg": "second", "level": "warn"},
        {"time": times[2], "message": "", "event": "third"},
        {"time": times[3], "other": "fourth"},
    ]
    to = otel.target("victorialogs", host="127.0.0.1", port=store.port, **OPTIONS)
    (sidecar.logs / "a.log").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    sidecar.start(sidecar.rendered(otel.stream(to, otel.parsing("json"), "access")))
    records = store.records(4, account=12, project=3)
    assert [record["_time"] for record in records] == times
    assert [record["_msg"] for record in records[:3]] == ["first", "second", "third"]
    whole = {"msg": "kept", "http.status": "200", "cluster": "in-shop", "k8s.pod.name": "shop-1"}
    assert records[0].items() >= whole.items()
    assert records[1]["level"] == "warn"
    assert records[3]["other"] == "fourth"
    assert all("message" not in record and "event" not in record for record in records)
    for record in records:
        assert record["_stream"] == '{loghook.source="access",team="in-shop"}'
        assert record["log.file.path"] == "/var/log/app/a.log"
    assert sidecar.stop() == 0


def test_other_tenants_see_nothing(otel: Any, sidecar: Any, store: VictoriaLogs) -> None:
    to = otel.target("victorialogs", host="127.0.0.1", port=store.port, tls={"enabled": False})
    (sidecar.logs / "a.log").write_text("x\n")
    sidecar.start(sidecar.rendered(otel.stream(to, otel.parsing("plain"), "access")))
    (record,) = store.records(1)
    assert record["_msg"] == "x"
    assert record["_stream"] == '{k8s.pod.name="shop-1",loghook.source="access"}'
    assert store.records(0, account=12) == []
    assert sidecar.stop() == 0


def test_a_message_that_gives_way_is_kept(otel: Any, sidecar: Any, store: VictoriaLogs) -> None:
    """Where another field is to be the message, and where none of those that may be is there."""
    options = {"tls": {"enabled": False}, "messageFields": ["event", "message", "msg"]}
    to = otel.target("victorialogs", host="127.0.0.1", port=store.port, **options)
    lines = [{"event": "first", "message": "kept", "msg": "too"}, {"message": "second", "msg": "too"}, {"msg": "third"}]
    (sidecar.logs / "a.log").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    sidecar.start(sidecar.rendered(otel.stream(to, otel.parsing("json"), "access")))
    found = {record["_msg"]: (record.get("message"), record.get("msg")) for record in store.records(3)}
    assert found == {"first": ("kept", "too"), "second": (None, "too"), "third": (None, None)}
    assert sidecar.stop() == 0
