"""The real Fluent Bit, wherever it is found: what it makes of each format, and what each backend gets."""

import json
import signal
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fluent_bit_process import FluentBit, logs, program, until
from ports import free_port
from receivers import Forward, Http, Received
from samples import EXPECTED
from shipments import parsing, shipment, target

from certs.authority import issue_leaf, new_authority
from webhook.config.formats import FORMATS
from webhook.sidecars import Text, Tree, Variable

PLAIN = {"tls": {"enabled": False}}
NAMED: Mapping[str, Text] = {
    "k8s.pod.name": (Variable("LOGHOOK_POD"),),
    "k8s.pod.label.app.kubernetes.io/name": ("shop",),
    "loghook.source": ("access",),
    "quoted": ("a \"b\" ${HOME} }{ $$ #, 'c'",),
    "empty": (Variable("LOGHOOK_UNSET"),),
}
PUT = {
    "k8s.pod.name": "pod",
    "k8s.pod.label.app.kubernetes.io/name": "shop",
    "loghook.source": "access",
    "quoted": "a \"b\" ${HOME} }{ $$ #, 'c'",
    "empty": "",
}
UNREAD = "neither this nor that"

pytestmark = pytest.mark.usefixtures("_real")


@pytest.fixture(scope="session")
def _real() -> None:
    program()


def shipped(folder: Path, *lines: str, **options: Any) -> list[Received]:
    """What arrives of `lines` at an HTTP backend; the last word of them tells when all is there."""
    word = lines[-1].split()[-1]
    with Http("http") as backend:
        here = target("http", {"host": "127.0.0.1", "port": backend.port, **PLAIN})
        source = logs(folder, target=here, **{"attributes": NAMED, **options})
        (folder / "logs" / "app.log").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        with FluentBit(shipment(source), folder, {"LOGHOOK_UNSET": ""}) as agent:
            assert until(lambda: any(_text(each).endswith(word) for each in backend.records)), agent.complaints
            assert [each for each in agent.complaints if "LOGHOOK_UNSET" not in each] == []
            assert agent.stop() == 0
        return backend.records


def _text(record: Received) -> str:
    return str(record.fields.get("message") or record.fields.get("column1"))


# Each format.


def _moment(expected: str) -> str:
    """A time as it arrives: to the microsecond, and in this year where it says none."""
    whole, _, fraction = expected.replace("????", str(time.gmtime().tm_year)).partition(".")
    return f"{whole}.{fraction.ljust(6, '0')[:6]}Z"


@pytest.mark.parametrize("name", FORMATS)
def test_samples_become_records(name: str, tmp_path: Path) -> None:
    started = time.time()
    expected_time, expected = EXPECTED[name]
    sample = FORMATS[name].sample
    before = [] if name == "log4j" else [UNREAD]  # there, a line without a time goes on with the record before it
    records = shipped(tmp_path, *before, sample, sample, "the last line: end", parsing=parsing(name))
    path = {"log.file.path": str(tmp_path / "logs" / "app.log")}
    first, second = records[len(before) : len(before) + 2]
    assert first.fields == expected | path | PUT
    assert second.fields["log.file.path"] == path["log.file.path"]
    if expected_time:
        assert {first.time, second.time} == {_moment(expected_time)}
    else:
        assert abs(_seconds(first.time) - started) < 600
    if before and name != "csv":
        assert records[0].fields == {"message": UNREAD} | path | PUT


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


# Times.

TIMES = {
    '{"at":"2026-11-23T10:20:30Z"}': "2026-11-23T10:20:30.000000Z",
    '{"at":"2026-11-23T10:20:30.123456789Z"}': "2026-11-23T10:20:30.123456Z",
    '{"at":"2026-11-23T10:20:30+02:00"}': "2026-11-23T08:20:30.000000Z",
    '{"at":"2026-11-23T10:20:30.5+0200"}': "2026-11-23T08:20:30.500000Z",
    '{"at":"2026-11-23 10:20:30.25-05:00"}': "2026-11-23T15:20:30.250000Z",
    '{"at":"2026-11-23 10:20:30,125"}': "2026-11-23T09:20:30.125000Z",
    '{"at":"2026-07-23T10:20:30"}': "2026-07-23T08:20:30.000000Z",
    '{"at":1764152430}': "2025-11-26T10:20:30.000000Z",
    '{"at":1764152430.25,"big":9007199254740993,"none":null,"list":[],"whole":5.0}': "2025-11-26T10:20:30.250000Z",
    '{"at":1764152430123}': "2025-11-26T10:20:30.123000Z",
    '{"at":"1764152430"}': "2025-11-26T10:20:30.000000Z",
    '{"at":"1764152430.5"}': "2025-11-26T10:20:30.500000Z",
    '{"at":"1764152430123"}': "2025-11-26T10:20:30.123000Z",
    r'{"of":{"at":1},"said":"\"at\":5, {","at" : 1764152430123}': "2025-11-26T10:20:30.123000Z",
    '{"at":"yesterday"}': None,
    '{"at":["2026-11-23T10:20:30Z"]}': None,
    '{"at":null}': None,
    '{"other":1}': None,
}


