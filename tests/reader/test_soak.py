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
from streams import assignment, command

SOAK = bool(os.environ.get("LOGHOOK_SOAK"))
LINES = int(os.environ.get("LOGHOOK_SOAK_LINES", "200000000")) if SOAK else 1_200_000
BATCH = 200
LIFE = 0.4 if SOAK else 2.0  # the short form runs beside other tests
"""Seconds for which a file has its name: a loaded machine must have looked by then, since removed is removed."""

PATIENCE = 60
"""Seconds until whoever reads has had what was written before: on a machine that has much else to do it is behind."""

TWICE = 2**18
"""Bytes that may come again after a kill."""


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

    def __init__(self, number: int, logs: Path, count: int) -> None:
        super().__init__()
        self.number = number
        self.count = count
        self.written = 0
        self.may_rotate = threading.Event()
        self._logs = logs
        self._dice = random.Random(number)  # noqa: S311 - dice that fall the same way each time

    def run(self) -> None:
        times = 0
        born: dict[Path, float] = {}
        for first in range(0, self.count, BATCH):
            rotate = ROTATIONS[(first // BATCH) % len(ROTATIONS)]
            path = self._logs / f"w{self.number}-{rotate.__name__}.log"
            now = time.monotonic()
            if self.may_rotate.is_set() and now - born.setdefault(path, now) > self._dice.uniform(LIFE, 3 * LIFE):
                times += 1
                rotate(path, times)
                del born[path]
            lines = b"".join(
                b"%d %09d %b\n" % (self.number, number, b"." * (number * 7 % 120))
                for number in range(first, min(first + BATCH, self.count))
            )
            with path.open("ab", buffering=0) as file:
                file.write(lines[: len(lines) // 3])
                file.write(lines[len(lines) // 3 :])
            self.written = min(first + BATCH, self.count)
            time.sleep(0.01)


class Restarted(threading.Thread):
    """A reader that is killed every few seconds and started again, and what came out of it."""

    def __init__(self, words: list[str], writers: list[Writer]) -> None:
        super().__init__()
        self.is_over = threading.Event()
        self.has_begun = threading.Event()
        self.kills = 0
        self.torn = 0
        self.seen = [bytearray(writer.count) for writer in writers]
        self.bytes_twice = 0
        self._whole = [0] * len(writers)  # how many of each writer's first lines have all come out
        self.code: int | None = None
        self._words = words
        self._writers = writers
        self._dice = random.Random(0)  # noqa: S311 - as above

    def run(self) -> None:
        while not self.is_over.is_set():
            with subprocess.Popen(self._words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
                self.has_begun.clear()
                consumer = threading.Thread(target=self._take, args=(running,))
                consumer.start()
                self._rotate_for_a_while()
                if self.is_over.is_set():
                    running.send_signal(signal.SIGTERM)
                    self.code = running.wait()
                else:
                    running.send_signal(signal.SIGKILL)
                    self.kills += 1
                consumer.join()

    def _rotate_for_a_while(self) -> None:
        """Let the applications rotate while somebody reads: what is removed while nobody does is nobody's fault.

        Nor is what is removed before a reader that is behind has come to it, and is killed: so it may come to all that
        was there when the rotations ended.
        """
        self.has_begun.wait(60)
        for writer in self._writers:
            writer.may_rotate.set()
        self.is_over.wait(self._dice.uniform(1, 4))
        for writer in self._writers:
            writer.may_rotate.clear()
        time.sleep(0.1)  # a rotation that has begun
        written = [writer.written for writer in self._writers]
        ends = time.monotonic() + PATIENCE
        while not self._has_seen(written) and time.monotonic() < ends:
            time.sleep(0.02)

    def _has_seen(self, written: list[int]) -> bool:
        """Whether each writer's first so many lines have come out."""
        for number, (seen, count) in enumerate(zip(self.seen, written, strict=True)):
            first = seen.find(0, self._whole[number])
            self._whole[number] = len(seen) if first < 0 else first
            if self._whole[number] < count:
                return False
        return True

    def _take(self, running: subprocess.Popen[bytes]) -> None:
        assert running.stdout is not None
        for line in running.stdout:
            self.has_begun.set()
            try:
                writer, number, dots = line.split(b" ")
                index = int(number)
                is_whole = dots == b"." * (index * 7 % 120) + b"\n"
                seen = self.seen[int(writer)]
            except ValueError:
                is_whole = False
            if not is_whole:
                self.torn += 1
                continue
            self.bytes_twice += len(line) if seen[index] else 0
            seen[index] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="the reader is for Linux")
def test_four_writers_five_rotations_and_kills_lose_and_tear_nothing(
    tmp_path: Path, report: Callable[..., None]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    writers = [Writer(number, logs, LINES // 4) for number in range(4)]
    reader = Restarted(command("reader", assignment(logs), tmp_path / "state"), writers)
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    time.sleep(1)
    reader.is_over.set()
    reader.join()
    lost = sum(seen.count(0) for seen in reader.seen)
    report(lines=LINES, lost=lost, torn=reader.torn, kills=reader.kills, bytes_twice=reader.bytes_twice)
    assert (lost, reader.torn, reader.code) == (0, 0, 0)
    assert reader.kills >= 2
    assert reader.bytes_twice <= reader.kills * TWICE
