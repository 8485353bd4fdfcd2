"""That nothing is lost and nothing comes twice: over restarts, rotation, and destinations that are away."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ports import free_port


def _lines(name: str, count: int, width: int = 80) -> list[str]:
    return [f"{name} {number:07d} ".ljust(width, "x") for number in range(count)]


def _write(file: Path, lines: list[str]) -> None:
    with file.open("a") as opened:
        opened.write("".join(f"{line}\n" for line in lines))


def _each_once(receiver: Any, sidecar: Any, lines: list[str]) -> None:
    receiver.wait_for(lambda found: len(found) >= len(lines), sidecar.log)
    time.sleep(0.5)  # for what may come too much
    counted = Counter(receiver.lines)
    assert {line: count for line, count in counted.items() if count > 1} == {}
    assert counted.keys() == set(lines)


def test_stops_and_starts(otel: Any, sidecar: Any, receiver: Any) -> None:
    """Also while the application writes on, and a stop in the middle of that."""
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("plain")))))
    written: list[str] = []
    for number in range(3):
        part = _lines(f"part-{number}", 2000)
        for start in range(0, len(part), 200):
            _write(sidecar.logs / f"{number % 2}.log", part[start : start + 200])
            time.sleep(0.04)
        written += part
        assert sidecar.stop() == 0
        between = _lines(f"between-{number}", 100)
        _write(sidecar.logs / "0.log", between)
        written += between
        sidecar.again()
    _each_once(receiver, sidecar, written)
    assert sidecar.stop() == 0


def test_a_crash_loses_nothing(otel: Any, sidecar: Any, receiver: Any) -> None:
    """What was read since offsets were written down comes again."""
    lines = _lines("crash", 20_000)
    _write(sidecar.logs / "a.log", lines)
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("plain")))))
    receiver.wait_for(lambda found: len(found) > 0, sidecar.log)
    assert sidecar.stop(signal.SIGKILL) == -signal.SIGKILL
    sidecar.again()
    receiver.wait_for(lambda found: {record.body for record in found} >= set(lines), sidecar.log)


@pytest.mark.parametrize("way", ["rename", "copytruncate"])
def test_rotation(otel: Any, sidecar: Any, receiver: Any, way: str) -> None:
    """Four times, at 400 lines a second; what is rotated is no longer in the glob."""
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("plain")))))
    lines = _lines("rotated", 1200)
    file = sidecar.logs / "app.log"
    opened = file.open("a")
    for number, line in enumerate(lines):
        if number % 300 == 299:
            # What is truncated before it was read is lost, as is a file that is renamed before it was found.
            receiver.wait_for(lambda found, last=number // 20 * 20: len(found) > last, sidecar.log)
            rotated = sidecar.logs / f"app.log.{number}"
            if way == "rename":
                opened.close()
                file.rename(rotated)
                opened = file.open("a")
            else:
                rotated.write_bytes(file.read_bytes())
                os.truncate(file, 0)
        opened.write(f"{line}\n")
        if number % 20 == 0:
            opened.flush()
            time.sleep(0.05)
    opened.close()
    _each_once(receiver, sidecar, lines)


def test_a_destination_that_is_away_and_comes_back(otel: Any, sidecar: Any, receiver: Any) -> None:
    """The queue is full by far, so that reading pauses; a stop and a start are among it."""
    receiver.is_away = True
    sidecar.start(
        otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("plain")), state=16, memory=64))
    )
    lines = _lines("away", 300)
    _write(sidecar.logs / "a.log", lines)
    time.sleep(1.5)
    assert sidecar.stop() == 0
    sidecar.again()
    lines += _lines("full", 30_000)
    _write(sidecar.logs / "a.log", lines[300:])
    time.sleep(1.5)
    state = sum(file.stat().st_size for file in (sidecar.folder / "state").iterdir())
    assert state < 8 << 20
    receiver.is_away = False
    _each_once(receiver, sidecar, lines)


def _gateway(sidecar: Any, receiver: Any) -> Any:
    """Another collector, which takes OTLP as it is sent in production, and hands it on in JSON."""
    folder = sidecar.folder / "gateway"
    folder.mkdir()
    gateway = type(sidecar)(sidecar.program, folder)
    ports = {"grpc": free_port(), "http": free_port()}
    config = {
        "receivers": {"otlp": {"protocols": {name: {"endpoint": f"127.0.0.1:{port}"} for name, port in ports.items()}}},
        "exporters": {"otlp_http": {"logs_endpoint": f"http://127.0.0.1:{receiver.port}/v1/logs", "encoding": "json"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp_http"]}},
        },
    }
    gateway.start(config)
    return gateway, ports


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_as_it_is_in_production(otel: Any, sidecar: Any, receiver: Any, protocol: str) -> None:
    """In protobuf, by HTTP and by gRPC, the configuration as it is rendered; with records of nearly 1 MiB."""
    gateway, ports = _gateway(sidecar, receiver)
    try:
        said = {"protocol": protocol, "port": ports[protocol], "tls": {"enabled": False}}
        to = otel.target("otlp", host="127.0.0.1", **said, headers=[{"name": "X-Team", "value": "shop"}])
        lines = [*_lines("real", 5000), *("y" * 1_000_000 + str(number) for number in range(6))]
        _write(sidecar.logs / "a.log", lines)
        sidecar.start(sidecar.rendered(otel.stream(to, otel.parsing("plain"))))
        _each_once(receiver, sidecar, lines)
    finally:
        gateway.stop()


def test_without_its_secret_and_its_ca_it_stays_up(otel: Any, sidecar: Any, receiver: Any, tmp_path: Path) -> None:
    """It complains and waits; with the CA, which is looked for at the start, and the secret it delivers."""
    pki = tmp_path / "pki"
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", pki], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "tls.crt", pki / "tls.key")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    secret = {"secret": "backend", "key": "key"}
    to = otel.target("otlp", host="localhost", port=receiver.port, tls={"ca": secret}, token=secret)
    _write(sidecar.logs / "a.log", ["x"])
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(to, otel.parsing("plain")))))
    deadline = time.monotonic() + 120
    while "certificate signed by unknown authority" not in sidecar.log.read_text():
        assert time.monotonic() < deadline, sidecar.log.read_text()
        time.sleep(0.1)
    assert sidecar.process.poll() is None
    assert receiver.requests == []
    assert sidecar.stop() == 0
    (sidecar.folder / "ca" / "otlp.crt").write_bytes((pki / "ca.crt").read_bytes())
    sidecar.again()
    _each_once(receiver, sidecar, ["x"])
    assert receiver.requests[0][0]["Authorization"] == "Bearer unset"
    assert sidecar.stop() == 0
    sidecar.environment |= {"SECRET_TOKEN": "se$cret: '\"#{}"}
    _write(sidecar.logs / "a.log", ["y"])
    sidecar.again()
    _each_once(receiver, sidecar, ["x", "y"])
    assert receiver.requests[-1][0]["Authorization"] == "Bearer se$cret: '\"#{}"
    assert "se$cret" not in sidecar.log.read_text()


def _memory(sidecar: Any) -> dict[str, int]:
    """MiB of the process: those that are its own, and the most that it ever had with those of its files."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{sidecar.pid}/status").read_text().splitlines() if ":" in line
    )
    return {name: int(status[name].split()[0]) >> 10 for name in ("RssAnon", "VmRSS", "VmHWM")}


@pytest.mark.soak
def test_a_backlog_of_100_mb_in_bounded_memory(otel: Any, sidecar: Any, receiver: Any) -> None:
    receiver.is_away = True
    lines = _lines("backlog", 700_000)
    _write(sidecar.logs / "a.log", [json.dumps({"time": "2026-11-23T10:20:30Z", "message": line}) for line in lines])
    sidecar.start(otel.with_json(sidecar.rendered(otel.stream(otel.here(receiver), otel.parsing("json")))))
    time.sleep(30)
    away = _memory(sidecar)
    receiver.is_away = False
    seen = -1
    while seen != len(receiver.requests):
        seen = len(receiver.requests)
        time.sleep(35)  # longer than a pause between tries
    after = _memory(sidecar)
    print(f"\n{away=} {after=}")  # noqa: T201 - figures for the documentation
    assert Counter(receiver.lines) == Counter(lines)
    assert max(away["VmHWM"], after["VmHWM"]) < 128
