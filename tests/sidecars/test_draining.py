"""The waiting script under the real busybox, started as a container would start it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webhook.sidecars.drain import drain_command

PATIENCE = 120.0

Starter = Callable[[int], "subprocess.Popen[bytes]"]


@pytest.fixture
def drain(tmp_path: Path) -> Iterator[Starter]:
    """Start the script; `BUSYBOX` names another busybox than the installed one."""
    busybox = shutil.which(os.environ.get("BUSYBOX", "busybox"))
    if busybox is None:
        pytest.skip("busybox is missing (Debian: apt-get install busybox-static)")
    subprocess.run([busybox, "--install", "-s", tmp_path], check=True)
    started: list[subprocess.Popen[bytes]] = []

    def start(seconds: int) -> "subprocess.Popen[bytes]":
        made = drain_command(seconds)
        _, _, _, shell, *rest = made.command
        command = [str(tmp_path / Path(shell).name), *rest, *made.args]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, env={"PATH": str(tmp_path)}, stdout=pipe, stderr=pipe, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def sleeping(process: "subprocess.Popen[bytes]") -> list[int]:
    """The children of `process`."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def wait_until_it_sleeps(process: "subprocess.Popen[bytes]") -> list[int]:
    deadline = time.monotonic() + PATIENCE
    while not (children := sleeping(process)):
        assert time.monotonic() < deadline, "it does not run"
        time.sleep(0.01)
    return children


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_waits_after_it_was_told_to_stop_and_ends_well(drain: Starter, number: signal.Signals) -> None:
    """It is not the first process where containers share theirs, and a signal without a trap ends it at once."""
    process = drain(1)
    children = wait_until_it_sleeps(process)
    process.send_signal(signal.SIGHUP)  # which means to read files again, and there are none
    told = time.monotonic()
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0, "a Job's podFailurePolicy counts other codes"
    assert time.monotonic() - told >= 1
    out, err = process.communicate()
    assert (out, err) == (b"", b"")
    assert not any(Path(f"/proc/{child}").exists() for child in children), "nothing is left behind"


def test_is_not_hurried_by_being_told_twice(drain: Starter) -> None:
    process = drain(2)
    wait_until_it_sleeps(process)
    told = time.monotonic()
    process.terminate()
    time.sleep(0.2)
    process.terminate()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - told >= 2


@pytest.mark.parametrize("number", range(10))
def test_ends_also_when_it_is_told_while_it_starts(drain: Starter, number: int) -> None:
    process = drain(1)
    time.sleep(number / 500)
    process.terminate()
    assert process.wait(PATIENCE) in {0, -signal.SIGTERM}, "before the trap is set there is nothing to wait for"


def test_runs_without_the_environment_of_the_application() -> None:
    made = drain_command(7)
    assert made.command[:3] == ("/bin/env", "-i", "PATH=/bin:/usr/bin:/sbin:/usr/sbin")
    assert made.args == ("7",)
