"""A search for the review that costs most, by processor time and by peak memory. What it finds becomes a case.

`LOGHOOK_SOAK=1` searches for an hour: half of it by Hypothesis, which climbs towards what costs more, and half by a
fuzzer that follows what it has not been through yet (atheris, where that is installed).
"""

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import costly
import pytest
from costly import BODY_BYTES, CONFIG, review_of
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from webhook.config.loghook_yaml import load
from webhook.review import Reviews

IS_SOAK = bool(os.environ.get("LOGHOOK_SOAK"))
HALF_AN_HOUR = 1800
CPU_SECONDS = 0.25
PEAK_BYTES = 64 * 2**20

thrown = st.lists(st.integers(0, 255), max_size=120)


def cost(body: bytes) -> tuple[float, int]:
    """Processor time in seconds and peak memory in bytes of one answer, each measured for itself."""
    reviews, more = Reviews(load(CONFIG)), Reviews(load(CONFIG))  # what one remembers, the other does not
    started = time.process_time()
    reviews.answer(body)
    used = time.process_time() - started
    tracemalloc.start()
    try:
        more.answer(body)
        return used, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@settings(
    max_examples=20_000 if IS_SOAK else 60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not IS_SOAK,
    database=None,
)
@given(thrown)
def test_finds_no_review_that_costs_more(numbers: list[int]) -> None:
    body = review_of(numbers)
    if len(body) > BODY_BYTES:
        return
    used, peak = cost(body)
    target(used, label="processor time")
    target(float(peak), label="peak memory")
    assert used < CPU_SECONDS
    assert peak < PEAK_BYTES


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="LOGHOOK_SOAK=1 searches for half an hour")
def test_finds_none_off_the_beaten_track(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="NOT TESTED: this needs atheris (pip install atheris)")
    program = Path(__file__).parent / "fuzz.py"
    command: list[str | Path] = [
        sys.executable,
        program,
        f"-artifact_prefix={tmp_path}/",
        f"-max_total_time={HALF_AN_HOUR}",
    ]
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(costly.__file__)}  # noqa: PTH120 - a text for an environment
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
