"""Fluentd's configuration: read back by a parser of its syntax, held to the plugins' own parameters, and run."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fluentd_syntax import Element, read
from shipments import FULL, MINIMAL, parsing, shipment, stream, target

from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.sidecars import Problem, Shipment, Stream, Tree, Variable
from webhook.sidecars.fluentd import FLUENTD, RECORD
from webhook.sidecars.fluentd.literals import Section, json_text, write
from webhook.sidecars.fluentd.outputs import OUTPUTS

OPTIONS: Mapping[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "fluentd.json").read_text("utf-8"))
OURS = dict(re.findall(r"config_param :(\w+), :(\w+)", RECORD))
RESERVED = {"@type": "string", "@id": "string", "@label": "string", "tag": "string"}

HOSTILE = [
    "",
    '"',
    "\\",
    "\\\\",
    "#",
    "#{1}",
    '#{system("id")}',
    "\\#{1}",
    "${tag}",
    "$",
    "'",
    "\n",
    "\r\n",
    "\t",
    "\0",
]
HOSTILE += [
    "@include /etc/passwd",
    "</match>",
    "\n</label>\n@include x",
    "[1",
    "{",
    "a\\",
    "ü☃𐍈",
    "\x7f\x1b",
    "x#",
    "\b\f",
]


def fluentd() -> str:
    """The real Fluentd, as this machine has it."""
    found = os.environ.get("FLUENTD_BIN") or shutil.which("fluentd")
    if not found:
        pytest.skip("there is no fluentd: put it on the PATH or name it in FLUENTD_BIN")
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_literal(text: str) -> None:
    written = write([Section("match", "**", {"x": text, "y": (text, Variable("A_1"), text), "z": 7})])
    element = read(written).find("match")
    assert element.parameters["x"] == text
    assert element.parameters["y"] == ((text, ("env", "A_1"), text) if text else (("env", "A_1"),))
    assert element.parameters["z"] == "7"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_json_whatever_it_holds(text: str) -> None:
    written = write([Section("filter", "**", {"x": json_text({text: (text, Variable("A"), "-")})})])
    value = read(written).find("filter").parameters["x"]
    whole = "".join("VALUE" if part == ("json", "A") else str(part) for part in value)
    assert json.loads(whole) == {text: f"{text}VALUE-"}


def test_a_parameter_of_none_is_left_out() -> None:
    assert write([Section("a", "", {"x": None, "y": True}, (Section("b", "c", {}),))]) == (
        "<a>\n  y true\n  <b c>\n  </b>\n</a>\n"
    )


# Against the plugins' own parameters.


def expected(element: Element) -> Mapping[str, Any]:
    type_ = element.parameters.get("@type")
    if type_ == "loghook":
        return OURS
    known: Mapping[str, Any] = OPTIONS[f"{element.name}.{type_}" if type_ else element.name]
    return known


def check(element: Element, known: Mapping[str, Any]) -> None:
    """Each parameter is known, and its value of its type."""
    for name, value in element.parameters.items():
        type_ = {**known, **RESERVED}.get(re.sub(r"^format\d+$", "format_firstline", name))
        assert type_ is not None, f"{element.name} {element.parameters.get('@type')} has no {name}"
        check_type(name, value, type_)
    for section in element.sections:
        inner = known.get(section.name)
        check(section, inner if isinstance(inner, dict) and "@type" not in section.parameters else expected(section))


def check_type(name: str, value: str | tuple[Any, ...], type_: str | list[str]) -> None:
    patterns = {"integer": r"-?\d+", "bool": "true|false", "size": r"\d+[kmg]?", "time": r"\d+(\.\d+)?[smhd]?"}
    if isinstance(type_, list):
        assert value in type_, f"{name}: {value}"
    elif type_ in patterns and isinstance(value, str):
        assert re.fullmatch(patterns[type_], value), f"{name}: {value}"
    elif type_ in {"array", "hash"} and value[0][0] != "file":
        parts = value if isinstance(value, tuple) else (value,)
        found = json.loads("".join(part if isinstance(part, str) else "x" for part in parts))
        assert isinstance(found, list if type_ == "array" else dict)


def check_all(text: str) -> None:
    for element in read(text).sections:
        if element.name == "label":
            for inner in element.sections:
                check(inner, expected(inner))
        else:
            check(element, expected(element))


def every_target() -> list[tuple[str, Mapping[str, Any]]]:
    return [(type_, options) for type_ in TYPES for options in ({}, *FULL[type_])]


@pytest.mark.parametrize(("type_", "options"), every_target())
def test_parameters_are_those_of_the_plugins(type_: str, options: Mapping[str, Any]) -> None:
    shipped = shipment(stream(target=target(type_, options)))
    if any(FLUENTD.problems(shipped)):
        return
    check_all(FLUENTD.config(shipped))


@pytest.mark.parametrize("format_", FORMATS)
def test_parameters_of_formats_are_known(format_: str) -> None:
    check_all(FLUENTD.config(shipment(stream(parsing=parsing(format_)))))


# What it cannot do.


def found(shipped: Shipment) -> list[tuple[str, str, str]]:
    return [(problem.source, problem.key, problem.code) for problem in FLUENTD.problems(shipped)]


@pytest.mark.parametrize("type_", sorted({*TYPES} - {*OUTPUTS}))
def test_no_image_has_a_plugin(type_: str) -> None:
    (problem,) = FLUENTD.problems(shipment(stream(target=target(type_))))
    assert problem == Problem("", "destination", "LH142", {"agent": "fluentd", "type": type_})


@pytest.mark.parametrize(
    ("type_", "options", "option"),
    [
        ("elasticsearch", {"tls": {"serverName": "x"}}, "tls.serverName"),
        ("kafka", {"tls": {"verify": False}}, "tls.verify: false"),
        ("datadog", {"tls": {"ca": {"secret": "a", "key": "b"}}}, "tls.ca"),
        ("logscale", {"via": "otlp"}, "via: otlp"),
    ],
)
def test_an_option_that_no_plugin_has(type_: str, options: Mapping[str, Any], option: str) -> None:
    (problem,) = FLUENTD.problems(shipment(stream(target=target(type_, options))))
    assert (problem.code, problem.details["option"]) == ("LH145", option)


def test_what_an_output_expands_cannot_be_literal() -> None:
    assert found(shipment(stream(target=target("kafka", {"topic": "a%Y"})))) == [("", "destination", "LH144")]
    assert found(shipment(stream(target=target("http", {"path": "/a%2Fb"})))) == [("", "destination", "LH144")]
    assert found(shipment(stream(target=target("splunk", {"index": "a%Y"})))) == []


def test_two_destinations_of_different_images() -> None:
    one = stream(name="a", target=target("elasticsearch"))
    other = stream(name="b", target=target("kafka"))
    third = stream(name="c", target=target("forward"))
    assert found(shipment(one, third)) == []
    assert found(shipment(third, one, other)) == [("b", "destination", "LH146")]


def test_expressions_that_onigmo_has_not() -> None:
    assert found(shipment(stream(parsing=parsing(start=r"(?(1)a|b)")))) == [("", "multiline-start", "LH143")]


@pytest.mark.parametrize("type_", sorted(OUTPUTS))
def test_the_image_is_that_of_the_destination(type_: str) -> None:
    own = {"opensearch", "kafka", "s3", "cloudwatch", "datadog"}
    assert FLUENTD.image(shipment(stream(target=target(type_)))) == (type_ if type_ in own else None)


# As people know it.


def test_elasticsearch_is_told_by_the_variables_that_people_know() -> None:
    shipped = shipment(
        stream(name="a", target=target("elasticsearch", {"host": "es-1", "port": 9243})),
        stream(name="b", target=target("elasticsearch", {"host": "es-2", "tls": {"enabled": False}}, name="second")),
    )
    env = FLUENTD.env(shipped)
    assert env["FLUENT_ELASTICSEARCH_HOST"] == ("es-1",)
    assert env["FLUENT_ELASTICSEARCH_PORT"] == ("9243",)
    first, second = (label.find("match").parameters for label in read(FLUENTD.config(shipped)).all("label"))
    assert first["host"] == (("env", "FLUENT_ELASTICSEARCH_HOST"),)
    assert first["port"] == (("env", "FLUENT_ELASTICSEARCH_PORT"),)
    assert (second["host"], second["port"], second["scheme"]) == ("es-2", "9200", "http")


def test_it_is_started_like_the_image_starts_it() -> None:
    command = FLUENTD.command(shipment(stream()))
    assert (*command.command, *command.args)[:5] == ("tini", "--", "fluentd", "-c", "/etc/loghook/fluent.conf")
    assert {"--gemfile", "/fluentd/Gemfile"} <= {*command.args}


def test_nothing_is_ever_given_up() -> None:
    shipped = shipment(*(stream(name=type_, target=target(type_, MINIMAL[type_])) for type_ in OUTPUTS))
    for label in read(FLUENTD.config(shipped)).all("label"):
        buffer = label.find("match").find("buffer").parameters
        assert (buffer["retry_forever"], buffer["overflow_action"]) == ("true", "block")
        assert buffer["flush_at_shutdown"] == "true"
        assert int(str(buffer["total_limit_size"])) * len(OUTPUTS) <= shipped.state_bytes


def test_literal_paths_are_never_excluded() -> None:
    shipped = shipment(stream(paths=("/l/a.gz", "/l/50%/*.log"), exclude=("*.gz", "/l/x.log")))
    literal, globs = (source.parameters for source in read(FLUENTD.config(shipped)).all("source"))
    assert (literal["path"], "exclude_path" in literal) == ("/l/a.gz", False)
    assert globs["path"] == "/l/50%%/*.log"
    assert json.loads(str(globs["exclude_path"])) == ["/l/50%%/*.gz", "/l/x.log", "/l/a.gz"]


# The real Fluentd.


@pytest.mark.parametrize("type_", ["stdout", "http", "forward", "splunk", "logscale"])
def test_fluentd_accepts_what_its_own_plugins_are_told(type_: str, tmp_path: Path) -> None:
    for number, options in enumerate([{}, *FULL[type_]]):
        shipped = shipment(stream(target=target(type_, options)))
        if any(FLUENTD.problems(shipped)):
            continue
        file = tmp_path / f"{number}.conf"
        file.write_text(FLUENTD.config(shipped).replace("/var/lib/loghook", str(tmp_path)), "utf-8")
        outcome = subprocess.run(
            [fluentd(), "--dry-run", "-c", file], capture_output=True, text=True, timeout=60, check=False
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def run(shipped: Shipment, place: Path, lines: int) -> list[dict[str, Any]]:
    """What a real Fluentd writes to its stdout, until it is `lines` and it was stopped."""
    place.joinpath("state").mkdir(exist_ok=True)
    config = place / "fluent.conf"
    config.write_text(FLUENTD.config(shipped).replace("/var/lib/loghook", f"{place}/state"), "utf-8")
    out = place / "out"
    with out.open("w") as written:
        process = subprocess.Popen(
            [fluentd(), "-c", config, "-p", place, "--no-supervisor"],
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LOGHOOK_POD": "pod-1", "TMPDIR": str(place)},
        )
    end = time.monotonic() + 120
    while out.read_text("utf-8").count("\n") < lines and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    process.terminate()
    assert process.wait(120) == 0, out.read_text("utf-8")
    own_log = re.compile(r"\d{4}-\d\d-\d\d .* \[warn\]: .* got incomplete line before first line")
    return [json.loads(line) for line in out.read_text("utf-8").splitlines() if not own_log.match(line)]


def of_files(place: Path, **options: Any) -> Stream:
    logs = place / "logs"
    logs.mkdir(exist_ok=True)
    return stream(paths=(f"{logs}/*.log",), trees=(Tree(str(logs), "/var/log/app"),), **options)


def test_fluentd_reads_every_format(tmp_path: Path) -> None:
    streams = []
    for name, format_ in FORMATS.items():
        place = tmp_path / "logs" / name
        place.mkdir(parents=True)
        (place / "a.log").write_text(f"{format_.sample}\n", "utf-8")
        (place / "b.log").write_text("no [match at all\n", "utf-8")
        own = stream(name=name, paths=(f"{place}/*.log",), trees=(Tree(str(place), "/x"),), parsing=parsing(name))
        streams.append(msgspec.structs.replace(own, attributes={"format": (name,), "pod": (Variable("LOGHOOK_POD"),)}))
    records = run(shipment(*streams), tmp_path, 2 * len(FORMATS))
    assert len(records) == 2 * len(FORMATS)
    by_format = {name: {r["log.file.path"]: r for r in records if r["format"] == name} for name in FORMATS}
    for name, format_ in FORMATS.items():
        read_, unread = by_format[name]["/x/a.log"], by_format[name]["/x/b.log"]
        assert read_["pod"] == "pod-1"
        assert (unread.get("message") or unread["column1"]) == "no [match at all"
        if format_.syntax == "text":
            assert read_["message"] == format_.sample
        if format_.time_key and format_.syntax != "csv":
            assert read_["@timestamp"].startswith(("2026-11-23T10:20:30", "2026-11-23T09:20:30")), name
            assert format_.time_key in read_
    assert by_format["nginx"]["/x/a.log"]["code"] == 200
    assert by_format["csv"]["/x/a.log"]["column2"] == "Doe, Jane"


TIMES = {
    "2026-11-23T10:20:30Z": "2026-11-23T10:20:30.000000000Z",
    "2026-11-23 10:20:30.5": "2026-11-23T09:20:30.500000000Z",
    "2026-11-23T10:20:30,123456789+0200": "2026-11-23T08:20:30.123456789Z",
    "2026-07-01T10:20:30": "2026-07-01T08:20:30.000000000Z",
    "1795429230": "2026-11-23T10:20:30.000000000Z",
    1795429230: "2026-11-23T10:20:30.000000000Z",
    1795429230123: "2026-11-23T10:20:30.123000000Z",
    "1795429230.25": "2026-11-23T10:20:30.250000000Z",
}


def test_fluentd_reads_every_notation_of_a_time(tmp_path: Path) -> None:
    own = of_files(tmp_path, parsing=parsing("json", time_zone="Europe/Berlin"))
    lines = [json.dumps({"time": value}) for value in TIMES]
    (tmp_path / "logs" / "a.log").write_text("\n".join([*lines, '{"time": "later"}', ""]), "utf-8")
    records = run(shipment(own), tmp_path, len(TIMES) + 1)
    assert {record["time"]: record["@timestamp"] for record in records[:-1]} == TIMES
    assert records[-1]["time"] == "later"


def test_fluentd_takes_hostile_text_for_what_it_is(tmp_path: Path) -> None:
    attributes = {f"x{number} {text}": (text,) for number, text in enumerate(HOSTILE)}
    own = of_files(tmp_path, attributes=attributes)
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    (record,) = run(shipment(own), tmp_path, 1)
    assert {key: (record[key],) for key in attributes} == attributes


def test_from_the_end_is_for_old_files_alone(tmp_path: Path) -> None:
    own = of_files(tmp_path, from_end=True)
    old, new = (tmp_path / "logs" / f"{name}.log" for name in ("old", "new"))
    old.write_text("old 1\n", "utf-8")

    def write_later() -> None:
        end = time.monotonic() + 120
        while not any((tmp_path / "state").glob("*.pos")) and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(3)
        new.write_text("new 1\n", "utf-8")
        with old.open("a") as file:
            file.write("old 2\n")

    writer = threading.Thread(target=write_later)
    writer.start()
    records = run(shipment(own), tmp_path, 2)
    writer.join()
    assert {record["message"] for record in records} == {"old 2", "new 1"}


def test_fluentd_loses_nothing_when_it_is_restarted_and_files_rotate(tmp_path: Path) -> None:
    own = of_files(tmp_path)
    log = tmp_path / "logs" / "a.log"
    log.write_text("".join(f"{number}\n" for number in range(1000)), "utf-8")
    first = run(shipment(own), tmp_path, 1000)
    log.rename(tmp_path / "logs" / "a.log.1")
    log.write_text("".join(f"{number}\n" for number in range(1000, 2000)), "utf-8")
    second = run(shipment(own), tmp_path, 1000)
    assert [int(record["message"]) for record in first + second] == list(range(2000))
