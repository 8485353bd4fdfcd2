"""The real Fluent Bit for longer: rotation under load, a burst before the end, a backend that is away.

`pytest -m soak -s` prints what was measured.
"""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fluent_bit_process import FluentBit, logs, until
from ports import free_port
from receivers import Http
from shipments import parsing, shipment, target

from webhook.sidecars import Shipment, Stream
from webhook.sidecars.drain import drain_command

pytestmark = pytest.mark.soak

PLAIN = {"tls": {"enabled": False}}
LIMIT = 64 << 20
"""The memory that the sidecar has by default."""


def report(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def limited(*streams: Stream) -> Shipment:
    return msgspec.structs.replace(shipment(*streams), memory_bytes=LIMIT)


def shipping(folder: Path, port: int, format_: str = "plain") -> Stream:
    here = target("http", {"host": "127.0.0.1", "port": port, **PLAIN})
    attributes = {"k8s.pod.name": ("web-1",), "k8s.namespace.name": ("shop",), "loghook.source": ("access",)}
    return logs(folder, target=here, parsing=parsing(format_), attributes=attributes)


def rename(file: Path, number: int) -> None:
    """As logrotate does with `create`."""
    file.rename(file.with_suffix(f".{number}"))
    file.touch()


def copytruncate(file: Path, number: int) -> None:
    shutil.copyfile(file, file.with_suffix(f".{number}"))
    with file.open("r+b") as held:
        held.truncate(0)


@pytest.mark.parametrize("rotate", [rename, copytruncate])
def test_rotation_loses_nothing(rotate: Callable[[Path, int], None], tmp_path: Path) -> None:
    """6,000 lines at 400 a second, rotated each 1.5 s; a writer that copytruncate follows is between two lines."""
    with Http("http") as backend:
        source = shipping(tmp_path, backend.port)
        file = tmp_path / "logs" / "app.log"
        file.touch()
        with FluentBit(limited(source), tmp_path) as agent:
            time.sleep(1)
            for number in range(6000):
                if number % 600 == 599:
                    time.sleep(0.3)  # what was written is read before it is cut off: else copytruncate loses by itself
                    rotate(file, number)
                with file.open("a") as held:
                    held.write(f"line {number}\n")
                time.sleep(1 / 400)
            until(lambda: len(backend.records) >= 6000)
            time.sleep(1)
            agent.stop()
        messages = [each.fields["message"] for each in backend.records]
        report(f"{rotate.__name__}: {len(messages)} records of {len(set(messages))} lines of 6,000")
        assert sorted(messages) == sorted(f"line {number}" for number in range(6000))


def test_a_burst_before_the_end_arrives(tmp_path: Path) -> None:
    """The application writes 200,000 lines and ends; the kubelet stops `loghook-drain`, and the agent after it."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is missing (Debian: apt-get install busybox-static)")
    (tmp_path / "bin").mkdir()
    subprocess.run([busybox, "--install", "-s", tmp_path / "bin"], check=True)
    made = drain_command(5)
    words = [str(tmp_path / "bin" / Path(each).name) if each.startswith("/bin/") else each for each in made.command]
    with Http("http") as backend:
        source = shipping(tmp_path, backend.port)
        with FluentBit(limited(source), tmp_path) as agent, subprocess.Popen([*words, *made.args]) as drain:
            time.sleep(1)
            line = "n %d " + "abcdefghij" * 8
            (tmp_path / "logs" / "app.log").write_text("".join(f"{line % n}\n" for n in range(200_000)))
            started = time.monotonic()
            drain.send_signal(signal.SIGTERM)
            assert drain.wait(60) == 0
            waited = time.monotonic() - started
            assert agent.stop() == 0
            ended = time.monotonic() - started
        seen = {int(each.fields["message"].split()[1]) for each in backend.records}
        report(f"burst: drain {waited:.1f} s, agent ended after {ended:.1f} s, {len(seen)} of 200,000 lines")
        assert seen == set(range(200_000))
        assert len(backend.records) == 200_000


@pytest.mark.parametrize("format_", ["plain", "json"])
def test_a_backend_that_is_away_costs_neither_memory_nor_lines(format_: str, tmp_path: Path) -> None:
    """100 MB are there to be read while nobody takes them for 30 s."""
    port = free_port()
    source = shipping(tmp_path, port, format_)
    written = 0
    count = 0
    with (tmp_path / "logs" / "app.log").open("w") as file:
        while written < 100_000_000:
            text = "abcdefghij" * 18
            written += file.write(f'{{"n":{count},"message":"{text}"}}\n' if format_ == "json" else f"{count} {text}\n")
            count += 1
    with FluentBit(limited(source), tmp_path) as agent:
        time.sleep(30)
        away = agent.peak_bytes
        held = sum(each.stat().st_size for each in (tmp_path / "state").rglob("*") if each.is_file())
        with Http("http", port) as backend:
            started = time.monotonic()
            until(lambda: sum(body.count(b"\n") for _, _, body in list(backend.requests)) >= count, 300)
            took = time.monotonic() - started
            peak = agent.peak_bytes
            agent.stop()
            wanted = rb'"n":(\d+)' if format_ == "json" else rb'"message":"(\d+) '
            seen = [int(n) for _, _, body in backend.requests for n in re.findall(wanted, body)]
    report(
        f"backend away, {format_}: peak {away >> 20} MiB while away, {peak >> 20} MiB afterwards, "
        f"{held >> 20} MiB on disk, all of {count} lines {took:.0f} s after it was back: {len(seen)}"
    )
    assert peak < LIMIT
    assert sorted(seen) == list(range(count))


def test_a_destination_that_is_away_does_not_stop_the_others(tmp_path: Path) -> None:
    port = free_port()
    with Http("http") as backend:
        away = shipping(tmp_path, port)
        away = msgspec.structs.replace(away, target=msgspec.structs.replace(away.target, name="away"))
        there = msgspec.structs.replace(shipping(tmp_path, backend.port), name="there")
        file = tmp_path / "logs" / "app.log"
        file.write_text("".join(f"{n} {'abcdefghij' * 20}\n" for n in range(200_000)))
        with FluentBit(limited(away, there), tmp_path) as agent:
            until(lambda: sum(body.count(b"\n") for _, _, body in list(backend.requests)) >= 200_000, 120)
            peak = agent.peak_bytes
            agent.stop(signal.SIGKILL)
        report(f"another destination away: peak {peak >> 20} MiB, {len(backend.records)} of 200,000 lines")
        assert len(backend.records) == 200_000
        assert peak < LIMIT


def test_idle(tmp_path: Path) -> None:
    with Http("http") as backend:
        source = shipping(tmp_path, backend.port, "json")
        with FluentBit(limited(source), tmp_path, supervised=True) as agent:
            time.sleep(5)
            report(f"idle: {agent.peak_bytes >> 20} MiB for the parent, {agent.child_bytes >> 20} MiB for Fluent Bit")
            assert agent.child_bytes < LIMIT // 2
            agent.stop()
