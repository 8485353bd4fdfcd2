"""The agents as readers of lines: what each makes of a line under the configuration that we generate.

Nothing is imitated but the clock and what stands around a program of ours: the collector runs as it ships, VRL programs
run in VRL's own runtime, Fluentd's filter in Ruby, and Fluent Bit where it is found.
"""

import base64
import datetime as dt
import functools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import fluent_bit_process
import fluentd_syntax
import msgspec
import pytest
import yaml
from otlp_json import plain
from posts import Posts
from shipments import parsing, shipment, stream, target

from webhook.config.formats import FORMATS
from webhook.config.loghook_yaml import load
from webhook.sidecars import STATE_DIRECTORY, Parsing, Stream, Tree
from webhook.sidecars.fluentd import FLUENTD, RECORD
from webhook.sidecars.otel_collector import OTEL_COLLECTOR
from webhook.sidecars.vector.remap import program

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
"""Seconds after which what is awaited is taken not to come."""
READING = "2026-11-29T12:00:00+00:00"
"""When lines are read, where a case names no other time."""

_METADATA = {"log.file.path", "loghook.source", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name"}


class Record(NamedTuple):
    """What a line became: the fields without our metadata, and the time; None stands for the time of reading."""

    fields: dict[str, Any]
    time: str | None


class Case(NamedTuple):
    """One file of `lines`: the text of a file, how it is read, and the records that it is.

    `differs` has, by agent, what that agent makes of it instead, and why.
    """

    name: str
    format: str
    text: bytes
    options: Mapping[str, Any]
    clock: dt.datetime
    records: list[Record]
    differs: Mapping[str, dict[str, Any]]
    about: str
    has_clock: bool

    def expected(self, agent: str) -> list[Record]:
        """The right records, or those of which `agent` is known to make something else."""
        return _records(self.differs[agent]) if agent in self.differs else self.records

    @property
    def source(self) -> str:
        """The name under which its records are known."""
        return re.sub(r"[^a-z0-9]", "-", self.name)[:40].rstrip("-")

    @property
    def parsing(self) -> Parsing:
        """How the file is read, as the annotations and the configuration say it."""
        own = load(yaml.safe_dump({"formats": self.options.get("formats", {})}))
        options = {key: value for key, value in self.options.items() if key not in _NOT_PARSING}
        return parsing(own.every_format[self.format] if self.format not in FORMATS else self.format, **options)


_NOT_PARSING = {"formats", "keep", "drop", "redact", "replacements"}


def _records(data: Mapping[str, Any]) -> list[Record]:
    each = data["records"] if "records" in data else [data["record"]]
    return [Record({k: v for k, v in one.items() if k != "@time"}, one.get("@time")) for one in each]


def case(file: Path) -> Case:
    """The case in `file`."""
    data = yaml.safe_load(file.read_text("utf-8"))
    text = data["bytes"] if "bytes" in data else (data["line"] + "\n").encode()
    return Case(
        name=f"{file.parent.name}/{file.stem}",
        format=data.get("format", file.parent.name),
        text=text.encode("latin-1") if isinstance(text, str) else text,
        options=data.get("with", {}),
        clock=dt.datetime.fromisoformat(data.get("clock", READING)),
        records=_records(data),
        differs=data.get("differs", {}),
        about=data["about"],
        has_clock="clock" in data,
    )


CASES = [case(file) for file in sorted((Path(__file__).parent / "lines").glob("*/*.yaml"))]
"""Every case there is: found, and not listed."""


def missing(what: str) -> None:
    """Skip a test that lacks something; in CI it fails."""
    if os.environ.get("LOGHOOK_CI"):
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"NOT TESTED: this needs {what}")


@functools.cache
def asset(name: str, variable: str) -> str:
    """A program of the test environment: of `variable`, of KUBEBUILDER_ASSETS, or of ENVTEST_DIR."""
    setup = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest") / "setup"
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if variable not in os.environ and not folder and os.access(setup, os.X_OK):
        folder = subprocess.run([setup], check=True, capture_output=True, text=True).stdout.strip()
    found = os.environ.get(variable) or f"{folder or ''}/{name}"
    return found if Path(found).exists() else ""


