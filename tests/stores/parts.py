"""What stands between the tests and the real stores: where a store's parts are, and its process."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

__all__ = ["PATIENCE", "Process", "answers", "end", "jars", "missing", "part", "program", "until"]

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""

_SMALL = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # for a store that lives for a minute


def missing(what: str) -> None:
    """Skip the test that needs `what`; in CI, where it can be had, the test fails."""
    if os.environ.get("LOGHOOK_CI"):
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"NOT TESTED: this needs {what}")


@functools.cache
def part(name: str, what: str) -> Path:
    """The folder of what `.ci/part` puts together, once, into the user's cache."""
    done = subprocess.run([ROOT / ".ci" / "part", name], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"{what} (.ci/part {name}: {done.stderr.strip()[-300:]})")
    return Path(done.stdout.strip())


def jars(name: str, what: str) -> list[str | Path]:
    """The beginning of a command that runs a program of the jars of `.ci/part NAME`."""
    if shutil.which("java") is None:
        missing(f"{what} (Java, and .ci/part {name})")
    return ["java", *_SMALL, "-cp", f"{part(name, what)}/*"]


def program(name: str, package: str) -> str:
    """The path of a program of the system; root's own folders are searched too."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        missing(f"{name} (apt-get install {package})")
    return str(found)


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Tell a program to end, and wait for its end; one that does not is killed."""
    process.send_signal(number)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until something is so, and say whether it came to be."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Process:
    """A store's process, which can go away and come back: the same command, in the same folder."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run it to its end, which must be a good one."""
        with self._log.open("ab") as log:
            done = subprocess.run(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
        assert done.returncode == 0, self._said()

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Start it, and wait until it is ready; one that does not become it is ended, and the test fails."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running = self._process
        is_there = until(lambda: is_ready() or running.poll() is not None) and running.poll() is None
        if not is_there:
            self.stop()
        assert is_there, self._said()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait for its end."""
        if self._process is not None:
            end(self._process, number)
            self._process = None

    def _said(self) -> str:
        return f"{self._command[0]}: {self._log.read_text('utf-8', 'replace')[-3000:]}"


def answers(port: int) -> bool:
    """Whether something takes connections at a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
