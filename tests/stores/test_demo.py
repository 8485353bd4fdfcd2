"""`make demo`, as a newcomer runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from collector_program import found_collector
from parts import missing
from ports import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "demo" / "demo.py"
PATIENCE = 120
ENVTEST = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest")


def demo(port: int, **env: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, PROGRAM, "--once", "--port", str(port)]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
    )


def _needs_its_programs() -> None:
    found_collector()
    if shutil.which("victoria-logs") is None and not (ENVTEST / "victoria-logs.xz").exists():
        missing("victoria-logs (the PATH, or ENVTEST_DIR)")


def test_the_lines_of_the_file_are_seen_in_the_database() -> None:
    _needs_its_programs()
    done = demo(free_port())
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.partition("\n6. ")[2]
    lines = [re.sub(r"^ *[\d:.]+ +", "", line).split() for line in said.splitlines() if line.startswith("     ")]
    assert ["warning", "402", "POST", "/pay"] in lines
    assert ["error", "500", "GET", "/orders/7"] in lines
    assert [int(step) for step in re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE)] == [1, 2, 3, 4, 5, 6]


def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    _needs_its_programs()
    command: list[str | Path] = [sys.executable, PROGRAM, "--port", str(free_port())]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        said = list(iter(running.stdout.readline, "Ctrl-C ends everything.\n"))
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait(PATIENCE) == 0, [*said, rest]
    assert rest == "\nEnded.\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = demo(free_port(), PATH=str(tmp_path), ENVTEST_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"Error: the demo needs VictoriaLogs, .* on GitHub; put it on the PATH as .*\.\n", done.stderr)


@pytest.mark.parametrize("port", ["80000", "0", "-1", "page"])
def test_what_is_no_port_is_said(port: str) -> None:
    done = subprocess.run([sys.executable, PROGRAM, f"--port={port}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"{port} is no port: a number from 1 to 65535\n")
