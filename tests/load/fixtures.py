"""Fixtures of the tests that run servers as processes, for the conftest of each of their folders."""

import json
import os
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reviews import review

from certs.files import issue

__all__ = ["bodies", "context", "pki", "report", "size"]

IS_LONG = bool(os.environ.get("LOGHOOK_SOAK"))


@pytest.fixture(scope="session")
def size() -> Callable[[Any, Any], Any]:
    """The first of two sizes in every run, the second in a soak."""
    return lambda short, long: long if IS_LONG else short


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.crt, ca.key, tls.crt and tls.key, for localhost."""
    folder = tmp_path_factory.mktemp("pki")
    issue(folder, ["localhost", "127.0.0.1"], datetime.now(UTC))
    return folder


@pytest.fixture
def context(pki: Path) -> ssl.SSLContext:
    """What a caller connects by."""
    return ssl.create_default_context(cafile=pki / "ca.crt")


@pytest.fixture(scope="session")
def bodies() -> Sequence[bytes]:
    """Reviews of a Deployment's Pods: every fourth asks for nothing."""
    return [review(number, annotated=number % 4 != 0, differs=number % 2 != 0) for number in range(64)]


@pytest.fixture
def report(record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Say the figures of a test: they are what a soak is run for."""

    def say(**figures: object) -> None:
        for name, figure in figures.items():
            record_property(name, figure)
        if IS_LONG:
            with capsys.disabled():
                print("\n" + json.dumps(figures, default=str))  # noqa: T201  # for whoever runs the soak

    return say
