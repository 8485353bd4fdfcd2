"""The hot path: what answers reviews, for `webhook.server.exchange` and as an ASGI function before FastAPI's routes.

A review is bytes in and bytes out: no request or response objects, no tasks, and no waiting but for the body and for
its turn. What waits too long for that, or for the memory that a large body needs, is sent away undecided.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webhook.review import Answer, NotAReview
from webhook.server.exchange import CLOSE, Headers, Reply
from webhook.server.limits import BODY_BYTES
from webhook.server.logs import Log
from webhook.server.metrics import OfWebhook
from webhook.server.pressure import PATIENCE, UNNOTICED_SECONDS, Pressure, budget
from webhook.server.room import LARGE_BYTES, Holder, Room

__all__ = ["MUTATE", "VALIDATE", "Admission", "Arrival", "error_body", "front"]

MUTATE: Final = "/mutate"
VALIDATE: Final = "/validate"

_JSON = (b"content-type", b"application/json")
_TOO_LARGE = f"the body has more than {BODY_BYTES} bytes"
_NO_MORE: Headers = []
_COME_AGAIN: Headers = [(b"retry-after", b"1"), CLOSE]


class Arrival(Holder, Protocol):
    """A request as its connection sees it: `scope["state"]["arrival"]`.

    `begun_at` and `complete_at` are when its first and last byte came in, by `time.perf_counter`.
    """

    begun_at: float
    complete_at: float

    def hold_up(self) -> None:
        """Be told that no more is asked for, for now, and that this is our fault."""

    def go_on(self) -> None:
        """Be told that this is over."""

    def keeps(self, count: int) -> None:
        """Be told how many bytes of the body are kept, unless they have room of their own."""

    @property
    def is_gone(self) -> bool:
        """Whether there is nobody any more."""

    def tell_when_gone(self, tell: Callable[[], None]) -> None:
        """Call `tell` when there is nobody any more."""

    @property
    def clock(self) -> Callable[[], float]:
        """What our time is measured by, in seconds."""

    def charge(self, seconds: float) -> None:
        """Be told how long the decision took, by `clock`."""

    def credit(self) -> None:
        """Be told that it was a review."""

    def discredit(self) -> None:
        """Be told that it was none."""


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
    """Answers the reviews of one webhook, and counts and logs each.

    `answer` is `webhook.review.Reviews.answer`, say; another one, of a new configuration, may take its place at any
    time. All webhooks of a server are under the same `pressure`, and their large bodies share one `room`.
    """

    def __init__(
        self,
        answer: Callable[[bytes | bytearray], Answer],
        metrics: OfWebhook,
        log: Log,
        pressure: Pressure,
        room: Room,
    ) -> None:
        self.answer = answer
        self._metrics = metrics
        self._log = log
        self._pressure = pressure
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. A failure of ours is HTTP 500, so that the operator's failurePolicy decides."""
        arrival: Arrival = scope["state"]["arrival"]
        try:
            _check(scope)
            message = await receive()
            if message.get("more_body") is False:
                reply = await self.in_turn(message["body"], arrival, scope["query_string"])
            else:
                reply = await self._large(message, receive, scope)
        except _RefusedError as error:
            reply = self._refused(arrival, error.status, str(error))
        except _GoneError:
            return
        status, content, more = reply
        headers = [_JSON, (b"content-length", b"%d" % len(content)), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def in_turn(self, body: bytes | bytearray, arrival: Arrival, query: bytes) -> Reply:
        """The reply to the review in `body`, when its turn has come."""
        lag = self._pressure.lag(arrival.complete_at)
        return self._reply(body, arrival, query, lag, await self._pressure.turn())

    def at_once(self, body: bytes, arrival: Arrival, query: bytes) -> Reply | None:
        """The same, where nobody comes first, else None."""
        now = time.perf_counter()
        if self._pressure.is_busy(now):
            return None
        return self._reply(body, arrival, query, self._pressure.lag(arrival.complete_at), now)

    async def _large(self, message: Message, receive: Receive, scope: Scope) -> Reply:
        """The reply to a body of several parts, which begins with `message`."""
        arrival: Arrival = scope["state"]["arrival"]
        size, query = _length(scope), scope["query_string"]
        if size <= LARGE_BYTES:
            return await self.in_turn(await _whole(message, receive, arrival.keeps), arrival, query)
        try:
            if not await self._has_room(size, arrival, query):
                self._room.leave(arrival)
                await _whole(message, receive, None)
                return self._shed("memory")
            return await self.in_turn(await _whole(message, receive, _ignore), arrival, query)
        finally:
            self._room.leave(arrival)

    async def _has_room(self, size: int, arrival: Arrival, query: bytes) -> bool:
        """Wait for room for a large body, of which no more is read meanwhile; whether there was some in time.

        What is here of it counts like all that is begun and not finished, and whoever goes waits no more.
        """
        arrival.tell_when_gone(partial(self._room.leave, arrival))
        arrival.hold_up()
        arrival.keeps(arrival.body_bytes)
        there = not arrival.is_gone and await self._room.wait(
            arrival, size, arrival.begun_at + PATIENCE * budget(query)
        )
        if arrival.is_gone:
            raise _GoneError
        arrival.keeps(0)
        arrival.go_on()
        return there

    def _reply(self, body: bytes | bytearray, arrival: Arrival, query: bytes, lag: float, now: float) -> Reply:
        """The reply to the review in `body`, whose turn is `now`, unless it has waited for too long."""
        took = lag + now - arrival.begun_at
        if took > UNNOTICED_SECONDS:
            patience = budget(query)
            if took > patience:
                return self._shed("late")
            if took - (arrival.complete_at - arrival.begun_at) > PATIENCE * patience:
                return self._shed("waited")
        clock = arrival.clock
        began = clock()
        reply = self._review(body, arrival, now)
        arrival.charge(clock() - began)
        return reply

    def _review(self, body: bytes | bytearray, arrival: Arrival, began: float) -> Reply:
        """The reply to the review in `body`."""
        try:
            answer = self.answer(body)
        except NotAReview as error:
            return self._refused(arrival, 400, str(error))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is our bug, and the server lives on
            self._metrics.refusal(500)
            self._log.failure("failed to answer a review", error, _uid(body))
            return 500, error_body("internal error"), _NO_MORE
        arrival.credit()
        seconds = round(time.perf_counter() - began, 6)
        self._metrics.review(answer, seconds)
        self._log.review(answer, seconds)
        return 200, answer.body, _NO_MORE

    def _refused(self, arrival: Arrival, status: int, problem: str) -> Reply:
        """The reply to what is no review. It is counted; a line for each would be a line for whatever anybody sends."""
        self._metrics.refusal(status)
        arrival.discredit()
        return status, error_body(problem), _NO_MORE

    def _shed(self, reason: str) -> Reply:
        """The reply to who has to come again, for one of the reasons of `webhook.server.metrics.SHED`."""
        self._metrics.shed(reason)
        return 503, error_body("too much to do, come again"), _COME_AGAIN


def front(mutation: ASGIApp, validation: ASGIApp, routes: ASGIApp) -> ASGIApp:
    """An application that sends reviews straight to whom they are for, and everything else to `routes`.

    It is a plain function, since one more coroutine would be one more thing to make for each review.
    """

    def choose(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["method"] == "POST":
            if scope["path"] == MUTATE:
                return mutation(scope, receive, send)
            if scope["path"] == VALIDATE:
                return validation(scope, receive, send)
        return routes(scope, receive, send)

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


def _length(scope: Scope) -> int:
    """How long the body will be at most, by its headers."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), BODY_BYTES)


async def _whole(message: Message, receive: Receive, keeps: Callable[[int], None] | None) -> bytearray:
    """The body that begins with `message`, counted while the rest comes in; `keeps` is told how much there is.

    Where that is None it is received all the same and thrown away: a caller that is answered while it still writes may
    see a broken connection in place of the answer.
    """
    body, size = bytearray(), 0
    while True:
        if message["type"] == "http.disconnect":
            raise _GoneError
        size += len(message["body"])
        if size > BODY_BYTES:
            raise _RefusedError(413, _TOO_LARGE)
        if keeps:
            body += message["body"]
            keeps(size)
        if not message["more_body"]:
            return body
        message = await receive()


def _ignore(count: int) -> None:
    """Nothing: it has room of its own."""


def _uid(body: bytes | bytearray) -> str:
    """The uid of a review that failed, as far as it can be found."""
    try:
        return msgspec.json.decode(body, type=_Identified).request.uid
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return ""
