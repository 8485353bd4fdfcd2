"""Counts for Prometheus, where a port is configured: one answer to whatever is asked."""

from __future__ import annotations

import select
import socket

__all__ = ["Metrics"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .following import Following
    from .report import Report

_MOST_CALLERS = 8
_PREFIX = "loghook_reader_"


class Metrics:
    """A listener on `port`. Callers that say nothing make way for new ones, and nobody is waited for."""

    def __init__(self, port: int, report: Report, following: Following) -> None:
        self._report = report
        self._following = following
        self._callers: dict[int, socket.socket] = {}
        self._listener: socket.socket | None = None
        try:
            self._listener = _listener(port)
            self._listener.settimeout(0)
        except OSError as error:
            report.say(f"no metrics on port {port}: {error.strerror}")

    def register(self, poll: select.poll) -> None:
        """Have `poll` tell of callers."""
        for file in (self._listener, *self._callers.values()):
            if file is not None:
                poll.register(file, select.POLLIN)

    def answer(self, told: Iterable[int]) -> None:
        """Answer those among the descriptors `told` that are callers."""
        for file in told:
            if self._listener is not None and file == self._listener.fileno():
                self._welcome(self._listener)
            elif file in self._callers:
                with self._callers.pop(file) as caller:
                    self._reply(caller)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            caller, _address = listener.accept()
        except OSError:  # it has hung up already
            return
        caller.settimeout(0)
        if len(self._callers) >= _MOST_CALLERS:
            self._callers.pop(next(iter(self._callers))).close()
        self._callers[caller.fileno()] = caller

    def _reply(self, caller: socket.socket) -> None:
        body = self.text().encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n"
        try:
            caller.recv(65_536)
            caller.send(head.encode() + b"Connection: close\r\n\r\n" + body)
        except OSError:  # it has hung up
            return

    def text(self) -> str:
        """The exposition of all counts."""
        report, files = self._report, self._following.files
        counts = {
            "lines_total": ("counter", "Lines written out.", report.lines),
            "bytes_total": ("counter", "Bytes written out.", report.bytes),
            "freed_bytes_total": ("counter", "Bytes of files given back to the disk.", report.freed),
            "missed_files_total": ("counter", "Files that were gone before all of them was read.", report.missed),
            "files": ("gauge", "Files that are followed.", len(files)),
            "denied_files": ("gauge", "Files that may not be read.", len(report.denied)),
            "behind_bytes": (
                "gauge",
                "Bytes that have not been read yet.",
                sum(f.behind for f in files.values()),
            ),
        }
        return "".join(
            f"# HELP {_PREFIX}{name} {words}\n# TYPE {_PREFIX}{name} {kind}\n{_PREFIX}{name} {count}\n"
            for name, (kind, words, count) in counts.items()
        )


def _listener(port: int) -> socket.socket:
    """Listen for both protocols, where there are both: some clusters have IPv6 alone. Raises OSError."""
    try:
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=_MOST_CALLERS, dualstack_ipv6=True)
    except (OSError, ValueError):
        return socket.create_server(("", port), backlog=_MOST_CALLERS)
