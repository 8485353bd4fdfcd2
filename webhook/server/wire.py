"""What a connection's bytes go through: the bare socket, or TLS over it.

OpenSSL over a socket passes over records without content until one has some. While somebody sends more of them one read
need not end, however little it was asked for, and everybody else waits. Here OpenSSL sees no socket: what was received
is given to it a record at a time, by the lengths that stand in front of them in the clear (RFC 8446, section 5.1).
"""

import socket
import ssl
from contextlib import suppress
from typing import Final, NamedTuple, Self

__all__ = ["AGAIN", "Buffers", "HollowError", "SecuredWire", "Wire"]

AGAIN: Final = (BlockingIOError, ssl.SSLWantReadError)
"""What is raised where more has to come first."""

RECORD_BYTES: Final = 16 * 1024
"""How much content a record of TLS has at most; so much is read at once without TLS, too."""

HOLLOW_RECORDS: Final = 32
"""How many records without content may come in a row. A caller has reason for one, when it changes its keys."""

HANDSHAKE_BYTES: Final = 16 * 1024
"""What a caller may send until it has shaken hands: 2 KiB, and 6 more with a chain of three large certificates. OpenSSL
takes 64 KiB of a hello and 100 of certificates, and a call in which they are whole takes 30 to 60 ms."""

_PIECE_BYTES: Final = 8 * 1024  # that are received at once, in front of the rest of a longer record
_HEADER_BYTES: Final = 5  # in front of each record; the last two say how long it is
_LONGEST: Final = _HEADER_BYTES + RECORD_BYTES + 2048  # RFC 5246, section 6.2.3; OpenSSL refuses what is longer


class HollowError(ConnectionAbortedError):
    """The other side sends records without content, and does nothing but keep us busy."""


class Wire:
    """A connected `bound` socket that does not block. Each function raises what a socket raises, BlockingIOError too.

    `unsent` is what was written and has found no room in the kernel yet: `flush` sends it. `has_more` says whether
    something can be read that no selector knows of.
    """

    __slots__ = ("bound", "has_more", "unsent")

    def __init__(self, bound: socket.socket) -> None:
        self.bound = bound
        self.unsent = bytearray()
        self.has_more = False

    @property
    def tls(self) -> ssl.SSLObject | None:
        """TLS, where there is any."""
        return None

    def read(self) -> bytes:
        """What came, at most `RECORD_BYTES` of it; nothing at its end."""
        return self.bound.recv(RECORD_BYTES)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, behind what is unsent."""
        if not self.unsent:
            try:
                sent = self.bound.send(data)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self.unsent += data

    def flush(self) -> None:
        """Send what is unsent, as far as there is room."""
        with suppress(BlockingIOError):
            del self.unsent[: self.bound.send(self.unsent)]

    def end(self) -> socket.socket:
        """The bare socket, when all was sent that is to be said at the end."""
        return self.bound


class Buffers(NamedTuple):
    """Where OpenSSL finds what has `arrived`, and puts what it has `made`. Both are empty between any two calls.

    So all secured wires of a thread may have the same. Each would else keep as much memory as its longest record took.
    """

    arrived: ssl.MemoryBIO
    made: ssl.MemoryBIO

    @classmethod
    def new(cls) -> Self:
        """A pair of them."""
        return cls(ssl.MemoryBIO(), ssl.MemoryBIO())


class SecuredWire(Wire):
    """TLS, of which we are the server, with the certificate of `context`.

    It raises besides: ssl.SSLError, an OSError; HollowError; ConnectionAbortedError where the other side has gone in a
    handshake, or makes it longer than any, or leaves no room for what TLS itself has to say.
    """

    __slots__ = ("_buffers", "_hollow", "_received", "_shaken", "_tls")

    def __init__(self, bound: socket.socket, context: ssl.SSLContext, buffers: Buffers) -> None:
        super().__init__(bound)
        self._buffers = buffers
        self._tls = context.wrap_bio(*buffers, server_side=True)
        self._received = b""  # what OpenSSL has not got yet
        self._shaken = 0  # bytes that were received in the handshake
        self._hollow = 0  # records without content since the last one that had some

    @property
    def tls(self) -> ssl.SSLObject:
        """What shows the certificate of its `context`."""
        return self._tls

    def shake_hands(self) -> None:
        """Go on with the handshake, which is over where nothing is raised."""
        if self._shaken >= HANDSHAKE_BYTES:
            raise ConnectionAbortedError("no handshake is that long")
        piece = self.bound.recv(min(HANDSHAKE_BYTES - self._shaken, _PIECE_BYTES))
        if not piece:
            raise ConnectionAbortedError("gone in a handshake")
        self._shaken += len(piece)
        arrived, made = self._buffers
        arrived.write(piece)
        try:
            self._tls.do_handshake()
        finally:
            self._keep(arrived.read())  # the records behind the handshake's last one
            if made.pending:
                self._answer()

    # Reading.

    def read(self) -> bytes:
        """The content of the next record; nothing at the end. Raises ssl.SSLWantReadError where it has none."""
        received = self._received
        while len(received) < (size := _size(received)):
            piece = self.bound.recv(max(size - len(received), _PIECE_BYTES))
            if not piece:
                return b""
            self._received = received = received + piece
        self._keep(received[size:])
        return self._open(received[:size])

    def _keep(self, received: bytes) -> None:
        """Keep what is behind a record."""
        self._received = received
        self.has_more = bool(received) and len(received) >= _size(received)

    def _open(self, record: bytes) -> bytes:
        """The content of a record."""
        arrived, made = self._buffers
        arrived.write(record)
        try:
            content = self._tls.read(len(record))  # in which there is less
        except ssl.SSLWantReadError:
            self._hollow += 1
            if self._hollow > HOLLOW_RECORDS:
                raise HollowError("nothing but records without content") from None
            raise
        finally:
            if arrived.pending:  # of what OpenSSL refuses
                arrived.read()
            if made.pending:
                self._answer()
        self._hollow = 0
        return content

    def _answer(self) -> None:
        """Send what TLS itself has to say: it is little, and whoever has no room for it does not listen."""
        super().write(self._buffers.made.read())
        if self.unsent:
            raise ConnectionAbortedError("what TLS has to say is not listened to")

    # Writing.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, behind what is unsent."""
        for at in range(0, len(data), RECORD_BYTES):
            try:
                self._tls.write(data[at : at + RECORD_BYTES])
            finally:
                super().write(self._buffers.made.read())

    def end(self) -> socket.socket:
        """The bare socket, after the end of TLS was said, or could not be."""
        with suppress(OSError, ValueError):
            self._tls.unwrap()
        with suppress(OSError):
            self._answer()
        return self.bound


def _size(received: bytes) -> int:
    """How long the record is whose beginning was received, as far as that can be told."""
    if len(received) < _HEADER_BYTES:
        return _HEADER_BYTES
    return min(_HEADER_BYTES + int.from_bytes(received[3:_HEADER_BYTES]), _LONGEST)
