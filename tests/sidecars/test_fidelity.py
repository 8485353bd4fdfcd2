"""What each engine loses, repeats or changes: the same happenings for all three, each with the outcome of the docs.

`webhook.reference.fidelity` is the table of the documentation. Here each of its cells is found out.
"""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streams import ENGINES, Streaming, append, assignment, command

from webhook.reference.fidelity import HAPPENINGS


class Trial:
    """One engine, the files that it reads, and every line that was written to them."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.app = self.logs / "app.log"
        self.written: list[bytes] = []
        self.got: list[bytes] = []
        self._state = folder / "state"
        self._engine = engine
        self._running: Streaming | None = None

    def start(self, **fields: Any) -> None:
        given = assignment(self.logs, **{"paths": (str(self.app),), **fields})
        self._running = Streaming(command(self._engine, given, self._state))

    def write(self, *lines: str | bytes, path: Path | None = None) -> None:
        encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
        self.written += encoded
        append(path or self.app, b"".join(line + b"\n" for line in encoded))

    def write_over(self, *lines: str) -> None:
        """Write from the file's beginning, no less than it has, by one call of the system."""
        encoded = [line.encode() for line in lines]
        self.written += encoded
        with self.app.open("r+b", buffering=0) as file:
            file.write(b"".join(line + b"\n" for line in encoded))

    def is_read(self, line: str | bytes) -> None:
        """Wait until `line` came out, and a little for what is remembered of it."""
        assert self._running is not None
        self._running.wait_for(line)
        time.sleep(1.2)  # busybox and Fluent Bit look once a second, and only then know what they have read

    def settle(self) -> None:
        """Wait until nothing comes any more."""
        assert self._running is not None
        stdout = self._running.stdout
        size = -1
        while size < len(stdout):
            size = len(stdout)
            time.sleep(3)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._running is not None
        self._running.stop(number)
        self.got += bytes(self._running.stdout).split(b"\n")[:-1]
        self._running = None

    def outcome(self) -> str:
        """What became of the lines, in the words of the table."""
        if self._running is not None:
            self.settle()
            self.stop()
        written, got = Counter(self.written), Counter(self.got)
        missed, more = written - got, got - written
        words = ["missed"] if missed else []
        words += ["twice"] if any(line in written for line in more) else []
        words += ["changed"] if any(line not in written for line in more) else []
        return ", ".join(words) or "once"

    def close(self) -> None:
        if self._running is not None:
            self._running.__exit__()


def numbered(word: str, count: int) -> list[str]:
    return [f"{word} {number}" for number in range(count)]


def renamed(trial: Trial) -> None:
    trial.write(*numbered("first", 5))
    trial.start()
    trial.is_read("first 4\n")
    with trial.app.open("ab", buffering=0) as writer:
        trial.app.rename(trial.logs / "app.log.1")
        trial.write(*numbered("second", 5))
        trial.written.append(b"late")
        writer.write(b"late\n")


def burst(trial: Trial) -> None:
    trial.write("before")
    trial.start()
    trial.is_read("before\n")
    for rotation in range(20):
        trial.app.rename(trial.logs / f"app.log.{rotation}")
        trial.write(*numbered(f"rotation {rotation}", 5))
        time.sleep(0.05)


def removed(trial: Trial) -> None:
    trial.write("before")
    trial.start()
    trial.is_read("before\n")
    trial.write(*numbered("last", 5))
    trial.app.unlink()


def truncated(trial: Trial) -> None:
    trial.write(*numbered("a long line before", 20))
    trial.start()
    trial.is_read("before 19\n")
    shutil.copyfile(trial.app, trial.logs / "app.log.1")
    os.truncate(trial.app, 0)
    trial.write(*numbered("after", 5))


def refilled(trial: Trial) -> None:
    trial.write(*numbered("before", 20))
    trial.start()
    trial.is_read("before 19\n")
    trial.write_over(*numbered("after it was truncated", 50))  # in one step: nobody sees it empty


