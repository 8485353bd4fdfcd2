"""A review and its answer where HTTP has nothing more to say, which is how the API server asks.

That is a POST to one of our paths, of JSON whose length is known and not large, on a connection that stays. For each
request uvicorn makes an event, a task, two coroutines and two messages, and looks at each header of the answer: half of
what a review costs. Here the body goes to who decides, and the answer to the connection, in one write.

Whatever comes in another shape takes the long way, by ASGI (`webhook.server.admission`), to the same answer.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

__all__ = ["CLOSE", "SHORT_BYTES", "Decider", "Exchange", "Headers", "Reply", "exchange"]

SHORT_BYTES: Final = 64 * 1024
"""What the body of such a review may have: uvicorn stops reading at more, until an application asks for it."""

Headers = list[tuple[bytes, bytes]]
Reply = tuple[int, bytes, Headers]
"""A status, the JSON, and the headers that an answer has besides those that all have."""

CLOSE: Final = (b"connection", b"close")

_HEAD: Final = b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"


class Decider(Protocol):
    """Who decides about reviews. `arrival` is the request as its connection sees it, `query` that of its URL."""

    def at_once(self, body: bytes, arrival: Any, query: bytes) -> Reply | None:
        """The reply to the review in `body`; None where others come first."""

    async def in_turn(self, body: bytes | bytearray, arrival: Any, query: bytes) -> Reply:
        """The same, when its turn has come."""


class Connection(Protocol):
    """The connection of an exchange: what uvicorn's protocol has, and what it is told when it is over."""

    url: bytes
    parser: Any
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]
    transport: Any
    server_state: Any

    def on_response_complete(self) -> None:
        """Be told that the answer is written."""


class Exchange:
    """One request that is received and answered, in place of uvicorn's cycle: it has what uvicorn uses of that.

    `keep_alive` may be taken back until the answer is written.
    """

    __slots__ = (
        "_connection", "_decider", "_query", "body", "disconnected", "keep_alive", "message_event", "more_body",
        "response_complete",
    )  # fmt: skip

    def __init__(self, connection: Connection, decider: Decider, query: bytes) -> None:
        self._connection = connection
        self._decider = decider
        self._query = query
        self.body = b""
        self.message_event = _NobodyWaits
        self.more_body = self.keep_alive = True
        self.disconnected = self.response_complete = False

    def complete(self) -> None:
        """Have the review decided in the next turn of the loop, since in this one others are being read."""
        self._connection.loop.call_soon(self._decide)

    def _decide(self) -> None:
        try:
            reply = self._decider.at_once(self.body, self._connection, self._query)
            if reply is not None:
                self._answer(*reply)
                return
        except BaseException:
            self._connection.transport.abort()  # whatever it is, nobody is to wait for an answer that does not come
            raise
        task = self._connection.loop.create_task(self._wait())
        self._connection.tasks.add(task)
        task.add_done_callback(self._connection.tasks.discard)

    async def _wait(self) -> None:
        try:
            self._answer(*await self._decider.in_turn(self.body, self._connection, self._query))
        except BaseException:
            self._connection.transport.abort()
            raise

    def _answer(self, status: int, body: bytes, headers: Headers) -> None:
        """Write the answer, unless there is nobody any more."""
        if self.disconnected:
            return
        if not self.keep_alive and CLOSE not in headers:
            headers = [*headers, CLOSE]
        transport = self._connection.transport
        start = STATUS_LINE[status] + _lines(self._connection.server_state.default_headers)
        transport.write(_HEAD % (start, len(body), _lines(headers) if headers else b"", body))
        self.response_complete = True
        if CLOSE in headers:
            transport.close()
        self._connection.on_response_complete()


class _NobodyWaits:
    """What uvicorn's protocol tells of each part of a body."""

    @staticmethod
    def set() -> None:
        """Be told."""


def exchange(
    connection: Connection, headers: Mapping[bytes, bytes], deciders: Mapping[bytes, Decider]
) -> Exchange | None:
    """The exchange of the request whose head is complete on `connection`, if it is as the API server sends them.

    `deciders` are who decides about reviews, by path.
    """
    path, _, query = connection.url.partition(b"?")
    decider, parser = deciders.get(path), connection.parser
    if decider is None or not _is_usual(headers) or b"#" in query:
        return None
    if parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
        return None
    return Exchange(connection, decider, query) if parser.should_keep_alive() and not parser.should_upgrade() else None


def _is_usual(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these `headers` is JSON of a known length that is not large."""
    return (
        headers.get(b"content-type") == b"application/json"
        and b"transfer-encoding" not in headers
        and b"expect" not in headers
        and int(headers.get(b"content-length", SHORT_BYTES + 1)) <= SHORT_BYTES
    )


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % each for each in headers])