def _stream(case: Case, directory: str = "/logs") -> Stream:
    name = case.source
    own = load(yaml.safe_dump({"replacements": case.options.get("replacements", {})}))
    return stream(
        keep=case.options.get("keep"),
        drop=case.options.get("drop"),
        redact=tuple(own.every_replacement[each] for each in case.options.get("redact", ())),
        name=name,
        parsing=case.parsing,
        paths=(f"{directory}/{name}.log",),
        trees=(Tree(directory, directory),),
        target=target("http"),
        attributes={
            "k8s.namespace.name": ("shop",),
            "k8s.pod.name": ("shop-0",),
            "k8s.container.name": ("web",),
            "loghook.source": (name,),
        },
    )


def _record(document: Mapping[str, Any], clock: dt.datetime | None) -> Record:
    """`document` without what we add; `clock` is when it was read, None where that is about now."""
    fields = {key: value for key, value in document.items() if key not in _METADATA}
    stamp = fields.pop("@timestamp")
    moment = dt.datetime.fromisoformat(stamp)
    read = clock or dt.datetime.now(dt.UTC)
    near = dt.timedelta(seconds=1 if clock else 900)
    return Record(fields, None if abs(moment - read) < near else _short(stamp))


def _short(stamp: str) -> str:
    """A time of RFC 3339 in UTC, to the millisecond, without zeros that say nothing."""
    moment = dt.datetime.fromisoformat(stamp).astimezone(dt.UTC)
    return re.sub(r"\.?0*$", "", moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]) + "Z"


# Vector: each line through the program of its source, in VRL's runtime.


def vector(cases: Iterable[Case], folder: Path) -> dict[str, list[Record]]:
    """What Vector's programs make of `cases`, whose lines are one record each."""
    return {case.name: _by_vector(case, folder) for case in cases}


def _by_vector(case: Case, folder: Path) -> list[Record]:
    now = f"t'{case.clock.strftime('%Y-%m-%dT%H:%M:%SZ')}'"
    text = case.text.decode("utf-8", "replace").removesuffix("\n")
    lines = [text] if case.parsing.start or case.parsing.format.is_partial else text.split("\n")
    stamp = case.clock.isoformat()
    events = [{"message": line.removesuffix("\r"), "file": "/logs/x.log", "@timestamp": stamp} for line in lines]
    shipped = by_vrl(program(_stream(case)).replace("now()", now), events, folder)
    return [_record(_of_vrl(line), case.clock) for line in shipped]


