"""Writers, rotations and kills at once, for long: nothing is lost, nothing is torn, and little comes twice.

The short form is a test like any other; `make soak` (LOGHOOK_SOAK) writes 200 million lines, or LOGHOOK_SOAK_LINES.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streams import assignment, command, until

from .ledger import BLOCK, Ledger, block

SOAK = bool(os.environ.get("LOGHOOK_SOAK"))
LINES = int(os.environ.get("LOGHOOK_SOAK_LINES", "200000000")) if SOAK else 1_200_000
WRITERS = 4
PAUSE = 0.02 if SOAK else 0.05
"""Seconds between two blocks of a writer: the short form is to last for some kills, and has few lines."""

LIFE = 0.4 if SOAK else 2.0  # the short form runs beside other tests
"""Seconds for which a file has its name: a loaded machine must have looked by then, since removed is removed."""

PATIENCE = 60
"""Seconds until whoever reads has had what was written before: on a machine that has much else to do it is behind."""

HELD = 0.5
"""Seconds for which nobody reads before every other kill, so that it comes in the middle of a batch."""

TWICE = 2**18
"""Bytes that may come again after a kill, and after nothing else."""


# How the applications' files are rotated: what a writer does to its file, given how often it has done so. The writer
# has no file open then, and a copy is never what is read.


def _by_number(path: Path, _times: int) -> None:
    """app.log, app.log.1, … app.log.5."""
    for age in range(5, 0, -1):
        old = path.with_name(f"{path.name}.{age - 1}") if age > 1 else path
        if old.exists():
            old.replace(path.with_name(f"{path.name}.{age}"))


def _by_date(path: Path, times: int) -> None:
    """Every old file has a name of its own; few are kept."""
    path.rename(path.with_name(f"{path.name}-{times:09}"))
    path.with_name(f"{path.name}-{times - 3:09}").unlink(missing_ok=True)


def _into_directory(path: Path, times: int) -> None:
    (path.parent / "old").mkdir(exist_ok=True)
    path.replace(path.parent / "old" / f"{path.name}.{times % 3}")


def _compressed(path: Path, times: int) -> None:
    """The old file is compressed behind the reader's back, and removed."""
    old = path.with_name(f"{path.name}.{times % 3}")
    path.replace(old)
    path.with_name(f"{old.name}.gz").write_bytes(b"compressed")


def _removed(path: Path, _times: int) -> None:
    path.unlink()


ROTATIONS: tuple[Callable[[Path, int], None], ...] = (_by_number, _by_date, _into_directory, _compressed, _removed)


