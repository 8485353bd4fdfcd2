"""What a record costs each agent: microseconds of its own processor time. `make bench-records`.

Each agent runs as it ships, under the configuration that we generate: the collector, Fluent Bit where FLUENT_BIT_BIN
names it, Vector's programs in VRL's runtime, and Fluentd's filter in Ruby. With `--beside DIRECTORY` the configurations
of another working tree are measured in the same rounds. Rounds are interleaved, and of several the least counts, since
whatever else the machine does only ever adds; what a program needs to start is taken off, by a run without records.
"""

import argparse
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RULES = ("email", "ipv4", "card", "bearer", "jwt")
FIELDS = {"level": "info", "logger": "com.example.Cart", "thread": "main", "path": "/cart", "status": 200, "took": 12.5}


def lines(count: int) -> list[str]:
    """Records of JSON of some 200 bytes; one of ten has something to replace."""
    return [
        json.dumps(
            {
                "time": "2026-11-23T10:20:30.123Z",
                "message": f"order {number} placed by {'joe@example.org' if number % 10 == 0 else 'joe'}",
                **FIELDS,
            }
        )
        for number in range(count)
    ]


# What the agents are told, by the code of one working tree.


def rendered() -> dict[str, dict[str, Any]]:
    """The configurations by agent: as they are, and with five rules where this tree knows of them."""
    import msgspec
    from shipments import parsing, shipment, stream, target

    from webhook.sidecars import Tree

    plain = stream(
        name="bench",
        parsing=parsing("json"),
        paths=("/logs/a.log",),
        trees=(Tree("/logs", "/logs"),),
        target=target("stdout"),
        attributes={"loghook.source": ("bench",), "k8s.pod.name": ("shop-1",)},
    )
    found = {"plain": _configs(plain, shipment)}
    try:
        from webhook.config.replacements import BUILT_IN
    except ImportError:
        return found
    redacting = msgspec.structs.replace(plain, redact=tuple(BUILT_IN[name] for name in RULES))
    return {**found, "redact": _configs(redacting, shipment)}


def _configs(stream: Any, shipment: Callable[..., Any]) -> dict[str, Any]:
    from webhook.sidecars.fluent_bit import FLUENT_BIT
    from webhook.sidecars.fluentd import FLUENTD, RECORD
    from webhook.sidecars.otel_collector import OTEL_COLLECTOR
    from webhook.sidecars.vector.remap import program

    return {
        "vector": program(stream),
        "fluentd": [RECORD, FLUENTD.config(shipment(stream))],
        "otel-collector": OTEL_COLLECTOR.config(shipment(stream)),
        "fluent-bit": FLUENT_BIT.config(shipment(stream)),
    }


def of_tree(tree: Path) -> dict[str, dict[str, Any]]:
    """What `rendered` is in another working tree."""
    path = os.pathsep.join(map(str, (tree, tree / "tests" / "sidecars")))
    command = [sys.executable, __file__, "--render"]
    ran = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(ran.stdout)
    return found


# How each is run: seconds of its own processor time for so many records.


def _spent(command: list[str], stdin: Path | None = None, until: Callable[[], bool] | None = None) -> float:
    with (stdin or Path(os.devnull)).open("rb") as given, Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(command, stdin=given, stdout=nowhere, stderr=nowhere)
    if until is not None:
        deadline = time.monotonic() + 300
        while not until():
            assert time.monotonic() < deadline, command
            time.sleep(0.02)
        process.terminate()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def by_vrl(program: str, count: int, folder: Path) -> float:
    (folder / "program.vrl").write_text(program, "utf-8")
    events = ({"message": line, "file": "/logs/a.log", "@timestamp": "2026-11-29T12:00:00Z"} for line in lines(count))
    (folder / "events").write_text("".join(json.dumps(event) + "\n" for event in events), "utf-8")
    return _spent([_program("VRL", "vrl"), str(folder / "program.vrl")], folder / "events")


def by_ruby(told: list[str], count: int, folder: Path) -> float:
    from agents import HARNESS, fluentd_conf, fluentd_job

    record, config = told[0], told[1][told[1].index("<label") :]
    (folder / "record.rb").write_text(record, "utf-8")
    (folder / "harness.rb").write_text(HARNESS, "utf-8")
    job = fluentd_job(fluentd_conf(config), 1795953600.0, [line.encode() for line in lines(count)])
    (folder / "job").write_text(json.dumps(job) + "\n", "utf-8")
    ruby = os.environ.get("RUBY") or shutil.which("ruby") or "ruby"
    return _spent([ruby, str(folder / "harness.rb"), str(folder / "record.rb")], folder / "job")


