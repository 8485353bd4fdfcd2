"""A patch in base64 is what the standard library makes of it, wherever the script stands in it."""

import random
from base64 import b64encode

import msgspec
import pytest

from webhook.plan.encoded import base64
from webhook.sidecars.streaming import SCRIPT

WRITTEN = msgspec.json.encode(SCRIPT)[1:-1]


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("between", range(4))
@pytest.mark.parametrize("after", range(4))
def test_is_the_same_at_every_place(before: int, between: int, after: int) -> None:
    patch = b"a" * before + WRITTEN + b"b" * between + WRITTEN + b"c" * after
    assert base64(patch) == b64encode(patch)


@pytest.mark.parametrize("patch", [b"", b"a", b"ab", WRITTEN, WRITTEN[:-1], WRITTEN[1:]])
def test_is_the_same_without_the_whole_script(patch: bytes) -> None:
    assert base64(patch) == b64encode(patch)


def test_is_the_same_where_only_the_beginning_is_there() -> None:
    dice = random.Random(5)  # noqa: S311 - dice that fall the same way each time
    parts = [WRITTEN, WRITTEN[:40], WRITTEN[:32] * 2, WRITTEN[:-3], b"x", b"\\", b""]
    for _ in range(300):
        patch = b"".join(dice.choices(parts, k=6))
        assert base64(patch) == b64encode(patch)
