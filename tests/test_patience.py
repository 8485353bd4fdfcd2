"""No test gives up early: a machine that has ten times as much to do is slow, not broken."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
LEAST = 60  # seconds

_WAITS = re.compile(
    r"PATIENCE = (\d+)|asyncio\.timeout\((\d+)|\.(?:wait|join|settimeout|communicate)\((?:timeout=)?(\d+)\)"
    r"|wait_for\(.*, (\d+)\)|create_connection\(.*\), (?:timeout=)?(\d+)\)|(?:run|urlopen)\(.*timeout=(\d+)"
    r"|Connection\(.*timeout=(\d+)|(?:end|ends|deadline|until) = time\.monotonic\(\) \+ (\d+)"
    r"|run_once\((\d+)|(?:until|wait_for)\(.*, (?:seconds=)?(\d+)\)|seconds: float = (\d+)\b"
)
_MEASURES = re.compile(r"(?:monotonic|perf_counter)\(\) - \w+ < (\d+)")


def short(line: str) -> bool:
    """Whether `line` gives up, or fails, after fewer seconds than `LEAST`. A wait of 0 asks whether it is so now."""
    found = [match for pattern in (_WAITS, _MEASURES) for match in pattern.finditer(line)]
    return any(0 < int(seconds) < LEAST for match in found for seconds in match.groups() if seconds)


def test_the_search_finds_what_it_looks_for() -> None:
    assert short("    assert ready.wait(20)")
    assert short("    assert time.monotonic() - began < 15")
    assert short("async with asyncio.timeout(10):")
    assert short("await asyncio.wait_for(following.told.get(), 10)")
    assert short("assert until(lambda: is_there(), 30)")
    assert short('running.wait_for("found", seconds=5)')
    assert short("deadline = time.monotonic() + 40")
    assert not short("client.settimeout(0)")
    assert not short("ready.wait(120)")
    assert not short("assert until(lambda: is_there() == 30)")


def test_no_wait_of_a_test_is_short() -> None:
    """But for a soak, which has a machine that has nothing else to do."""
    files = [file for file in TESTS.rglob("*.py") if "bench" not in file.parts and not file.stem.endswith("_soak")]
    found = [
        f"{file.relative_to(TESTS)}:{number}: {line.strip()}"
        for file in files
        if file != Path(__file__)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if short(line)
    ]
    assert found == [], f"each needs {LEAST} s or more: a busy machine is no fault"
