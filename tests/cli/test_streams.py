"""What a command says where its input or output cannot be used: one line and an exit code, whatever it writes."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = """apiVersion: v1
kind: Pod
metadata: {name: p, annotations: {loghook.dev/paths: /var/log/app/*.log}}
spec: {containers: [{name: a}]}
"""

WRITING = (
    ["--help"],
    ["serve", "--help"],
    ["explain"],
    ["man"],
    ["completion", "bash"],
    ["config", "show"],
    ["inject", "-f", "app.yaml"],
    ["uninject", "-f", "app.yaml"],
    ["migrate", "-f", "app.yaml"],
    ["lint", "-f", "app.yaml", "-o", "json"],
    ["describe", "-f", "app.yaml", "--offline"],
    ["describe", "-f", "app.yaml", "--offline", "-o", "json"],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(APP)
    return tmp_path


def shell(folder: Path, arguments: list[str], redirected: str) -> tuple[int, list[str]]:
    """The exit code and the last lines of stderr of `loghook` whose streams are `redirected` by a shell."""
    words = ["sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-m", "webhook", *arguments]
    done = subprocess.run(words, check=False, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("pod/p: ")]


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_a_full_disk_is_said_in_one_line(folder: Path, arguments: list[str]) -> None:
    assert shell(folder, arguments, ">/dev/full") == (1, ["Error: the output: No space left on device"])


@pytest.mark.parametrize(
    "arguments", [["explain"], ["inject", "-f", "app.yaml"], ["lint", "-f", "app.yaml", "-o", "json"]]
)
def test_a_closed_stdout_is_said_in_one_line(folder: Path, arguments: list[str]) -> None:
    assert shell(folder, arguments, ">&-") == (1, ["Error: the output: Bad file descriptor"])


def test_a_closed_stdin_is_said_in_one_line(folder: Path) -> None:
    assert shell(folder, ["inject", "-f", "-"], "<&-") == (2, ["Error: stdin: Bad file descriptor"])


def test_with_a_closed_stderr_a_command_does_what_it_does(folder: Path) -> None:
    assert shell(folder, ["inject", "-f", "app.yaml"], "2>&-") == (0, [])
    assert shell(folder, ["inject", "-f", "nowhere.yaml"], "2>&-") == (2, [])


def test_who_reads_no_more_ends_it_without_a_word(folder: Path) -> None:
    for arguments in WRITING:
        assert shell(folder, arguments, "| true")[1] == []