def rewritten(trial: Trial) -> None:
    trial.write(*numbered("before", 20))
    trial.start()
    trial.is_read("before 19\n")
    trial.write_over(*numbered("behind", 20))


def stopped(trial: Trial) -> None:
    trial.write(*numbered("before", 20))
    trial.start()
    trial.is_read("before 19\n")
    trial.stop()
    trial.write(*numbered("between", 20))
    trial.start()
    trial.is_read("between 19\n")


def killed(trial: Trial) -> None:
    trial.write(*numbered("before", 20))
    trial.start()
    trial.is_read("before 19\n")
    trial.stop(signal.SIGKILL)
    trial.write(*numbered("between", 20))
    trial.start()
    trial.is_read("between 19\n")


def replaced(trial: Trial) -> None:
    """While it is away, the file is written anew, as by an application that crashes and starts again."""
    trial.write(*numbered("before", 20))
    trial.start()
    trial.is_read("before 19\n")
    trial.stop()
    os.truncate(trial.app, 0)
    trial.write(*numbered("after it was started again", 20))
    trial.start()
    trial.is_read("after it was started again 19\n")


def long_lines(trial: Trial) -> None:
    trial.write("l" * (2**20 - 1), "short")
    trial.start()
    trial.is_read("short\n")


def zeros(trial: Trial) -> None:
    trial.write(b"a\0line", b"short")
    trial.start()
    trial.is_read("short\n")


def unterminated(trial: Trial) -> None:
    trial.write("first")
    trial.start()
    trial.is_read("first\n")
    trial.written.append(b"no end")
    append(trial.app, "no end")
    trial.settle()
    trial.stop()


def linked(trial: Trial) -> None:
    """As with a file for each day, and a link to today's."""
    for day in ("1", "2"):
        (trial.logs / "days").mkdir(exist_ok=True)
        trial.write(*numbered(f"day {day}", 5), path=trial.logs / "days" / day)
        (trial.logs / "next").symlink_to(f"days/{day}")
        (trial.logs / "next").rename(trial.app)
        if day == "1":
            trial.start()
        trial.is_read(f"day {day} 4\n")
    trial.write("more of day 2", path=trial.logs / "days" / "2")


def compressed(trial: Trial) -> None:
    """Right after it was rotated, and its last lines were written."""
    trial.write("before")
    trial.start()
    trial.is_read("before\n")
    trial.write(*numbered("last", 5))
    trial.app.rename(trial.logs / "app.log.1")
    (trial.logs / "app.log.1.gz").write_bytes(b"compressed")
    (trial.logs / "app.log.1").unlink()
    trial.write(*numbered("first of the next", 5))


def many(trial: Trial) -> None:
    for number in range(1_100):
        trial.write(f"of file {number}", path=trial.logs / f"{number}.log")
    trial.start(paths=(f"{trial.logs}/*.log",))
    trial.is_read(b"of file ")


SCENES: dict[str, Callable[[Trial], None]] = {
    "renamed": renamed,
    "burst": burst,
    "removed": removed,
    "truncated": truncated,
    "refilled": refilled,
    "rewritten": rewritten,
    "stopped": stopped,
    "killed": killed,
    "replaced": replaced,
    "long": long_lines,
    "linked": linked,
    "compressed": compressed,
    "many": many,
    "zeros": zeros,
    "unterminated": unterminated,
}


def test_knows_every_happening_of_the_table() -> None:
    assert list(SCENES) == [each.name for each in HAPPENINGS]
    assert all(each.outcomes.keys() == ENGINES.keys() for each in HAPPENINGS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda each: each.name)
def test_does_what_the_table_says(happening: Any, engine: str, tmp_path: Path) -> None:
    trial = Trial(engine, tmp_path)
    try:
        SCENES[happening.name](trial)
        assert trial.outcome() == happening.outcomes[engine]
    finally:
        trial.close()
