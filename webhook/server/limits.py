"""How much and how long one connection may ask of us: uvicorn's HTTP/1.1 protocol with the limits that it lacks.

httptools takes headers and URLs of any size, and uvicorn waits for ever for a request that was begun (or never was).

A connection is always in one of the four phases of `Phase`, and goes round them once for each request:

    KEPT      nothing of a request is here        on_message_begin     → HEAD
    HEAD      the URL and headers come in         on_headers_complete  → BODY
    BODY      the body comes in                   on_message_complete  → ANSWERING, or KEPT where it is answered already
    ANSWERING the application has it              on_response_complete → KEPT

`_enter` begins a phase and says how long it may take; a body has what its head has left of its time. While a request is
answered nothing is read, and what came with it is kept aside: one request at a time, as the API server sends them.

Time is counted in the sweeps of a `Watch`.
"""

import asyncio
import enum
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from webhook.server.answers import Answers
from webhook.server.callers import stranger
from webhook.server.exchange import Decider, Exchange, exchange
from webhook.server.line import Line
from webhook.server.watch import Watch
from webhook.server.wire import HollowError

__all__ = ["BODY_BYTES", "KEEP_ALIVE_SECONDS", "NO_REVIEW_SECONDS", "Limited"]

BODY_BYTES = 7 * 1024 * 1024
"""What a review may have: two objects of 3 MiB, which is the API server's own limit, and room around them."""

HEAD_BYTES = 64 * 1024
"""What the URL and the headers may have together."""

HEADERS = 128
"""How many headers there may be: each small one costs twenty times its bytes. The API server sends seven."""

CHUNK_BYTES = 1024
"""What the chunks of a body without a length must have on average, the first ones aside: each costs as much as this."""

NO_REVIEW_SECONDS = 0.01
"""What a connection is charged for a request that is no review, and for one that it did not wait for the answer before.
It is more than it costs: callers who mean it send neither, and the others are to be served when there is time."""

CYCLE_SECONDS = 0.0003
DECISION_SECONDS = 0.0001
"""What a request costs after it was read, by ASGI and as an exchange, more or less."""

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

_TOO_LARGE = 431, "the URL and the headers have more than 64 KiB, or are too many"
_BLANK = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_FIRST_CHUNKS = 64
_MESSAGE_BYTES = 16 * 1024 * 1024  # all bytes of one request, with what is thrown away after a refusal


class Phase(enum.Enum):
    """Where a connection stands."""

    KEPT = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWERING = enum.auto()


