import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", folder], check=True, capture_output=True)
    return folder


def options(pki: Path) -> list[str]:
    files = ["--tls-cert", str(pki / "tls.crt"), "--tls-key", str(pki / "tls.key")]
    return [*files, "--host", "127.0.0.1", "--port", "0", "--health-port", "0", "--drain-seconds", "0"]


@contextmanager
def serving(pki: Path, *more: str, program: str = "-m webhook") -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The server, and its first log line, which says that it is ready."""
    command = [sys.executable, *program.split(" ", 1), "serve", *options(pki), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        try:
            first = server.stdout.readline()
            assert first.startswith("{"), first + server.stdout.read()
            yield server, json.loads(first)
        finally:
            server.kill()


def review(pki: Path, port: int, annotations: dict[str, str]) -> Any:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=120)
    pod = {"metadata": {"name": "a", "annotations": annotations}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    request = {"uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "object": pod}
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    connection.request("POST", "/mutate", json.dumps(body), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())["response"]
    connection.close()
    return answer


def test_reviews_are_answered_with_the_configuration_that_was_named(pki: Path, tmp_path: Path) -> None:
    settings = tmp_path / "loghook.yaml"
    settings.write_text("defaults: {on-error: warn}\n")
    with serving(pki, "--config", str(settings)) as (_, ready):
        assert review(pki, ready["port"], {"loghook.dev/paths": "/var/log/a.log"})["patchType"] == "JSONPatch"
        assert review(pki, ready["port"], {"loghook.dev/paths": "no"})["allowed"] is True


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_with_exit_code_0(pki: Path, name: str) -> None:
    with serving(pki) as (server, _):
        server.send_signal(getattr(signal, name))
        assert server.wait(120) == 0


# Prints what is loaded when the server is ready, in place of the first log line.
LOADED = """
import json, os, sys
import webhook.server.main as server
from webhook.cli import main

def spy(serve=server.serve):
    def ready(addresses):
        print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), flush=True)
    return lambda settings: serve(settings, ready=ready)

server.serve = sys.modules["webhook.server"].serve = spy()
sys.exit(main())
"""


def test_a_serving_process_carries_nothing_that_only_other_commands_need(pki: Path, tmp_path: Path) -> None:
    program = tmp_path / "loaded.py"
    program.write_text(LOADED)
    command = [sys.executable, str(program), "serve", *options(pki)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            lines = [json.loads(server.stdout.readline()) for _ in range(2)]
        finally:
            server.kill()
    (loaded,) = [line for line in lines if isinstance(line, list)]
    unwanted = {"rich", "ruamel", "kubernetes", "jsonpatch", "certs"}
    assert unwanted.intersection(loaded) == set()
    assert {"uvicorn", "webhook"}.issubset(loaded)  # the look was at the right process


def test_a_taken_port_is_one_line_and_exit_code_1(process: Run, pki: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--port", "--health-port"):
            result = process("serve", *options(pki), option, str(port))
            assert (result.code, result.out) == (1, "")
            assert result.err.startswith("Error: ")
            assert result.err.count("\n") == 1
            assert str(port) in result.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "65536"], "Argument --port: 65536 is no port from 0 to 65535 (see --help)"),
        (["--port", "-1"], "Argument --port: -1 is no port from 0 to 65535 (see --help)"),
        (["--health-port", "x"], "Argument --health-port: x is no port from 0 to 65535 (see --help)"),
        (["--drain-seconds", "soon"], "Argument --drain-seconds: soon is no number of seconds (see --help)"),
        (["--drain-seconds", "nan"], "Argument --drain-seconds: nan is no number of seconds (see --help)"),
        (["--tls"], "Unrecognized arguments: --tls (see --help)"),
        (
            ["--log-level", "debug"],
            "Argument --log-level: debug is no level; there are info, warning, error (see --help)",
        ),
        (["--max-connections", "0"], "Argument --max-connections: 0 is no number of connections (see --help)"),
        (["--client-name", "a"], "--client-name needs --client-ca, whose certificates have the names (see --help)"),
        (["--client-ca", "/nowhere/ca.crt"], "/nowhere/ca.crt: no such file or directory"),
        (["extra"], "Unrecognized arguments: extra (see --help)"),
        (["--config", "/nowhere/loghook.yaml"], "/nowhere/loghook.yaml: No such file or directory"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(run: Run, pki: Path, arguments: list[str], line: str) -> None:
    result = run("serve", *options(pki), *arguments)
    assert (result.code, result.out, result.err) == (2, "", f"Error: {line}\n")


def test_certificate_files_that_cannot_be_used_are_one_line_and_exit_code_2(
    run: Run, pki: Path, tmp_path: Path
) -> None:
    missing = run("serve", "--tls-cert", str(tmp_path / "no.crt"), "--tls-key", str(pki / "tls.key"))
    assert (missing.code, missing.out) == (2, "")
    assert missing.err.startswith(f"Error: {tmp_path}/no.crt: ")
    other = run("serve", "--tls-cert", str(pki / "tls.crt"), "--tls-key", str(pki / "ca.key"))
    assert (other.code, other.err) == (2, f"Error: {pki}/ca.key is not the key of {pki}/tls.crt\n")


def test_a_name_that_the_certificate_lacks_is_one_line_and_exit_code_2(run: Run, pki: Path) -> None:
    result = run("serve", *options(pki), "--tls-name", "localhost", "--tls-name", "loghook.other.svc")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"Error: {pki}/tls.crt: is for ")
    assert result.err.endswith(", not for loghook.other.svc\n")


def test_a_changed_configuration_is_taken_over_and_a_wrong_one_is_not(pki: Path, tmp_path: Path) -> None:
    settings = tmp_path / "loghook.yaml"
    settings.write_text("defaults: {on-error: reject}\n")
    with serving(pki, "--config", str(settings)) as (server, ready):
        assert server.stdout is not None
        told = (line for line in map(json.loads, server.stdout) if "configuration" in line["message"])
        assert review(pki, ready["port"], {"loghook.dev/paths": "no"})["allowed"] is False
        settings.write_text("defaults: {on-error: warn}\n")
        assert next(told)["message"] == "took over a new configuration"
        assert review(pki, ready["port"], {"loghook.dev/paths": "no"})["allowed"] is True
        settings.write_text("defaults: {on-error: perhaps}\n")
        line = next(told)
        assert line["message"] == "kept the old configuration"
        assert line["error"].startswith(f"{settings}: ")
        assert "on-error" in line["error"]
        assert review(pki, ready["port"], {"loghook.dev/paths": "no"})["allowed"] is True


def test_it_holds_no_file_open_for_writing(pki: Path) -> None:
    """It runs on a read-only root file system."""
    with serving(pki) as (server, _):
        folder = Path(f"/proc/{server.pid}/fd")
        if not folder.exists():
            pytest.skip("NOT TESTED: this needs /proc")
        written = list(_open_for_writing(folder))
    assert [name for name in written if name.startswith("/") and not name.startswith("/dev/")] == []


def _open_for_writing(folder: Path) -> Iterator[str]:
    for each in folder.iterdir():
        with suppress(FileNotFoundError):  # it looks at its files now and then, and has closed one meanwhile
            flags = (folder.parent / "fdinfo" / each.name).read_text().split("flags:")[1].split()[0]
            if int(flags, 8) & os.O_ACCMODE:
                yield str(each.readlink())
