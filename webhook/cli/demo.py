"""`make run`: the webhook on this machine, and what it does to an example.

Everything is done by the programs that do it in earnest: `python -m certs issue` makes the certificates, `serve`
serves, and the example goes through TLS as from an API server. What takes long goes side by side, or is kept from the
last time.
"""

import ctypes
import errno
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from webhook.cli.failures import FailedError, InputError

__all__ = ["run"]


EXAMPLE = Path("examples/server-log.yaml")
CERTIFICATES = Path(".dev/certs")

_HOST = "127.0.0.1"
_START_SECONDS = 90
_END_SECONDS = 0.7
_LOOK_SECONDS = 0.2
_FRESH_SECONDS = 24 * 3600
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run(port: int) -> int:
    """Serve until a signal to end, like Ctrl-C, and return the exit code. Raises CommandError where something fails."""
    if not EXAMPLE.is_file():
        raise InputError(f"there is no {EXAMPLE} here: run it from the root of the repository")
    _refuse_taken(port)
    if not _are_fresh():
        _issue_certificates()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):  # the terminal is closed, say
        signal.signal(number, _interrupt)
    try:
        with _started(port) as server:
            from webhook.cli.example import show_example  # noqa: PLC0415 - while the server does its own imports

            _wait(server, port)
            show_example(EXAMPLE, f"https://{_HOST}:{port}", CERTIFICATES / "ca.crt")
            raise FailedError(f"the webhook has ended by itself, with exit code {_code(server)}")
    except KeyboardInterrupt:
        return 0  # it was asked to end


def _refuse_taken(port: int) -> None:
    try:
        socket.create_server((_HOST, port)).close()
    except OSError as error:
        other = 9443 if port != 9443 else 10443  # noqa: PLR2004 - any port would do
        problem = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise FailedError(f"port {port} {problem}; choose another: make run PORT={other}") from None


def _issue_certificates() -> None:
    issued = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "certs", "issue", "--out", CERTIFICATES],
        check=False,
        capture_output=True,
        text=True,
    )
    if issued.returncode:
        raise FailedError(issued.stderr.strip().removeprefix("Error: "))
    click.echo(issued.stdout.rstrip(), err=True)


def _are_fresh() -> bool:
    """Whether all four files are there and the serving certificate was made today: then they do for one more time."""
    files = [CERTIFICATES / name for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")]
    return all(file.is_file() for file in files) and time.time() - files[2].stat().st_mtime < _FRESH_SECONDS


@contextmanager
def _started(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The webhook as a process of its own, whose probes nobody asks; at the end it ends, whatever happens to us."""
    server = subprocess.Popen(  # noqa: S603 - our own words
        [
            *(sys.executable, "-m", "webhook", "serve", "--host", _HOST),
            *("--tls-cert", CERTIFICATES / "tls.crt", "--tls-key", CERTIFICATES / "tls.key"),
            *("--port", str(port), "--health-port", "0"),
        ],
        stdin=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C in the terminal is for us alone
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is one thread here
    )
    try:
        yield server
    finally:
        _end(server)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent has gone, be it by SIGKILL; elsewhere nothing does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the webhook listens, which it does once it can serve."""
    deadline = time.monotonic() + _START_SECONDS
    while not _listens(port):
        if server.poll() is not None:
            raise FailedError("the webhook cannot serve")  # it has said why
        if time.monotonic() > deadline:
            raise FailedError(f"the webhook is not ready after {_START_SECONDS} s")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _code(server: subprocess.Popen[bytes]) -> int:
    """Wait for its end; the exit code. A Ctrl-C just before a wait without an end would be noticed after it."""
    while (code := server.poll()) is None:
        time.sleep(_LOOK_SECONDS)
    return code


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # does nothing to one that has ended
    try:
        server.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _interrupt(*_: object) -> NoReturn:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt
