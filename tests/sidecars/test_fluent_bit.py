"""Fluent Bit's configuration: held to the options of the real one, loaded by it, and literal in every character."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fluent_bit_process import program
from shipments import FULL, MINIMAL, parsing, shipment, stream, target

from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS, Format
from webhook.sidecars import Assignment, Problem, Shipment, Text, Tree, Variable
from webhook.sidecars.fluent_bit import FLUENT_BIT, FLUENT_BIT_STREAM, times
from webhook.sidecars.fluent_bit.literals import ENV, literal, value
from webhook.sidecars.fluent_bit.outputs import OUTPUTS

OPTIONS: Mapping[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "fluent-bit-5.1.1.json").read_text("utf-8")
)
_NOT_HERE = {"kafka": {"tls": {"enabled": True}}}  # librdkafka has no server name
_NO_HEADERS = {"elasticsearch", "opensearch", "splunk", "logscale"}
DESTINATIONS = [
    (type_, {**options, **(_NOT_HERE.get(type_, {}) if "serverName" in str(options) else {})})
    for type_ in TYPES
    for options in ({}, *FULL[type_])
    if not ("headers" in options and type_ in _NO_HEADERS)
]
ZONES = ("UTC", "Europe/Berlin", "+05:30")
EMPTY = Path(os.devnull)


def rendered(shipped: Shipment) -> Any:
    """The configuration of a shipment that has no problems, read back."""
    assert list(FLUENT_BIT.problems(shipped)) == []
    return json.loads(FLUENT_BIT.config(shipped))


def matrix() -> Iterator[Shipment]:
    """Each format to each kind of destination."""
    for name in FORMATS:
        for type_, options in DESTINATIONS:
            yield shipment(stream(name="access", parsing=parsing(name), target=target(type_, options)))


def variations() -> Iterator[Shipment]:
    """What a Pod can say besides."""
    for zone in ZONES:
        yield shipment(stream(parsing=parsing("json", time_key="at", time_zone=zone)))
        yield shipment(stream(parsing=parsing("logfmt", time_key="at", time_format="%d.%m.%Y %H:%M:%S.%L")))
    yield shipment(stream(parsing=parsing("plain", start=r"^(?P<day>\d+)[[&&x]")))
    yield shipment(stream(trees=(Tree("/loghook/web/logs", "/var/log/app"),), paths=("/loghook/web/logs/*.log",)))
    yield shipment(stream(exclude=("app*", "*.gz"), paths=("/l/app.log", "/l/*.log"), from_end=True))
    yield shipment(*(stream(name=name, target=target("loki", name=name)) for name in ("", "a", "b")))
    own = Format(
        name="own", about="", sample="", syntax="regex", pattern=r"^(?P<at>\S+) (?P<n>\d+)$", types={"n": "float"}
    )
    yield shipment(stream(parsing=parsing(own, time_key="at")))


SHIPMENTS = [*matrix(), *variations()]


# The names and types of its options.


def flaws(config: Mapping[str, Any]) -> Iterator[str]:
    """Each option of a configuration that the real Fluent Bit does not have, or not of that type."""
    assert config.keys() <= {"env", "service", "parsers", "multiline_parsers", "pipeline"}
    yield from (f"service.{key}" for key in config["service"].keys() - set(OPTIONS["service"]))
    for section in ("parsers", "multiline_parsers"):
        for each in config.get(section, ()):
            yield from (f"{section}.{key}" for key in each.keys() - {*OPTIONS[section], "rules"})
    for kind in ("inputs", "outputs"):
        for plugin in config["pipeline"][kind]:
            yield from _of_plugin(plugin, OPTIONS[kind], {"processors"})
            for step in plugin.get("processors", {}).get("logs", ()):
                yield from _of_plugin(step, OPTIONS["filters"] | OPTIONS["processors"], {"condition"})


def _of_plugin(plugin: Mapping[str, Any], known: Mapping[str, Mapping[str, str]], also: set[str]) -> Iterator[str]:
    options = known[plugin["name"]]
    for key, given in plugin.items():
        if key in {"name", "port", *also}:  # a port is taken by all; the schema has it for most
            continue
        type_ = options.get(key) or next((t for k, t in options.items() if t == "prefix" and key.startswith(k)), None)
        if type_ is None or not _fits(given, type_):
            yield f"{plugin['name']}.{key}: {given!r} is no {type_}"


def _fits(given: object, type_: str) -> bool:
    if type_ == "boolean":
        return given in {True, False, "on", "off"}
    if type_ in {"integer", "size", "time"}:
        return isinstance(given, int | float) or bool(re.fullmatch(r"[0-9]+[kKmMsS]?", str(given)))
    many = isinstance(given, list) and all(isinstance(each, str) for each in given)
    return many or isinstance(given, str | int)


def test_every_option_is_one_of_the_real_fluent_bit() -> None:
    assert [flaw for each in SHIPMENTS for flaw in flaws(rendered(each))] == []


def test_a_misspelt_option_would_be_seen() -> None:
    config = rendered(shipment(stream(parsing=parsing("json"))))
    config["service"]["flsh"] = 1
    config["pipeline"]["inputs"][0]["db.lock"] = True
    config["pipeline"]["inputs"][0]["processors"]["logs"][0]["bogus"] = "x"
    config["pipeline"]["outputs"][0]["log_level"] = ["x"]
    config["pipeline"]["inputs"][0]["read_from_head"] = "yes please"
    assert len(list(flaws(config))) == 4


def test_every_type_of_destination_has_an_output() -> None:
    assert OUTPUTS.keys() == TYPES.keys() == MINIMAL.keys()


@pytest.mark.parametrize("shipped", SHIPMENTS[:: 7 if not os.environ.get("LOGHOOK_SOAK") else 1])
def test_fluent_bit_loads_it(shipped: Shipment, tmp_path: Path) -> None:
    config = FLUENT_BIT.config(shipped)
    (tmp_path / "fluent-bit.yaml").write_text(config, "utf-8")
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", config), "x") | dict.fromkeys(FLUENT_BIT.env(shipped), "x")
    command = [program(), "--dry-run", "-c", str(tmp_path / "fluent-bit.yaml")]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert (done.returncode, re.findall(r"\[ ?(?:warn|error)\].*", done.stderr)) == (0, [])


# Text is literal.

WORDS = [
    "${HOME}",
    "a${HOME}b}",
    "}${X}",
    "${",
    "${}",
    "$",
    "}",
    "${dollar}",
    "${brace}",
    "$${X}",
    "${X:-y}",
    "{{ x }}",
]


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """What Fluent Bit makes of a value: `flb_env_var_translate` of src/flb_env.c, once."""
    made, place = "", 0
    while True:
        start, end = text.find("${", place), text.find("}", place)
        if start < 0 or end < start + 3:
            return made + text[place:]
        made += text[place:start] + variables.get(text[start + 2 : end], "")
        place = end + 1


@pytest.mark.parametrize("times_", [1, 2])
@pytest.mark.parametrize("word", WORDS)
def test_every_text_is_literal(word: str, times_: int) -> None:
    variables = {**ENV, "A": "one", "HOME": "/root", "X": "no"}
    texts: list[Text] = [(word,), (word, Variable("A"), word), (Variable("A"), word), (word, Variable("A"))]
    for text in texts:
        written = value(text, times_)
        for _ in range(times_):
            written = expanded(written, variables)
        assert written == "".join("one" if isinstance(part, Variable) else part for part in text)
    assert literal("plain") == "plain"


def test_the_environment_is_there_only_where_a_literal_needs_it() -> None:
    attributes: dict[str, Text] = {"a": ("${HOME}",)}
    assert "env" not in rendered(shipment(stream()))
    assert rendered(shipment(stream(attributes=attributes)))["env"] == ENV


def test_no_secret_is_in_it() -> None:
    assert [each for each in SHIPMENTS if "hunter2" in FLUENT_BIT.config(each)] == []


def test_no_multiline_parser_stands_behind_one_that_has_a_parser_of_its_own() -> None:
    """Fluent Bit 5.1.1 would give it that parser too, and it would join nothing."""
    formats = {"a": parsing("cri"), "b": parsing("plain", start="^[0-9]"), "c": parsing("cri"), "d": parsing("java")}
    own = rendered(shipment(*(stream(name=name, parsing=each) for name, each in formats.items())))
    assert [("parser" in each) for each in own["multiline_parsers"]] == [False, False, True, True]


def test_the_same_shipment_gives_the_same_text() -> None:
    assert [each for each in SHIPMENTS if FLUENT_BIT.config(each) != FLUENT_BIT.config(each)] == []


# What it says of a shipment.


def codes(shipped: Shipment) -> list[tuple[str, str, str]]:
    return [(each.source, each.key, each.code) for each in FLUENT_BIT.problems(shipped)]


def test_what_it_cannot_do() -> None:
    keys = {"keys": {"accessKeyId": {"secret": "a", "key": "b"}, "secretAccessKey": {"secret": "a", "key": "c"}}}
    tls = {"tls": {"serverName": "kafka.example"}}
    assert codes(shipment(stream(parsing=parsing(start="(?a)x")))) == [("", "multiline-start", "LH143")]
    assert codes(shipment(stream(parsing=parsing("json", time_format="%f")))) == [("", "time-format", "LH143")]
    assert codes(shipment(stream(parsing=parsing("json", time_key="$x")))) == [("", "time-key", "LH144")]
    assert codes(shipment(stream(target=target("kafka", tls)))) == [("", "destination", "LH145")]
    plain = {"endpoint": "http://localhost:4566"}
    assert codes(shipment(stream(target=target("cloudwatch", plain)))) == [("", "destination", "LH145")]
    one, other = (stream(name=n, target=target("s3", keys, name=n)) for n in ("one", "other"))
    assert codes(shipment(one, other)) == [("other", "destination", "LH146")]
    assert codes(shipment(one, msgspec.structs.replace(one, name="same"))) == []


def test_labels_of_loki_hold_neither_commas_nor_equals_signs() -> None:
    labels = target("loki", {"labels": {"team": "x"}})
    split = msgspec.structs.replace(labels, templates={"labels.team": ("a,b=c",)})
    assert codes(shipment(stream(target=split))) == [("", "destination", "LH144")]
    assert next(FLUENT_BIT.problems(shipment(stream(target=split)))) == Problem(
        "", "destination", "LH144", {"agent": "fluent-bit"}
    )


def test_the_keys_for_aws_are_in_the_environment() -> None:
    keys = {"keys": {"accessKeyId": {"secret": "a", "key": "b"}, "secretAccessKey": {"secret": "a", "key": "c"}}}
    env = FLUENT_BIT.env(shipment(stream(target=target("s3", keys))))
    assert env == {
        "AWS_ACCESS_KEY_ID": (Variable("LOGHOOK_BACKEND_KEYS_ACCESS_KEY_ID"),),
        "AWS_SECRET_ACCESS_KEY": (Variable("LOGHOOK_BACKEND_KEYS_SECRET_ACCESS_KEY"),),
    }
    assert FLUENT_BIT.env(shipment(stream())) == {}


# How it holds back.


def inputs(shipped: Shipment) -> list[Any]:
    return list(rendered(shipped)["pipeline"]["inputs"])


def test_one_destination_is_buffered_on_disk_and_several_do_not_stop_one_another() -> None:
    one = [stream(name=name, target=target("http")) for name in ("a", "b")]
    several = [stream(name=name, target=target("http", name=name)) for name in ("a", "b")]
    many = [stream(name=f"s{n}", target=target("http")) for n in range(40)]
    assert all(each["storage.pause_on_chunks_overlimit"] for each in inputs(shipment(*one)))
    for shipped in (shipment(*several), shipment(*many)):
        limits = [each["mem_buf_limit"] for each in inputs(shipped)]
        assert sum(limits) < shipped.memory_bytes // 2
        assert "storage.path" not in rendered(shipped)["service"]


@pytest.mark.parametrize(("type_", "is_kept"), [("http", True), ("opensearch", False), ("datadog", False)])
def test_what_is_refused_does_not_stop_reading_where_no_output_tells_it(type_: str, *, is_kept: bool) -> None:
    """Fluent Bit looks again whether chunks on disk are too many only when one is delivered or given up."""
    shipped = shipment(stream(name="a", target=target(type_)))
    (tail,) = inputs(shipped)
    assert ("storage.path" in rendered(shipped)["service"]) is is_kept
    assert (tail.get("mem_buf_limit", 0) > 0) is not is_kept


# Which files.


@pytest.mark.parametrize(
    ("paths", "exclude", "expected"),
    [
        (("/l/a.log",), ("*.gz",), [("/l/a.log", None)]),
        (("/l/*.log",), ("*.gz", "debug*"), [("/l/*.log", "/l/*.gz,/l/debug*")]),
        (("/l/*/x.log",), ("/l/b/x.log", "y*"), [("/l/*/x.log", "/l/b/x.log,/l/*/y*")]),
        (("/l/a.gz", "/l/*"), ("*.gz",), [("/l/a.gz", None), ("/l/*", "/l/*.gz,/l/a.gz")]),
        (("/m/a.gz", "/l/*"), ("*.gz",), [("/m/a.gz,/l/*", "/l/*.gz")]),
    ],
)
def test_patterns_leave_out_what_globs_match_and_no_literal_path(
    paths: tuple[str, ...], exclude: tuple[str, ...], expected: list[tuple[str, str | None]]
) -> None:
    found = inputs(shipment(stream(paths=paths, exclude=exclude)))
    assert [(each["path"], each.get("exclude_path")) for each in found] == expected
    assert len({each["db"] for each in found}) == len(found)


def test_the_engine_is_told_everything_in_its_arguments() -> None:
    assignment = Assignment(
        paths=("/l/a.log", "/l/*.txt"), exclude=("*.gz",), from_end=True, is_native=True, drain_seconds=5, source="web"
    )
    command = FLUENT_BIT_STREAM.command(assignment)
    assert {"path=/l/a.log,/l/*.txt", "exclude_path=/l/*.gz", "read_from_head=false", "template={log}"} < set(
        command.args
    )
    assert "db=/var/lib/loghook/source-web.db" in command.args
    known = {**OPTIONS["inputs"]["tail"], **OPTIONS["outputs"]["file"]}
    given = [each.partition("=")[0] for each in command.args[command.args.index("-i") :] if "=" in each]
    assert set(given) <= known.keys()


# Times.


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d/%b/%Y:%H:%M:%S %z", "23/Nov/2026:10:20:30 +0100"),
        ("%b %e %H:%M:%S", "Nov  3 10:20:30"),
        ("%m%d %H:%M:%S.%L", "1123 10:20:30.123456"),
        ("100%% %s", "100% 1764152430"),
        ("%a, %d %B %y %I:%M %p", "Mon, 23 November 26 10:20 AM"),
    ],
)
def test_only_what_can_be_a_time_is_read_as_one(time_format: str, text: str) -> None:
    parser, *_ = times.parsers(parsing("json", time_format=time_format))
    pattern = parser["regex"].replace("(?<", "(?P<").replace(r"\z", r"\Z")
    assert re.search(pattern, text)
    assert not re.search(pattern, text + "x")


@pytest.mark.parametrize(
    ("time_format", "there_is", "there_is_not"),
    [
        ("%Y-%m-%d", "2024-02-29", "2026-02-29"),
        ("%y%m%d", "000229", "990229"),
        ("%d/%b/%Y", "31/Oct/2026", "31/Nov/2026"),
        ("%b %e", "Feb 29", "Feb 30"),
        ("%D", "02/28/26", "02/29/26"),
        ("%F", "1996-02-29", "1998-02-29"),
        ("%Y-%j", "2024-366", "2026-366"),
        ("%d %B %Y", "30 june 2026", "31 june 2026"),
    ],
)
def test_a_day_that_there_is_not_is_none(time_format: str, there_is: str, there_is_not: str) -> None:
    (parser,) = times.parsers(parsing("json", time_format=time_format))
    pattern = parser["regex"].replace("(?<", "(?P<").replace(r"\z", r"\Z")
    assert re.search(pattern, there_is)
    assert not re.search(pattern, there_is_not)
