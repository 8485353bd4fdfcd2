"""Fluent Bit as the engine: the lines of files as they are on stdout, and nothing else."""

import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest
from fluent_bit_process import PATIENCE, program, until

from webhook.sidecars import STATE_DIRECTORY, Assignment
from webhook.sidecars.fluent_bit import FLUENT_BIT_STREAM


class Streaming:
    """The engine as a container would start it, its stdout a pipe."""

    def __init__(self, folder: Path, **options: Any) -> None:
        usual = {"exclude": ("*.gz",), "from_end": False, "is_native": True, "drain_seconds": 5, "source": "web"}
        assignment = Assignment(**{"paths": (f"{folder}/*.log",), **usual, **options})
        (folder / "state").mkdir(exist_ok=True)
        args = [each.replace(STATE_DIRECTORY, f"{folder}/state") for each in FLUENT_BIT_STREAM.command(assignment).args]
        self._process = subprocess.Popen(  # with-statement impossible: it outlives this method
            [program(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.stdout, self.stderr = bytearray(), bytearray()
        self._readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Any, held: bytearray) -> None:
        with pipe:
            while piece := pipe.read1(1 << 16):
                held += piece

    @property
    def lines(self) -> list[bytes]:
        return bytes(self.stdout).splitlines()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE)
        for reader in self._readers:
            reader.join()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop(signal.SIGKILL)


RAW = [
    b"plain",
    b"",
    b"  spaced \t and tabbed",
    b'{"log":"x"} {log} {time} ${HOME}',
    "ü ☃ 𐍈".encode(),
    b"\xff\xfe not UTF-8",
    b'"quoted" \\ back',
    b"l" * 2**20,
    b"end",
]


def test_lines_are_whole_and_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\n".join(RAW) + b"\n")
    with Streaming(tmp_path) as engine:
        assert until(lambda: b"end" in engine.lines), engine.stderr
        assert engine.stop() == 0
    assert sorted(engine.lines) == sorted(RAW)
    assert b"error" not in engine.stderr
    assert b"warn" not in engine.stderr


def test_several_files_and_what_is_left_out(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "b.log.gz", "c.txt", ".d.log"):
        (tmp_path / name).write_text(f"{name}\n")
    with Streaming(tmp_path, paths=(f"{tmp_path}/*.log*", f"{tmp_path}/c.txt")) as engine:
        assert until(lambda: len(engine.lines) >= 3), engine.stderr
        (tmp_path / "later.log").write_text("later.log\n")
        assert until(lambda: len(engine.lines) >= 4), engine.stderr
        engine.stop()
    assert sorted(engine.lines) == [b"a.log", b"b.log", b"c.txt", b"later.log"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_line_comes_twice_after_a_restart(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("".join(f"{n}\n" for n in range(100)))
    seen: list[bytes] = []
    for last in (100, 200, 300):
        with Streaming(tmp_path) as engine:
            assert until(lambda e=engine, n=last: b"%d" % (n - 1) in e.lines), engine.stderr  # type: ignore[misc]  # mypy infers no type for defaults of a lambda
            time.sleep(0.5)
            engine.stop(number)
        seen += engine.lines
        with file.open("a") as more:
            more.writelines(f"{n}\n" for n in range(last, last + 100))
    assert seen == [b"%d" % n for n in range(300)]


def test_only_new_lines_of_files_that_were_there(tmp_path: Path) -> None:
    (tmp_path / "old.log").write_text("old\n")
    with Streaming(tmp_path, from_end=True) as engine:
        assert until((tmp_path / "state" / "source-web.db").exists)
        time.sleep(1)
        (tmp_path / "new.log").write_text("new\n")
        with (tmp_path / "old.log").open("a") as file:
            file.write("more\n")
        assert until(lambda: len(engine.lines) >= 2), engine.stderr
        engine.stop()
    assert sorted(engine.lines) == [b"more", b"new"]
