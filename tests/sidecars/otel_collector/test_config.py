"""Every configuration is one that the collector takes: the real one, and others by the names of their options."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_program import found_collector
from parts import part

from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.sidecars import Variable
from webhook.sidecars.otel_collector import OTEL_COLLECTOR
from webhook.sidecars.otel_collector.exporters import EXPORTERS
from webhook.sidecars.otel_collector.expressions import objection

OPTIONS = json.loads((Path(__file__).parents[2] / "data" / "otel-collector.json").read_text("utf-8"))

CANNOT = TYPES.keys() - EXPORTERS.keys()
IN_THE_REAL_ONE = {"file_log", "transform", "otlp_http", "otlp_grpc", "kafka", "file_storage"}


def _variants(otel: Any) -> Iterator[tuple[str, Any]]:
    for kind, variants in otel.destinations.items():
        yield from ((f"{kind}-{number}", otel.target(kind, **said)) for number, said in enumerate(variants))


def _all_formats(otel: Any, target: Any) -> Any:
    """A Pod with a source of each format."""
    return otel.shipment(*(otel.stream(target, otel.parsing(name), name) for name in FORMATS))


def _valid(collector: Path, config: dict[str, Any], folder: Path) -> None:
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    done = subprocess.run([collector, "validate", f"--config={file}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _without_others(config: dict[str, Any]) -> dict[str, Any]:
    """`config` with `nop` in place of the exporters that the real collector lacks, and without their extensions."""
    pipelines = config["service"]["pipelines"]
    for pipeline in pipelines.values():
        if pipeline["exporters"][0].split("/")[0] not in IN_THE_REAL_ONE:
            pipeline["exporters"] = ["nop"]
    used = {name for pipeline in pipelines.values() for name in pipeline["exporters"]}
    config["exporters"] = {"nop": {}} | {name: each for name, each in config["exporters"].items() if name in used}
    config["extensions"] = {"file_storage": config["extensions"]["file_storage"]}
    config["service"]["extensions"] = ["file_storage"]
    return config


def test_every_type_of_destination_is_told_or_refused(otel: Any) -> None:
    for kind, target in _variants(otel):
        problems = list(OTEL_COLLECTOR.problems(otel.shipment(otel.stream(target, otel.parsing("plain")))))
        if kind.rpartition("-")[0] in CANNOT:
            assert [problem.code for problem in problems] == ["LH142"]
        else:
            assert problems == [], kind


def _newest() -> Path:
    return part("otelcol-newest", "the newest otelcol with all that we write for") / "otelcol"


@pytest.mark.parametrize("program", [found_collector, _newest], ids=["0.149", "newest"])
@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in CANNOT])
def test_every_format_to_every_destination_is_valid(
    otel: Any, program: Callable[[], Path], tmp_path: Path, kind: str
) -> None:
    usual, *others = (otel.target(kind, **said) for said in otel.destinations[kind])
    streams = [otel.stream(usual, otel.parsing(name), name) for name in FORMATS]
    streams += [otel.stream(other, otel.parsing("json"), f"other-{number}") for number, other in enumerate(others)]
    config = json.loads(OTEL_COLLECTOR.config(otel.shipment(*streams)))
    _valid(program(), _without_others(config), tmp_path)


def _unknown(options: Any, known: Any, place: str) -> Iterator[str]:
    """The options that are not known, or are of another type."""
    if isinstance(known, dict):
        if not isinstance(options, dict):
            yield f"{place} is no group of options"
            return
        for name, value in options.items():
            if name in known or "*" in known:
                yield from _unknown(value, known.get(name, known.get("*")), f"{place}.{name}")
            else:
                yield f"{place}.{name} is unknown"
    elif isinstance(known, list):
        for value in options if isinstance(options, list) else [None]:
            yield from _unknown(value, known[0], f"{place}[]")
    else:
        types: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
        if not isinstance(options, types[known]) or (known != "boolean" and isinstance(options, bool)):
            yield f"{place} is no {known}"


def test_options_of_parts_that_the_real_collector_lacks(otel: Any) -> None:
    checked = set()
    for kind, target in _variants(otel):
        if kind.rpartition("-")[0] in CANNOT:
            continue
        config = json.loads(OTEL_COLLECTOR.config(otel.shipment(otel.stream(target, otel.parsing("json")))))
        for group in ("extensions", "exporters"):
            for name, options in config[group].items():
                part = name.split("/")[0]
                checked.add(part)
                assert list(_unknown(options, OPTIONS[group][part], part)) == [], kind
    assert checked >= {"elasticsearch", "splunk_hec", "kafka", "awss3", "otlp_http", "basicauth", "text_encoding"}


def test_a_wrong_option_is_found() -> None:
    known = OPTIONS["exporters"]["splunk_hec"]
    assert list(_unknown({"tokenn": "x"}, known, "x")) == ["x.tokenn is unknown"]
    assert list(_unknown({"token": 7}, known, "x")) == ["x.token is no string"]
    assert list(_unknown({"sending_queue": {"queue_size": True}}, known, "x")) == [
        "x.sending_queue.queue_size is no integer"
    ]


def test_no_secret_and_no_port(otel: Any) -> None:
    for kind, target in _variants(otel):
        if kind.rpartition("-")[0] not in CANNOT:
            text = OTEL_COLLECTOR.config(otel.shipment(otel.stream(target, otel.parsing("json"))))
            assert "health_check" not in text
            assert json.loads(text)["service"]["telemetry"]["metrics"] == {"level": "none"}
            for variable in target.secrets.values():
                is_in_env = any(
                    (variable,) == value
                    for value in OTEL_COLLECTOR.env(otel.shipment(otel.stream(target, otel.parsing("json")))).values()
                )
                assert is_in_env or f"${{env:{variable.name}:-unset}}" in text, kind


def test_what_is_the_same_gives_the_same_text(otel: Any) -> None:
    target = otel.target("otlp", host="otlp.example")
    assert OTEL_COLLECTOR.config(_all_formats(otel, target)) == OTEL_COLLECTOR.config(_all_formats(otel, target))


def test_the_smaller_image_where_it_has_everything(otel: Any) -> None:
    def image(*streams: Any) -> str | None:
        return OTEL_COLLECTOR.image(otel.shipment(*streams))

    otlp, loki = otel.target("otlp", host="a"), otel.target("loki", host="a")
    assert image(otel.stream(otlp, otel.parsing("json")), otel.stream(loki, otel.parsing("json"), "b")) == "otlp"
    assert (
        image(otel.stream(otlp, otel.parsing("json")), otel.stream(otel.target("stdout"), otel.parsing("json"), "b"))
        is None
    )
    assert image(otel.stream(otlp, otel.parsing("json", time_zone="+05:30"))) == "otlp"
    assert image(otel.stream(otlp, otel.parsing("json", time_zone="Europe/Berlin"))) is None
    assert image(otel.stream(otlp, otel.parsing("plain", time_zone="Europe/Berlin"))) == "otlp"


@pytest.mark.parametrize(
    ("said", "key", "code"),
    [
        ({"start": r"^(?=x)"}, "multiline-start", "LH143"),
        ({"time_format": "%Q"}, "time-format", "LH143"),
        ({"time_format": "Jan %d"}, "time-format", "LH143"),
        ({"time_key": 'a"b'}, "time-key", "LH144"),
    ],
)
def test_what_it_does_not_understand(otel: Any, said: dict[str, Any], key: str, code: str) -> None:
    ship = otel.shipment(otel.stream(otel.target("stdout"), otel.parsing("json", **said), "a"))
    (problem,) = OTEL_COLLECTOR.problems(ship)
    assert (problem.source, problem.key, problem.code, problem.details["agent"]) == ("a", key, code, "otel-collector")


@pytest.mark.parametrize("program", [found_collector, _newest], ids=["0.149", "newest"])
def test_no_part_has_a_name_that_is_on_its_way_out(
    otel: Any, sidecar: Any, program: Callable[[], Path], tmp_path: Path
) -> None:
    """The collector says so of one when it starts, and takes it all the same."""
    folder = tmp_path / "own"
    folder.mkdir()
    own = type(sidecar)(program(), folder)
    kinds = ("otlp", "loki", "victorialogs", "kafka")
    streams = [
        otel.stream(otel.target(kind, **otel.destinations[kind][0]), otel.parsing("json"), kind) for kind in kinds
    ]
    own.start(_without_logins(own.rendered(*streams)))
    try:
        deadline = time.monotonic() + 120
        while "Everything is ready" not in own.log.read_text():
            assert time.monotonic() < deadline, own.log.read_text()
            assert own.process.poll() is None, own.log.read_text()
            time.sleep(0.1)
        assert "deprecated" not in own.log.read_text()
    finally:
        own.stop(signal.SIGKILL)


def _without_logins(config: dict[str, Any]) -> dict[str, Any]:
    """`config` without the extensions that log in, which neither collector has."""
    config["extensions"] = {"file_storage": config["extensions"]["file_storage"]}
    config["service"]["extensions"] = ["file_storage"]
    for exporter in config["exporters"].values():
        if isinstance(exporter.get("auth"), dict) and "authenticator" in exporter["auth"]:
            del exporter["auth"]
    return config


EXPRESSIONS = (
    r"^[0-9]{4}-", r"(?P<a>x)(?:y)*?", r"(?i)^warn|^error", r"(?i:x)\bz", r"[\w.-]+\.", r"\Ax\x41\t", r"[]a]", r"[^]]",
    r"a{1000}", r"(?s)x.y", r"(\d{2}){3,500}", r"x(?#y)", r"^(?=x)", r"(?!x)", r"(?<=x)y", r"(?<!x)y", r"(x)\1",
    r"(?P<a>x)(?P=a)", r"(?(1)a|b)()", r"(?>x)", r"x++", r"x*+y", r"x?+", r"x{2}+", r"x\Z", r"(?x) y", r"(?a)x",
    r"\u0041", r"[\u0041]", r"\é", r"(x{100}){100}", r"a{1001}", r"((a{10}){10}){11}",
)  # fmt: skip
"""What Python's `re` takes."""


