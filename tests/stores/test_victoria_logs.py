"""Records, read back from VictoriaLogs by each way in that it has, and by each agent that is here."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from parts import until
from shipments import SECRET, target
from shippers import SHIPPERS, Shipper
from victoria_logs import VictoriaLogs

from webhook.sidecars import Target

_QUESTION = "?_msg_field=message&_time_field=@timestamp&_stream_fields=k8s.namespace.name"
_TIME = "2026-11-29T11:22:33.123Z"
_OF_POD = {"k8s.namespace.name": "shop", "k8s.pod.name": "shop-1", "loghook.source": "access"}
_FIELDS = {**_OF_POD, "level": "error", "n": "7", "log.value": "x", "log.file.path": "/var/log/app/app.log"}


class Way(NamedTuple):
    """A way in: the type of the destination, what is said of it, and what a record is there.

    `stream` is by what VictoriaLogs groups it, `fields` are those that it has under their own names. `has_message` and
    `has_time`: whether it is told the record's, without a question in the URL.
    """

    type: str
    options: Mapping[str, Any]
    stream: str
    fields: Mapping[str, str] = _FIELDS
    has_message: bool = True
    has_time: bool = True


_OTLP = {"path": "/insert/opentelemetry/v1/logs"}
_OF_RESOURCE = 'k8s.pod.name="shop-1"'
_IN_EVENT = {f"event.{name}": text for name, text in _FIELDS.items()}
WAYS = {
    ("otlp", "otel-collector"): Way("otlp", _OTLP, _OF_RESOURCE),
    ("loki", "otel-collector"): Way("loki", _OTLP, 'job="loghook"'),
    ("otlp", "fluent-bit"): Way("otlp", _OTLP, "{"),
    ("loki", "fluent-bit"): Way(
        "loki",
        {"path": "/insert/loki/api/v1/push"},
        '{job="loghook",namespace="shop",source="access"}',
        has_message=False,
    ),
    ("http", "fluent-bit"): Way("http", {"path": f"/insert/jsonline{_QUESTION}"}, '{k8s.namespace.name="shop"}'),
    ("splunk", "fluent-bit"): Way("splunk", {}, "{}", _IN_EVENT),
    ("elasticsearch", "fluent-bit"): Way(
        "elasticsearch", {"path": "/insert/elasticsearch"}, "{}", has_message=False, has_time=False
    ),
}
"""By type and agent. Datadog's API stands under a path there that no agent can be told."""


def to(way: Way, store: VictoriaLogs) -> Target:
    return target(way.type, {"host": "127.0.0.1", "port": store.port, "tls": {"enabled": False}, **way.options})


def line(text: str, **more: Any) -> str:
    return json.dumps({"time": _TIME, "level": "error", "message": text, "n": 7, "log": "x", **more})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaLogs]:
    found = VictoriaLogs(tmp_path_factory.mktemp("victoria-logs"))
    yield found
    found.stop()


@pytest.mark.parametrize("name", WAYS, ids=" by ".join)
def test_a_record_is_what_was_written(name: tuple[str, str], store: VictoriaLogs, tmp_path: Path) -> None:
    way, mark = WAYS[name], tmp_path.name.replace("_", "")
    with Shipper(name[1], to(way, store), tmp_path, secret=SECRET) as shipper:
        shipper.write(line(f"pay {mark}"))
        (record,) = store.found(f'"{mark}" or message:"{mark}"')
    assert {field: record.get(field) for field in way.fields} == way.fields
    assert way.stream in record["_stream"]
    if way.has_time:
        assert record["_time"] == _TIME
    if way.has_message:
        assert mark in record["_msg"]


def test_a_line_by_syslog(store: VictoriaLogs, tmp_path: Path) -> None:
    here = {"host": "127.0.0.1", "port": store.syslog_port, "protocol": "tcp"}
    mark = tmp_path.name.replace("_", "")
    for agent in SHIPPERS["syslog"]:
        folder = tmp_path / agent
        with Shipper(agent, target("syslog", here), folder) as shipper:
            shipper.write(line(f"{agent} {mark}"))
            (record,) = store.found(f'"{mark}" "{agent}"')
        assert record["_time"].startswith("2026-11-29T11:22:33")
        assert {name: record[name] for name in ("hostname", "app_name", "msg_id")} == {
            "hostname": "shop-1",
            "app_name": "web",
            "msg_id": "access",
        }


@pytest.mark.parametrize("name", WAYS, ids=" by ".join)
def test_what_waits_arrives_once_the_store_is_back(name: tuple[str, str], tmp_path: Path) -> None:
    way, own = WAYS[name], VictoriaLogs(tmp_path / "store", is_away=True)
    with own, Shipper(name[1], to(way, own), tmp_path / "agent", secret=SECRET) as shipper:
        shipper.write(line("early"))
        assert until(lambda: "retry" in shipper.said), shipper.said
        own.start()
        own.found("early or message:early")
        own.stop()
        shipper.write(line("meanwhile"))
        own.start()
        shipper.write(line("late"))
        own.found("late or message:late")
        own.found("meanwhile or message:meanwhile")


@pytest.mark.parametrize("name", [each for each in WAYS if each[0] in {"http", "otlp"}], ids=" by ".join)
def test_a_wrong_token_is_said(name: tuple[str, str], tmp_path: Path) -> None:
    way, own = WAYS[name], VictoriaLogs(tmp_path / "store", {"httpAuth.username": "shop", "httpAuth.password": "right"})
    said = way._replace(options={**way.options, "token": {"secret": "backend", "key": "token"}})
    with own, Shipper(name[1], to(said, own), tmp_path / "agent", secret=SECRET) as shipper:
        shipper.write(line("secret"))
        assert until(lambda: "401" in shipper.said), shipper.said
    assert SECRET not in shipper.said


@pytest.mark.parametrize("name", [each for each in WAYS if each[0] in {"loki", "otlp"}], ids=" by ".join)
def test_a_long_line_takes_no_other_with_it(name: tuple[str, str], store: VictoriaLogs, tmp_path: Path) -> None:
    way, mark = WAYS[name], tmp_path.name.replace("_", "")
    with Shipper(name[1], to(way, store), tmp_path, secret=SECRET) as shipper:
        shipper.write(line(f"before {mark}"), line("x" * 300_000), *(line(f"after {n} {mark}") for n in range(3)))
        found = store.found(f'"{mark}" or message:"{mark}"', count=4)
    assert len(found) == 4
