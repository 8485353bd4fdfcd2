"""A reader as a container would start it, and files for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import report
from streams import Streaming, assignment, command

__all__ = ["logs", "report", "start"]

Start = Callable[..., Streaming]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """An empty directory for log files."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def start(logs: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a reader of `logs`; keywords are fields of its Assignment. What still runs at the end is killed."""
    started: list[Streaming] = []

    def begin(*, options: dict[str, Any] | None = None, **fields: Any) -> Streaming:
        words = command("reader", assignment(logs, **fields), tmp_path / "state")
        started.append(Streaming(words, **(options or {})))
        return started[-1]

    yield begin
    for one in started:
        one.__exit__()
