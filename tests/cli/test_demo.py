import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from screen import ON_A_TERMINAL, hold

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., Any]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the demo needs of the repository, so that it writes its certificates elsewhere."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


@contextmanager
def demo(checkout: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The demo at the moment when it goes on serving, all that it has said, and the command that it proposes."""
    command = [sys.executable, "-m", "webhook", "demo", "--port", str(free_port())]
    with subprocess.Popen(
        command,
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if " preview -f " in line:
                    break
            else:
                pytest.fail(said)
            yield process, said, line.strip()
        finally:
            process.kill()


def test_the_example_goes_through_tls_and_the_proposed_command_works(checkout: Path) -> None:
    with demo(checkout) as (_, said, proposed):
        assert "\n+  - name: loghook-logs\n" in said.replace("    - name", "  - name")
        assert (checkout / ".dev/certs/ca.crt").exists()
        (checkout / "mine.yaml").write_text(
            (checkout / "examples/server-log.yaml").read_text().replace("server", "mine")
        )
        for command in (proposed, proposed.replace("examples/server-log.yaml", "mine.yaml")):
            result = subprocess.run(
                ["bash", "-c", command], cwd=checkout, check=False, capture_output=True, text=True, timeout=60
            )
            assert (result.returncode, result.stderr) == (0, "")
            assert "loghook-logs" in result.stdout
        assert "mine injected" in result.stdout


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL"])
def test_it_ends_at_once_and_takes_the_server_along(checkout: Path, name: str) -> None:
    with demo(checkout) as (process, _, _):
        process.send_signal(getattr(signal, name))
        # The server has the same stdout: the end of it comes when both have ended.
        rest, _ = process.communicate(timeout=120)
        assert process.returncode == (-signal.SIGKILL if name == "SIGKILL" else 0)
    assert "Traceback" not in rest


def test_a_taken_port_is_said_with_what_to_do(process: Run, checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = process("demo", "--port", str(port), cwd=checkout)
    assert (result.code, result.out) == (1, "")
    assert result.err == f"Error: port {port} is taken; choose another: make run PORT=9443\n"


def test_a_foreign_certificate_is_said_and_left_alone(process: Run, checkout: Path) -> None:
    folder = checkout / ".dev/certs"
    folder.mkdir(parents=True)
    (folder / "tls.crt").write_text("mine")
    result = process("demo", "--port", str(free_port()), cwd=checkout)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: .dev/certs/tls.crt ")
    assert (folder / "tls.crt").read_text() == "mine"


def test_elsewhere_than_in_the_repository_it_says_where_to_go(process: Run, tmp_path: Path) -> None:
    result = process("demo", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == "Error: there is no examples/server-log.yaml here: run it from the root of the repository\n"
    assert list(tmp_path.iterdir()) == []


def test_the_picture_in_the_docs_is_what_make_run_says(checkout: Path, *, updating: bool) -> None:
    with demo(checkout, **ON_A_TERMINAL) as (_, said, _):
        for each, as_in_a_clone in (
            (r"127\.0\.0\.1:\d+", "127.0.0.1:8443"),
            (r"valid until [-\d]+ [:\d]+ UTC", "valid until 2036-11-26 18:44 UTC"),
            (r"\S*/loghook preview", ".venv/bin/loghook preview"),
            (r'(?m)^\{"time".*\n', ""),  # the server's own log comes between them when it likes
        ):
            said = re.sub(each, as_in_a_clone, said)  # noqa: PLW2901 - one after the other
        lines = said.splitlines()
        program, last = (next(at for at, line in enumerate(lines) if word in line) for word in ("/bin/env", "Always"))
        hold("make-run", "make run", said, updating=updating, without=[range(program, last)])
