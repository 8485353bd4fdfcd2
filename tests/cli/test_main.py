import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from webhook import __version__

Run = Callable[..., Any]


def test_help_shows_examples_and_every_command_with_serve_among_them(process: Run) -> None:
    result = process("--help")
    assert (result.code, result.err) == (0, "")
    listed = [line.split()[0] for line in result.out.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert listed == ["inject", "preview", "verify", "serve"]
    assert "loghook inject -f app.yaml | kubectl apply -f -" in result.out


@pytest.mark.parametrize("command", ["inject", "preview", "serve", "verify", "demo"])
def test_each_command_has_help_with_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert (f"loghook {command} " if command != "demo" else "make run PORT=9443") in result.out
    assert run(command, "-h").out == result.out


@pytest.mark.parametrize("program", ["loghook", "kubectl-loghook"])
def test_the_version_is_said_under_each_name(process: Run, program: str) -> None:
    installed = Path(sys.executable).parent / program
    if not installed.exists():
        pytest.fail(f"{program} is not installed beside {sys.executable}")
    result = process("--version", program=[str(installed)])
    assert (result.code, result.out, result.err) == (0, f"loghook {__version__}\n", "")


def test_wrong_use_is_one_line_and_exit_code_2(run: Run) -> None:
    for arguments, line in (
        (["nope"], "No such command 'nope'. (see --help)"),
        (["inject"], "Missing option '--file' / '-f'. (see --help)"),
        (["inject", "-f"], "Option '-f' requires an argument. (see --help)"),
        (["inject", "-f", "x", "y"], "Got unexpected extra argument(s) (y) (see --help)"),
        (["serve"], "The following arguments are required: --tls-cert, --tls-key (see --help)"),
    ):
        result = run(*arguments)
        assert (result.code, result.out, result.err) == (2, "", f"Error: {line}\n")


def test_without_a_command_the_help_goes_to_stderr(run: Run) -> None:
    result = run()
    assert (result.code, result.out) == (2, "")
    assert "Commands:" in result.err


def test_inject_comes_without_the_server_and_without_the_api_client() -> None:
    program = "import sys, webhook.cli.app; print(*[m for m in sys.modules if m.split('.')[0] in sys.argv[1:]])"
    unwanted = ["fastapi", "uvicorn", "kubernetes", "certs"]
    result = subprocess.run(
        [sys.executable, "-c", program, *unwanted], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.split() == []
