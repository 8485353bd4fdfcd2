"""The hot path: an ASGI function that answers POST /mutate, in front of FastAPI's routes.

A review is bytes in and bytes out: no request or response objects, no tasks, nothing that waits but for the body.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook.review import Answer, NotAReview
from webhook.server.limits import BODY_BYTES
from webhook.server.logs import Log
from webhook.server.metrics import Metrics

__all__ = ["PATH", "Admission", "error_body", "front"]

PATH: Final = "/mutate"

_JSON = (b"content-type", b"application/json")
_TOO_LARGE = f"the body has more than {BODY_BYTES} bytes"


class _RefusedError(Exception):
    """A request that is no review, by its HTTP form."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


class _GoneError(Exception):
    """The caller left before the end of the body."""


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


class _Identified(msgspec.Struct):
    """The least of a review, for the log of one that failed."""

    request: _Uid = _Uid()


class Admission:
    """Answers reviews, and counts and logs each. `answer` is `webhook.review.Reviews.answer`."""

    def __init__(self, answer: Callable[[bytes], Answer], metrics: Metrics, log: Log) -> None:
        self._answer = answer
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. A failure of ours is HTTP 500, so that the operator's failurePolicy decides."""
        try:
            _check(scope)
            message = await receive()
            body = message["body"] if message.get("more_body") is False else await _whole(message, receive)
            status, content = self._review(body)
        except _RefusedError as error:
            status, content = error.status, self._refusal(error.status, str(error))
        except _GoneError:
            return
        headers = [_JSON, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _review(self, body: bytes) -> tuple[int, bytes]:
        """The status and the content for the review in `body`."""
        began = time.perf_counter()
        try:
            answer = self._answer(body)
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


async def _whole(message: Message, receive: Receive) -> bytes:
    """The body that begins with `message`, counted while the rest comes in."""
    body = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message["body"]
        if len(body) > BODY_BYTES:
            raise _RefusedError(413, _TOO_LARGE)
        if not message["more_body"]:
            return bytes(body)
        message = await receive()


def _uid(body: bytes) -> str:
    """The uid of a review that failed, as far as it can be found."""
    try:
        return msgspec.json.decode(body, type=_Identified).request.uid
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