def test_times_of_json_in_every_notation(tmp_path: Path) -> None:
    read = parsing("json", time_key="at", time_zone="Europe/Berlin")
    records = shipped(tmp_path, *TIMES, "end", parsing=read, attributes={})
    assert len(records) == len(TIMES) + 1
    for (line, expected), record in zip(TIMES.items(), records, strict=False):
        record.fields.pop("log.file.path")
        assert record.fields == json.loads(line)
        assert record.time == expected or (expected is None and abs(_seconds(record.time) - time.time()) < 600)


def test_times_of_other_formats(tmp_path: Path) -> None:
    lines = ["at=1764152430123 n=1", 'at="2026-11-23 10:20:30" n=2', "at=1764152430.5 n=3", "n=4"]
    records = shipped(tmp_path, *lines, "end", parsing=parsing("logfmt", time_key="at", time_zone="+02:00"))
    assert [each.time for each in records[:3]] == [
        "2025-11-26T10:20:30.123000Z",
        "2026-11-23T08:20:30.000000Z",
        "2025-11-26T10:20:30.500000Z",
    ]
    assert [each.fields.get("n") for each in records] == ["1", "2", "3", "4", None]


def test_a_time_format_and_what_does_not_fit_it(tmp_path: Path) -> None:
    read = parsing("json", time_key="at", time_format="%d.%m.%Y %H:%M:%S.%L", time_zone="Asia/Kolkata")
    lines = ['{"at":"23.11.2026 10:20:30.5"}', '{"at":"23.11.2026"}', '{"at":"2026-11-23T10:20:30Z"}']
    records = shipped(tmp_path, *lines, "end", parsing=read, attributes={})
    assert records[0].time == "2026-11-23T04:50:30.500000Z"
    assert [each.fields.get("at") for each in records[:3]] == [json.loads(line)["at"] for line in lines]


# Records of several lines.


def test_an_expression_of_the_user_starts_a_record(tmp_path: Path) -> None:
    read = parsing(start=r"^(?P<day>[0-9]{4})-|BEGIN [[x]")
    lines = ["stray", "2026-11-23 one", "  more", "BEGIN [ two", "more", "x BEGIN x", "2026-11-23 end"]
    records = shipped(tmp_path, *lines, parsing=read, attributes={})
    assert [each.fields["message"] for each in records] == [
        "stray",
        "2026-11-23 one\n  more",
        "BEGIN [ two\nmore",
        "x BEGIN x",
        "2026-11-23 end",
    ]


def test_partial_lines_of_a_container_runtime_are_joined(tmp_path: Path) -> None:
    stamp = "2026-11-23T10:20:30.123456789Z"
    lines = [f"{stamp} stdout P one ", f"{stamp} stderr F other", f"{stamp} stdout F two", f"{stamp} stdout F end"]
    records = shipped(tmp_path, *lines, parsing=parsing("cri"), attributes={})
    assert sorted(each.fields["message"] for each in records) == ["end", "one two", "other"]


def test_partial_lines_of_one_source_leave_the_lines_of_others_joined(tmp_path: Path) -> None:
    stamp = "2026-11-23T10:20:30.123456789Z stdout"
    wanted = {"one two", "2026-11-23 first\n  more", "2026-11-23 end"}
    with Http("http") as backend:
        here = target("http", {"host": "127.0.0.1", "port": backend.port, **PLAIN})
        common = logs(tmp_path, target=here)
        own = {"a": ("cri", None), "b": ("plain", r"^[0-9]{4}-")}
        streams = [
            msgspec.structs.replace(
                common, name=name, paths=(f"{tmp_path}/logs/{name}.log",), parsing=parsing(format_, start=start)
            )
            for name, (format_, start) in own.items()
        ]
        (tmp_path / "logs" / "a.log").write_text(f"{stamp} P one \n{stamp} F two\n", "utf-8")
        (tmp_path / "logs" / "b.log").write_text("2026-11-23 first\n  more\n2026-11-23 end\n", "utf-8")
        with FluentBit(shipment(*streams), tmp_path) as agent:
            assert until(lambda: {each.fields["message"] for each in backend.records} == wanted), backend.records
            assert agent.complaints == []


CHAINED = """Traceback (most recent call last):
  File "cart.py", line 1, in add
    raise KeyError(7)
KeyError: 7

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "cart.py", line 3, in add
    raise ValueError(7)
ValueError: 7"""


