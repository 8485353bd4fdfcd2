"""The real collector, started as the sidecar starts it, with an OTLP receiver of the test's own as its destination."""

import gzip
import http.server
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector_program import found_collector
from otlp_json import attributes, plain
from pydantic import TypeAdapter

from webhook.config.destinations import TYPES, AnyDestination
from webhook.config.formats import FORMATS
from webhook.plan.orders import file_of
from webhook.sidecars import CA_DIRECTORY, STATE_DIRECTORY, Parsing, Shipment, Stream, Target, Tree, Variable
from webhook.sidecars.otel_collector import OTEL_COLLECTOR

PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""

_SECRET = {"secret": "backend", "key": "key"}
_LOGIN = {"user": _SECRET, "password": _SECRET}

DESTINATIONS: Mapping[str, tuple[dict[str, Any], ...]] = {
    **{type_: ({**model.example},) for type_, model in TYPES.items()},
    "stdout": ({},),
    "elasticsearch": ({"host": "es.example"}, {"host": "es.example", "daily": True, "basic": _LOGIN, "path": "/es"}),
    "opensearch": ({"host": "os.example", "basic": _LOGIN}, {"host": "os.example", "awsRegion": "eu-west-1"}),
    "loki": ({"host": "loki.example", "tenant": "shop", "token": _SECRET}, {"host": "loki.example", "basic": _LOGIN}),
    "splunk": ({"host": "splunk.example", "token": _SECRET, "index": "main", "sourcetype": "{source}"},),
    "logscale": tuple(
        {"host": "cloud.example", "token": _SECRET, "via": way} for way in ("hec", "elastic-bulk", "otlp")
    ),
    "kafka": ({"brokers": ["a:9092", "b:9092"], "sasl": _LOGIN}, {"brokers": ["a:9092"], "tls": {"enabled": False}}),
    "s3": (
        {"bucket": "logs", "region": "eu-west-1", "keys": {"accessKeyId": _SECRET, "secretAccessKey": _SECRET}},
        {"bucket": "logs", "region": "eu-west-1", "endpoint": "https://minio.example:9000"},
    ),
    "otlp": (
        {"host": "otlp.example", "token": _SECRET, "headers": [{"name": "X-Team", "value": "shop"}]},
        {"host": "2001:db8::1", "protocol": "grpc", "port": 4317, "headers": [{"name": "X-Key", "value": _SECRET}]},
        {"host": "otlp.example", "tls": {"verify": False, "serverName": "inner.example", "ca": _SECRET}},
    ),
    "datadog": ({"apiKey": _SECRET}, {"apiKey": _SECRET, "tags": {"team": "{namespace}"}, "host": "proxy.example"}),
    "cloudwatch": ({"region": "eu-west-1", "retentionDays": 7}, {"region": "eu", "endpoint": "http://cw.example"}),
    "syslog": ({"host": "syslog.example"}, {"host": "syslog.example", "protocol": "udp"}),
    "google-cloud": ({"project": "shop", "cluster": "main", "location": "eu", "credentials": _SECRET},),
    "http": ({"host": "http.example"},),
    "forward": ({"host": "fluentd.example"},),
    "azure": (
        {"tenant": "t", "clientId": _SECRET, "clientSecret": _SECRET, "endpoint": "https://x.example", "rule": "r"}
        | {"table": "t"},
    ),
}
_SHARED: Mapping[str, dict[str, Any]] = {
    "headers": {"headers": [{"name": "X-Team", "value": "shop"}, {"name": "X-Key", "value": _SECRET}]},
    "tls": {"tls": {"cert": _SECRET, "key": _SECRET}},
}
DESTINATIONS = {
    type_: (
        *several,
        *(
            {**several[0], **more}
            for field, more in _SHARED.items()
            if field in TYPES[type_].model_fields and type_ != "datadog"  # whose exporter heeds neither
        ),
    )
    for type_, several in DESTINATIONS.items()
}
"""Each type of destination, with what may be said of it."""

_ANY: TypeAdapter[Any] = TypeAdapter(AnyDestination)


def target(kind: str, **said: Any) -> Target:
    """A destination as a Pod has it."""
    settings = _ANY.validate_python({"type": kind, **said})
    return Target(
        name=kind,
        settings=settings,
        secrets={field: Variable(f"SECRET_{field.replace('.', '_').upper()}") for field, _ in settings.secrets()},
        templates={field: ("in-", Variable("NAMESPACE")) for field, _ in settings.texts()},
        files={field: f"{CA_DIRECTORY}/{file_of(kind, field)}" for field, _ in settings.secret_files()},
    )


def parsing(format_: str, **said: Any) -> Parsing:
    described = FORMATS[format_]
    usual = {"start": described.start, "time_key": described.time_key, "time_format": described.time_format}
    return Parsing(format=described, **{**usual, **said})


def stream(to: Target, how: Parsing, name: str = "", **said: Any) -> Stream:
    """A source whose files are in /loghook/app/logs here and in /var/log/app there."""
    usual: dict[str, Any] = {
        "paths": ("/loghook/app/logs/*.log",),
        "exclude": ("*.gz",),
        "from_end": False,
        "trees": (Tree("/loghook/app/logs", "/var/log/app"),),
        "attributes": {"k8s.pod.name": (Variable("POD"),), "loghook.source": (name or "default",)},
    }
    return Stream(name=name, parsing=how, target=to, **{**usual, **said})


def shipment(*streams: Stream, memory: int = 128, state: int = 256) -> Shipment:
    return Shipment(streams=streams, memory_bytes=memory << 20, state_bytes=state << 20, grace_seconds=5)


@pytest.fixture(scope="session")
def collector() -> Path:
    return found_collector()


