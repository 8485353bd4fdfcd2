"""What a line is as a record of OTLP, by Vector's program; `tests/sidecars/otel_collector` has it of the collector."""

import json
from pathlib import Path
from typing import Any

import pytest
from agents import by_vrl
from otlp_json import attributes, plain
from shipments import parsing, stream, target

from webhook.sidecars import Tree
from webhook.sidecars.vector.remap import program
from webhook.sidecars.vector.shapes import shape

LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("json", '{"level":"WARN","message":"hi","n":1}', {"body": "hi", "n": 1, "@severity": (13, "WARN")}),
    ("json", '{"severity":"Critical","message":"hi"}', {"body": "hi", "@severity": (21, "Critical")}),
    ("json", '{"level":"odd","message":"hi"}', {"body": "hi", "@severity": (0, "odd")}),
    ("json", '{"level":30,"a":true}', {"body": "", "a": True, "@severity": (0, "")}),
    ("json", "no json", {"body": "no json", "@severity": (0, "")}),
    ("logfmt", "level=error msg=x", {"body": "", "msg": "x", "@severity": (17, "error")}),
    ("klog", "W1123 10:20:30.123456       7 x.go:1] late", {"body": "late", "@severity": (13, "W")}),
    ("syslog-rfc3164", "<34>Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (18, "crit")}),
    ("syslog-rfc3164", "Nov 23 10:20:30 web-1 su[230]: x", {"body": "x", "@severity": (0, "")}),
    ("plain", "level=info", {"body": "level=info", "@severity": (0, "")}),
]


@pytest.mark.parametrize(("format_", "line", "expected"), LINES, ids=[line for _, line, _ in LINES])
def test_a_line_is_a_record_of_otlp(format_: str, line: str, expected: dict[str, Any], tmp_path: Path) -> None:
    ours = {"k8s.pod.name": ("shop-1",), "service.name": ("shop",), "loghook.source": ("a",)}
    one = stream(
        name="a", parsing=parsing(format_), trees=(Tree("/logs", "/logs"),), target=target("otlp"), attributes=ours
    )
    event = {"message": line, "file": "/logs/x.log", "@timestamp": "2026-11-29T12:00:00Z"}
    (written,) = by_vrl(program(one, shape(one.target, one.parsing.format)), [event], tmp_path)
    (logs,) = json.loads(written)["resourceLogs"]
    (record,) = logs["scopeLogs"][0]["logRecords"]
    assert attributes(logs["resource"]["attributes"]) == {"k8s.pod.name": "shop-1", "service.name": "shop"}
    found = attributes(record["attributes"])
    assert found.items() >= {"log.file.path": "/logs/x.log", "loghook.source": "a"}.items()
    assert "message" not in found
    severity = record.get("severityNumber", 0), record.get("severityText", "")
    assert {"body": plain(record["body"]), "@severity": severity, **{k: found[k] for k in expected.keys() & found}} == (
        expected
    )
