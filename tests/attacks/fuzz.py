"""A coverage-guided search for the review that costs most; test_search.py starts it. A find ends it with an error.

What watches over the branches makes everything several times slower. So whatever seems to cost more than all before it,
and than the bound, is measured anew by a process that nothing watches. What was found is in the file FOUND, as JSON.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # only where somebody has installed it

with atheris.instrument_imports(include=["webhook"]):
    from costly import BODY_BYTES, CPU_SECONDS, PEAK_BYTES, seconds
    from thrown import review_of

FOUND = Path(os.environ["FOUND"])
MEASURE = "import sys, costly, thrown; print(*costly.cost(thrown.review_of(sys.stdin.buffer.read())))"
SOME = 1000  # reviews, between two that are measured whatever they seem to cost


class Search:
    """What was looked at so far, and the most that any of it cost."""

    def __init__(self) -> None:
        self.reviews = self.measured = 0
        self.cpu_seconds = self.peak_bytes = self._watched = 0.0
        self._began = time.monotonic()

    def look(self, data: bytes) -> None:
        """Look at one review of the dice in `data`."""
        body = review_of(data)
        if len(body) > BODY_BYTES:
            return
        self.reviews += 1
        used = seconds(body)
        if used > self._watched or self.reviews % SOME == 0:
            self._watched = max(self._watched, used)
            self._measure(data)

    def _measure(self, data: bytes) -> None:
        command = [sys.executable, "-c", MEASURE]
        said = subprocess.run(command, input=data, capture_output=True, check=True).stdout.split()
        self.measured += 1
        self.cpu_seconds, self.peak_bytes = max(self.cpu_seconds, float(said[0])), max(self.peak_bytes, float(said[1]))
        FOUND.write_text(
            json.dumps(vars(self) | {"seconds": time.monotonic() - self._began, "used": time.process_time()})
        )
        if float(said[0]) >= CPU_SECONDS or float(said[1]) >= PEAK_BYTES:
            raise AssertionError(f"{said[0]!r} s of processor time, {said[1]!r} bytes")


atheris.Setup(sys.argv, Search().look)
atheris.Fuzz()
