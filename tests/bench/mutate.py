# ruff: noqa: T201  # its output is what it is for
"""How fast `/mutate` is, as ratios to a baseline of the same run: `make bench`.

All servers run at once on one core and are asked in turns, so that whatever else the machine does falls on all of them;
the figures are medians of the rounds. The caller has the other core. "CPU µs" is the server's processor time for one
answer: on a machine with neighbours its ratio says more than that of the rates.
"""

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from callers import CONNECTIONS, Callers, Round, request
from profiled import calls
from reviews import CONFIG, pod, review, step, stranger

from certs.files import issue
from webhook.config.loghook_yaml import Config, load
from webhook.inject import Injected, inject
from webhook.pod.view import Pod, view
from webhook.review import Reviews

TREE = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
ALIKE, DIFFERENT = "one ReplicaSet's Pods", "one path differs"
STEPS, STRANGERS = "same annotations, other Pods", "nothing alike"
UNTOUCHED = "without annotations"
TARGETS = {ALIKE: 0.45, STEPS: 0.35, STRANGERS: 0.25, UNTOUCHED: 0.75}
BUSY = 0.95  # of a core; a caller above it may be what limits the figures


@dataclass
class Server:
    """A server under test, as a process."""

    process: subprocess.Popen[bytes]
    port: int
    start_seconds: float

    def resident(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def processor_seconds(self) -> float:
        """The processor time that it has used so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass
class Case:
    """One row of the table, and what its rounds showed."""

    name: str
    server: Server
    requests: Sequence[bytes]
    floor: "Case | None" = None
    rounds: list[Round] = field(default_factory=list)
    used: list[float] = field(default_factory=list)  # processor seconds of the server, for each round
    resident: float = 0

    def rate(self) -> float:
        """Answers a second."""
        return statistics.median(each.answers / each.seconds for each in self.rounds)

    def ratio(self) -> float:
        """The rate, as a part of the floor's in the same round."""
        assert self.floor is not None
        pairs = zip(self.rounds, self.floor.rounds, strict=True)
        return statistics.median((a.answers / a.seconds) / (b.answers / b.seconds) for a, b in pairs)

    def cost(self) -> float:
        """Processor time of the server for one answer, in microseconds: what no neighbour can take away."""
        return 1e6 * statistics.median(used / each.answers for used, each in zip(self.used, self.rounds, strict=True))

    def server_busy(self) -> float:
        """The part of its core that the server used."""
        return statistics.median(used / each.seconds for used, each in zip(self.used, self.rounds, strict=True))

    def latency(self, part: float) -> float:
        """The latency within which this `part` of all answers came, in milliseconds."""
        each_round = (sorted(each.latencies) for each in self.rounds)
        return 1000 * statistics.median(one[min(len(one) - 1, int(part * len(one)))] for one in each_round)

    def caller_busy(self) -> float:
        """The part of its core that the caller used."""
        return max(each.own_seconds / each.seconds for each in self.rounds)


@contextlib.contextmanager
def started(folder: Path, cpu: int, kind: str, size: int = 0, tree: Path = TREE) -> Iterator[Server]:
    """A server of the working tree `tree` that answers, ended at the end. Its output goes to a file."""
    output = folder / f"{kind}-{size}-{tree.name}.log"
    began = time.perf_counter()
    files = (str(folder / name) for name in ("tls.crt", "tls.key"))
    command = [sys.executable, str(tree / "tests/bench/servers.py"), kind, str(cpu), *files, str(size)]
    own = os.environ | {"PYTHONPATH": str(tree)}
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, env=own) as process:
        try:
            port = _port(output, process)
            yield Server(process, port, time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGINT if kind == "loghook" else signal.SIGKILL)
            process.wait(10)


