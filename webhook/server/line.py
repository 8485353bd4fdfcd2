"""A connection as a transport that reads when its turn has come, and one request at a time.

Event loops read ahead, into buffers of 256 KiB and more for each connection, and hand over whatever is there: that is
the memory by which a few hundred connections ended a server. Here a `Wire` is between the socket and the request that
is being read, with a few KiB at most.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

from webhook.server.turns import READ, SAVED_SECONDS, WRITE, Order, Turns
from webhook.server.wire import AGAIN, Wire

__all__ = ["Line"]

_TURN_BYTES: Final = 32 * 1024
_LEAST_BYTES: Final = 1024  # that a record counts for: thousands of one byte each cost as much as megabytes


class Line(asyncio.Transport):
    """The transport over a wire, after its handshake where it has TLS; `begin` hands it to a protocol.

    `farewell` takes the socket over when the last byte is sent, with nothing of TLS left in it.
    """

    def __init__(self, wire: Wire, turns: Turns, farewell: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self.order = turns.others
        self.had = self.order.now
        self.ready_at = 0.0
        self._wire = wire
        self._turns = turns
        self._farewell = farewell
        self._unread = b""  # what was read and given back
        self._requests = 0
        self._events = 0  # that the selector looks for
        self._is_paused = self._is_held = self._is_closing = self._is_lost = False

    def begin(self, protocol: asyncio.Protocol) -> None:
        """Serve `protocol` from here on."""
        self._protocol = protocol
        self._turns.guests += 1
        try:
            protocol.connection_made(self)
            self._look_again()
        except Exception as error:  # noqa: BLE001  # whatever it is, others come behind this one
            self._turns.went_wrong(self, error)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peercert`, the caller's certificate, or `sslcontext`; of what else transports know nothing is asked for."""
        tls = self._wire.tls
        if tls is None:
            return default
        if name == "peercert":
            return tls.getpeercert()
        return tls.context if name == "sslcontext" else default

    @property
    def clock(self) -> Callable[[], float]:
        """What our time is measured by, in seconds."""
        return self._turns.clock

    # Reading.

    def ready(self, events: int) -> "Line | None":
        """Send what could not be sent before; itself where it is to be read from.

        Who is not asked for more is looked at no more. That is found out here, when it sends all the same, since most
        never do.
        """
        if events & WRITE:
            self._send_rest()
        if events & READ:
            if self._wants():
                return self
            self._look()
        return None

    def read(self) -> None:
        """Read until the request is complete, or it is the next one's turn."""
        size, requests = 0, self._requests
        while size < _TURN_BYTES and self._wants() and self._requests == requests:
            data = self._receive()
            if not data:
                break
            size += max(len(data), _LEAST_BYTES)
            self._protocol.data_received(data)
        if self._requests == requests:
            self._stand_in(self._turns.others, SAVED_SECONDS)
        if self.has_more and self._wants():
            self._turns.again(self)

    def credit(self) -> None:
        """Have it stand among the regulars, for a review that was answered, unless it has sent more meanwhile."""
        if not self.has_more:
            self._stand_in(self._turns.regulars)

    def discredit(self, seconds: float) -> None:
        """Have it stand among all others, as if it had had so much more."""
        self._stand_in(self._turns.others)
        self.had += seconds

    def _stand_in(self, order: Order, saved: float = 0.0) -> None:
        if self.order is not order:
            self.order = order
            self.had = order.now - saved

    def _receive(self) -> bytes:
        """What comes next; nothing where there is nothing now, or never again."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            data = self._wire.read()
        except AGAIN:
            return b""
        except OSError as error:
            self._lose(error)
            return b""
        if not data:
            self._protocol.eof_received()
            self.close()
        return data

    @property
    def has_more(self) -> bool:
        """Whether there is something to be read that no selector knows of."""
        return bool(self._unread) or (not self._is_lost and self._wire.has_more)

    def unread(self, data: bytes) -> None:
        """Give back what was received last, to be received again when its turn comes."""
        self._unread = data

    def owe(self, seconds: float) -> None:
        """Say that what was read makes work for so long, later: that of others than regulars is part of their time."""
        if self.order is self._turns.others:
            self._turns.owe(seconds)

    def hold(self) -> None:
        """Read no more until `release`, whatever the protocol says in between: a request is being answered."""
        if not self._is_held:
            self._is_held = True
            self._requests += 1
            self._turns.in_hand += 1

    def release(self) -> None:
        """Read the next request."""
        if self._is_held:
            self._is_held = False
            self._turns.in_hand -= 1
        self._look_again()

    def pause_reading(self) -> None:
        """Read no more until `resume_reading`."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Read on."""
        self._is_paused = False
        self._look_again()

    def is_reading(self) -> bool:
        """Whether the protocol wants to read."""
        return not self._is_paused

    def _wants(self) -> bool:
        return not (self._is_held or self._is_paused or self._is_closing or self._wire.unsent)

    # Writing.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, now or as soon as there is room in the kernel."""
        if self._is_lost:
            return
        try:
            self._wire.write(data)
        except OSError as error:
            self._lose(error)
            return
        if self._wire.unsent:
            self._look()

    def get_write_buffer_size(self) -> int:
        """How many bytes have found no room in the kernel yet."""
        return 0 if self._is_lost else len(self._wire.unsent)

    def _send_rest(self) -> None:
        try:
            self._wire.flush()
        except OSError as error:
            self._lose(error)
            return
        if not self._wire.unsent:
            self._protocol.resume_writing()
            if self._is_closing:
                self._say_goodbye()
                return
            self._look()
            self._look_again()

    # What is looked for.

    def _look_again(self) -> None:
        """Have what is here read in its turn, and look for more."""
        if self.has_more:
            self._turns.again(self)
        if not self._events & READ:
            self._look()

    def _look(self) -> None:
        """Look for what is wanted now."""
        if self._is_lost:
            return
        events = (READ if self._wants() else 0) | (WRITE if self._wire.unsent else 0)
        if events == self._events:
            return
        if not self._events:
            self._turns.watch(self._wire.bound, self, events)
        elif not events:
            self._turns.leave(self._wire.bound)
        else:
            self._turns.change(self._wire.bound, self, events)
        self._events = events

    # The end.

    def is_closing(self) -> bool:
        """Whether nothing more is read."""
        return self._is_closing

    def close(self) -> None:
        """Send what is to be sent, and say goodbye."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self._wire.unsent:
            self._say_goodbye()

    def abort(self) -> None:
        """Close at once."""
        self._lose(None)

    def _say_goodbye(self) -> None:
        """End TLS, and leave the socket to `farewell`."""
        wire = self._wire
        self._forget(None)
        self._farewell(wire.end())

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            bound = self._wire.bound
            self._forget(error)
            bound.close()

    def _forget(self, error: Exception | None) -> None:
        if self._events:
            self._turns.leave(self._wire.bound)
        if self._is_held:
            self._is_held = False
            self._turns.in_hand -= 1
        self._turns.guests -= 1
        self._is_closing = self._is_lost = True
        self._events = 0
        self._unread = b""
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)
        del self._protocol  # each has the other, which only the garbage collector could end
        del self._wire  # 28 KiB with TLS, whoever still has this