def test_chained_tracebacks_are_one_record(tmp_path: Path) -> None:
    records = shipped(tmp_path, "before", *CHAINED.split("\n"), "after", parsing=parsing("python"), attributes={})
    assert [each.fields["message"] for each in records] == ["before", CHAINED, "after"]


# Lines and files.


def test_long_lines_are_kept_and_longer_ones_are_cut(tmp_path: Path) -> None:
    kept, cut = "k" * 2**20, "c" * 3_000_000
    records = shipped(tmp_path, "first", kept, "between", cut, "end", attributes={})
    assert sorted(len(each.fields["message"]) for each in records) == [3, 5, 7, 2**20, 17 * 2**16 - 1]


def test_a_record_has_the_path_that_the_application_knows(tmp_path: Path) -> None:
    trees = (Tree(str(tmp_path / "logs"), "/srv/it's/[logs]"),)
    records = shipped(tmp_path, "end", trees=trees, attributes={})
    assert records[0].fields == {"message": "end", "log.file.path": "/srv/it's/[logs]/app.log"}


def test_files_that_are_left_out_and_files_that_come_later(tmp_path: Path) -> None:
    with Http("http") as backend:
        here = target("http", {"host": "127.0.0.1", "port": backend.port, **PLAIN})
        source = logs(tmp_path, target=here, exclude=("*.gz", "debug*"), from_end=True)
        place = tmp_path / "logs"
        (place / "old.log").write_text("old 1\n")
        source = msgspec.structs.replace(source, paths=(*source.paths, f"{place}/debug-kept"))
        with FluentBit(shipment(source), tmp_path) as agent:
            assert until(lambda: bool(list((tmp_path / "state").glob("*.db"))))
            time.sleep(1)
            for name in ("debug.log", "new.log", "x.log.gz", ".hidden.log", "debug-kept"):
                (place / name).write_text(f"{name}\n")
            with (place / "old.log").open("a") as file:
                file.write("old 2\n")
            assert until(lambda: len(backend.records) >= 3), agent.complaints
            time.sleep(3)
            agent.stop()
        assert sorted(each.fields["message"] for each in backend.records) == ["debug-kept", "new.log", "old 2"]


def test_a_restart_doubles_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """Once told to stop, and once killed while the backend is away and what was read is in the state volume."""
    port = free_port()
    source = logs(tmp_path, target=target("http", {"host": "127.0.0.1", "port": port, **PLAIN}), attributes={})
    file = tmp_path / "logs" / "app.log"
    file.write_text("".join(f"line {n}\n" for n in range(1000)))
    with FluentBit(shipment(source), tmp_path) as agent:
        assert until(lambda: any("flush" in each for each in agent.complaints))
        agent.stop(signal.SIGKILL)
    with file.open("a") as more:
        more.writelines(f"line {n}\n" for n in range(1000, 2000))
    with Http("http", port) as backend:
        for last in (2000, 2500):
            with FluentBit(shipment(source), tmp_path) as agent:
                assert until(partial(_has, backend, last)), agent.complaints
                with file.open("a") as more:
                    more.writelines(f"line {n}\n" for n in range(last, last + 500))
                assert until(partial(_has, backend, last + 500)), agent.complaints
                assert agent.stop() == 0
        expected = [f"line {n}" for n in range(3000)]
        assert sorted(each.fields["message"] for each in backend.records) == sorted(expected)


def _has(backend: Http, count: int) -> bool:
    return len(backend.records) >= count


# Each backend.

LINE = '{"time":"2026-11-23T10:20:30.123Z","message":"ready","port":8080}'
BACKENDS: Mapping[str, tuple[str, dict[str, Any], Any]] = {
    "http": ("http", {"path": "/in"}, "2026-11-23T10:20:30.123000Z"),
    "elasticsearch": ("elasticsearch", {}, "2026-11-23T10:20:30.123000000Z"),
    "opensearch": ("elasticsearch", {}, "2026-11-23T10:20:30.123000000Z"),
    "splunk": ("splunk", {}, 1795429230.123),
    "logscale": ("splunk", {}, 1795429230.123),
    "loki": ("loki", {}, 1795429230123000000),
    "otlp": ("otlp", {}, 1795429230123000000),
}


@pytest.mark.parametrize("type_", BACKENDS)
def test_a_record_arrives_at_each_backend(type_: str, tmp_path: Path) -> None:
    kind, options, expected_time = BACKENDS[type_]
    with Http(kind) as backend:
        here = target(type_, {"host": "127.0.0.1", "port": backend.port, **PLAIN, **options})
        source = logs(tmp_path, target=here, parsing=parsing("json"), attributes=NAMED)
        (tmp_path / "logs" / "app.log").write_text(f"{LINE}\n{UNREAD}\n")
        with FluentBit(shipment(source), tmp_path, {"LOGHOOK_UNSET": ""}) as agent:
            assert until(lambda: len(backend.records) >= 2), agent.complaints
            assert agent.stop() == 0
        first, second = backend.records
        labels = {"labels": {"job": "loghook", "namespace": "shop", "source": "access"}} if kind == "loki" else {}
        path = {"log.file.path": str(tmp_path / "logs" / "app.log")}
        expected: dict[str, Any] = {"time": "2026-11-23T10:20:30.123Z", "message": "ready", "port": 8080}
        unread: dict[str, Any] = {"message": UNREAD}
        if kind == "otlp":
            expected["body"], unread["body"] = expected.pop("message"), unread.pop("message")
        assert first == (expected_time, expected | path | PUT | labels)
        assert second.fields == unread | path | PUT | labels