class Limited(HttpToolsProtocol):
    """One connection. What it may do, and for how long, follows from its `phase`.

    `deciders` are who decides about reviews, by path.
    """

    transport: Line  # uvicorn would take any other too

    def __init__(self, watch: Watch, deciders: Mapping[bytes, Decider], **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._watch = watch
        self._deciders = deciders
        self._exchange: Exchange | None = None  # the newest request, where it is one
        self._enter(Phase.KEPT, READ_SECONDS)
        self._received = 0  # bytes of the request that is being read
        self._chunks = 0  # of its body
        self._to_come = 0  # bytes of its body, where that is known
        self._tail = b""  # the last bytes of its head so far, in which the head's end may have begun
        self._rest = b""  # what came behind it
        self._refusal: tuple[int, str] | None = None  # what the request that is being read gets, whatever it is
        self._stranger = ""
        self._tell_gone: Callable[[], None] | None = None
        self.is_held_up = False
        self.has_asked = self.is_known = False
        self.begun_at = self.complete_at = 0.0  # of the newest request, by time.perf_counter

    def _enter(self, phase: Phase, sweeps: int) -> None:
        """Begin a phase, which may take so many sweeps."""
        self.phase = phase
        self.due = self._watch.sweeps + sweeps

    @property
    def is_answering(self) -> bool:
        """Whether a caller waits for an answer."""
        return self.phase is Phase.ANSWERING

    @property
    def is_asking(self) -> bool:
        """Whether a request is being received, behind its head, or answered."""
        return self.phase in {Phase.BODY, Phase.ANSWERING}

    def is_slow(self, sweeps: int) -> bool:
        """Whether it should have done something by now. While we hold it up its time stands still."""
        self.due += self.is_held_up
        return self.due + self._received // READ_BYTES < sweeps

    # From a connection's beginning to its end.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to be watched."""
        super().connection_made(transport)
        self._answers = Answers(transport)
        if self._watch.callers:
            self._stranger = stranger(transport.get_extra_info("peercert"), self._watch.callers)
        self._watch.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End to be watched."""
        self._forget()
        self._watch.ended += 1
        if isinstance(exc, HollowError):
            self._watch.dropped("hollow")
        super().connection_lost(exc)
        # Its last request knows its connection, and would keep it until the garbage collector comes by.
        self.headers, self.scope, self.cycle = [], None, None  # type: ignore[assignment]  # as before the first one
        self._exchange = None

    def abort(self) -> None:
        """Close at once, without the courtesies that a caller can draw out."""
        self._forget()
        self.transport.abort()

    def _forget(self) -> None:
        if self._tell_gone:
            self._tell_gone()
        self._tell_gone = None
        self._watch.connections.pop(self, None)
        self._watch.holds_nothing(self)

    def end_with_this_answer(self) -> None:
        """Say `Connection: close` in the answer that is being made, if there is one."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False

    # Reading a request.

    def data_received(self, data: bytes) -> None:
        """Parse `data` up to the end of the request, and give back what is behind it."""
        while data and self.phase is not Phase.ANSWERING and not self.transport.is_closing():
            if self.phase is Phase.KEPT and data[0] in _BLANK:  # each line of which the parser would be called for
                self._received += len(data) - len(data := data.lstrip(_BLANK))
                continue
            end = self._end_of_part(data)
            self._received += end
            super().data_received(data[:end])
            data = data[end:]
        if data:
            self.transport.unread(data)
            self.discredit()
        if not self.transport.is_closing():
            self._measure()

    def on_chunk_header(self) -> None:
        """Count a chunk of a body whose length is unknown."""
        self._chunks += 1
        if self._chunks - _FIRST_CHUNKS > self._received // CHUNK_BYTES:
            self._refusal = 400, "the body has too many small chunks"
            raise ValueError("too many")

    def _end_of_part(self, data: bytes) -> int:
        """How much of `data` is of this head or body, as far as that can be told: a body's length may be unknown."""
        if self.phase is Phase.BODY:
            part = min(self._to_come, len(data))
            self._to_come -= part
            return part or len(data)
        end = (self._tail + data).find(_END_OF_HEAD)
        if end < 0:
            self._tail = (self._tail + data)[1 - len(_END_OF_HEAD) :]
            return len(data)
        end += len(_END_OF_HEAD) - len(self._tail)
        self._tail = b""
        return end

    def _measure(self) -> None:
        """See that what is not complete yet does not become too much."""
        if self.phase is Phase.HEAD:
            self._watch.holds(self, self._received)
            if self._received > HEAD_BYTES:
                self._refuse(*_TOO_LARGE)
        elif self._exchange and self.phase is Phase.BODY:
            self._watch.holds(self, self._received)  # nobody else gathers it
        elif self._received > _MESSAGE_BYTES:
            self._watch.drop(self, "oversized")

    def on_message_begin(self) -> None:
        """Start the clock: from here on the whole request has to arrive in time."""
        if self.phase is Phase.ANSWERING:
            raise ValueError("a request behind one of unknown length")  # see `send_400_response`
        super().on_message_begin()
        self.scope["state"]["arrival"] = self
        self.begun_at = self.transport.ready_at or time.perf_counter()
        self._enter(Phase.HEAD, READ_SECONDS)
        if self.has_asked:
            self._watch.touch(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it; those behind a body in chunks come to the others."""
        if len(self.headers) >= HEADERS:
            self._refusal = _TOO_LARGE
            raise ValueError("too many")  # see `on_headers_complete`
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Weigh the head, and hand the request on."""
        if self._received > HEAD_BYTES:
            self._refusal = _TOO_LARGE
        elif self._stranger:
            self._refusal = 403, self._stranger
        if self._refusal:
            raise ValueError("refused")  # the parser stops, and uvicorn calls `send_400_response`
        self.phase = Phase.BODY  # within the time that the head has left
        headers = dict(self.headers)
        self._to_come = int(headers.get(b"content-length", 0))
        self._chunks = 0
        self._watch.holds_nothing(self)
        self._exchange = exchange(self, headers, self._deciders)
        if self._exchange:
            self.cycle = self._exchange  # type: ignore[assignment]  # it has what is used of a cycle
        else:
            if self.url.partition(b"?")[0] not in self._deciders or self.parser.get_method() != b"POST":
                self.discredit()
            self.transport.owe(CYCLE_SECONDS)
            super().on_headers_complete()
            self.cycle.transport = self._answers  # type: ignore[assignment]  # it has what is used of a transport
        if self._watch.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Wait for the answer, or for the next request where there has been one before the body's end."""
        super().on_message_complete()
        self.complete_at = self.transport.ready_at or time.perf_counter()
        self.has_asked = True
        self._received = 0
        if self.cycle.response_complete:
            self._enter(Phase.KEPT, KEEP_ALIVE_SECONDS)
        else:
            self._enter(Phase.ANSWERING, ANSWER_SECONDS)
            self.transport.hold()
            if self._exchange:
                self.transport.owe(DECISION_SECONDS)
                self._exchange.complete()

    # Answering it.

    def keeps(self, count: int) -> None:
        """Note how many bytes of the body the application has gathered, among those that have not asked for room."""
        if count and not self.is_gone:
            self._watch.holds(self, count)
        else:
            self._watch.holds_nothing(self)

    @property
    def is_gone(self) -> bool:
        """Whether the connection is being closed, or was."""
        return self.transport.is_closing()

    def tell_when_gone(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the connection is closed."""
        self._tell_gone = tell

    def hold_up(self) -> None:
        """Read no more of the body until the application asks for it; its time stands still until `go_on`."""
        self.is_held_up = True
        self.flow.pause_reading()

    def go_on(self) -> None:
        """Let time go on."""
        self.is_held_up = False

    @property
    def body_bytes(self) -> int:
        """How much of the request is here."""
        return self._received

    @property
    def is_kept_waiting(self) -> bool:
        """Whether there is more that we have not read; what is complete waits for us as well."""
        return self.transport.ready_at > 0 or self.is_answering

    def give_way(self) -> None:
        """Leave one's room to somebody else."""
        self._watch.drop(self, "crowded")

    @property
    def clock(self) -> Callable[[], float]:
        """What our time is measured by (`webhook.server.turns`), in seconds."""
        return self.transport.clock

    def charge(self, seconds: float) -> None:
        """Note how much of our time the answer took."""
        self.transport.had += seconds

    def credit(self) -> None:
        """Note that it was a review."""
        self.is_known = True
        self.transport.credit()

    def discredit(self) -> None:
        """Note that it was none, or more than one at a time."""
        self.is_known = False
        self.transport.discredit(NO_REVIEW_SECONDS)

    def on_response_complete(self) -> None:
        """Keep the connection, unless the rest of the body is still on its way.

        This is in place of uvicorn's, which sets a timer for each answer; the sweeps see to idle connections.
        """
        self._answers.flush()
        self._tell_gone = None
        self.flow.resume_reading()
        self._watch.touch(self)
        self._watch.holds_nothing(self)
        if self.phase is Phase.ANSWERING:
            unsent = self.transport.get_write_buffer_size()
            self._enter(Phase.KEPT, ANSWER_SECONDS if unsent else KEEP_ALIVE_SECONDS)
            self.transport.release()
            if unsent:
                self._watch.holds(self, unsent)

    def resume_writing(self) -> None:
        """Have the time of a kept connection begin when the whole answer has been taken."""
        super().resume_writing()
        self._watch.holds_nothing(self)
        if self.phase is Phase.KEPT:
            self._enter(Phase.KEPT, KEEP_ALIVE_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where it came behind a request that is being answered, that one is the last."""
        if self.phase is Phase.ANSWERING:
            self.end_with_this_answer()
        else:
            self._refuse(*(self._refusal or (400, msg)))

    def _refuse(self, status: int, error: str) -> None:
        """Refuse in the same words as the application, and close."""
        self.discredit()
        self._watch.refused(status)
        body = b'{"error":%s}' % msgspec.json.encode(error)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