def test_expressions_are_judged_as_the_real_collector_does(otel: Any, collector: Path, tmp_path: Path) -> None:
    """All that it refuses are refused; of those that it takes, none."""
    target = otel.target("otlp", host="otlp.example")
    config = OTEL_COLLECTOR.config(otel.shipment(otel.stream(target, otel.parsing("plain", start="^START"))))
    file = tmp_path / "config.yaml"
    for expression in EXPRESSIONS:
        written = json.dumps(expression.replace("$", "$$"), ensure_ascii=False)[1:-1]
        file.write_text(config.replace("^START", written), "utf-8")
        done = subprocess.run([collector, "validate", f"--config={file}"], capture_output=True, check=False)
        assert (objection(expression) is None) == (done.returncode == 0), (expression, objection(expression))


def test_retention_that_cloudwatch_does_not_have(otel: Any) -> None:
    target = otel.target("cloudwatch", region="eu", retentionDays=8)
    (problem,) = OTEL_COLLECTOR.problems(otel.shipment(otel.stream(target, otel.parsing("plain"))))
    assert (problem.code, problem.details["option"]) == ("LH145", "retentionDays")


def test_two_logins_to_one_cloud(otel: Any) -> None:
    keys = {"keys": {"accessKeyId": {"secret": "a", "key": "k"}, "secretAccessKey": {"secret": "a", "key": "s"}}}
    one = otel.target("s3", bucket="logs", region="eu", **keys)
    other = type(one)(
        name="b",
        settings=one.settings,
        secrets={name: Variable(f"B_{name}") for name in one.secrets},
        templates=one.templates,
    )
    streams = [otel.stream(one, otel.parsing("plain"), "a"), otel.stream(other, otel.parsing("plain"), "b")]
    (problem,) = OTEL_COLLECTOR.problems(otel.shipment(*streams))
    assert (problem.source, problem.code) == ("b", "LH146")
    assert list(OTEL_COLLECTOR.problems(otel.shipment(streams[0], otel.stream(one, otel.parsing("plain"), "c")))) == []


