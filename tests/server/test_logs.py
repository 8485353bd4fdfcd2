"""The log: whole JSON lines, all of them, and nothing that could harm whoever reads it."""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from webhook.inject import Added
from webhook.review import Answer
from webhook.server import logs
from webhook.server.logs import Log, printable


class Reader:
    """The other end of a log: a pipe whose lines are read by a thread."""

    def __init__(self) -> None:
        self._source, self.descriptor = os.pipe()
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read)

    def start(self) -> None:
        self._thread.start()

    def stall(self) -> None:
        """Fill the pipe with empty lines, so that whoever writes to it has to wait."""
        os.set_blocking(self.descriptor, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.descriptor, b"\n" * 4096)
        os.set_blocking(self.descriptor, True)

    def lines(self) -> list[dict[str, Any]]:
        """All lines, when the log has been closed."""
        os.close(self.descriptor)
        self._thread.join(120)
        return [json.loads(line) for line in b"".join(self._parts).splitlines() if line]

    def leave(self) -> None:
        os.close(self._source)

    def _read(self) -> None:
        while part := os.read(self._source, 65536):
            self._parts.append(part)
        os.close(self._source)


@pytest.fixture
def reader() -> Reader:
    return Reader()


def answer(**fields: Any) -> Answer:
    plain = {"body": b"", "uid": "u", "namespace": "n", "name": "p", "decision": "skipped", "reason": "not-asked"}
    return Answer(**(plain | fields))


def test_a_review_is_one_line(reader: Reader) -> None:
    reader.start()
    log = Log(reader.descriptor)
    added = (Added("loghook", "streaming", "busybox"),)
    log.review(answer(decision="injected", reason="", codes=("LH301",), sidecars=added, dry_run=True), 0.000123)
    log.close()
    (line,) = reader.lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "message": "reviewed",
        "uid": "u",
        "namespace": "n",
        "name": "p",
        "decision": "injected",
        "reason": "",
        "codes": ["LH301"],
        "sidecars": [{"name": "loghook", "mode": "streaming", "agent": "busybox"}],
        "dryRun": True,
        "seconds": 0.000123,
    }


@pytest.mark.parametrize(("level", "messages"), [("info", ["reviewed", "began", "broke"]), ("warning", ["broke"])])
def test_what_is_below_the_level_is_not_written(reader: Reader, level: Any, messages: list[str]) -> None:
    log = Log(reader.descriptor, level)
    reader.start()
    log.review(answer(), 0.001)
    log.info("began")
    log.error("broke")
    log.close()
    assert [line["message"] for line in reader.lines()] == messages


def test_no_line_is_lost_at_the_end(reader: Reader) -> None:
    reader.start()
    log = Log(reader.descriptor)
    for number in range(5_000):
        log.review(answer(uid=str(number)), 0)
    log.close()
    assert [line["uid"] for line in reader.lines()] == [str(number) for number in range(5_000)]


def test_a_reader_that_stalls_costs_lines_and_no_time(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_LINES", 100)
    reader.stall()
    log = Log(reader.descriptor)
    for _ in range(1000):
        log.review(answer(), 0)
    dropped = log.dropped
    assert dropped >= 1000 - 100 - 500  # at most a queue and a batch are on their way
    reader.start()
    log.close()
    *kept, told = reader.lines()
    assert len(kept) == 1000 - dropped
    assert told["message"].startswith(f"{dropped} lines were dropped")


def test_a_reader_that_is_gone_does_not_matter(reader: Reader) -> None:
    log = Log(reader.descriptor)
    reader.leave()
    log.info("nobody hears this")
    log.close()
    assert log.dropped >= 1
    os.close(reader.descriptor)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-7d4b9c6f5", "web-7d4b9c6f5"),
        ("größe", "größe"),
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp", r"\u202egnp"),
        ("x" * 300, "x" * 253),
    ],
)
def test_names_cannot_write_to_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def fail() -> None:
    raise KeyError("CANARY")


def fail_with_a_cause() -> None:
    try:
        fail()
    except KeyError as error:
        raise ValueError("CANARY") from error


def test_a_failure_is_told_without_what_it_says(reader: Reader) -> None:
    reader.start()
    log = Log(reader.descriptor)
    try:
        fail_with_a_cause()
    except ValueError as error:
        log.failure("failed", error, uid="u-1")
    log.close()
    (line,) = reader.lines()
    assert (line["error"], line["uid"]) == ("builtins.ValueError", "u-1")
    places = [frame.rpartition(" ")[2] for frame in line["frames"]]
    assert places[:3] == ["fail_with_a_cause", "fail", "builtins.KeyError"]
    assert places[-1] == "fail_with_a_cause"
    assert "CANARY" not in json.dumps(line)


@contextlib.contextmanager
def root_level(level: int) -> Iterator[None]:
    before = logging.root.level
    logging.root.setLevel(level)
    try:
        yield
    finally:
        logging.root.setLevel(before)


def test_libraries_log_errors_the_same_way_and_warnings_not_at_all(reader: Reader) -> None:
    reader.start()
    log = Log(reader.descriptor)
    library = logging.getLogger("uvicorn.error")
    with log.with_python_logging(), root_level(logging.DEBUG):
        library.warning("Invalid HTTP request received.")
        try:
            fail_with_a_cause()
        except ValueError:
            library.exception("Exception in ASGI application\n")
    log.close()
    (line,) = reader.lines()
    assert (line["level"], line["message"], line["logger"]) == (
        "error",
        "Exception in ASGI application",
        "uvicorn.error",
    )
    assert line["error"] == "builtins.ValueError"
    assert "CANARY" not in json.dumps(line)
