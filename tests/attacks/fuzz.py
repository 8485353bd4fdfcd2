"""A coverage-guided search for the review that costs most; test_search.py starts it. A find ends it with an error."""

import sys
import time

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]  # only where somebody has installed it

with atheris.instrument_imports(include=["webhook"]):
    from webhook.config.loghook_yaml import load
    from webhook.review import Reviews

from costly import BODY_BYTES, CONFIG, review_of

CPU_SECONDS = 1.0
"""Four times the bound: what watches over the branches makes everything slower by about as much."""


def look(data: bytes) -> None:
    """One review of the dice in `data`."""
    body = review_of(data)
    if len(body) > BODY_BYTES:
        return
    reviews = Reviews(load(CONFIG))  # which remembers nothing yet
    started = time.process_time()
    reviews.answer(body)
    used = time.process_time() - started
    if used > CPU_SECONDS:
        raise AssertionError(f"{used:.3f} s of processor time")


atheris.Setup(sys.argv, look)
atheris.Fuzz()
