"""Real servers as processes, with real certificates, and what speaks to them."""

import contextlib
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE = 120  # seconds that anything may take; nothing comes near it unless it is broken


class Reply:
    """What came back: status, headers, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        """The body, which must be JSON and say so."""
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)


class Running:
    """A server process, what it has written so far, and connections to it."""

    def __init__(self, process: subprocess.Popen[bytes], pki: Path) -> None:
        self.process = process
        self.context = ssl.create_default_context(cafile=pki / "ca.crt")
        self.lines: list[dict[str, Any]] = []
        self.raw = b""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        ready = self.line("ready")
        self.port, self.health_port = ready["port"], ready["healthPort"]

    def line(self, message: str, **fields: object) -> dict[str, Any]:
        """Wait for the log line with this message and these fields."""

        def found() -> dict[str, Any] | None:
            wanted = {"message": message, **fields}
            return next((line for line in self.lines if wanted.items() <= line.items()), None)

        with self._news:
            got = self._news.wait_for(found, PATIENCE)
        assert got, f"no line {message!r} {fields} in {self.lines}"
        return got

    def forget(self) -> None:
        """Forget the lines so far, so that `line` waits for new ones."""
        with self._news:
            self.lines.clear()

    def connect(self) -> http.client.HTTPSConnection:
        """A connection that has done its handshake, and stays open between requests."""
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=PATIENCE)
        connection.connect()
        return connection

    def ask(
        self,
        method: str = "POST",
        path: str = "/mutate",
        body: bytes = b"",
        on: http.client.HTTPConnection | None = None,
        **headers: str,
    ) -> Reply:
        """The reply to a request, on a connection of its own or on the given one. Bodies are JSON unless said else."""
        connection = on or self.connect()
        try:
            sent = {"Content-Type": "application/json"} | {key.replace("_", "-"): to for key, to in headers.items()}
            connection.request(method, path, body, {key: to for key, to in sent.items() if to})
            return Reply(connection.getresponse())
        finally:
            if on is None:
                connection.close()

    def open_socket(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A bare TLS connection."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return (context or self.context).wrap_socket(plain, server_hostname="localhost")

    def health(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the health port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def end(self, sign: signal.Signals | None = None) -> int:
        """Wait for the end, after `sign` where one is given; the exit code."""
        if sign is not None:
            self.process.send_signal(sign)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            with self._news:
                self.raw += raw
                self.lines.append(json.loads(raw))
                self._news.notify_all()


@contextlib.contextmanager
def running(pki: Path, drain_seconds: float = 0, **more: Any) -> Iterator[Running]:
    """A server that is ready, with the certificate in `pki`. `more` is what `serving.py` takes."""
    given = {"tls_cert": str(pki / "tls.crt"), "tls_key": str(pki / "tls.key"), "drain_seconds": drain_seconds} | more
    script = Path(__file__).with_name("serving.py")
    with subprocess.Popen([sys.executable, str(script), json.dumps(given)], stdout=subprocess.PIPE) as process:
        try:
            yield Running(process, pki)
        finally:
            process.kill()


def review_body(uid: str = "u-1", *, annotated: bool = True, name: str = "web", note: str = "", size: int = 0) -> bytes:
    """The body of a review, with `note` as a value in the Pod's environment, filled up to `size` bytes."""
    annotations = {"loghook.dev/paths": "/var/log/server.log"} if annotated else {}
    container = {"name": "app", "image": "busybox", "env": [{"name": "NOTE", "value": note}]}
    request = {
        "uid": uid,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "shop",
        "name": name,
        "object": {"metadata": {"name": name, "annotations": annotations}, "spec": {"containers": [container]}},
    }
    envelope = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(envelope).encode().ljust(size)