def by_collector(config: str, count: int, folder: Path) -> float:
    (folder / "a.log").write_text("".join(f"{line}\n" for line in [*lines(count), "the end"]), "utf-8")
    told = json.loads(config.replace("/logs/", f"{folder}/").replace("/var/lib/loghook", f"{folder}/state"))
    told["extensions"] = {name: said for name, said in told["extensions"].items() if name == "file_storage"}
    told["service"]["extensions"] = ["file_storage"]
    receiver = _Counted()
    (pipeline,) = told["service"]["pipelines"].values()
    pipeline["exporters"] = ["otlp_http"]
    told["exporters"] = {"otlp_http": {"endpoint": f"http://127.0.0.1:{receiver.port}", "compression": "none"}}
    (folder / "config.json").write_text(json.dumps(told), "utf-8")
    command = [_program("OTELCOL", "otelcol"), f"--config={folder}/config.json"]
    try:
        return _spent(command, until=lambda: receiver.has_seen(b"the end"))
    finally:
        receiver.stop()


def by_fluent_bit(config: str, count: int, folder: Path) -> float:
    (folder / "a.log").write_text("".join(f"{line}\n" for line in [*lines(count), "the end"]), "utf-8")
    told = json.loads(config.replace("/logs/", f"{folder}/").replace("/var/lib/loghook", f"{folder}/state"))
    (folder / "state").mkdir()
    (output,) = told["pipeline"]["outputs"]
    output |= {"name": "file", "path": str(folder), "file": "out", "format": "plain"}
    for key in ("json_date_key", "json_date_format"):
        output.pop(key, None)
    (folder / "config.yaml").write_text(json.dumps(told), "utf-8")
    command = [os.environ["FLUENT_BIT_BIN"], "-c", str(folder / "config.yaml")]
    return _spent(command, until=lambda: _ends_with(folder / "out", b"the end"))


def _ends_with(file: Path, text: bytes) -> bool:
    return file.exists() and text in file.read_bytes()[-500:]


class _Counted:
    """A receiver of OTLP by HTTP, that only looks for one text."""

    def __init__(self) -> None:
        bodies: list[bytes] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"]))[-4000:])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.bodies = bodies
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def has_seen(self, text: bytes) -> bool:
        return any(text in body for body in self.bodies)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _program(variable: str, name: str) -> str:
    return os.environ.get(variable) or f"{os.environ.get('KUBEBUILDER_ASSETS', '')}/{name}"


WAYS: Mapping[str, Callable[[Any, int, Path], float]] = {
    "vector": by_vrl,
    "fluentd": by_ruby,
    "otel-collector": by_collector,
    "fluent-bit": by_fluent_bit,
}


def measured(variants: Mapping[str, Mapping[str, Any]], rounds: int, count: int) -> dict[tuple[str, str], float]:
    """The least seconds of each variant by each agent that is there, without what it needs to start."""
    least: dict[tuple[str, str, int], float] = {}
    agents = [agent for agent in WAYS if agent != "fluent-bit" or "FLUENT_BIT_BIN" in os.environ]
    for _ in range(rounds):
        for agent in agents:
            for name, configs in variants.items():
                for size in (0, count):
                    with tempfile.TemporaryDirectory() as folder:
                        spent = WAYS[agent](configs[agent], size, Path(folder))
                    key = agent, name, size
                    least[key] = min(spent, least.get(key, spent))
    return {(agent, name): least[agent, name, count] - least[agent, name, 0] for agent in agents for name in variants}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--beside", type=Path, help="another working tree")
    parser.add_argument("--render", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    if options.render:
        sys.stdout.write(json.dumps(rendered()))
        return
    sys.path += [str(root / "tests" / "sidecars"), str(root / "tests" / "conformance")]
    variants = of_tree(root)
    if options.beside:
        variants["beside"] = of_tree(options.beside.resolve())["plain"]
    found = measured(variants, options.rounds, options.records)
    for (agent, name), seconds in found.items():
        sys.stdout.write(f"{agent:15} {name:8} {seconds / options.records * 1e6:7.2f} µs a record\n")


if __name__ == "__main__":
    main()