def test_a_record_arrives_at_an_aggregator(tmp_path: Path) -> None:
    with Forward() as backend:
        here = target("forward", {"host": "127.0.0.1", "port": backend.port, **PLAIN})
        source = logs(tmp_path, target=here, parsing=parsing("json"), attributes={})
        (tmp_path / "logs" / "app.log").write_text(f"{LINE}\n")
        with FluentBit(shipment(source), tmp_path) as agent:
            assert until(lambda: len(backend.records) >= 1), agent.complaints
            agent.stop()
        (record,) = backend.records
        assert record.time == 1795429230123000000
        assert record.fields == json.loads(LINE) | {"log.file.path": str(tmp_path / "logs" / "app.log")}
        assert backend.tags == {"source-access"}


# What goes wrong.


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("splunk", {}),
        ("elasticsearch", {"tls": {"ca": {"secret": "ca", "key": "ca.crt"}}}),
        ("kafka", {"sasl": {"user": {"secret": "s", "key": "u"}, "password": {"secret": "s", "key": "p"}}}),
        ("google-cloud", {"credentials": {"secret": "s", "key": "c"}}),
        ("syslog", {"protocol": "udp", "host": "nowhere.invalid"}),
    ],
)
def test_a_missing_secret_does_not_end_the_sidecar(type_: str, options: dict[str, Any], tmp_path: Path) -> None:
    source = logs(tmp_path, target=target(type_, options))
    unset = dict.fromkeys((each.name for each in source.target.secrets.values()), "")
    with FluentBit(shipment(source), tmp_path, unset, supervised=True) as agent:
        assert until(
            lambda: agent.complaints.count("[supervisor] child exited with status 255, scheduling restart") > 1
        )
        assert agent.is_running
        agent.stop()


def secured(folder: Path, names: list[str]) -> tuple[bytes, ssl.SSLContext]:
    """A CA's certificate, and a server's side of TLS for `names`."""
    now = datetime.now(UTC)
    authority = new_authority(now)
    leaf = issue_leaf(authority, names, now)
    (folder / "server.pem").write_bytes(leaf.certificate_pem() + leaf.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return authority.certificate_pem(), context


def test_a_ca_that_was_missing_is_used_once_it_is_there(tmp_path: Path) -> None:
    ca, context = secured(tmp_path, ["127.0.0.1"])
    with Http("http", context=context) as backend:
        tls = {"enabled": True, "ca": {"secret": "ca", "key": "ca.crt"}}
        source = logs(tmp_path, target=target("http", {"host": "127.0.0.1", "port": backend.port, "tls": tls}))
        (tmp_path / "logs" / "app.log").write_text("ready\n")
        (tmp_path / "ca").mkdir()
        with FluentBit(shipment(source), tmp_path, supervised=True) as agent:
            assert until(lambda: any("scheduling restart" in each for each in agent.complaints))
            assert backend.records == []
            (tmp_path / "ca" / "backend.crt").write_bytes(ca)
            assert until(lambda: len(backend.records) == 1), agent.complaints
            assert agent.stop() == 0


@pytest.mark.parametrize(
    ("names", "tls", "count"),
    [
        (["logs.example"], {"serverName": "logs.example"}, 1),
        (["logs.example"], {}, 0),
        (["logs.example"], {"verify": False}, 1),
        (["127.0.0.1"], {"ca": None}, 0),
    ],
)
def test_the_server_is_the_one_that_was_meant(
    names: list[str], tls: dict[str, Any], count: int, tmp_path: Path
) -> None:
    ca, context = secured(tmp_path, names)
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "backend.crt").write_bytes(ca)
    with Http("http", context=context) as backend:
        said = {"ca": {"secret": "ca", "key": "ca.crt"}} | tls
        source = logs(tmp_path, target=target("http", {"host": "127.0.0.1", "port": backend.port, "tls": said}))
        (tmp_path / "logs" / "app.log").write_text("ready\n")
        with FluentBit(shipment(source), tmp_path) as agent:
            assert until(lambda: bool(backend.records) or any("flush" in each for each in agent.complaints))
            assert len(backend.records) == count
            agent.stop(signal.SIGKILL)
