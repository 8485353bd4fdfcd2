"""A listening socket, and uvicorn on it."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator, Mapping

import uvicorn
from starlette.types import ASGIApp

from webhook.server.doorway import BACKLOG, Doorway
from webhook.server.exchange import Decider
from webhook.server.limits import Limited
from webhook.server.line import Line
from webhook.server.watch import Watch
from webhook.server.wire import Wire

__all__ = ["ListenError", "Listener", "listen"]

_PORTS = 65536


class ListenError(OSError):
    """The port cannot be had. Its text is one line that says why."""


class Listener(uvicorn.Server):
    """uvicorn on one bound socket: it leaves signals to `Drain`, connections to `Doorway`, and reading to `Turns`.

    Usual reviews go straight to `deciders`, by path, all else to `app`.
    """

    def __init__(
        self,
        app: ASGIApp,
        bound: socket.socket,
        context: ssl.SSLContext | None,
        watch: Watch,
        deciders: Mapping[bytes, Decider] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=Limited,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        self.listening = asyncio.Event()
        self.servers = []
        self._bound = bound
        self._context = context
        self._watch = watch
        self._deciders = deciders or {}

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        del sockets
        self._doorway = Doorway(self._bound, self._context, self._let_in, lambda: self._watch.dropped("slow"))
        self._doorway.open()
        self.servers.append(self._doorway)  # type: ignore[arg-type]  # it has what uvicorn uses of a server
        self.started = True
        self.listening.set()

    def stop(self) -> None:
        """Close the socket and every connection, within a second and whatever they are about."""
        self.should_exit = self.force_exit = True

    def _let_in(self, wire: Wire) -> None:
        """Serve a connection that has shaken hands, where this is for TLS."""
        line = Line(wire, self._doorway.turns, self._doorway.farewell)
        line.begin(
            Limited(self._watch, self._deciders, config=self.config, server_state=self.server_state, app_state={})
        )


def listen(host: str | None, port: int) -> socket.socket:
    """A listening socket; one serves both IP versions where it is not bound to an address of one."""
    if not 0 <= port < _PORTS:
        raise ListenError(f"{port} is not a port: they go from 0 to {_PORTS - 1}")
    dual = host is None and socket.has_dualstack_ipv6()
    every = "::" if dual else "0.0.0.0"  # noqa: S104  # a Pod is called at whatever address it was given
    address = host or every
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=dual, backlog=BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen on {address} port {port}: {_why(error)}") from None


def _why(error: OSError) -> str:
    known = {
        errno.EADDRINUSE: "the port is taken, choose another or end what uses it",
        errno.EADDRNOTAVAIL: "this machine has no such address",
        errno.EACCES: "this user may not listen on ports this low",
    }
    return known.get(error.errno or 0, (error.strerror or "unknown reason").lower())