class Writer(threading.Thread):
    """An application with a file for each way of rotating. It waits for nobody, but keeps a pace."""

    def __init__(self, number: int, logs: Path, blocks: int) -> None:
        super().__init__()
        self.number = number
        self.blocks = blocks
        self.written = 0
        self.rotations = 0
        self.may_rotate = threading.Event()
        self._logs = logs
        self._dice = random.Random(number)  # noqa: S311 - dice that fall the same way each time

    def run(self) -> None:
        born: dict[Path, float] = {}
        for number in range(self.blocks):
            rotate = ROTATIONS[number % len(ROTATIONS)]
            path = self._logs / f"w{self.number}-{rotate.__name__}.log"
            now = time.monotonic()
            if self.may_rotate.is_set() and now - born.setdefault(path, now) > self._dice.uniform(LIFE, 3 * LIFE):
                self.rotations += 1
                rotate(path, self.rotations)
                del born[path]
            lines = block(self.number, number)
            with path.open("ab", buffering=0) as file:
                file.write(lines[: len(lines) // 3])  # which ends in the middle of a line
                file.write(lines[len(lines) // 3 :])
            self.written = number + 1
            time.sleep(PAUSE)


class Restarted(threading.Thread):
    """A reader that is killed every few seconds and started again, and what came out of it.

    `twice` has how many bytes came again in each of its lives, the first of which has nothing to repeat.
    """

    def __init__(self, words: list[str], writers: list[Writer]) -> None:
        super().__init__()
        self.is_over = threading.Event()
        self.has_begun = threading.Event()
        self.ledger = Ledger(len(writers), writers[0].blocks)
        self.twice: list[int] = []
        self.code: int | None = None
        self._may_take = threading.Event()
        self._may_take.set()
        self._words = words
        self._writers = writers
        self._dice = random.Random(0)  # noqa: S311 - as above

    @property
    def kills(self) -> int:
        return len(self.twice) - 1

    def run(self) -> None:
        while self.code is None:
            with subprocess.Popen(self._words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
                self.has_begun.clear()
                consumer = threading.Thread(target=self._take, args=(running,))
                consumer.start()
                self._rotate_for_a_while()
                if self.is_over.is_set():
                    running.send_signal(signal.SIGTERM)
                    self.code = running.wait()
                else:
                    self._kill(running)
                consumer.join()

    def _kill(self, running: subprocess.Popen[bytes]) -> None:
        if self.kills % 2:
            self._may_take.clear()
            self.is_over.wait(HELD)
        running.send_signal(signal.SIGKILL)
        self._may_take.set()

    def _rotate_for_a_while(self) -> None:
        """Let the applications rotate while somebody reads: what is removed while nobody does is nobody's fault.

        Nor is what is removed before a reader that is behind has come to it, and is killed: so it may come to all that
        was there when the rotations ended.
        """
        until(lambda: self.has_begun.is_set() or self.is_over.is_set(), PATIENCE)
        for writer in self._writers:
            writer.may_rotate.set()
        self.is_over.wait(self._dice.uniform(1, 4))
        for writer in self._writers:
            writer.may_rotate.clear()
        time.sleep(0.1)  # a rotation that has begun
        written = [writer.written for writer in self._writers]
        until(lambda: self.ledger.have_come(written), PATIENCE)

    def _take(self, running: subprocess.Popen[bytes]) -> None:
        assert running.stdout is not None
        before = self.ledger.twice
        while piece := os.read(running.stdout.fileno(), 2**18):
            self.has_begun.set()
            self.ledger.take(piece)
            self._may_take.wait()
        self.ledger.end()
        self.twice.append(self.ledger.twice - before)


@pytest.mark.skipif(sys.platform != "linux", reason="the reader is for Linux")
def test_four_writers_five_rotations_and_kills_lose_and_tear_nothing(
    tmp_path: Path, report: Callable[..., None]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    writers = [Writer(number, logs, LINES // WRITERS // BLOCK) for number in range(WRITERS)]
    reader = Restarted(command("reader", assignment(logs), tmp_path / "state"), writers)
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    time.sleep(1)
    reader.is_over.set()
    reader.join()
    ledger = reader.ledger
    rotations = sum(writer.rotations for writer in writers)
    twice = {"bytes_twice": ledger.twice, "most_bytes_twice": max(reader.twice)}
    report(lines=LINES, lost=ledger.lost, torn=ledger.torn, kills=reader.kills, rotations=rotations, **twice)
    assert (ledger.lost, ledger.torn, reader.code) == (0, 0, 0)
    assert reader.kills >= 2
    assert reader.twice[0] == 0
    assert max(reader.twice) <= TWICE


# What the soak would say of a reader that does not keep its word.


def said_of(*pieces: bytes) -> tuple[int, int, int]:
    """How many lines of two blocks are lost, how many are torn, and how many bytes came twice."""
    ledger = Ledger(1, 2)
    for piece in pieces:
        ledger.take(piece)
    ledger.end()
    assert ledger.have_come([2]) == (ledger.lost == 0)
    return ledger.lost, ledger.torn, ledger.twice


def test_the_soak_sees_what_is_lost_torn_or_twice() -> None:
    first, second = block(0, 0), block(0, 1)
    lines = first.splitlines(keepends=True)
    assert said_of(first, second) == (0, 0, 0)
    assert said_of(first[:70], first[70:] + second[:5_000], second[5_000:]) == (0, 0, 0)
    between = b"".join((*lines[:300], second, *lines[300:]))  # of another file, between two batches
    assert said_of(between) == (0, 0, 0)
    assert said_of(*lines[:500], *lines[501:], second) == (1, 0, 0)
    assert said_of(*lines[:-1], second) == (1, 0, 0)
    assert said_of(first) == (BLOCK, 0, 0)
    assert said_of(first, *lines[40:42], second) == (0, 0, len(lines[40] + lines[41]))
    assert said_of(*lines[:510], lines[510][:40], *lines[511:], second) == (2, 1, 0)
    assert said_of(*lines[:510], lines[510][:-3] + b"\n", *lines[511:], second) == (1, 1, 0)
    assert said_of(*lines[:500], b"\n", *lines[500:], second) == (0, 1, 0)
    assert said_of(first, second[:-1]) == (1, 1, 0)
    assert said_of(first, second, b"what no writer wrote\n", b"7 000000 000 \n", b"0 000009 000 \n") == (0, 3, 0)