def by_vrl(source: str, events: Iterable[Mapping[str, Any]], folder: Path) -> list[str]:
    """What the program `source` makes of `events`, as VRL writes it, without those that it leaves out."""
    vrl = asset("vrl", "VRL")
    if not vrl:
        missing("vrl, the runtime of Vector's programs (VRL, or ENVTEST_DIR)")
    (folder / "program.vrl").write_text(source, "utf-8")
    given = "".join(json.dumps(event) + "\n" for event in events)
    command = [vrl, str(folder / "program.vrl")]
    ran = subprocess.run(command, input=given.encode(), capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [line for line in ran.stdout.decode().split("\n") if line not in {"", '{"error":"aborted"}'}]


def _of_vrl(line: str) -> dict[str, Any]:
    """An event as VRL writes it: JSON, but for `t'…'` around a time."""
    found: dict[str, Any] = json.loads(re.sub(r"t'([0-9]{4}-[^']*)'", r'"\1"', line), strict=False)
    return found


# Fluentd: each line through the filter, in Ruby, beside the few classes of Fluentd that it knows.

HARNESS = r"""
require "json"
$stdout.set_encoding("UTF-8")
module Fluent
  EventTime = Struct.new(:sec, :nsec) do
    def to_r; Rational(sec) + Rational(nsec, 1_000_000_000); end
    def self.at(time); new(time.to_i, time.nsec); end
  end
  module Plugin
    def self.register_filter(*); end
    class Filter
      def self.config_param(name, *_, default: nil, **_)
        (@params ||= {})[name] = default
      end
      def self.params; @params; end
      def configure(conf)
        self.class.params.each { |name, default| instance_variable_set("@#{name}", conf.fetch(name.to_s, default)) }
      end
      def log; @log ||= Class.new { def warn(*); end }.new; end
    end
  end
end
$LOADED_FEATURES << "fluent/plugin/filter.rb"
module Kernel
  alias_method :plain_require, :require
  def require(name) = name.start_with?("fluent/") ? true : plain_require(name)
end
eval(File.read(ARGV[0]))
STDIN.each_line do |job|
  job = JSON.parse(job)
  clock = Time.at(job["clock"])
  Time.define_singleton_method(:now) { clock }
  filter = Fluent::Plugin::LoghookFilter.new
  conf = job["conf"]
  conf["syntax"] = conf["syntax"].to_sym
  conf["shape"] = :record
  filter.configure(conf)
  found = job["lines"].map do |line|
    text = line.unpack1("m")
    filter.filter_with_time("t", Fluent::EventTime.at(clock), {"message" => text, "log.file.path" => "/logs/x.log"})
  end
  puts JSON.generate(found.compact.map(&:last))
end
"""


def fluentd(cases: Iterable[Case], folder: Path) -> dict[str, list[Record]]:
    """What Fluentd's filter makes of `cases`."""
    ruby = os.environ.get("RUBY") or shutil.which("ruby")
    if not ruby:
        missing("ruby (apt install ruby)")
    (folder / "record.rb").write_text(RECORD, "utf-8")
    (folder / "harness.rb").write_text(HARNESS, "utf-8")
    cases = list(cases)
    jobs = "".join(json.dumps(_job(case)) + "\n" for case in cases)
    command = [str(ruby), str(folder / "harness.rb"), str(folder / "record.rb")]
    ran = subprocess.run(command, input=jobs, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.removesuffix("\n").split("\n")]
    return {
        case.name: [_record(document, case.clock) for document in documents]
        for case, documents in zip(cases, found, strict=True)
    }


def _job(case: Case) -> dict[str, Any]:
    text = case.text.removesuffix(b"\n")
    lines = [text] if case.parsing.start else text.split(b"\n")
    conf = fluentd_conf(FLUENTD.config(shipment(_stream(case))))
    return fluentd_job(conf, case.clock.timestamp(), [line.removesuffix(b"\r") for line in lines])


def fluentd_job(conf: dict[str, Any], clock: float, lines: Iterable[bytes]) -> dict[str, Any]:
    """What the harness is told: the filter's parameters, the clock, and lines."""
    return {"conf": conf, "clock": clock, "lines": [base64.b64encode(line).decode() for line in lines]}


_LISTED = {"columns", "types", "attributes", "stems", "trees", "envelope", "redact"}


def fluentd_conf(config: str) -> dict[str, Any]:
    """The parameters of our filter, as Fluentd gives them to it: lists and hashes are JSON."""
    parameters = fluentd_syntax.read(config).find("label").find("filter").parameters
    plain = {name: "".join(map(str, value)) for name, value in parameters.items()}
    return {name: json.loads(text) if name in _LISTED else text for name, text in plain.items()} | {
        "partial": plain.get("partial") == "true"
    }


# The collector: one process, with a source for each case.


def otel_collector(cases: Iterable[Case], folder: Path) -> dict[str, list[Record]]:
    """What the collector makes of `cases`."""
    collector = asset("otelcol", "OTELCOL")
    if not collector:
        missing("otelcol, an OpenTelemetry Collector (OTELCOL, or ENVTEST_DIR)")
    cases = list(cases)
    receiver = _Receiver()
    config = _collector_config(cases, folder, receiver.port)
    (folder / "config.yaml").write_text(json.dumps(config), "utf-8")
    (folder / "state").mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([collector, f"--config={folder}/config.yaml"], stdout=log, stderr=log)
    try:
        return receiver.wait_for(cases, folder / "log")
    finally:
        process.terminate()
        process.wait(120)
        receiver.stop()


def _collector_config(cases: list[Case], folder: Path, port: int) -> dict[str, Any]:
    """The configuration of each case, together; all records go to one receiver."""
    whole: dict[str, Any] = {}
    for case in cases:
        one = _stream(case, str(folder))
        Path(one.paths[0]).write_bytes(case.text)
        one = msgspec.structs.replace(one, target=target("elasticsearch"))
        text = OTEL_COLLECTOR.config(shipment(one)).replace(STATE_DIRECTORY, str(folder / "state"))
        now = f'Time("{case.clock:%Y-%m-%dT%H:%M:%S}", "%Y-%m-%dT%H:%M:%S")'
        text = text.replace("Now()", json.dumps(now)[1:-1])
        config = json.loads(text)
        (pipeline,) = config["service"]["pipelines"].values()
        pipeline["exporters"] = ["otlp_http/all"]
        config["exporters"] = {
            "otlp_http/all": {"endpoint": f"http://127.0.0.1:{port}", "encoding": "json", "compression": "none"}
        }
        whole = merged(whole, config)
    return whole


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One configuration with all that is in both; of what is in both and no map, that of the other."""
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(one[key], value) if isinstance(value, dict) and isinstance(one.get(key), dict) else value
    return both


class _Receiver:
    """A receiver of OTLP/HTTP in JSON, which keeps what comes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._posts = Posts(self.bodies.append)
        self.port = self._posts.port

    def stop(self) -> None:
        self._posts.stop()

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """The bodies of the records, by source."""
        found: dict[str, list[dict[str, Any]]] = {}
        for body in list(self.bodies):
            for logs in json.loads(body)["resourceLogs"]:
                for scope in logs["scopeLogs"]:
                    for each in scope["logRecords"]:
                        document = plain(each["body"])
                        found.setdefault(document["loghook.source"], []).append(document)
        return found

    def wait_for(self, cases: list[Case], log: Path) -> dict[str, list[Record]]:
        """What came of each case, once there is as much of each as there should be and no more comes."""
        deadline = time.monotonic() + PATIENCE
        settled = 0.0
        while time.monotonic() < deadline and settled < 3:
            seen = len(self.bodies)
            time.sleep(0.2)
            found = self.documents()
            is_there = all(len(found.get(case.source, ())) >= len(case.expected("otel-collector")) for case in cases)
            settled = settled + 0.2 if is_there and seen == len(self.bodies) else 0.0
        assert self.bodies, log.read_text("utf-8")[-3000:]
        return {case.name: [_record(each, None) for each in found.get(case.source, ())] for case in cases}


# Fluent Bit, where it is found: no package registry has it.


_AT_ONCE = 50  # an input has an inotify instance of its own, of which a user has 128


def fluent_bit(cases: Iterable[Case], folder: Path) -> dict[str, list[Record]]:
    """What Fluent Bit makes of `cases`: those of one clock at once."""
    fluent_bit_process.program()
    by_clock: dict[int | None, list[Case]] = {}
    for case in cases:
        by_clock.setdefault(int(case.clock.timestamp()) if case.has_clock else None, []).append(case)
    found: dict[str, list[Record]] = {}
    for now, together in by_clock.items():
        for start in range(0, len(together), _AT_ONCE):
            place = folder / f"{now}-{start}"
            place.mkdir()
            found |= _by_fluent_bit(together[start : start + _AT_ONCE], place, now)
    return found


def _by_fluent_bit(cases: list[Case], folder: Path, now: int | None) -> dict[str, list[Record]]:
    streams = []
    for case in cases:
        one = msgspec.structs.replace(_stream(case, str(folder)), target=target("stdout"))
        Path(one.paths[0]).write_bytes(case.text)
        streams.append(one)
    expected = sum(len(case.expected("fluent-bit")) for case in cases)
    with fluent_bit_process.FluentBit(shipment(*streams), folder, now=now) as running:
        fluent_bit_process.until(lambda: len(_documents(running.stdout)) >= expected)
        time.sleep(3)
        running.stop()
        documents = _documents(running.stdout)
    found: dict[str, list[Record]] = {case.name: [] for case in cases}
    by_source = {case.source: case.name for case in cases}
    for document in documents:
        found[by_source[document["loghook.source"]]].append(_record(document, None))
    return found


def _documents(written: bytes) -> list[dict[str, Any]]:
    """The documents in `written`, of which the last may be written in part."""
    return [json.loads(line) for line in written.split(b"\n")[:-1] if line.startswith(b"{")]


AGENTS: Mapping[str, Callable[[Iterable[Case], Path], dict[str, list[Record]]]] = {
    "fluent-bit": fluent_bit,
    "fluentd": fluentd,
    "otel-collector": otel_collector,
    "vector": vector,
}
"""What reads lines as an agent does, by the agent's name."""
