"""Records, read back from VictoriaLogs by each way in that it has, and by each agent that is here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from parts import until
from shipments import SECRET, target
from shippers import SHIPPERS, Shipper
from victoria_logs import VictoriaLogs, basic
from ways import AUTHORIZATION, BASIC, WAYS, to
from written import TIME

Name = tuple[str, str]
each_way = pytest.mark.parametrize("name", WAYS, ids=" by ".join)
_LOCKED = dict.fromkeys(("httpAuth.username", "httpAuth.password"), SECRET)
_FULL = {"storage.minFreeDiskSpaceBytes": "1000000TiB"}
"""Room that no disk has: the store takes nothing, as when its disk is full."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaLogs]:
    found = VictoriaLogs(tmp_path_factory.mktemp("victoria-logs"))
    yield found
    found.stop()


def mark_of(folder: Path) -> str:
    """A word that no other test writes."""
    return folder.name.replace("_", "")


@each_way
def test_a_record_is_what_was_written(name: Name, store: VictoriaLogs, tmp_path: Path) -> None:
    way, mark = WAYS[name], mark_of(tmp_path)
    with Shipper(name[1], to(way, store), tmp_path, secret=SECRET) as shipper:
        shipper.write(way.line(f"pay {mark}"))
        (record,) = store.found(f'"{mark}" or message:"{mark}"')
    assert {field: record.get(field) for field in way.fields} == way.fields
    assert way.stream in record["_stream"]
    if way.has_time:
        assert record["_time"] == TIME
    if way.has_message:
        assert mark in record["_msg"]


def test_a_line_by_syslog(store: VictoriaLogs, tmp_path: Path) -> None:
    here = {"host": "127.0.0.1", "port": store.syslog_port, "protocol": "tcp"}
    way, mark = WAYS["otlp", "otel-collector"], mark_of(tmp_path)
    for agent in SHIPPERS["syslog"]:
        folder = tmp_path / agent
        with Shipper(agent, target("syslog", here), folder) as shipper:
            shipper.write(way.line(f"{agent} {mark}"))
            (record,) = store.found(f'"{mark}" "{agent}"')
        assert record["_time"].startswith("2026-11-29T11:22:33")
        assert {name: record[name] for name in ("hostname", "app_name", "msg_id")} == {
            "hostname": "shop-1",
            "app_name": "web",
            "msg_id": "access",
        }


@each_way
def test_what_waits_arrives_once_the_store_is_back(name: Name, tmp_path: Path) -> None:
    way, own = WAYS[name], VictoriaLogs(tmp_path / "store", is_away=True)
    with own, Shipper(name[1], to(way, own), tmp_path / "agent", secret=SECRET) as shipper:
        shipper.write(way.line("early"))
        assert until(lambda: "retry" in shipper.said), shipper.said
        own.start()
        own.found("early or message:early")
        own.stop()
        shipper.write(way.line("meanwhile"))
        own.start()
        shipper.write(way.line("late"))
        own.found("late or message:late")
        own.found("meanwhile or message:meanwhile")


@each_way
def test_what_waits_arrives_once_a_full_store_has_room(name: Name, tmp_path: Path) -> None:
    """A full store answers 429."""
    way, own = WAYS[name], VictoriaLogs(tmp_path / "store", _FULL)
    with own, Shipper(name[1], to(way, own), tmp_path / "agent", secret=SECRET) as shipper:
        shipper.write(way.line("early"))
        assert until(lambda: shipper.says(429)), shipper.said
        own.stop()
        own.start({})
        own.found("early or message:early")


@each_way
def test_a_wrong_token_is_said(name: Name, tmp_path: Path) -> None:
    way, own = WAYS[name], VictoriaLogs(tmp_path / "store", {**_LOCKED, "httpAuth.password": "another"})
    with own, Shipper(name[1], to(way, own, way.login), tmp_path / "agent", secret=SECRET) as shipper:
        shipper.write(way.line("secret"))
        assert until(lambda: shipper.says(401)), shipper.said
    assert SECRET not in shipper.said


@pytest.mark.parametrize(("type_", "login"), [("loki", BASIC), ("elasticsearch", BASIC), ("datadog", AUTHORIZATION)])
def test_what_waits_arrives_once_the_token_is_right(type_: str, login: Mapping[str, Any], tmp_path: Path) -> None:
    """Of the types by which Fluent Bit tries again after 401."""
    way, own = WAYS[type_, "fluent-bit"], VictoriaLogs(tmp_path / "store", {**_LOCKED, "httpAuth.password": "another"})
    secret = SECRET if login is BASIC else basic(SECRET, SECRET)
    with own, Shipper("fluent-bit", to(way, own, login), tmp_path / "agent", secret=secret) as shipper:
        shipper.write(way.line("kept"))
        assert until(lambda: shipper.says(401)), shipper.said
        own.stop()
        own.start(_LOCKED)
        own.found("kept or message:kept")


@pytest.mark.parametrize("name", [each for each in WAYS if each[0] in {"loki", "otlp"}], ids=" by ".join)
def test_a_long_line_takes_no_other_with_it(name: Name, store: VictoriaLogs, tmp_path: Path) -> None:
    way, mark = WAYS[name], mark_of(tmp_path)
    with Shipper(name[1], to(way, store), tmp_path, secret=SECRET) as shipper:
        texts = (f"before {mark}", "x" * 300_000, *(f"after {n} {mark}" for n in range(3)))
        shipper.write(*map(way.line, texts))
        found = store.found(f'"{mark}" or message:"{mark}"', count=4)
    assert len(found) == 4


@each_way
def test_what_the_store_drops_takes_no_other_with_it(name: Name, store: VictoriaLogs, tmp_path: Path) -> None:
    """It answers that all is well, and stores no record of more than 1,000 fields."""
    way, mark = WAYS[name], mark_of(tmp_path)
    many = {f"field{number}": "x" for number in range(1001)}
    with Shipper(name[1], to(way, store), tmp_path, secret=SECRET) as shipper:
        shipper.write(way.line(f"before {mark}"), way.line(f"many {mark}", **many))
        shipper.write(way.line(f"named {mark}", **{"x" * 129: "y"}), way.line(f"after {mark}"))
        store.found(f'"after {mark}" or message:"after {mark}"')
        found = store.found(f'"{mark}" or message:"{mark}"', count=2 + way.keeps_long_names)
    texts = [record["_msg"] if record["_msg"].startswith("{") else str(record) for record in found]
    assert not any("many" in text for text in texts)
    assert sum("named" in text for text in texts) == way.keeps_long_names
    assert not shipper.says(400)
