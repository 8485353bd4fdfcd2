"""The streaming engines side by side in one run: CPU, memory, speed, delay. `make bench-stream`.

Each engine is started as a container would start it; what is measured is its whole process tree. Rounds of the engines
are interleaved, and of several the best counts, since whatever else the machine does only ever adds. FLUENT_BIT_BIN
names Fluent Bit, which no package registry has; without it, or without busybox, that engine is left out.
"""

import argparse
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
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "sidecars"))  # where the tests have what starts engines

from streams import ENGINES, assignment, command

TICK = os.sysconf("SC_CLK_TCK")
MIB = 2**20
Figures = dict[str, float]


class Run:
    """One engine on files in `folder`, its output counted, and its delay taken from the times in the lines."""

    def __init__(self, engine: str, folder: Path, paths: tuple[str, ...]) -> None:
        self.bytes = 0
        self.first: float | None = None
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
        """Seconds of CPU of the tree so far: of the process, of the children that it has waited for, and of others."""
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
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICK


def _status(pid: int, key: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return float(next((line.split()[1] for line in text.splitlines() if line.startswith(key)), "0"))


def backlog(engine: str, folder: Path, width: int, files: int, size: int) -> Figures:
    """As fast as it goes: files that come all at once, when it has long been started."""
    line = b"x" * (width - 1) + b"\n"
    ready = folder.parent / "ready"
    ready.mkdir()
    for number in range(files):
        (ready / f"{number}.log").write_bytes(line * (size // files // width))
    total = sum(file.stat().st_size for file in ready.iterdir())
    run = Run(engine, folder, (f"{folder}/*.log",))
    time.sleep(2)
    before = run.cpu()
    for file in ready.iterdir():
        file.rename(folder / file.name)
    run.wait_for(1)
    began = time.monotonic()
    run.wait_for(total)
    seconds = time.monotonic() - began
    cpu = run.cpu() - before
    run.stop()
    return {"ms of CPU per MB": cpu * 1e3 / (total / 1e6), "MB/s": total / 1e6 / seconds}


def steady(engine: str, folder: Path, width: int, rate: int, seconds: float) -> Figures:
    """`rate` bytes a second: the delay of a line, and what it costs."""
    (folder / "0.log").touch()
    run = Run(engine, folder, (f"{folder}/*.log",))
    time.sleep(3)
    run.time_lines()
    before = run.cpu()
    written = 0
    began = time.monotonic()
    with (folder / "0.log").open("ab", buffering=0) as file:
        while (now := time.monotonic()) < began + seconds:
            due = int((now - began) * rate) - written
            count = due // width
            if count:
                file.write(b"".join(b"%017.6f %b\n" % (now, b"x" * (width - 19)) for _ in range(count)))
                written += count * width
            time.sleep(0.002 if rate > 100_000 else 0.01)
    run.wait_for(written, 30)
    cpu = run.cpu() - before
    run.stop()
    delays = sorted(run.delays)
    return {
        "ms of CPU per MB": cpu * 1e3 / (written / 1e6),
        "p50 ms": statistics.median(delays) * 1e3,
        "p99 ms": delays[int(len(delays) * 0.99)] * 1e3,
    }


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


Scene = tuple[str, Callable[..., Figures], dict[str, Any]]


def scenes(scale: float) -> Iterator[Scene]:
    """Everything that is measured."""
    for width in (20, 100, 1_000):
        yield f"backlog, {width}-byte lines, 1 file", backlog, {"width": width, "files": 1, "size": int(1e8 * scale)}
    yield "backlog, 100-byte lines, 1,000 files", backlog, {"width": 100, "files": 1_000, "size": int(5e7 * scale)}
    for rate, name in ((10_000, "10 KB/s"), (1_000_000, "1 MB/s")):
        yield f"{name}, 100-byte lines", steady, {"width": 100, "rate": rate, "seconds": 20 * scale}
    for files in (1, 1_000):
        yield f"idle, {files:,} files", idle, {"files": files, "seconds": 30 * scale}


def measure(engines: list[str], rounds: int, scale: float) -> dict[str, dict[str, Figures]]:
    """The figures of each scene by engine; of several rounds the best."""
    found: dict[str, dict[str, Figures]] = {}
    for name, scene, options in scenes(scale):
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
            _say(f"{name:40} {engine:10}", *(f"{figure:9.2f} {key}" for key, figure in figures.items()))
    return found


def targets(found: dict[str, dict[str, Figures]], interpreter: Figures) -> Iterator[tuple[str, float, float]]:
    """Each target: what it is about, the figure, and the most that it may be."""
    fast = found["backlog, 100-byte lines, 1 file"]
    cpu = "ms of CPU per MB"
    for other in fast.keys() - {"reader"}:
        yield f"CPU per MB, to an eighth of {other}'s", fast["reader"][cpu], fast[other][cpu] / 8
    one, many = found["idle, 1 files"], found["idle, 1,000 files"]
    yield "MiB above the interpreter, 1 file", one["reader"]["MiB resident"] - interpreter["MiB resident"], 6
    yield "MiB above the interpreter, 1,000 files", many["reader"]["MiB resident"] - interpreter["MiB resident"], 16
    yield (
        "ms to the first line, to 5 starts of the interpreter",
        one["reader"]["ms to the first line"],
        5 * interpreter["ms"],
    )
    if "busybox" in one:
        yield (
            "% of a core when idle, to half of busybox's",
            one["reader"]["% of a core"],
            one["busybox"]["% of a core"] / 2,
        )
        for rate in ("10 KB/s", "1 MB/s"):
            delays = found[f"{rate}, 100-byte lines"]
            yield (
                f"p99 ms at {rate}, to a tenth of busybox's",
                delays["reader"]["p99 ms"],
                delays["busybox"]["p99 ms"] / 10,
            )


def _say(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201 - what it is run for


def main() -> int:
    """Measure, and say which targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the data and of the time")
    options = parser.parse_args()
    there = {
        "busybox": shutil.which("busybox"),
        "fluent-bit": os.environ.get("FLUENT_BIT_BIN") or shutil.which("fluent-bit"),
        "reader": True,
    }
    interpreter = bare()
    _say(f"{'the interpreter':51}", *(f"{figure:9.2f} {key}" for key, figure in interpreter.items()))
    found = measure([engine for engine in ENGINES if there[engine]], options.rounds, options.scale)
    missed = 0
    for what, figure, most in targets(found, interpreter):
        missed += figure > most
        _say(f"{'MISSED' if figure > most else 'met':7}{what:60}{figure:9.2f} of {most:9.2f}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
