"""The hot path: an ASGI function that answers POST /mutate, in front of FastAPI's routes.

A review is bytes in and bytes out: no request or response objects, no tasks, nothing that waits but for the body. What
waited too long, or would need more memory than there is for bodies, is sent away before anything is done about it.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook.review import Answer, NotAReview
from webhook.server.limits import BODY_BYTES
from webhook.server.logs import Log
from webhook.server.metrics import Metrics
from webhook.server.pressure import PATIENCE_SECONDS, Pressure, budget

__all__ = ["PATH", "Admission", "Arrival", "error_body", "front"]

PATH: Final = "/mutate"

_Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_TOO_LARGE = f"the body has more than {BODY_BYTES} bytes"
_SMALL_BYTES = 64 * 1024  # of a body that need no asking: all connections together may have as much
_COME_AGAIN = [(b"retry-after", b"1"), (b"connection", b"close")]


class Arrival(Protocol):
    """When a request's first and last byte came in, by `time.perf_counter`: `scope["state"]["arrival"]`."""

    begun_at: float
    complete_at: float


class _RefusedError(Exception):
    """A request that is no review, by its HTTP form."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


class _GoneError(Exception):
    """The caller left before the end of the body."""


class _ShedError(Exception):
    """The caller has to come again: `waited`, `late` or `memory`."""


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


class _Identified(msgspec.Struct):
    """The least of a review, for the log of one that failed."""

    request: _Uid = _Uid()


class Admission:
    """Answers reviews, and counts and logs each.

    `answer` is `webhook.review.Reviews.answer`; another one, of a new configuration, may take its place at any time.
    """

    def __init__(
        self, answer: Callable[[bytes | bytearray], Answer], metrics: Metrics, log: Log, pressure: Pressure
    ) -> None:
        self.answer = answer
        self._metrics = metrics
        self._log = log
        self._pressure = pressure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. A failure of ours is HTTP 500, so that the operator's failurePolicy decides."""
        more: _Headers = []
        try:
            _check(scope)
            message = await receive()
            if message.get("more_body") is False:
                status, content = self._in_turn(message["body"], scope)
            else:
                status, content = await self._large(message, receive, scope)
        except _RefusedError as error:
            status, content = error.status, self._refusal(error.status, str(error))
        except _ShedError as error:
            self._metrics.shed(str(error))
            status, content, more = 503, error_body("too much to do, come again"), _COME_AGAIN
        except _GoneError:
            return
        headers = [_JSON, (b"content-length", b"%d" % len(content)), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _large(self, message: Message, receive: Receive, scope: Scope) -> tuple[int, bytes]:
        """The status and the content for a body of several parts, which begins with `message`."""
        body = _Body(self._pressure)
        try:
            await body.fill(message, receive)
            return self._in_turn(body.content, scope)
        finally:
            body.release()

    def _in_turn(self, body: bytes | bytearray, scope: Scope) -> tuple[int, bytes]:
        """The status and the content for the review in `body`, unless it waited too long for its turn."""
        now = time.perf_counter()
        arrival: Arrival = scope["state"]["arrival"]
        before = self._pressure.lag(arrival.complete_at)
        if before + now - arrival.complete_at > PATIENCE_SECONDS:
            raise _ShedError("waited")
        took = before + now - arrival.begun_at
        if took > PATIENCE_SECONDS and took > budget(scope["query_string"]):  # it was long in coming
            raise _ShedError("late")
        return self._review(body, now)

    def _review(self, body: bytes | bytearray, began: float) -> tuple[int, bytes]:
        """The status and the content for the review in `body`."""
        try:
            answer = self.answer(body)
        except NotAReview as error:
            return 400, self._refusal(400, str(error))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is our bug, and the server lives on
            self._metrics.refusal(500)
            self._log.failure("failed to answer a review", error, _uid(body))
            return 500, error_body("internal error")
        seconds = round(time.perf_counter() - began, 6)
        self._metrics.review(answer, seconds)
        self._log.review(answer, seconds)
        return 200, answer.body

    def _refusal(self, status: int, problem: str) -> bytes:
        """Count it; a line for each would be a line for whatever anybody sends."""
        self._metrics.refusal(status)
        return error_body(problem)


def front(admission: ASGIApp, routes: ASGIApp) -> ASGIApp:
    """An application that sends reviews straight to `admission` and everything else to `routes`.

    It is a plain function, since one more coroutine would be one more thing to make for each review.
    """

    def choose(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_review = scope["path"] == PATH and scope["method"] == "POST"
        return admission(scope, receive, send) if is_review else routes(scope, receive, send)

    return choose


def error_body(problem: str) -> bytes:
    """The JSON body of an error."""
    return msgspec.json.encode({"error": problem})


def _check(scope: Scope) -> None:
    """Refuse by the headers alone what need not be received."""
    media_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length" and int(value) > BODY_BYTES:
            raise _RefusedError(413, _TOO_LARGE)
    if media_type != b"application/json" and media_type.partition(b";")[0].strip().lower() != b"application/json":
        raise _RefusedError(415, "the Content-Type must be application/json")


class _Body:
    """A body that comes in several parts: counted, and in memory that is asked for."""

    def __init__(self, pressure: Pressure) -> None:
        self.content = bytearray()
        self._pressure = pressure
        self._held = 0

    async def fill(self, message: Message, receive: Receive) -> None:
        """Receive all parts, of which `message` is the first.

        Where there is no memory for it, the rest is received all the same and thrown away: a caller that is answered
        while it still writes may see a broken connection in place of the answer.
        """
        fits, size = True, 0
        while True:
            if message["type"] == "http.disconnect":
                raise _GoneError
            part = message["body"]
            size += len(part)
            if size > BODY_BYTES:
                raise _RefusedError(413, _TOO_LARGE)
            fits = fits and self._take(part)
            if not message["more_body"]:
                break
            message = await receive()
        if not fits:
            raise _ShedError("memory")

    def release(self) -> None:
        """Give the memory back."""
        self._pressure.release(self._held)
        self.content, self._held = bytearray(), 0

    def _take(self, part: bytes) -> bool:
        """Keep `part`; without the memory for it, none of the body is of use any more."""
        more = len(self.content) + len(part) - _SMALL_BYTES - self._held
        if more > 0:
            if not self._pressure.hold(more):
                self.release()
                return False
            self._held += more
        self.content += part
        return True


def _uid(body: bytes | bytearray) -> str:
    """The uid of a review that failed, as far as it can be found."""
    try:
        return msgspec.json.decode(body, type=_Identified).request.uid
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
