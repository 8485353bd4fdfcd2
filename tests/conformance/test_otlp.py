"""What a line is as a record of OTLP, by the collector, by Vector's program, and by Fluent Bit's script in LuaJIT."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agents import PATIENCE, asset, by_vrl, merged, missing
from lupa import luajit21  # type: ignore[import-untyped]  # it has no types
from otlp_json import attributes, plain
from posts import Posts
from shipments import parsing, shipment, stream, target

from webhook.sidecars import STATE_DIRECTORY, Stream, Tree
from webhook.sidecars.fluent_bit.parsing import steps
from webhook.sidecars.otel_collector import OTEL_COLLECTOR
from webhook.sidecars.vector.remap import program
from webhook.sidecars.vector.shapes import shape

LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("json", '{"level":"WARN","message":"hi","n":1}', {"body": "hi", "n": 1, "@severity": (13, "WARN")}),
    ("json", '{"severity":"Critical","message":"hi"}', {"body": "hi", "@severity": (21, "Critical")}),
    ("json", '{"level":"odd","message":"hi"}', {"body": "hi", "@severity": (0, "odd")}),
    ("json", '{"level":30,"a":true,"msg":"hi"}', {"body": "hi", "a": True, "@severity": (9, "info")}),
    ("json", '{"level":"50","msg":"hi","message":"ho"}', {"body": "ho", "msg": "hi", "@severity": (17, "error")}),
    ("json", '{"level":3,"short_message":"hi"}', {"body": "hi", "@severity": (17, "err")}),
    ("json", '{"level":550,"level_name":"ALERT","message":"hi"}', {"body": "hi", "@severity": (19, "alert")}),
    ("json", '{"level":35,"message":"hi"}', {"body": "hi", "@severity": (0, "35")}),
    ("json", '{"@l":"Warning","@mt":"{n} items"}', {"body": "{n} items", "@severity": (13, "Warning")}),
    ("json", '{"LogLevel":"Critical","Message":"hi"}', {"body": "hi", "@severity": (21, "Critical")}),
    ("json", '{"log.level":"WARN","message":"hi"}', {"body": "hi", "@severity": (13, "WARN")}),
    ("json", '{"level":"DEBUG-4","msg":"hi"}', {"body": "hi", "@severity": (1, "DEBUG-4")}),
    ("json", '{"level":" WARN ","msg":"hi"}', {"body": "hi", "@severity": (13, "WARN")}),
    ("json", '{"level":"WARNUNG","msg":"hi"}', {"body": "hi", "@severity": (13, "WARNUNG")}),
    ("json", '{"level":"警告","msg":"hi"}', {"body": "hi", "@severity": (13, "警告")}),
    ("json", '{"level":null,"severity":"error","msg":"hi"}', {"body": "hi", "@severity": (17, "error")}),
    ("json", '{"level":["x"],"severity":"error"}', {"body": "", "@severity": (17, "error")}),
    (
        "json",
        '{"a":{"level":"error"},"msg":"\\"level\\":\\"fatal\\""}',
        {"body": '"level":"fatal"', "@severity": (0, "")},
    ),
    ("json", "no json", {"body": "no json", "@severity": (0, "")}),
    ("logfmt", "level=error msg=x", {"body": "x", "@severity": (17, "error")}),
    ("logfmt", "level=30 msg=x", {"body": "x", "@severity": (9, "info")}),
    ("klog", "W1123 10:20:30.123456       7 x.go:1] late", {"body": "late", "@severity": (13, "W")}),
    ("syslog-rfc3164", "<34>Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (18, "crit")}),
    ("syslog-rfc3164", "Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (0, "")}),
    ("syslog-rfc3164", "<007>Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (5, "debug")}),
    ("syslog-rfc3164", "<192>Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (0, "")}),
    ("plain", "level=info", {"body": "level=info", "@severity": (0, "")}),
]


IDS = [line for _, line, _ in LINES]
Logs = dict[str, Any]


def shipped(number: int, place: str = "/logs", **options: Any) -> Stream:
    """The source of the line of that number, a file in `place`."""
    return stream(
        name=f"line-{number}",
        parsing=parsing(LINES[number][0]),
        paths=(f"{place}/{number}.log",),
        trees=(Tree(place, place),),
        target=target("otlp", options),
        attributes={"k8s.pod.name": ("shop-1",), "service.name": ("shop",), "loghook.source": (str(number),)},
    )


def found(logs: Logs, number: int) -> dict[str, Any]:
    """What is expected of the line, as it is in `logs`, of which all else is looked at here."""
    (record,) = logs["scopeLogs"][0]["logRecords"]
    assert attributes(logs["resource"]["attributes"]) == {"k8s.pod.name": "shop-1", "service.name": "shop"}
    fields = attributes(record["attributes"])
    assert fields.keys() >= {"log.file.path", "loghook.source"}
    assert "message" not in fields
    severity = record.get("severityNumber", 0), record.get("severityText", "")
    expected = LINES[number][2]
    return {"body": plain(record["body"]), "@severity": severity, **{k: fields[k] for k in expected.keys() & fields}}


@pytest.mark.parametrize("number", range(len(LINES)), ids=IDS)
def test_a_line_is_a_record_of_otlp_by_vector(number: int, tmp_path: Path) -> None:
    one = shipped(number)
    event = {"message": LINES[number][1], "file": "/logs/x.log", "@timestamp": "2026-11-29T12:00:00Z"}
    (written,) = by_vrl(program(one, shape(one)), [event], tmp_path)
    (logs,) = json.loads(written)["resourceLogs"]
    assert found(logs, number) == LINES[number][2]


def test_the_lines_are_records_of_otlp_by_the_collector(tmp_path: Path) -> None:
    collector = asset("otelcol", "OTELCOL")
    if not collector:
        missing("otelcol, an OpenTelemetry Collector (OTELCOL, or ENVTEST_DIR)")
    bodies: list[bytes] = []
    posts = Posts(bodies.append)
    (tmp_path / "config.json").write_text(json.dumps(_of_all(tmp_path, posts.port)), "utf-8")
    (tmp_path / "state").mkdir()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([collector, f"--config={tmp_path}/config.json"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while len(_by_line(bodies)) < len(LINES) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        posts.stop()
    made = {number: found(logs, number) for number, logs in _by_line(bodies).items()}
    assert made == {number: expected for number, (_, _, expected) in enumerate(LINES)}


def _of_all(place: Path, port: int) -> dict[str, Any]:
    """One configuration with a pipeline for each line."""
    whole: dict[str, Any] = {}
    for number, (_, line, _) in enumerate(LINES):
        (place / f"{number}.log").write_text(f"{line}\n", "utf-8")
        one = shipped(number, str(place), host="127.0.0.1", port=port, tls={"enabled": False})
        config = json.loads(OTEL_COLLECTOR.config(shipment(one)).replace(STATE_DIRECTORY, f"{place}/state"))
        for exporter in config["exporters"].values():
            exporter.update(encoding="json", compression="none")
        whole = merged(whole, config)
    return whole


def _by_line(bodies: list[bytes]) -> Mapping[int, Logs]:
    every = [logs for body in list(bodies) for logs in json.loads(body)["resourceLogs"]]
    return {int(attributes(_first(logs)["attributes"])["loghook.source"]): logs for logs in every}


def _first(logs: Logs) -> dict[str, Any]:
    record: dict[str, Any] = logs["scopeLogs"][0]["logRecords"][0]
    return record


@pytest.mark.parametrize("number", [i for i, (format_, _, _) in enumerate(LINES) if format_ == "json"])
def test_fluent_bit_finds_the_severity_of_a_line_of_json(number: int) -> None:
    (code,) = [step["code"] for step in steps(shipped(number)) if step.get("call") == "severity_of_json"]
    runtime = luajit21.LuaRuntime(encoding=None)
    runtime.execute(code.encode())
    call = runtime.eval(b"function(text) return severity_of_json('', 0, {}, {}, {message = text}) end")
    metadata = call(LINES[number][1].encode())[2]
    said = dict(metadata[b"otlp"] or {})
    made = said.get(b"severity_number", 0), said.get(b"severity_text", b"").decode()
    assert made == LINES[number][2]["@severity"]


@pytest.mark.parametrize("format_", ["json", "logfmt", "klog", "syslog-rfc5424", "plain"])
def test_no_condition_of_fluent_bit_looks_at_what_may_be_an_object(format_: str) -> None:
    """It can hold any value in JSON, and in no other format."""
    conditions = [
        step for step in steps(stream(parsing=parsing(format_), target=target("otlp"))) if "condition" in step
    ]
    assert not conditions or format_ == "logfmt"
