"""JSON lines on stdout: one for each review, and what the server itself has to say.

The hot path only puts a line, as bytes, into a queue: what it is made of is at hand then, and a thousand objects that
wait for a thread would push everything else out of the processor's caches. A thread writes the lines of the last tenth
of a second. So a review does not wait for whoever reads stdout; and when that reader stalls altogether, reviews go on
and lines are dropped and counted.

No line has anything of the Pod but its name, nor the text of an unexpected error, which may quote the Pod.
"""

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal

import msgspec

from webhook.inject import Added
from webhook.review import Answer

__all__ = ["Level", "Log"]

Level = Literal["info", "warning", "error"]
"""The least that is written. The server has no warnings: a level of all our programs."""

FLUSH_SECONDS = 0.1
QUEUE_LINES = 20_000
"""What is kept for a reader that is slow, about 10 MB: two seconds of the highest load."""

CLOSE_SECONDS = 5.0
"""How long the end of the process waits for a reader that is slow."""

_NAME_LENGTH: Final = 253  # the longest name in Kubernetes; a forged review may have any
_BATCH_LINES = 500
_STDOUT = 1

_encode = msgspec.json.Encoder().encode


class _Reviewed(msgspec.Struct, gc=False, rename="camel"):
    """The line about one review."""

    time: datetime
    level: str
    message: str
    uid: str
    namespace: str
    name: str
    decision: str
    reason: str
    codes: Sequence[str]
    sidecars: Sequence[Added]
    dry_run: bool
    seconds: float


class _Said(msgspec.Struct, omit_defaults=True, rename="camel"):
    """A line about the server."""

    time: datetime
    level: str
    message: str
    error: str = ""
    uid: str = ""
    frames: Sequence[str] = ()
    logger: str = ""
    version: str = ""
    host: str = ""
    port: int = 0
    health_port: int = 0
    connections: int | None = None
    expires: datetime | None = None


class Log:
    """Writes JSON lines to a file descriptor, by default stdout, from a thread of its own until `close`."""

    def __init__(self, descriptor: int = _STDOUT, level: Level = "info") -> None:
        self.dropped = 0
        self._has_infos = level == "info"
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def review(self, answer: Answer, seconds: float) -> None:
        """One line about a review that was answered within `seconds`."""
        if not self._has_infos:
            return
        self._put(
            _Reviewed(
                datetime.now(UTC),
                "info",
                "reviewed",
                printable(answer.uid),
                printable(answer.namespace),
                printable(answer.name),
                answer.decision,
                answer.reason,
                answer.codes,
                answer.sidecars,
                answer.dry_run,
                seconds,
            )
        )

    def info(self, message: str, **details: object) -> None:
        """One line about the server; `details` are fields of `_Said`."""
        if self._has_infos:
            self._put(_said("info", message, details))

    def error(self, message: str, **details: object) -> None:
        """One line about something that needs a person's attention."""
        self._put(_said("error", message, details))

    def failure(self, message: str, error: BaseException, uid: str = "") -> None:
        """One line about an unexpected `error`: its type and where it came from, not what it says."""
        self.error(message, error=_type_name(error), uid=printable(uid), frames=_frames(error))

    def close(self) -> None:
        """Write the rest. Lines that come later are lost."""
        self._closing.set()
        self._writer.join(CLOSE_SECONDS)

    @contextlib.contextmanager
    def with_python_logging(self) -> Iterator[None]:
        """Write what uvicorn, asyncio and other libraries log, from errors on, the same way.

        Warnings are not: uvicorn has one for each request that is no HTTP, and anybody can send any number of those.
        """
        handler = _Handler(self)
        root = logging.getLogger()
        before, root.handlers = root.handlers, [handler]
        try:
            yield
        finally:
            root.handlers = before

    def _put(self, line: _Reviewed | _Said) -> None:
        if len(self._lines) < QUEUE_LINES:
            self._lines.append(_encode(line))
        else:
            self.dropped += 1

    def _write(self) -> None:
        """Write what is in the queue, again and again; once more after `close`."""
        told = 0
        closing = False
        while not closing:
            closing = self._closing.wait(FLUSH_SECONDS)
            self._empty()
            if (dropped := self.dropped) > told:
                self.error(f"{dropped - told} lines were dropped, since whoever reads them was too slow")
                self._empty()
                told = self.dropped  # that line itself may be among them

    def _empty(self) -> None:
        while batch := list(_taken(self._lines)):
            self._write_batch(batch)

    def _write_batch(self, batch: list[bytes]) -> None:
        """Write the lines of `batch`. A reader that is gone (a closed pipe) does not end the server."""
        left = memoryview(b"\n".join((*batch, b"")))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            self.dropped += len(batch)


class _Handler(logging.Handler):
    """Turns the records of Python's logging into lines."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, without the text of an exception that it may have."""
        error = record.exc_info[1] if record.exc_info else None
        name, frames = ("", ()) if error is None else (_type_name(error), _frames(error))
        message = printable(record.getMessage().strip())
        self._log.error(message, logger=record.name, error=name, frames=frames)


def printable(text: str) -> str:
    """`text`, cut to a name's length, with escapes for what a terminal might obey or hide."""
    text = text[:_NAME_LENGTH]
    return text if text.isprintable() else ascii(text)[1:-1]


def _said(level: str, message: str, details: dict[str, object]) -> _Said:
    return _Said(datetime.now(UTC), level, message, **details)  # type: ignore[arg-type]  # its fields, by name


def _taken(lines: "deque[bytes]") -> Iterator[bytes]:
    """The oldest lines, at most a batch of them, so that the thread never holds the interpreter for long."""
    for _ in range(min(len(lines), _BATCH_LINES)):
        yield lines.popleft()


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(error: BaseException) -> tuple[str, ...]:
    """The places in the code through which `error` came, innermost last, its cause's before its own."""
    cause = error.__cause__ or error.__context__
    before = (*_frames(cause), _type_name(cause)) if cause is not None else ()
    return (*before, *_places(error.__traceback__))


def _places(step: TracebackType | None) -> Iterator[str]:
    while step is not None:
        code = step.tb_frame.f_code
        yield f"{code.co_filename}:{step.tb_lineno} {code.co_name}"
        step = step.tb_next
