"""Vector's configuration: read back, held to Vector's own schema, and run."""

import base64
import contextlib
import gzip
import http.server
import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from shipments import FULL, parsing, shipment, stream, target
from vector_syntax import load, strings

from certs import authority
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.sidecars import Problem, Shipment, Stream, Tree, Variable
from webhook.sidecars.vector import SECRETS, VECTOR
from webhook.sidecars.vector.literals import document, program_regex, program_text
from webhook.sidecars.vector.sinks import SINKS

SCHEMA = jsonschema.Draft201909Validator(
    json.loads((Path(__file__).parents[1] / "data" / "vector.json").read_text("utf-8"))
)

HOSTILE = ["", '"', "\\", "\\n", "$", "${HOME}", "$$", "{{ message }}", "{", "}}", "%Y", "SECRET[env.HOME]", "'", "\n"]
HOSTILE += ["\r\n\t", "\0", "\x7f\x85", "\u2028\ufeff", "ü☃𐍈", "#{1}", "SECRET", "[env.X]", "a: b # c", "- x", "`id`"]

PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come."""


def vector() -> str:
    """The real Vector, as this machine has it."""
    found = os.environ.get("VECTOR_BIN") or shutil.which("vector")
    if not found:
        pytest.skip("there is no vector: put it on the PATH or name it in VECTOR_BIN")
    return found


# Text is literal.


@pytest.mark.parametrize("text", HOSTILE)
def test_the_document_is_json_and_yaml_and_asks_for_nothing(text: str) -> None:
    data: dict[str, Any] = {"a": text, text: ["x", text, 1, True], "b": (text, Variable("X_1"), text)}
    assert load(document(data)) == {"a": text, text: ["x", text, 1, True], "b": f"{text}\ufdd0X_1\ufdd1{text}"}


def test_literals_side_by_side_ask_for_nothing() -> None:
    assert load(document({"a": ("SECRET", "[env.HOME]")})) == {"a": "SECRET[env.HOME]"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_of_a_program_is_literal(text: str) -> None:
    assert strings(f"x = {program_text(text)} + {program_text(text)}") == ([text, text], "x = STRING + STRING")


@pytest.mark.parametrize(
    ("pattern", "read"),
    [("'", r"\'"), (r"\'", r"\'"), (r"\\'", r"\\\'"), (r"a\\", r"a\\"), ("it's {{ x }}", r"it\'s {{ x }}")],
)
def test_an_expression_of_a_program_ends_where_it_should(pattern: str, read: str) -> None:
    assert strings(f"match(x, {program_regex(pattern)})") == ([read], "match(x, STRING)")


def test_attributes_are_strings_or_variables() -> None:
    attributes = {text: (text, Variable("LOGHOOK_X")) for text in HOSTILE}
    program = load(VECTOR.config(shipment(stream(attributes=attributes))))["transforms"]["unnamed-record"]["source"]
    found = [part for text in HOSTILE for part in (text, text, "LOGHOOK_X", "")]
    assert any(strings(program)[0][start : start + len(found)] == found for start in range(40))


# Against Vector's own schema.


def every_target() -> list[tuple[str, Mapping[str, Any]]]:
    return [(type_, options) for type_ in TYPES for options in ({}, *FULL[type_])]


@pytest.mark.parametrize(("type_", "options"), every_target())
def test_options_are_those_of_vector(type_: str, options: Mapping[str, Any]) -> None:
    shipped = shipment(stream(target=target(type_, options)))
    if not any(VECTOR.problems(shipped)):
        SCHEMA.validate(load(VECTOR.config(shipped)))


@pytest.mark.parametrize("format_", FORMATS)
def test_options_of_formats_are_those_of_vector(format_: str) -> None:
    SCHEMA.validate(load(VECTOR.config(shipment(stream(parsing=parsing(format_))))))


def test_the_schema_finds_an_option_that_is_not_there() -> None:
    config = load(VECTOR.config(shipment(stream(target=target("http")))))
    for section, name in (("sinks", "unnamed-out"), ("sources", "unnamed-globs"), ("transforms", "unnamed-record")):
        wrong = msgspec.json.decode(msgspec.json.encode(config))
        wrong[section][name]["no_such_option"] = True
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate(wrong)


# What it cannot do.


def found(*streams: Stream) -> list[tuple[str, str, str]]:
    return [(problem.source, problem.key, problem.code) for problem in VECTOR.problems(shipment(*streams))]


@pytest.mark.parametrize("type_", sorted({*TYPES} - {*SINKS}))
def test_there_is_no_sink(type_: str) -> None:
    (problem,) = VECTOR.problems(shipment(stream(target=target(type_))))
    assert problem == Problem("", "destination", "LH142", {"agent": "vector", "type": type_})


def test_options_that_no_sink_has() -> None:
    grpc = stream(name="a", target=target("otlp", {"protocol": "grpc"}))
    named = stream(name="b", target=target("kafka", {"tls": {"serverName": "x"}}))
    assert found(grpc, named) == [("a", "destination", "LH145"), ("b", "destination", "LH145")]


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        ("kafka", {"topic": "a%Y"}),
        ("s3", {"prefix": "100%"}),
        ("loki", {"labels": {"a": "%d"}}),
        ("http", {"path": "/a%2Fb"}),
        ("otlp", {"headers": [{"name": "a", "value": "{{ x }}"}]}),
    ],
)
def test_templates_have_no_escape(type_: str, options: Mapping[str, Any]) -> None:
    assert found(stream(target=target(type_, options))) == [("", "destination", "LH144")]


def test_text_that_is_no_template_may_hold_anything() -> None:
    assert found(stream(target=target("datadog", {"service": "100%", "tags": {"a": "%d"}}))) == []


def test_expressions_and_times_that_it_cannot_read() -> None:
    own = msgspec.structs.replace(FORMATS["nginx"], pattern=r"(?P<a>x)(?=y)")
    wrong = parsing(own, start=r"(a)\1", time_format="%Y %Q")
    assert found(stream(parsing=wrong)) == [
        ("", "format", "LH143"),
        ("", "multiline-start", "LH143"),
        ("", "time-format", "LH143"),
    ]


@pytest.mark.parametrize("time_format", ["%L", "%S%L", "%f", "%q", "%Z", "%"])
def test_a_time_format_that_chrono_cannot_read(time_format: str) -> None:
    assert found(stream(parsing=parsing("json", time_format=time_format))) == [("", "time-format", "LH143")]


def test_hidden_and_excluded_files_are_left_out_of_globs_alone() -> None:
    own = stream(paths=("/l/.x", "/l/a.gz", "/l/[^a]*/*.log"), exclude=("*.gz", "/l/b/c.log"), from_end=True)
    read = load(VECTOR.config(shipment(own)))["sources"]
    assert read["unnamed-files"]["include"] == ["/l/.x", "/l/a.gz"]
    assert "exclude" not in read["unnamed-files"]
    assert read["unnamed-globs"]["include"] == ["/l/[!a]*/*.log"]
    assert read["unnamed-globs"]["exclude"] == [
        "/l/.*/*.log",
        "/l/[!a]*/.*",
        "/l/[!a]*/*.gz",
        "/l/b/c.log",
        "/l/.x",
        "/l/a.gz",
    ]
    assert {each["read_from"] for each in read.values()} == {"end"}


def test_offsets_move_only_with_what_was_delivered() -> None:
    sinks = load(VECTOR.config(shipment(*(stream(name=type_, target=target(type_)) for type_ in SINKS))))["sinks"]
    assert len(sinks) == len(SINKS)
    for sink in sinks.values():
        assert sink.get("protocol", sink)["acknowledgements"] == {"enabled": True}
        assert sink["buffer"]["when_full"] == "block"
    assert sum(sink["buffer"]["max_size"] for sink in sinks.values()) <= shipment().memory_bytes // 4


# The real Vector.


@pytest.mark.parametrize("type_", sorted(SINKS))
def test_vector_accepts_its_configuration(type_: str, tmp_path: Path) -> None:
    for number, options in enumerate([{}, *FULL[type_]]):
        shipped = shipment(stream(target=target(type_, options)))
        if any(VECTOR.problems(shipped)):
            continue
        file = tmp_path / f"{number}.yaml"
        file.write_text(VECTOR.config(shipped).replace("/var/lib/loghook", str(tmp_path)), "utf-8")
        command = [vector(), "validate", "--no-environment", str(file)]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def environment(**more: str) -> dict[str, str]:
    """With the real Vector as `vector`, which its secret backend starts."""
    return {"PATH": f"{Path(vector()).parent}:{os.environ['PATH']}", "VECTOR_LOG": "warn", **more}


class Running:
    """A real Vector, and what it wrote to its stdout."""

    def __init__(self, shipped: Shipment, place: Path, **env: str) -> None:
        place.joinpath("state").mkdir(exist_ok=True)
        self.out, self.err = place / "out", place / "err"
        config = place / "vector.yaml"
        config.write_text(VECTOR.config(shipped).replace("/var/lib/loghook", f"{place}/state"), "utf-8")
        args = [*VECTOR.command(shipped).args]
        args[args.index("--config") + 1] = str(config)
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [vector(), *args], stdout=out, stderr=err, env=environment(LOGHOOK_POD="pod-1", **env)
            )

    def records(self) -> list[dict[str, Any]]:
        """What is there in whole lines."""
        return [json.loads(line) for line in self.out.read_text("utf-8").split("\n")[:-1]]

    def until(self, met: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not met():
            assert time.monotonic() < end, self.err.read_text("utf-8")
            assert self.process.poll() is None, self.err.read_text("utf-8")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.err.read_text("utf-8")


@contextlib.contextmanager
def running(shipped: Shipment, place: Path, **env: str) -> Iterator[Running]:
    it = Running(shipped, place, **env)
    try:
        yield it
    finally:
        if it.process.poll() is None:
            it.process.kill()
            it.process.wait()


def of_files(place: Path, **options: Any) -> Stream:
    logs = place / "logs"
    logs.mkdir(exist_ok=True)
    return stream(paths=(f"{logs}/*.log",), trees=(Tree(str(logs), "/var/log/app"),), **options)


def test_vector_reads_every_format(tmp_path: Path) -> None:
    streams = []
    for name, format_ in FORMATS.items():
        place = tmp_path / "logs" / name
        place.mkdir(parents=True)
        (place / "a.log").write_text(f"{format_.sample}\n", "utf-8")
        (place / "b.log").write_text("no [match at all\n", "utf-8")
        attributes = {"format": (name,), "pod": (Variable("LOGHOOK_POD"),)}
        tree = Tree(str(place), "/x")
        streams.append(
            stream(name=name, paths=(f"{place}/*.log",), trees=(tree,), parsing=parsing(name), attributes=attributes)
        )
    with running(shipment(*streams), tmp_path) as it:
        it.until(lambda: len(it.records()) >= 2 * len(FORMATS))
        it.stop()
        records = it.records()
    assert len(records) == 2 * len(FORMATS)
    for name, format_ in FORMATS.items():
        by_file = {record["log.file.path"]: record for record in records if record["format"] == name}
        read, unread = by_file["/x/a.log"], by_file["/x/b.log"]
        assert read["pod"] == "pod-1"
        assert (unread.get("message") or unread["column1"]) == "no [match at all"
        if format_.syntax == "text":
            assert read["message"] == format_.sample
        if format_.time_key:
            assert read["@timestamp"].startswith(("2026-11-23T10:20:30", "2026-11-23T09:20:30")), name
            assert format_.time_key in read


TIMES = {
    "2026-11-23T10:20:30Z": "2026-11-23T10:20:30Z",
    "2026-11-23 10:20:30.5": "2026-11-23T09:20:30.500Z",
    "2026-11-23T10:20:30,123456789+0200": "2026-11-23T08:20:30.123456789Z",
    "2026-07-01T10:20:30": "2026-07-01T08:20:30Z",
    "1795429230": "2026-11-23T10:20:30Z",
    1795429230: "2026-11-23T10:20:30Z",
    1795429230123: "2026-11-23T10:20:30.123Z",
    "1795429230.25": "2026-11-23T10:20:30.250Z",
}


def test_vector_reads_every_notation_of_a_time(tmp_path: Path) -> None:
    own = of_files(tmp_path, parsing=parsing("json", time_zone="Europe/Berlin"))
    lines = [json.dumps({"time": value}) for value in TIMES]
    (tmp_path / "logs" / "a.log").write_text("\n".join([*lines, '{"time": "later"}', ""]), "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: len(it.records()) > len(TIMES))
        records = it.records()
    assert {record["time"]: record["@timestamp"] for record in records[:-1]} == TIMES
    assert records[-1]["time"] == "later"


def test_vector_takes_hostile_text_for_what_it_is(tmp_path: Path) -> None:
    attributes = {f"x{number} {text}": (text,) for number, text in enumerate(HOSTILE)}
    own = of_files(tmp_path, attributes=attributes)
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: bool(it.records()))
        (record,) = it.records()
    assert {key: (record[key],) for key in attributes} == attributes


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes JSON lines while its server's `status` is 200."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, Server)
        if server.status == http.HTTPStatus.OK:
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A receiver on loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.status = 200
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in [*self.bodies] for line in body.splitlines()]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        yield it
        it.shutdown()


def to_http(server: Server, **options: Any) -> dict[str, Any]:
    plain = {"host": "127.0.0.1", "port": server.server_port, "tls": {"enabled": False}}
    return {"target": target("http", {**plain, **options})}


_SECRET_HEADER = [{"name": "X-Key", "value": {"secret": "a", "key": "b"}}]


@pytest.mark.parametrize("value", ["hunter2", 'q"\\{}$$ü☃', " a b ", "two\nlines", "%Y{{ x }}"])
def test_vector_gets_its_secrets_whole(value: str, server: Server, tmp_path: Path) -> None:
    basic = {"user": {"secret": "a", "key": "b"}, "password": {"secret": "a", "key": "c"}}
    own = of_files(tmp_path, **to_http(server, basic=basic))
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    secrets = {"LOGHOOK_BACKEND_BASIC_USER": "joe", "LOGHOOK_BACKEND_BASIC_PASSWORD": f"{value}\n"}
    with running(shipment(own), tmp_path, **secrets) as it:
        it.until(lambda: bool(server.headers))
    assert base64.b64decode(server.headers[0]["authorization"].split()[1]).decode() == f"joe:{value}"


def test_vector_starts_without_its_secrets(server: Server, tmp_path: Path) -> None:
    own = of_files(tmp_path, **to_http(server, headers=_SECRET_HEADER, token={"secret": "a", "key": "t"}))
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: bool(server.records))
    assert server.headers[0]["authorization"].strip() == "Bearer"


def test_a_secret_in_a_template_cannot_stop_vector(server: Server, tmp_path: Path) -> None:
    own = of_files(tmp_path, **to_http(server, headers=_SECRET_HEADER))
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    with running(shipment(own), tmp_path, LOGHOOK_BACKEND_HEADERS_0="50%2 {{ x }}") as it:
        it.until(lambda: bool(server.records))
    assert server.headers[0]["x-key"] == "unset"


@pytest.mark.parametrize("status", [401, 503])
def test_what_is_refused_for_now_is_tried_again(status: int, server: Server, tmp_path: Path) -> None:
    own = of_files(tmp_path, **to_http(server))
    server.status = status
    (tmp_path / "logs" / "a.log").write_text("".join(f"{number}\n" for number in range(500)), "utf-8")
    with running(shipment(own), tmp_path) as it:
        time.sleep(3)
        server.status = 200
        it.until(lambda: len(server.records) >= 500)
        it.stop()
    assert [int(record["message"]) for record in server.records] == list(range(500))


def test_what_was_not_delivered_is_read_again_after_a_kill(server: Server, tmp_path: Path) -> None:
    own = of_files(tmp_path, **to_http(server))
    log = tmp_path / "logs" / "a.log"
    log.write_text("".join(f"{number}\n" for number in range(100)), "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: len(server.records) >= 100)
        time.sleep(2)  # checkpoints are written once a second
        server.status = 503
        with log.open("a") as more:
            more.write("".join(f"{number}\n" for number in range(100, 200)))
        time.sleep(3)
        it.process.send_signal(signal.SIGKILL)
        it.process.wait()
    server.status = 200
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: len(server.records) >= 200)
        it.stop()
    assert [int(record["message"]) for record in server.records] == list(range(200))


def test_from_the_end_is_for_old_files_alone(tmp_path: Path) -> None:
    own = of_files(tmp_path, from_end=True)
    old, new = (tmp_path / "logs" / f"{name}.log" for name in ("old", "new"))
    old.write_text("old 1\n", "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until((tmp_path / "state" / "unnamed-globs").is_dir)
        time.sleep(3)
        new.write_text("new 1\n", "utf-8")
        with old.open("a") as file:
            file.write("old 2\n")
        it.until(lambda: len(it.records()) >= 2)
        it.stop()
        assert {record["message"] for record in it.records()} == {"old 2", "new 1"}


@pytest.mark.parametrize("way", ["rename", "copytruncate"])
def test_rotation_loses_nothing(way: str, tmp_path: Path) -> None:
    own = of_files(tmp_path)
    log = tmp_path / "logs" / "a.log"
    numbers = itertools.count()
    with running(shipment(own), tmp_path) as it:
        for _ in range(5):
            with log.open("a") as file:
                file.write("".join(f"{next(numbers)}\n" for _ in range(200)))
            total = next(numbers)
            with log.open("a") as file:
                file.write(f"{total}\n")
            it.until(lambda: len(it.records()) > total)  # noqa: B023 - it is met before the next turn
            if way == "rename":
                log.rename(tmp_path / "logs" / "a.log.1")
            else:
                shutil.copy(log, tmp_path / "logs" / "a.log.1")
                os.truncate(log, 0)
            time.sleep(1.5)
        it.stop()
        assert [int(record["message"]) for record in it.records()] == list(range(next(numbers)))


def test_otlp_is_what_a_collector_reads(server: Server, tmp_path: Path) -> None:
    options = {"host": "127.0.0.1", "port": server.server_port, "tls": {"enabled": False}}
    own = of_files(tmp_path, parsing=parsing("json"), target=target("otlp", options))
    line = {"message": "hi", "n": 7, "f": 1.5, "b": True, "o": {"x": [1]}, "time": "2026-11-23T10:20:30Z"}
    (tmp_path / "logs" / "a.log").write_text(f"{json.dumps(line)}\nplain\n", "utf-8")
    with running(shipment(own), tmp_path) as it:
        it.until(lambda: bool(server.bodies))
    sent = b"".join(gzip.decompress(body) for body in server.bodies)
    assert server.headers[0]["content-type"] == "application/x-protobuf"
    for text in (b"hi", b"plain", b'{"x":[1]}', b"k8s.namespace.name", b"shop", b"/var/log/app/a.log"):
        assert text in sent


def test_one_ca_is_told_by_the_environment() -> None:
    ca = {"tls": {"ca": {"secret": "a", "key": "b"}}}
    one, same, other = (target(type_, ca, name) for type_, name in (("http", "x"), ("loki", "x"), ("loki", "y")))
    shared = shipment(stream(name="a", target=one), stream(name="b", target=same), stream(name="c"))
    assert VECTOR.env(shared)["SSL_CERT_FILE"] == ("/etc/loghook-ca/x.crt",)
    assert "ca_file" not in VECTOR.config(shared)
    for second in (other, target("loki"), target("s3"), target("kafka", ca, "x")):
        several = shipment(stream(name="a", target=one), stream(name="b", target=second))
        assert "SSL_CERT_FILE" not in VECTOR.env(several)
        assert "/etc/loghook-ca/x.crt" in VECTOR.config(several)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_ca_that_is_missing_does_not_end_vector(server: Server, tmp_path: Path, *, is_there: bool) -> None:
    now = datetime.now(UTC)
    ca = authority.new_authority(now)
    leaf = authority.issue_leaf(ca, ["localhost"], now)
    (tmp_path / "ca.crt").write_bytes(ca.certificate_pem())
    (tmp_path / "tls.pem").write_bytes(leaf.certificate_pem() + leaf.key_pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    tls = {"tls": {"ca": {"secret": "a", "key": "b"}}}
    own = of_files(tmp_path, target=target("http", {"host": "localhost", "port": server.server_port, **tls}))
    (tmp_path / "logs" / "a.log").write_text("hello\n", "utf-8")
    file = tmp_path / ("ca.crt" if is_there else "none.crt")
    with running(shipment(own), tmp_path, SSL_CERT_FILE=str(file)) as it:
        if is_there:
            it.until(lambda: bool(server.records))
        else:
            it.until(lambda: "certificate verify failed" in it.err.read_text("utf-8"))
            time.sleep(1)
        it.stop()
    assert bool(server.records) == is_there


def test_the_secrets_program_is_constant() -> None:
    command = load(VECTOR.config(shipment(stream())))["secret"]["env"]["command"]
    assert command == ["vector", "vrl", SECRETS]


def test_syslog_is_one_line_a_record(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = {"host": "127.0.0.1", "port": listener.getsockname()[1], "protocol": "tcp"}
        own = of_files(tmp_path, parsing=parsing("java"), target=target("syslog", options))
        (tmp_path / "logs" / "a.log").write_text("Exception\n\tat x\nnext\n", "utf-8")
        with running(shipment(own), tmp_path):
            listener.settimeout(PATIENCE)
            connection, _ = listener.accept()
            with connection, connection.makefile("r", encoding="utf-8") as lines:
                first, second = (next(lines) for _ in range(2))
    assert first.startswith("<14>1 ")
    assert first.endswith(" pod-1 web - access - Exception#012\tat x\n")
    assert second.endswith(" - next\n")