def test_authorities(otel: Any) -> None:
    def env(*targets: Any) -> dict[str, Any]:
        ship = otel.shipment(*(otel.stream(each, otel.parsing("plain"), f"s{n}") for n, each in enumerate(targets)))
        return {name: value for name, value in OTEL_COLLECTOR.env(ship).items() if name.startswith("SSL")}

    private = otel.target("otlp", host="a", tls={"ca": {"secret": "s", "key": "k"}})
    public, bare = otel.target("loki", host="b"), otel.target("loki", host="b", tls={"enabled": False})
    alone = {"SSL_CERT_DIR": ("/etc/loghook-ca",), "SSL_CERT_FILE": ("/etc/loghook-ca/otlp.crt",)}
    assert env(private) == env(private, bare) == env(private, otel.target("stdout")) == alone
    assert env(private, public) == {"SSL_CERT_DIR": ("/etc/loghook-ca",)}
    assert env(public) == {}


def test_rendering_is_quick(otel: Any) -> None:
    """Measured against reading the same JSON back, which is all in C."""
    ship = otel.shipment(otel.stream(otel.target("elasticsearch", host="es"), otel.parsing("json")))
    text = OTEL_COLLECTOR.config(ship)

    def fastest(work: Any) -> float:
        def once() -> float:
            start = time.perf_counter()
            work()
            return time.perf_counter() - start

        return min(once() for _ in range(50))

    assert fastest(lambda: OTEL_COLLECTOR.config(ship)) < 60 * fastest(lambda: json.loads(text))
