"""What the tests under load share. Each has a short form for every run, and a long one for `make soak`."""

from collections.abc import Sequence

import pytest
from fixtures import bodies, context, pki, report, size

from webhook.config.loghook_yaml import Config
from webhook.review import Reviews

__all__ = ["answers", "bodies", "context", "pki", "report", "size"]


@pytest.fixture(scope="session")
def answers(bodies: Sequence[bytes]) -> dict[bytes, bytes]:
    """The one right answer to each of `bodies`."""
    core = Reviews(Config())
    return {body: core.answer(body).body for body in bodies}
