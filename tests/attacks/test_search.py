"""A search for the review that costs most, by processor time and by peak memory. What it finds becomes a case.

`LOGHOOK_SOAK=1` searches for an hour: half of it by Hypothesis, which climbs towards what costs more, and half by a
fuzzer that follows what it has not been through yet (atheris, where that is installed). `LOGHOOK_SEARCH_SECONDS` is how
long each of the two takes, on the clock; what they had of a processor is in their figures.
"""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import costly
import pytest
from costly import BODY_BYTES, CPU_SECONDS, PEAK_BYTES, cost
from hypothesis import HealthCheck, given, seed, settings, target
from hypothesis import strategies as st
from thrown import PLACES, Place, review_of, review_with

IS_SOAK = bool(os.environ.get("LOGHOOK_SOAK"))
SECONDS = float(os.environ.get("LOGHOOK_SEARCH_SECONDS", "1800"))
ROUND = 1000 if IS_SOAK else 60
"""Reviews between two beginnings: who climbs for too long stays on one hill."""

MAX_DICE = 160
SEEDS = 300  # reviews that the fuzzer begins with: from nothing it takes long to come to one that asks for anything

ASKS = b'"loghook.dev/s0.paths":'
MILLION = re.compile(rb'"[^"]{1000000}')

thrown = st.lists(st.integers(0, 255), max_size=MAX_DICE)


def climb(number: int, found: dict[str, Any]) -> None:
    """One round of the search; what it found goes into `found`, and too much ends it with an AssertionError."""

    @seed(number)
    @settings(max_examples=ROUND, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(thrown)
    def look(numbers: list[int]) -> None:
        body = review_of(numbers)
        if len(body) > BODY_BYTES:
            return
        used, peak = cost(body)
        found["reviews"] += 1
        found["cpu_ms"] = max(found["cpu_ms"], round(1000 * used))
        found["peak_mib"] = max(found["peak_mib"], round(peak / 2**20, 1))
        target(used, label="processor time")
        target(float(peak), label="peak memory")
        assert used < CPU_SECONDS
        assert peak < PEAK_BYTES

    look()


def test_finds_no_review_that_costs_more(report: Callable[..., None]) -> None:
    found: dict[str, Any] = {"rounds": 0, "reviews": 0, "cpu_ms": 0, "peak_mib": 0.0}
    began = time.monotonic()
    while not found["rounds"] or (IS_SOAK and time.monotonic() - began < SECONDS):
        found["rounds"] += 1
        climb(found["rounds"], found)
    report(**found, seconds=round(time.monotonic() - began), cpu_seconds=round(time.process_time()))


def test_would_find_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with a bound that some review is beyond, the search ends with one."""
    monkeypatch.setitem(globals(), "PEAK_BYTES", 2**12)
    with pytest.raises(AssertionError):
        climb(1, {"reviews": 0, "cpu_ms": 0, "peak_mib": 0.0})


def test_looks_at_texts_of_megabytes() -> None:
    """The control: they fit into requests, and Pods that ask for anything have them."""
    dice = random.Random(0)
    bodies = (review_of([dice.randrange(256) for _ in range(MAX_DICE)]) for _ in range(ROUND))
    long = [body for body in bodies if len(body) <= BODY_BYTES and MILLION.search(body)]
    assert any(ASKS in body for body in long)


@pytest.mark.parametrize("place", PLACES if IS_SOAK else PLACES[::12], ids=str)
def test_one_long_text_costs_no_more_wherever_it_stands(place: Place) -> None:
    """With an emoji at its end each of its characters takes four bytes, in each copy that is made of it."""
    for is_applied in (False, True):
        used, peak = cost(review_with(place, "a" * 7_000_000 + "😀", is_applied=is_applied))
        assert used < CPU_SECONDS
        assert peak < PEAK_BYTES


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="LOGHOOK_SOAK=1 searches for half an hour")
def test_finds_none_off_the_beaten_track(tmp_path: Path, report: Callable[..., None]) -> None:
    pytest.importorskip("atheris", reason="NOT TESTED: this needs atheris (pip install atheris)")
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    dice = random.Random(0)
    for number in range(SEEDS):
        (seeds / str(number)).write_bytes(dice.randbytes(dice.randrange(MAX_DICE)))
    options = [f"-artifact_prefix={tmp_path}/", f"-max_total_time={SECONDS:.0f}", f"-max_len={MAX_DICE}"]
    command: list[str] = [sys.executable, str(Path(__file__).parent / "fuzz.py"), *options, str(seeds)]
    path = os.pathsep.join((os.path.dirname(costly.__file__), str(Path(__file__).parents[2])))  # noqa: PTH120 - a text for an environment
    environment = {**os.environ, "PYTHONPATH": path, "FOUND": str(tmp_path / "found.json")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    report(**json.loads((tmp_path / "found.json").read_text()))
    assert done.returncode == 0, done.stderr[-3000:]
