"""What the tests of the command line share: a run within this process, a run as a process, and files."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from webhook.cli import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`loghook` within this process: fast, for the many small cases."""

    def run_main(*arguments: str, stdin: str | bytes = b"") -> Result:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        code = main(arguments)
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return run_main


@pytest.fixture
def process() -> Run:
    """`python -m webhook` as a process: what a shell sees."""

    def run_process(*arguments: str, stdin: str = "", cwd: Path = ROOT, program: Sequence[str] = ()) -> Result:
        command = [*(program or (sys.executable, "-m", "webhook")), *arguments]
        environment = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "NO_COLOR"}}
        result = subprocess.run(
            command,
            check=False,
            capture_output=True,
            input=stdin.encode(),
            cwd=cwd,
            timeout=120,
            env={**environment, "COLUMNS": "100"},
        )
        return Result(result.returncode, result.stdout.decode(), result.stderr.decode())

    return run_process
