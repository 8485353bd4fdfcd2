"""How much and how long one connection may ask of us: uvicorn's HTTP/1.1 protocol with the limits that it lacks.

httptools takes headers and URLs of any size, and uvicorn waits for ever for a request that was begun (or never was).
Bodies are the application's to limit (`webhook.server.admission`); here is only a bound on what follows a refused one.

Time is counted in sweeps, one each second, and not on the clock: a process that was stopped or starved for ten seconds
must not take its own absence for a caller's silence.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

__all__ = ["BODY_BYTES", "CONNECTIONS", "KEEP_ALIVE_SECONDS", "Limited", "Watch"]

BODY_BYTES = 7 * 1024 * 1024
"""What a review may have: two objects of 3 MiB, which is the API server's own limit, and room around them."""

HEAD_BYTES = 64 * 1024
"""What the URL and the headers may have together."""

CONNECTIONS = 500
"""How many connections are kept, of 50 KiB each. An API server keeps 25; those that wait for an answer come on top."""

KEEP_ALIVE_SECONDS = 120
"""How long an idle connection stays. The API server's client keeps it for 90 s and never repeats a POST whose
connection we have closed, so we must be the one who waits longer."""

READ_SECONDS = 5
"""How long a request may take to arrive, and a connection to begin its first one."""

READ_BYTES = 128 * 1024
"""For so much that has arrived a request may take a second longer. Where many large ones come at once it is we who are
slow, and each of the API server's is here at once: one that needs the time is moving."""

ANSWER_SECONDS = 60
"""How long an answer may take to be made and read. No caller waits for more than 30 s (`timeoutSeconds`)."""

SWEEP_SECONDS = 1.0

_TOO_LARGE = 431, "the URL and the headers have more than 64 KiB"
_NAME_LENGTH = 64
_CONTINUE = b"HTTP/1.1 100 "
_MESSAGE_BYTES = 16 * 1024 * 1024  # all bytes of one request, with what is thrown away after a refusal


class Watch:
    """The connections of one listener, at most `most` of them, with what each of them is waited for.

    `callers` are the names of which a caller's certificate must have one; any will do where there are none. `refused`
    is told the status of each request that is answered here, before any application sees it, and `dropped` the reason
    for which a connection is closed.
    """

    def __init__(
        self,
        refused: Callable[[int], None],
        dropped: Callable[[str], None],
        most: int = CONNECTIONS,
        callers: frozenset[str] = frozenset(),
    ) -> None:
        self.sweeps = 0
        self.connections: dict[Limited, None] = {}  # the one that did something last stands last
        self.ended = 0  # connections so far
        self.draining = False
        self.callers = callers
        self.refused = refused
        self.dropped = dropped
        self._most = most

    def add(self, connection: "Limited") -> None:
        """Watch one more. Where that is too many, the idlest of the others goes: first those that never asked anything.

        One that waits for an answer never goes: the API server does not repeat a POST whose connection has broken.
        """
        if len(self.connections) >= self._most:
            idle = [each for each in self.connections if not each.is_answering]
            idlest = next((each for each in idle if not each.has_asked), idle[0] if idle else None)
            if idlest is not None:
                self.drop(idlest, "crowded")
        self.connections[connection] = None

    def touch(self, connection: "Limited") -> None:
        """Note that `connection` did something."""
        if connection in self.connections:
            del self.connections[connection]
            self.connections[connection] = None

    def drop(self, connection: "Limited", reason: str) -> None:
        """Close `connection`."""
        self.dropped(reason)
        connection.abort()

    async def sweep(self) -> None:
        """Drop what is too slow, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweeps += 1
            for connection in [each for each in self.connections if each.is_slow(self.sweeps)]:
                self.drop(connection, "slow")

    def drain(self) -> None:
        """Let each connection end with the answer to its next request, or to the one that is being answered."""
        self.draining = True
        for connection in self.connections:
            connection.end_with_this_answer()


class _OneWrite:
    """A transport for answers: head and body, which uvicorn writes one after the other, become one TLS record.

    It has what uvicorn's cycle uses of a transport.
    """

    __slots__ = ("_held", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep it; but nobody waits longer for the leave to go on."""
        self._held.append(data)
        if data.startswith(_CONTINUE):
            self.flush()

    def flush(self) -> None:
        """Write what was kept."""
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()

    def close(self) -> None:
        """Write, and close."""
        self.flush()
        self._transport.close()


