"""The real Fluent Bit, where this machine has it, started as a container would start it."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from shipments import stream

from webhook.sidecars import CA_DIRECTORY, STATE_DIRECTORY, Shipment, Stream, Tree
from webhook.sidecars.fluent_bit import FLUENT_BIT

__all__ = ["PATIENCE", "FluentBit", "logs", "program", "until"]

PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""


def program() -> str:
    """The path of Fluent Bit; skips the test where there is none. No package registry has it, so CI has not either."""
    found = os.environ.get("FLUENT_BIT_BIN") or shutil.which("fluent-bit") or shutil.which("fluent-bit-5.1.1")
    if not found:
        pytest.skip("there is no fluent-bit: put it on the PATH or name it in FLUENT_BIT_BIN")
    return found


def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Wait until something is so, and say whether it came to be."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def logs(folder: Path, **options: Any) -> Stream:
    """A source whose files are in `logs` below `folder`."""
    place = str(folder / "logs")
    (folder / "logs").mkdir(exist_ok=True)
    usual = {"paths": (f"{place}/*.log",), "trees": (Tree(place, place),), "attributes": {}}
    return stream(name="access", **{**usual, **options})


class FluentBit:
    """A running agent: `folder` stands for its state volume, and has its configuration beside.

    `now`, in seconds since 1970, is what our scripts take for the time.
    """

    def __init__(
        self,
        shipped: Shipment,
        folder: Path,
        env: Mapping[str, str] = {},
        *,
        supervised: bool = False,
        now: int | None = None,
    ) -> None:
        assert list(FLUENT_BIT.problems(shipped)) == []
        text = FLUENT_BIT.config(shipped).replace(STATE_DIRECTORY, str(folder / "state"))
        text = text if now is None else text.replace("os.time()", str(now))
        (folder / "state").mkdir(exist_ok=True)
        (folder / FLUENT_BIT.config_file).write_text(text.replace(CA_DIRECTORY, str(folder / "ca")), "utf-8")
        args = [each for each in FLUENT_BIT.command(shipped).args if supervised or each != "--supervisor"]
        args = [
            str(folder / FLUENT_BIT.config_file) if each.endswith(FLUENT_BIT.config_file) else each for each in args
        ]
        named = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "")
        variables = {name: name.removeprefix("LOGHOOK_").lower() for name in named} | dict(env)
        self._stderr = folder / "stderr"
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(  # with-statement impossible: it outlives this method
                [program(), *args],
                env={"PATH": os.environ["PATH"], **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            while piece := os.read(stdout.fileno(), 1 << 16):
                self._written += piece

    @property
    def stdout(self) -> bytes:
        """What it wrote so far."""
        return bytes(self._written)

    @property
    def complaints(self) -> list[str]:
        """Its warnings and errors so far."""
        return re.findall(r"\[ ?(?:warn|error)\] (.*)", self._stderr.read_text("utf-8", "replace"))

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had resident so far."""
        return _peak(self._process.pid)

    @property
    def child_bytes(self) -> int:
        """The same of its child, where it is supervised."""
        pid = self._process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return _peak(int(child))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop, and give its exit code."""
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE)
        self._reader.join()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running:
            self.stop(signal.SIGKILL)
        self._reader.join()


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