def _port(output: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the server says when it is ready."""
    for _ in range(3000):
        if process.poll() is not None:
            raise SystemExit(f"{output.name}: the server ended with {process.returncode}")
        with output.open() as lines:
            line = lines.readline()
        if line.endswith("\n"):
            return int(json.loads(line)["port"])
        time.sleep(0.01)
    raise SystemExit(f"{output.name}: not ready after 30 s")


def measure(cases: Sequence[Case], callers: Callers, seconds: float, rounds: int) -> None:
    """Fill the cases with `rounds` rounds of so many seconds each; a short one before, to warm up, does not count."""
    for case in cases:
        callers.call(case.server.port, case.requests, min(0.5, seconds))
    for _ in range(rounds):
        for case in cases:
            used = case.server.processor_seconds()
            shown = callers.call(case.server.port, case.requests, seconds)
            case.used.append(case.server.processor_seconds() - used)
            case.rounds.append(shown)
            case.resident = case.server.resident()


def show(cases: Sequence[Case]) -> None:
    """Print the table."""
    heads = ("reviews/s", "of floor", "CPU µs", "of floor", "p50 ms", "p99 ms", "RSS MB", "server", "caller")
    print(f"{'':40}" + "".join(f"{head:>10}" for head in heads))
    for case in cases:
        rate, cost = (f"{case.ratio():.2f}", f"{case.floor.cost() / case.cost():.2f}") if case.floor else ("1", "1")
        print(
            f"{case.name:40}{case.rate():>10,.0f}{rate:>10}{case.cost():>10.1f}{cost:>10}"
            f"{case.latency(0.5):>10.2f}{case.latency(0.99):>10.2f}{case.resident:>10.1f}"
            f"{case.server_busy():>10.0%}{case.caller_busy():>10.0%}"
        )
    if saturated := [case.name for case in cases if case.caller_busy() > BUSY]:
        print(f"The caller used up its own core, so these may be faster than shown: {', '.join(saturated)}")


def judge(cases: Mapping[str, Case], start_seconds: float, resident: float) -> None:
    """Print each target, and what was found. Of the floor: of its processor time for one answer."""
    found = [(f"{name}, of floor", _part(cases[name]), target, True) for name, target in TARGETS.items()]
    found += [(f"p99 {name}, times the floor's", _slower(cases[name]), 2, False) for name in (ALIKE, UNTOUCHED)]
    found += [("resident when ready, MB", resident, 75, False), ("start to ready, s", start_seconds, 1, False)]
    for name, figure, target, is_least in found:
        is_met = figure >= target if is_least else figure <= target
        print(
            f"{name:50}{figure:8.2f}  {'at least' if is_least else 'at most'} {target}: {'met' if is_met else 'MISSED'}"
        )


def _part(case: Case) -> float:
    assert case.floor is not None
    return case.floor.cost() / case.cost()


def _slower(case: Case) -> float:
    assert case.floor is not None
    return case.latency(0.99) / case.floor.latency(0.99)


def microseconds(function: Callable[[], object], seconds: float = 0.5) -> float:
    """How long one call takes: the least of five series, which is what the code costs without its neighbours."""
    calls = 10
    series: list[float] = []
    while len(series) < 5:
        began = time.perf_counter()
        for _ in range(calls):
            function()
        took = time.perf_counter() - began
        if took < seconds / 5:
            calls *= 2
        else:
            series.append(took / calls)
    return min(series) * 1e6


def show_core(reviews: Mapping[str, Sequence[bytes]]) -> None:
    """Print what the core costs without a server around it."""

    def patch(pod: Pod, config: Config) -> bytes:
        outcome = inject(pod, config)
        assert isinstance(outcome, Injected)
        return outcome.patch

    def patch_unremembered(pod: Pod) -> bytes:
        config.__dict__.pop("memory", None)
        return patch(pod, config)

    config = Config()
    for count in (1, 10, 50, 100):
        each = view(pod(count))
        ways = {"first": partial(patch_unremembered, each), "again": partial(patch, each, config)}
        costs = (f"{name} {microseconds(way):8,.0f} µs, {calls(way):5} calls" for name, way in ways.items())
        print(f"inject(), {count:3} containers:", "; ".join(costs))
    for name, bodies in reviews.items():
        turns = map(Reviews(load(CONFIG)).answer, itertools.cycle(bodies))
        print(f"bytes in, bytes out, {name + ':':40}{microseconds(partial(next, turns)):10,.0f} µs")


def main(seconds: float, rounds: int, beside: Path | None) -> None:
    """Measure and print everything; of the working tree `beside` what its server costs, in the same rounds."""
    server_cpu, caller_cpu = _two_cores()
    reviews = {
        ALIKE: [review(n, annotated=True) for n in range(64)],
        DIFFERENT: [review(n, annotated=True, differs=True) for n in range(1024)],
        STEPS: [step(n) for n in range(1024)],
        STRANGERS: [stranger(n) for n in range(1024)],
        UNTOUCHED: [review(n, annotated=False) for n in range(64)],
    }
    sizes = {name: _answer_size(bodies) for name, bodies in reviews.items()}
    for name, bodies in reviews.items():
        print(f"{name:40}reviews of {len(bodies[0]):6,} bytes, answers of {sizes[name]:6,}")
    print(f"{CONNECTIONS} kept TLS connections; {rounds} rounds of {seconds:g} s in turns")
    with tempfile.TemporaryDirectory() as folder_name, contextlib.ExitStack() as running:
        folder = Path(folder_name)
        issue(folder, ["localhost", "127.0.0.1"], datetime.now(UTC))

        def start(kind: str, size: int = 0, tree: Path = TREE) -> Server:
            return running.enter_context(started(folder, server_cpu, kind, size, tree))

        loghook = start("loghook")
        fresh = loghook.resident()
        floors = {
            name: Case(f"floor: {name}", start("floor", sizes[name]), _requests(reviews[name]))
            for name in (ALIKE, STRANGERS, UNTOUCHED)
        }
        cases = {
            name: Case(name, loghook, _requests(bodies), floors.get(name, floors[ALIKE]))
            for name, bodies in reviews.items()
        }
        beside_it = start("loghook", tree=beside) if beside else None
        others = [
            Case(f"{beside.name}: {case.name}", beside_it, case.requests, case.floor)
            for case in cases.values()
            if beside and beside_it
        ]
        naive = Case("naive: one ReplicaSet's Pods", start("naive"), _requests(reviews[ALIKE]), floors[ALIKE])
        every = [*cases.values(), *others, naive, *floors.values()]
        callers = Callers(caller_cpu, folder / "ca.crt")
        running.callback(callers.close)
        os.sched_setaffinity(0, {caller_cpu})
        measure(every, callers, seconds, rounds)
        show(every)
        print(f"start to ready: {loghook.start_seconds:.2f} s; resident when ready: {fresh:.1f} MB")
        judge(cases, loghook.start_seconds, fresh)
    os.sched_setaffinity(0, {server_cpu})
    show_core(reviews)


def _answer_size(bodies: Sequence[bytes]) -> int:
    """How long the answers to the first of `bodies` are, on average."""
    answer = Reviews(load(CONFIG)).answer
    return round(statistics.mean(len(answer(body).body) for body in bodies[:64]))


def _requests(bodies: Sequence[bytes]) -> list[bytes]:
    return [request(body) for body in bodies]


def _two_cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        print("There is one core only, which the caller shares with the servers: look at the ratios alone.")
    return cores[0], cores[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=15, help="rounds for each row of the table")
    parser.add_argument("--beside", type=Path, help="another working tree, whose server is measured in the same rounds")
    given = parser.parse_args()
    main(given.seconds, given.rounds, given.beside and given.beside.resolve())
