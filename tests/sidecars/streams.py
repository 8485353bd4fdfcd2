"""The engines as a container would start them, each with the program that this machine has, its stdout a pipe."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import fluent_bit_process
import pytest

from webhook.sidecars import STATE_DIRECTORY, Assignment, Tree
from webhook.sidecars.fluent_bit import FLUENT_BIT_STREAM
from webhook.sidecars.reader import READER
from webhook.sidecars.streaming import BUSYBOX

__all__ = ["ENGINES", "PATIENCE", "Streaming", "append", "assignment", "command", "until"]

PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""

PROGRAM = Path(__file__).parents[2] / "webhook" / "reader" / "__main__.py"


def assignment(folder: Path, **fields: Any) -> Assignment:
    """What reads `*.log` in `folder`, as a native sidecar."""
    usual = {
        "paths": (f"{folder}/*.log",),
        "exclude": ("*.gz",),
        "from_end": False,
        "is_native": True,
        "drain_seconds": 5,
        "trees": (Tree(str(folder), str(folder)),),
    }
    return Assignment(**{**usual, **fields})


def _busybox(given: Assignment) -> list[str]:
    busybox = shutil.which(os.environ.get("BUSYBOX", "busybox"))
    if busybox is None:
        pytest.skip("NOT TESTED: this needs busybox (Debian: apt-get install busybox-static)")
    command = BUSYBOX.command(given)
    return [busybox, "sh", *command.command[command.command.index("-c") :], *command.args]


def _fluent_bit(given: Assignment) -> list[str]:
    return [fluent_bit_process.program(), *FLUENT_BIT_STREAM.command(given).args]


def _reader(given: Assignment) -> list[str]:
    env, blocked, _python, *options, _program = READER.command(given).command
    python = getattr(sys, "_base_executable", sys.executable)
    return [env, blocked, python, *options, str(PROGRAM), *READER.command(given).args]


ENGINES: dict[str, Callable[[Assignment], list[str]]] = {
    "busybox": _busybox,
    "fluent-bit": _fluent_bit,
    "reader": _reader,
}


def command(engine: str, given: Assignment, state: Path) -> list[str]:
    """What is started for `engine`, with `state` for its volume."""
    state.mkdir(exist_ok=True)
    return [word.replace(STATE_DIRECTORY, str(state)) for word in ENGINES[engine](given)]


class Streaming:
    """A running engine: what it wrote, and its end."""

    def __init__(self, words: Sequence[str], **options: Any) -> None:
        self._process = subprocess.Popen(  # with-statement impossible: it outlives this method
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        self.pid = self._process.pid
        self.stdout, self.stderr = bytearray(), bytearray()
        self._may_read = threading.Event()
        self._may_read.set()
        self._readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Any, held: bytearray) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), 1 << 16):
                held += piece
                if held is self.stdout:
                    self._may_read.wait()

    @property
    def lines(self) -> list[str]:
        return bytes(self.stdout).decode(errors="backslashreplace").splitlines()

    def wait_for(self, text: str | bytes) -> None:
        wanted = text if isinstance(text, bytes) else text.encode()
        assert until(lambda: wanted in self.stdout), f"no {wanted[:100]!r}: {self.stdout[-500:]!r} {self.stderr!r}"

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        code = self._process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.tell(number)
        return self.end()

    def hold(self) -> None:
        """Read no more than one further piece of its stdout, until `release`."""
        self._may_read.clear()

    def release(self) -> None:
        self._may_read.set()

    def open_files(self, folder: Path) -> list[str]:
        """The names of the files below `folder` that it has open."""
        found = []
        for each in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = each.readlink()
                if folder in target.parents:
                    found.append(target.name)
        return sorted(found)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        if self.is_running():
            self.stop(signal.SIGKILL)


def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until something is so, and say whether it came to be."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def append(path: Path, text: str | bytes) -> None:
    """Append to a file in one write, as a logger does."""
    with path.open("ab", buffering=0) as file:
        file.write(text if isinstance(text, bytes) else text.encode())
