"""What the real collector reads out of files: fields, times, records of several lines, and which files."""

import datetime as dt
import json
import re
import time
from pathlib import Path
from typing import Any

from samples import EXPECTED

from webhook.config.formats import FORMATS
from webhook.sidecars import Tree

YEAR = dt.datetime.now(dt.UTC).year


def _nanoseconds(moment: str) -> set[int]:
    """The nanoseconds since 1970 of a time; where the year is not said, of this year and the last."""
    seconds, _, fraction = moment.partition(".")
    years = [str(YEAR), str(YEAR - 1)] if seconds.startswith("????") else [seconds[:4]]
    moments = (dt.datetime.fromisoformat(year + seconds[4:] + "+00:00") for year in years)
    return {int(each.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0")) for each in moments}


def _text(format_: str) -> str:
    """The sample as it arrives: empty lines are no records, and go."""
    return re.sub(r"\n+", "\n", FORMATS[format_].sample)


def test_every_format_as_otlp_and_as_documents(otel: Any, sidecar: Any, receiver: Any) -> None:
    """All at once: a source of each format that goes out as OTLP, and one whose records are documents."""
    streams = []
    for name in FORMATS:
        paths = {"paths": (f"/loghook/app/logs/{name}.log",)}
        document = otel.target("elasticsearch", host="es.example", index=name)
        streams.append(otel.stream(otel.here(receiver), otel.parsing(name), f"{name}-otlp", **paths))
        streams.append(otel.stream(document, otel.parsing(name), f"{name}-document", **paths))
        (sidecar.logs / f"{name}.log").write_text(f"{FORMATS[name].sample}\n- nothing that is known -\n")
    config = sidecar.rendered(*streams)
    exporter = config["exporters"]["otlp_http/source-plain-otlp"]
    for pipeline in config["service"]["pipelines"].values():
        tag = pipeline["exporters"][0].partition("/")[2]
        config["exporters"].pop(pipeline["exporters"][0])
        config["exporters"][f"otlp_http/{tag}"] = exporter
        pipeline["exporters"] = [f"otlp_http/{tag}"]
    sidecar.start(otel.with_json(config))

    expected = 2 * sum(1 if name == "log4j" else 2 for name in FORMATS)
    records = receiver.wait_for(lambda found: len(found) >= expected, sidecar.log)
    assert len(records) == expected
    by_source: dict[str, list[Any]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    for name, (moment, read) in EXPECTED.items():
        _check_otlp(name, read, moment, by_source[f"{name}-otlp"])
        fields = {} if FORMATS[name].syntax == "text" else read
        _check_document(name, fields, moment, by_source[f"{name}-document"])
    assert sidecar.stop() == 0
    assert sidecar.complaints() == []


def _message_of_log4j(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The line that is not understood belongs to log4j's record, since it does not begin one."""
    return fields | {"message": f"{fields['message']}\n- nothing that is known -"} if name == "log4j" else fields


SEVERITIES = {
    "json": (9, "info"),
    "logfmt": (9, "info"),
    "apache-error": (17, "error"),
    "klog": (9, "I"),
    "log4j": (17, "ERROR"),
    "syslog-rfc3164": (18, "crit"),
    "syslog-rfc5424": (10, "notice"),
}
"""What the samples' levels are in OpenTelemetry: a number, and the text as it was written."""


def _check_otlp(name: str, fields: dict[str, Any], moment: str | None, records: list[Any]) -> None:
    first, *others = records
    text = {"message": _text(name)} if FORMATS[name].syntax == "text" else {}
    own = {"message" if key == "msg" else key: value for key, value in fields.items()}
    fields = {"message": ""} | _message_of_log4j(own, name) | text
    assert (name, first.body) == (name, fields.pop("message"))
    ours = {"log.file.path": f"/var/log/app/{name}.log", "loghook.source": f"{name}-otlp"}
    assert first.attributes == fields | ours
    assert first.resource == {"k8s.pod.name": "shop-1"}
    assert (name, first.severity) == (name, SEVERITIES.get(name, (0, "")))
    if moment is not None:
        assert first.nanoseconds in _nanoseconds(moment), name
    for other in others:
        line = "- nothing that is known -"
        assert other.body == ("" if name == "csv" else line)
        assert other.attributes == ours | ({"column1": line} if name == "csv" else {})
        assert abs(other.nanoseconds / 1e9 - time.time()) < 600


def _check_document(name: str, fields: dict[str, Any], moment: str | None, records: list[Any]) -> None:
    first, *others = records
    metadata = {
        "log.file.path": f"/var/log/app/{name}.log",
        "k8s.pod.name": "shop-1",
        "loghook.source": f"{name}-document",
    }
    document = dict(first.body)
    stamp = dt.datetime.fromisoformat(document.pop("@timestamp"))
    assert document == (_message_of_log4j(fields, name) or {"message": _text(name)}) | metadata
    if moment is not None:
        assert int(stamp.timestamp() * 1000) in {each // 10**6 for each in _nanoseconds(moment)}
    for other in others:
        line = {"column1" if name == "csv" else "message": "- nothing that is known -"}
        assert {key: value for key, value in other.body.items() if key != "@timestamp"} == line | metadata


TIMES = {
    '"2026-11-23T10:20:30Z"': "2026-11-23T10:20:30",
    '"2026-11-23T10:20:30.123456789Z"': "2026-11-23T10:20:30.123456789",
    '"2026-11-23T10:20:30,5+02:00"': "2026-11-23T08:20:30.5",
    '"2026-11-23T10:20:30+0200"': "2026-11-23T08:20:30",
    '"2026-11-23 10:20:30-05:30"': "2026-11-23T15:50:30",
    '"2026-11-23 10:20:30.25"': "2026-11-23T04:50:30.25",
    '"2026-11-23T10:20:30"': "2026-11-23T04:50:30",
    "1795429230": "2026-11-23T10:20:30",
    "1795429230.25": "2026-11-23T10:20:30.25",
    "1795429230123": "2026-11-23T10:20:30.123",
    '"1795429230"': "2026-11-23T10:20:30",
    '"1795429230.5"': "2026-11-23T10:20:30.5",
    '"1795429230123"': "2026-11-23T10:20:30.123",
}
"""Times as JSON has them, in the zone +05:30 where they name none."""


def test_times(otel: Any, sidecar: Any, receiver: Any) -> None:
    (sidecar.logs / "times.log").write_text(
        "".join(f'{{"time":{written}}}\n' for written in TIMES) + '{"time":"noon"}\n{"x":[]}\n'
    )
    (sidecar.logs / "own.log").write_text("23.11.2026 10:20:30 own\n3.1.2026 1:20:30 own\n")
    (sidecar.logs / "zone.log").write_text('{"time":"2026-07-01T10:20:30"}\n')
    to = otel.here(receiver)
    own = otel.parsing("json", time_format="%d.%m.%Y %H:%M:%S", time_zone="-01:00")
    streams = [
        otel.stream(to, otel.parsing("json", time_zone="+05:30"), "times", paths=("/loghook/app/logs/times.log",)),
        otel.stream(to, otel.parsing("json", time_zone="Europe/Berlin"), "zone", paths=("/loghook/app/logs/zone.log",)),
        otel.stream(to, own, "own", paths=("/loghook/app/logs/json-own.log",)),
    ]
    (sidecar.logs / "json-own.log").write_text('{"time":"23.11.2026 10:20:30"}\n{"time":7}\n')
    sidecar.start(otel.with_json(sidecar.rendered(*streams)))
    count = len(TIMES) + 2 + 1 + 2
    records = receiver.wait_for(lambda found: len(found) >= count, sidecar.log)
    found = {json.dumps(record.attributes.get("time")): record.nanoseconds for record in records}
    for written, expected in TIMES.items():
        assert found[written] in _nanoseconds(expected), written
    assert found['"2026-07-01T10:20:30"'] in _nanoseconds("2026-07-01T08:20:30")
    assert found['"23.11.2026 10:20:30"'] in _nanoseconds("2026-11-23T11:20:30")
    for unknown in ('"noon"', "null", "7"):
        assert abs(found[unknown] / 1e9 - time.time()) < 600
    assert sidecar.complaints() == []


CRI = """2026-11-23T10:20:30Z stdout P one,
2026-11-23T10:20:30Z stderr F between
2026-11-23T10:20:31Z stdout P two,
2026-11-23T10:20:32Z stdout F three
2026-11-23T10:20:33Z stdout F four
no line of a runtime
"""

TRACES = {
    "java": "starting\n"
    "Exception in thread\n\tat a.B.c(B.java:1)\nCaused by: x\n\tat d\n\t... 2 more\nnext\n  indented\n",
    "python": "starting\nTraceback (most recent call last):\n  File x\n    y\nValueError: 7\nnext\n",
    "go": "starting\n"
    "panic: x\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/src/a.go:1 +0x1\nmain.main()\n\t/src/a.go:2 +0x2\n"
    "exit status 2\nnext\n",
    "ruby": "starting\na.rb:1:in `f': x (E)\n\tfrom a.rb:2:in `g'\nnext\n",
}


def test_records_of_several_lines(otel: Any, sidecar: Any, receiver: Any) -> None:
    to = otel.here(receiver)
    texts = TRACES | {"cri": CRI, "plain": "#1 a\n b\n\n c\nx #2\n#3\n"}
    streams = []
    for name, text in texts.items():
        (sidecar.logs / f"{name}.log").write_text(text)
        how = otel.parsing(name, start=r"#\d") if name == "plain" else otel.parsing(name)
        streams.append(otel.stream(to, how, name, paths=(f"/loghook/app/logs/{name}.log",)))
    sidecar.start(otel.with_json(sidecar.rendered(*streams)))
    records = receiver.wait_for(lambda found: len(found) >= 4 + 3 + 3 + 3 + 4 + 3, sidecar.log)
    bodies: dict[str, list[Any]] = {}
    for record in records:
        bodies.setdefault(record.source, []).append(record.body)
    assert bodies["plain"] == ["#1 a\n b\n\n c", "x #2", "#3"]
    assert bodies["java"] == ["starting", TRACES["java"][9:].partition("\nnext")[0], "next", "  indented"]
    assert bodies["python"] == ["starting", TRACES["python"][9:].partition("\nnext")[0], "next"]
    assert bodies["go"] == ["starting", TRACES["go"][9:].partition("\nnext")[0].replace("\n\n", "\n"), "next"]
    assert bodies["ruby"] == ["starting", TRACES["ruby"][9:].partition("\nnext")[0], "next"]
    assert sorted(bodies["cri"]) == ["between", "four", "no line of a runtime", "one,two,three"]
    assert not any("loghook.key" in record.attributes for record in records)


def test_which_files(otel: Any, sidecar: Any, receiver: Any) -> None:
    for name in ("a.log", "b.log", ".hidden.log", "old.gz.log", "named.gz.log", "elsewhere.txt", "late/x.log"):
        (sidecar.logs / name).parent.mkdir(exist_ok=True)
        (sidecar.logs / name).write_text(f"in {name}\n")
    here = "/loghook/app/logs"
    said = {"exclude": ("*.gz.log", f"{here}/b.log"), "trees": (Tree(here, "/srv"), Tree(f"{here}/late", "/late/"))}
    globs = otel.stream(
        otel.here(receiver),
        otel.parsing("plain"),
        paths=(f"{here}/*.log", f"{here}/*/*.log", f"{here}/named.gz.log"),
        **said,
    )
    end = otel.stream(otel.here(receiver), otel.parsing("plain"), "end", paths=(f"{here}/e*",), from_end=True)
    sidecar.start(otel.with_json(sidecar.rendered(globs, end)))
    receiver.wait_for(lambda found: len(found) >= 3, sidecar.log)
    with (sidecar.logs / "elsewhere.txt").open("a") as file:
        file.write("written later\n")
    (sidecar.logs / "e-new").write_text("a new file from its beginning\n")
    (sidecar.logs / "c.log").write_text("new\n")
    records = receiver.wait_for(lambda found: len(found) >= 6, sidecar.log)
    assert {(record.body, record.attributes["log.file.path"]) for record in records} == {
        ("in a.log", "/srv/a.log"),
        ("in named.gz.log", "/srv/named.gz.log"),
        ("in late/x.log", "/late/x.log"),
        ("new", "/srv/c.log"),
        ("written later", "/var/log/app/elsewhere.txt"),
        ("a new file from its beginning", "/var/log/app/e-new"),
    }


HOSTILE = [
    "a'b\"c", "back\\slash", "$HOME ${env:POD} $$ ${POD} $(POD)", "EXPR(env('POD'))", "{{ x }} {% y %}",
    "line\nbreak\ttab",
    "\u2028\u2029\x85\x7f\ufeff", "😀 ünï", "- [x]: #y", "!!str &a *b", "%d %s",
    "", " ", "true", "012", "null", "a\\nb", "\\u0041",
]  # fmt: skip


def test_hostile_text_arrives_as_it_was_written(otel: Any, sidecar: Any, receiver: Any) -> None:
    said = {f"field {number} {text}": (text,) for number, text in enumerate(HOSTILE)}
    (sidecar.logs / "a.log").write_text("x\n")
    text = sidecar.text(otel.stream(otel.here(receiver), otel.parsing("plain"), attributes=said))
    sidecar.start(text.replace('"logs_endpoint"', '"encoding": "json", "logs_endpoint"'))
    (record,) = receiver.wait_for(lambda found: len(found) >= 1, sidecar.log)
    assert {key: record.attributes[key] for key in said} == {key: value for key, (value,) in said.items()}


def test_long_lines(otel: Any, sidecar: Any, receiver: Any) -> None:
    """Up to 1 MiB a line is whole, beyond it comes in pieces; also many at a time, and parsed."""
    lines = ["x" * size for size in (16 * 1024 + 1, 200_000, 1024 * 1024 - 1, 3 * 1024 * 1024 // 2)]
    (sidecar.logs / "long.log").write_text("".join(f"{line}\n" for line in [*lines, "last"]))
    documents = [json.dumps({"n": number, "text": "y" * 900_000}) for number in range(12)]
    (sidecar.logs / "long.json").write_text("".join(f"{line}\n" for line in documents))
    to = otel.here(receiver)
    streams = [
        otel.stream(to, otel.parsing("plain")),
        otel.stream(to, otel.parsing("json"), "b", paths=("/loghook/app/logs/*.json",)),
    ]
    sidecar.start(otel.with_json(sidecar.rendered(*streams)))
    records = receiver.wait_for(lambda found: len(found) >= 6 + 12, sidecar.log)
    plain = [record.body for record in records if record.source == "default"]
    assert [len(line) for line in plain] == [16385, 200_000, 1024 * 1024 - 1, 1024 * 1024, 512 * 1024, 4]
    parsed = [record for record in records if record.source == "b"]
    assert sorted(record.attributes["n"] for record in parsed) == list(range(12))
    assert {record.attributes["text"] for record in parsed} == {"y" * 900_000}
    assert sidecar.complaints() == []


def test_nothing_listens(otel: Any, sidecar: Any, receiver: Any) -> None:
    (sidecar.logs / "a.log").write_text("x\n")
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("plain")))))
    receiver.wait_for(lambda found: len(found) == 1, sidecar.log)
    links = [str(link.readlink()) for link in Path(f"/proc/{sidecar.pid}/fd").iterdir() if link.is_symlink()]
    own = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    rows = [
        row.split()
        for kind in ("tcp", "tcp6")
        for row in Path(f"/proc/{sidecar.pid}/net/{kind}").read_text().splitlines()
    ]
    assert own
    assert [row for row in rows if row[3] == "0A" and row[9] in own] == []  # 0A: listening
