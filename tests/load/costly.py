"""What the answer to one review costs, and what it may cost."""

import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

from webhook.config.loghook_yaml import load
from webhook.review import NotAReview, Reviews
from webhook.validation import Validations

__all__ = ["BODY_BYTES", "CPU_SECONDS", "PEAK_BYTES", "cost", "seconds", "slowness"]

BODY_BYTES = 7 * 2**20
CPU_SECONDS = 0.25
PEAK_BYTES = 64 * 2**20
"""What one review may take of the processor's time and of memory."""

_TRIES = 3
_YARDSTICK_SECONDS = 0.0085
"""What the work of `slowness` takes on the machine for whose processor `CPU_SECONDS` is: an AMD EPYC of the cloud."""
_CONFIG = """
destinations:
  central: {type: otlp, host: otlp.example, token: {secret: s, key: k}}
  search: {type: elasticsearch, host: es.example, index: "{namespace}-{source}-{label:app}-{field:a}"}
labels: [app]
"""


def _answerer(body: bytes) -> Callable[[bytes], object]:
    """Who is asked about `body`, and remembers nothing yet."""
    return (Validations if b'"kind":"Deployment"' in body[:200] else Reviews)(load(_CONFIG)).answer


def cost(body: bytes) -> tuple[float, int]:
    """Processor time in seconds and peak memory in bytes of one answer, each measured for itself.

    The time is the process's own, and the least of some tries where it is too much: on a busy machine others take the
    processor's caches, but a review that costs too much does so each time. A slower machine has as much more.
    """
    return _least_seconds(body), _peak(body)


def seconds(body: bytes) -> float:
    """The processor time of one answer, in seconds of this machine."""
    answer = _answerer(body)
    started = time.process_time()
    with suppress(NotAReview):  # HTTP 400, which costs what it costs
        answer(body)
    return time.process_time() - started


def _least_seconds(body: bytes) -> float:
    least = float("inf")
    for _ in range(_TRIES):
        least = min(least, seconds(body))
        if least < CPU_SECONDS:
            return least
    return least / slowness()


def slowness() -> float:
    """How many times slower this machine is now than that for whose processor `CPU_SECONDS` is; 1 where it is not."""
    text = json.dumps([{"name": f"n{number}", "value": str(number) * 3} for number in range(5000)])
    least = float("inf")
    for _ in range(_TRIES):
        started = time.process_time()
        json.loads(text)
        sum(len(str(number)) for number in range(100_000))
        least = min(least, time.process_time() - started)
    return max(1.0, least / _YARDSTICK_SECONDS)


def _peak(body: bytes) -> int:
    answer = _answerer(body)
    tracemalloc.start()
    try:
        with suppress(NotAReview):
            answer(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