class Record(msgspec.Struct, frozen=True):
    """One record as it arrived."""

    body: Any
    attributes: dict[str, Any]
    nanoseconds: int
    resource: dict[str, Any]
    severity: tuple[int, str] = (0, "")

    @property
    def source(self) -> str:
        """The source that it is of: an attribute of a record of OTLP, and of the resource where it is a document."""
        return str(self.attributes.get("loghook.source") or self.resource["loghook.source"])


class Receiver:
    """A receiver of OTLP/HTTP, in JSON: what came in, and whether it takes anything now."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.is_away = False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.is_away:
                    self.answer(503, b"")
                    return
                is_packed = self.headers["Content-Encoding"] == "gzip"
                receiver.requests.append((dict(self.headers), gzip.decompress(body) if is_packed else body))
                self.answer(200, b"{}")

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def records(self) -> list[Record]:
        found = []
        for _, body in list(self.requests):
            for resource_logs in json.loads(body)["resourceLogs"]:
                resource = attributes(resource_logs["resource"].get("attributes", []))
                for scope_logs in resource_logs["scopeLogs"]:
                    for each in scope_logs["logRecords"]:
                        nanoseconds = int(each.get("timeUnixNano", 0))
                        own = attributes(each.get("attributes", []))
                        severity = each.get("severityNumber", 0), each.get("severityText", "")
                        found.append(Record(plain(each.get("body", {})), own, nanoseconds, resource, severity))
        return found

    @property
    def lines(self) -> list[Any]:
        return [record.body for record in self.records]

    def wait_for(self, check: Callable[[list[Record]], bool], log: Path) -> list[Record]:
        """The records, as soon as `check` is content with them; `log` is shown if that does not come about."""
        deadline = time.monotonic() + PATIENCE
        seen, records = -1, self.records
        while not check(records):
            assert time.monotonic() < deadline, f"{len(records)} records; {log.read_text()[-3000:]}"
            time.sleep(0.05)
            if seen != len(self.requests):
                seen, records = len(self.requests), self.records
        return records


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.stop()


class Sidecar:
    """The collector with a configuration of ours, in a folder that stands for its file system."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.logs = folder / "logs"
        self.log = folder / "collector.log"
        self.environment = {"POD": "shop-1", "NAMESPACE": "shop"}
        self.process: subprocess.Popen[bytes] | None = None
        for directory in (self.logs, folder / "state", folder / "ca"):
            directory.mkdir()

    def text(self, *streams: Stream, **bounds: int) -> str:
        """The configuration of `streams`, of which only the places are changed."""
        ship = shipment(*streams, **bounds)
        assert list(OTEL_COLLECTOR.problems(ship)) == []
        text = OTEL_COLLECTOR.config(ship)
        places = (("/loghook/app/logs", "logs"), (STATE_DIRECTORY, "state"), (CA_DIRECTORY, "ca"))
        for place, here in places:
            text = text.replace(place, str(self.folder / here))
        values = {name: "".join(map(str, value)) for name, value in OTEL_COLLECTOR.env(ship).items()}
        self.environment |= {
            name: value.replace(CA_DIRECTORY, str(self.folder / "ca")) for name, value in values.items()
        }
        return text

    def rendered(self, *streams: Stream, **bounds: int) -> dict[str, Any]:
        """The same, as data."""
        config: dict[str, Any] = json.loads(self.text(*streams, **bounds))
        return config

    def start(self, config: dict[str, Any] | str) -> None:
        text = config if isinstance(config, str) else json.dumps(config)
        (self.folder / "config.yaml").write_text(text, "utf-8")
        self.again()

    def again(self) -> None:
        self._said_before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, f"--config={self.folder}/config.yaml"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        if number == signal.SIGTERM:
            self._wait_until_it_runs()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def _wait_until_it_runs(self) -> None:
        """It asks for SIGTERM at the very end of its start: before, that ends it as it ends any program."""
        deadline = time.monotonic() + PATIENCE
        while not (b"Everything is ready." in self.log.read_bytes()[self._said_before :] and self._is_idle()):
            assert self.process is None or self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def _is_idle(self) -> bool:
        """Whether no thread of it runs, or would if there were a processor for it."""
        states = (
            each.read_text().rpartition(")")[2].split()[0] for each in Path(f"/proc/{self.pid}/task").glob("*/stat")
        )
        return set(states) == {"S"}

    def complaints(self) -> list[str]:
        """What the collector says that is an error or a warning."""
        return [line for line in self.log.read_text().splitlines() if "\terror\t" in line or "\twarn\t" in line]


@pytest.fixture
def sidecar(collector: Path, tmp_path: Path) -> Iterator[Sidecar]:
    found = Sidecar(collector, tmp_path)
    yield found
    if found.process is not None:
        found.process.kill()
        found.process.wait()
    shutil.rmtree(tmp_path / "state")


def with_json(config: dict[str, Any]) -> dict[str, Any]:
    """`config`, whose exporters of OTLP write JSON, which the receiver reads."""
    for name, options in config["exporters"].items():
        if name.startswith("otlp_http/"):
            options["encoding"] = "json"
    return config


def here(receiver: Receiver, **said: Any) -> Target:
    """The receiver as a destination."""
    return target("otlp", host="127.0.0.1", port=receiver.port, tls={"enabled": False}, **said)


@pytest.fixture(scope="session")
def otel() -> Any:
    """What tests of this folder share: folders of tests are no packages, from which it could be imported."""
    return Shared


class Shared:
    destinations = DESTINATIONS
    target = staticmethod(target)
    parsing = staticmethod(parsing)
    stream = staticmethod(stream)
    shipment = staticmethod(shipment)
    with_json = staticmethod(with_json)
    here = staticmethod(here)
