"""The streaming engines side by side in one run: CPU, memory, speed, delay. `make bench-stream`.

Each engine is started as a container would start it; what is measured is its whole process tree. Rounds of the engines
are interleaved, and of several the best counts, since whatever else the machine does only ever adds. FLUENT_BIT_BIN
names Fluent Bit, which no package registry has; without it, or without busybox, that engine is left out.
`--only` measures some of the scenes: what is compared is always of one run.
"""

import argparse
import contextlib
import io
import itertools
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).resolve().parent.parent / "sidecars"))  # where the tests have what starts engines

from streams import ENGINES, assignment, command

TICK = os.sysconf("SC_CLK_TCK")
MIB = 2**20
RATES = {"10 KB/s": 10_000, "1 MB/s": 1_000_000}
_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED, linux/posix-timers.h
Figures = dict[str, float]


class Run:
    """One engine on files in `folder`, its output counted, and its delay taken from the times in the lines."""

    def __init__(self, engine: str, folder: Path, paths: tuple[str, ...]) -> None:
        self.bytes = 0
        self.first: float | None = None
        self.last = 0.0
        self.delays: list[float] = []
        self._timed = False
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command(engine, assignment(folder, paths=paths), folder.parent / "state"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def time_lines(self) -> None:
        self._timed = True

    def _read(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while piece := os.read(self._process.stdout.fileno(), MIB):
            now = time.monotonic()
            if self.first is None:
                self.first = now - self._began
            self.last = now - self._began
            self.bytes += len(piece)
            if self._timed:
                *lines, rest = (rest + piece).split(b"\n")
                self.delays += [now - float(line.split(b" ", 1)[0]) for line in lines if line]

    def wait_for(self, size: int, seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while self.bytes < size:
            assert time.monotonic() < end, f"{self.bytes} of {size} bytes came"
            time.sleep(0.002)

    def cpu(self) -> float:
        """Seconds of CPU of the tree so far: of each process, and of the children that it has waited for."""
        return sum(_cpu(pid) for pid in self._tree())

    def resident(self) -> float:
        """MiB resident in the tree, as the kernel counts them for each process."""
        return sum(_status(pid, "VmRSS") for pid in self._tree()) / 1024

    def _tree(self) -> Iterator[int]:
        todo = [self._process.pid]
        while todo:
            pid = todo.pop()
            yield pid
            try:
                todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


def _cpu(pid: int) -> float:
    """A process's own clock tells nanoseconds, where /proc has hundredths of a second (clock_getcpuclockid(3))."""
    try:
        of_children = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
        return time.clock_gettime(~pid << 3 | _CLOCK_OF_PROCESS) + sum(map(int, of_children)) / TICK
    except OSError:
        return 0.0


def _status(pid: int, key: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return float(next((line.split()[1] for line in text.splitlines() if line.startswith(key)), "0"))


class Shape(NamedTuple):
    """What is written: lines of so many bytes, to so many files."""

    width: int
    files: int

    def __str__(self) -> str:
        return f"{self.width:,}-byte lines, {self.files:,} files"


def backlog(engine: str, folder: Path, shape: Shape, size: int) -> Figures:
    """As fast as it goes: files that come all at once, when it has long been started."""
    line = b"x" * (shape.width - 1) + b"\n"
    ready = folder.parent / "ready"
    ready.mkdir()
    for number in range(shape.files):
        (ready / f"{number}.log").write_bytes(line * (size // shape.files // shape.width))
    total = sum(file.stat().st_size for file in ready.iterdir())
    run = Run(engine, folder, (f"{folder}/*.log",))
    time.sleep(2)
    before = run.cpu()
    for file in ready.iterdir():
        file.rename(folder / file.name)
    run.wait_for(total)
    seconds = run.last - (run.first or 0.0)
    cpu = run.cpu() - before
    run.stop()
    return {"ms of CPU per MB": cpu * 1e3 / (total / 1e6), "MB/s": total / 1e6 / seconds}


def steady(engine: str, folder: Path, shape: Shape, rate: int, seconds: float) -> Figures:
    """`rate` bytes a second, to one file after the other: the delay of a line, and what it costs."""
    for number in range(shape.files):
        (folder / f"{number}.log").write_bytes(b"begun\n")
    run = Run(engine, folder, (f"{folder}/*.log",))
    run.wait_for(shape.files * len(b"begun\n"))
    time.sleep(3)
    run.time_lines()
    before, offset = run.cpu(), run.bytes
    with contextlib.ExitStack() as stack:
        logs = [
            stack.enter_context((folder / f"{number}.log").open("ab", buffering=0)) for number in range(shape.files)
        ]
        written = _write_steadily(logs, shape.width, rate, seconds)
    run.wait_for(offset + written, 60)
    cpu = run.cpu() - before
    run.stop()
    delays = sorted(run.delays)
    return {
        "ms of CPU per MB": cpu * 1e3 / (written / 1e6),
        "p50 ms": statistics.median(delays) * 1e3,
        "p99 ms": delays[int(len(delays) * 0.99)] * 1e3,
    }


def _write_steadily(logs: list[io.FileIO], width: int, rate: int, seconds: float) -> int:
    """Write lines that begin with the time: how many bytes."""
    written = 0
    began = time.monotonic()
    turns = itertools.cycle(logs)
    while (now := time.monotonic()) < began + seconds:
        count = (int((now - began) * rate) - written) // width
        if count:
            line = b"%017.6f %b\n" % (now, b"x" * (width - 19))
            next(turns).write(line * count)
            written += count * width
        time.sleep(0.002 if rate > 100_000 else 0.01)
    return written


def idle(engine: str, folder: Path, files: int, seconds: float) -> Figures:
    """Nothing happens."""
    for number in range(files):
        (folder / f"{number}.log").write_bytes(b"x" * 99 + b"\n")
    run = Run(engine, folder, (f"{folder}/*.log",))
    run.wait_for(files * 100)
    time.sleep(5)
    before, began = run.cpu(), time.monotonic()
    time.sleep(seconds)
    share = (run.cpu() - before) / (time.monotonic() - began)
    resident = run.resident()
    first = run.first or 0.0
    run.stop()
    return {"% of a core": share * 100, "MiB resident": resident, "ms to the first line": first * 1e3}


def bare(*, rounds: int = 5) -> Figures:
    """The interpreter with nothing to do."""
    python = getattr(sys, "_base_executable", sys.executable)
    best = float("inf")
    for _round in range(rounds):
        began = time.monotonic()
        subprocess.run([python, "-I", "-S", "-c", "pass"], check=True)
        best = min(best, time.monotonic() - began)
    code = "print(open('/proc/self/status').read())"
    status = subprocess.run([python, "-I", "-S", "-c", code], check=True, capture_output=True, text=True).stdout
    resident = next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return {"ms": best * 1e3, "MiB resident": resident / 1024}


BACKLOG = "as fast as it goes"
Scene = tuple[str, Callable[..., Figures], dict[str, Any]]


def scenes(scale: float) -> Iterator[Scene]:
    """Everything that is measured."""
    for files, width in itertools.product((1, 1_000), (20, 100, 1_000)):
        shape = Shape(width, files)
        size = int((100_000_000 if files == 1 else 50_000_000) * scale)
        yield f"{BACKLOG}, {shape}", backlog, {"shape": shape, "size": size}
        for name, rate in RATES.items():
            yield f"{name}, {shape}", steady, {"shape": shape, "rate": rate, "seconds": 10 * scale}
    for files in (1, 1_000):
        yield f"idle, {files:,} files", idle, {"files": files, "seconds": 20 * scale}


def measure(engines: list[str], chosen: list[Scene], rounds: int) -> dict[str, dict[str, Figures]]:
    """The figures of each scene by engine; of several rounds the best."""
    found: dict[str, dict[str, Figures]] = {}
    for name, scene, options in chosen:
        for _round in range(rounds):
            for engine in engines:
                with tempfile.TemporaryDirectory() as place:
                    folder = Path(place) / "logs"
                    folder.mkdir()
                    figures = scene(engine, folder, **options)
                best = found.setdefault(name, {}).setdefault(engine, figures)
                for key, figure in figures.items():
                    best[key] = max(best[key], figure) if key == "MB/s" else min(best[key], figure)
        for engine, figures in found[name].items():
            _say(f"{name:46} {engine:10}", *(f"{figure:9.2f} {key}" for key, figure in figures.items()))
    return found


def targets(found: dict[str, dict[str, Figures]], interpreter: Figures) -> Iterator[tuple[str, float, float]]:
    """Each target of what was measured: what it is about, the figure, and the most that it may be."""
    for name, of in found.items():
        reader, others = of["reader"], {engine: of[engine] for engine in of if engine != "reader"}
        pace, _, shape = name.partition(", ")
        if pace == BACKLOG and "100-byte" in shape:
            key = "ms of CPU per MB"
            for other, figures in others.items():
                yield f"CPU per MB, {shape}, to an eighth of {other}'s", reader[key], figures[key] / 8
        if pace == "idle":
            above = reader["MiB resident"] - interpreter["MiB resident"]
            yield f"MiB above the interpreter, {shape}", above, 6 if shape == "1 files" else 16
        if name == "idle, 1 files":
            start = "ms to the first line"
            yield f"{start}, to 5 starts of the interpreter", reader[start], 5 * interpreter["ms"]
        if "busybox" in others and pace == "idle":
            key = "% of a core"
            yield f"{key} when idle, {shape}, to half of busybox's", reader[key], others["busybox"][key] / 2
        if "busybox" in others and pace in RATES:
            yield f"p99 ms, {name}, to a tenth of busybox's", reader["p99 ms"], others["busybox"]["p99 ms"] / 10


def _say(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201 - what it is run for


def main() -> int:
    """Measure, and say which targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the data and of the time")
    parser.add_argument("--only", default="", help="measure the scenes whose names have this in them")
    options = parser.parse_args()
    there = {
        "busybox": shutil.which("busybox"),
        "fluent-bit": os.environ.get("FLUENT_BIT_BIN") or shutil.which("fluent-bit"),
        "reader": True,
    }
    interpreter = bare()
    _say(f"{'the interpreter':57}", *(f"{figure:9.2f} {key}" for key, figure in interpreter.items()))
    chosen = [scene for scene in scenes(options.scale) if options.only in scene[0]]
    found = measure([engine for engine in ENGINES if there[engine]], chosen, options.rounds)
    missed = 0
    for what, figure, most in targets(found, interpreter):
        missed += figure > most
        _say(f"{'MISSED' if figure > most else 'met':7}{what:72}{figure:9.2f} of {most:9.2f}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
