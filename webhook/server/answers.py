"""What answers are written to, between uvicorn and a connection."""

import asyncio

__all__ = ["Answers"]

_CONTINUE = b"HTTP/1.1 100 "


class Answers:
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