class Limited(HttpToolsProtocol):
    """One connection. Which limit holds follows from where it stands: begun, reading, answering, kept."""

    def __init__(self, watch: Watch, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._watch = watch
        self._received = 0  # bytes since the last request was complete: an upper bound of the head's size
        self._in_head = True
        self._refusal: tuple[int, str] | None = None  # what the request that is being read gets, whatever it is
        self._stranger = ""
        self.due = watch.sweeps + READ_SECONDS
        self.is_answering = False
        self.is_held_up = False
        self.has_asked = False
        self.begun_at = self.complete_at = 0.0  # of the newest request, by time.perf_counter

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to be watched."""
        super().connection_made(transport)
        self._answers = _OneWrite(transport)
        if self._watch.callers:
            self._stranger = _stranger(transport.get_extra_info("peercert"), self._watch.callers)
        self._watch.add(self)

    def is_slow(self, sweeps: int) -> bool:
        """Whether it should have done something by now. While we hold it up its time stands still."""
        self.due += self.is_held_up
        return self.due + self._received // READ_BYTES < sweeps

    def connection_lost(self, exc: Exception | None) -> None:
        """End to be watched."""
        self._watch.connections.pop(self, None)
        self._watch.ended += 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`; refuse a head that is not complete and too large already."""
        self._received += len(data)
        super().data_received(data)
        if self._received > HEAD_BYTES and not self.transport.is_closing():
            if self._in_head:
                self._refusal = _TOO_LARGE
                self.send_400_response("")
            elif self._received > _MESSAGE_BYTES:
                self._watch.drop(self, "oversized")

    def on_message_begin(self) -> None:
        """Start the clock: from here on the whole request has to arrive in time."""
        super().on_message_begin()
        self.scope["state"]["arrival"] = self
        self.begun_at = time.perf_counter()
        self.due = self._watch.sweeps + READ_SECONDS
        if self.has_asked:
            self._watch.touch(self)

    def on_headers_complete(self) -> None:
        """Weigh the head, only where it may be too large, and hand the request on."""
        if self._received > HEAD_BYTES and _weigh(self.url, self.headers) > HEAD_BYTES:
            self._refusal = _TOO_LARGE
        elif self._stranger:
            self._refusal = 403, self._stranger
        if self._refusal:
            raise ValueError("refused")  # the parser stops, and uvicorn calls `send_400_response`
        self._in_head = False
        super().on_headers_complete()
        self.cycle.transport = self._answers  # type: ignore[assignment]  # it has what is used of a transport
        if self._watch.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next request where there has been one before the body's end."""
        super().on_message_complete()
        self.complete_at = time.perf_counter()
        self.has_asked = True
        self.is_answering = not self.cycle.response_complete
        self._received = 0
        self._in_head = True
        self.due = self._watch.sweeps + (KEEP_ALIVE_SECONDS if self.cycle.response_complete else ANSWER_SECONDS)

    def on_response_complete(self) -> None:
        """Keep the connection, unless the rest of the body is still on its way."""
        self._answers.flush()
        super().on_response_complete()
        self.is_answering = False
        self._watch.touch(self)
        if self._in_head:
            self.due = self._watch.sweeps + KEEP_ALIVE_SECONDS

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the same words as the application's refusals, and close."""
        status, error = self._refusal or (400, msg)
        self._watch.refused(status)
        body = b'{"error":%s}' % msgspec.json.encode(error)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def end_with_this_answer(self) -> None:
        """Say `Connection: close` in the answer that is being made, if there is one."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False

    def abort(self) -> None:
        """Close at once, without the courtesies that a caller can draw out."""
        self._watch.connections.pop(self, None)
        self.transport.abort()


def _weigh(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def _stranger(certificate: Any, allowed: frozenset[str]) -> str:
    """Why the holder of `certificate` (as `SSLSocket.getpeercert` has it) is not served; empty where it is."""
    names = list(_names(certificate or {}))
    if not allowed.isdisjoint(names):
        return ""
    shown = ascii(names[0][:_NAME_LENGTH])[1:-1] if names else "nobody"
    return f"the client certificate is for {shown}, who is not among those that are served"


def _names(certificate: Any) -> Iterator[str]:
    """The common name, and the DNS names."""
    for part in certificate.get("subject", ()):
        yield from (value for key, value in part if key == "commonName")
    yield from (value for key, value in certificate.get("subjectAltName", ()) if key == "DNS")
