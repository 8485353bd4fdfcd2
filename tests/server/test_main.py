"""Starting: what is said when it works, and when it does not."""

import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from webhook.server import ServeError, Settings, serve


def settings(pki: Path, **changes: Any) -> Settings:
    usual = Settings(tls_cert=pki / "tls.crt", tls_key=pki / "tls.key", host="127.0.0.1", port=0, health_port=0)
    return msgspec.structs.replace(usual, **changes)


def problem(given: Settings) -> str:
    with pytest.raises(ServeError) as caught:
        serve(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("which", ["port", "health_port"])
def test_a_taken_port_is_said_clearly(pki: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = problem(settings(pki, **{which: port}))
    assert said == f"cannot listen on 127.0.0.1 port {port}: the port is taken, choose another or end what uses it"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 65536}, "65536 is not a port: they go from 0 to 65535"),
        ({"health_port": -1}, "-1 is not a port: they go from 0 to 65535"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1 port 0: this machine has no such address"),
        ({"tls_key": Path("/nowhere/tls.key")}, "/nowhere/tls.key: no such file or directory"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(pki: Path, changes: dict[str, Any], said: str) -> None:
    assert problem(settings(pki, **changes)) == said


def test_a_name_that_is_no_host_is_said_in_one_line(pki: Path) -> None:
    assert problem(settings(pki, host="no-such-host.invalid")).startswith(
        "cannot listen on no-such-host.invalid port 0: "
    )


def test_the_ready_line_says_where(server: Any) -> None:
    line = server.line("ready")
    assert line["host"] == "127.0.0.1"
    assert line["port"] > 0
    assert line["healthPort"] > 0
    assert line["expires"].endswith("Z")


def test_what_is_ready_answers_already_and_on_every_address(pki: Path) -> None:
    """In a process of its own, whose own thread calls when `ready` says where."""
    script = """
import http.client, os, signal, ssl, sys, threading
from pathlib import Path
from webhook.server import Settings, serve
pki = Path(sys.argv[1])

def call(at):
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    for address in sys.argv[2:]:
        connection = http.client.HTTPSConnection(address, at.port, context=context, timeout=120)
        if address == "::1":
            context.check_hostname = False  # the certificate is for localhost and 127.0.0.1
        connection.request("GET", "/")
        print(address, connection.getresponse().status, file=sys.stderr)
    os.kill(os.getpid(), signal.SIGINT)

serve(
    Settings(tls_cert=pki / "tls.crt", tls_key=pki / "tls.key", port=0, health_port=0),
    ready=lambda at: threading.Thread(target=call, args=(at,)).start(),
)
"""
    addresses = ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]
    command = [sys.executable, "-c", script, str(pki), *addresses]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines() == [f"{address} 404" for address in addresses]


def test_the_server_imports_nothing_of_the_command_line_or_the_cluster() -> None:
    script = "import sys, webhook.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "uvicorn" in loaded
    assert not loaded & {"rich", "ruamel", "kubernetes", "certs"}


def test_a_server_in_a_thread_leaves_signals_alone(pki: Path) -> None:
    """As an embedding program would have it: ended by nobody but the process."""
    at: list[Any] = []
    ready = threading.Event()

    def tell(where: Any) -> None:
        at.append(where)
        ready.set()

    threading.Thread(target=serve, args=(settings(pki),), kwargs={"ready": tell}, daemon=True).start()
    assert ready.wait(120)
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    connection = http.client.HTTPSConnection("localhost", at[0].port, context=context, timeout=120)
    with contextlib.closing(connection):
        connection.request("GET", "/mutate")
        assert connection.getresponse().status == 405
