"""Servers and certificates for the tests of this folder."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from running import Running, review_body, running

from certs.files import issue

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, ca.key, tls.crt and tls.key, for localhost."""
    folder = tmp_path_factory.mktemp("pki")
    issue(folder, ["localhost", "127.0.0.1"], datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def server(pki: Path) -> Iterator[Running]:
    """One server for all tests that leave it as it is."""
    with running(pki) as one:
        yield one


@pytest.fixture
def start(pki: Path) -> Iterator[Start]:
    """Start a server of the test's own, with so many seconds to drain, and what else `running` takes."""
    with contextlib.ExitStack() as stack:
        yield lambda drain_seconds=0, **more: stack.enter_context(running(pki, drain_seconds, **more))


@pytest.fixture(scope="session")
def review() -> Callable[..., bytes]:
    """Makes the body of a review."""
    return review_body
