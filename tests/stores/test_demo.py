"""`make demo`, as a newcomer runs it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from collector_program import found_collector
from parts import free_port, missing

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "demo" / "demo.py"
PATIENCE = 120
ENVTEST = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest")


def demo(port: int, **env: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, PROGRAM, "--once", "--port", str(port)]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
    )


def test_the_lines_of_the_file_are_seen_in_the_database() -> None:
    found_collector()
    if shutil.which("victoria-logs") is None and not (ENVTEST / "victoria-logs.xz").exists():
        missing("victoria-logs (the PATH, or ENVTEST_DIR)")
    done = demo(free_port())
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.partition("\n6. ")[2]
    lines = [re.sub(r"^ *[\d:.]+ +", "", line).split() for line in said.splitlines() if line.startswith("     ")]
    assert ["warning", "402", "POST", "/pay"] in lines
    assert ["error", "500", "GET", "/orders/7"] in lines
    assert [int(step) for step in re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE)] == [1, 2, 3, 4, 5, 6]


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = demo(free_port(), PATH=str(tmp_path), ENVTEST_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"Error: the demo needs VictoriaLogs, .* on GitHub; put it on the PATH as .*\.\n", done.stderr)
