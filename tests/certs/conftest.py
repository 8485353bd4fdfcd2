"""What the tests of the certificates share: a fixed time, a CA made then, the real `openssl`, and an API server.

The API server is a small one of our own on a real socket, where time can be bent and every fault be had on demand. It
knows what the controller uses: conflicts by resourceVersion, preconditions, strategic merge of webhooks, watches.
"""

import base64
import contextlib
import copy
import json
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from certs.authority import Authority, new_authority
from certs.cluster import Cluster, Kind, Place, connect
from certs.controller import Controller
from certs.health import Health
from certs.rotate import Rules

Verify = Callable[..., subprocess.CompletedProcess[str]]
_T = TypeVar("_T")

NAMES = ("loghook", "loghook.logs", "loghook.logs.svc", "loghook.logs.svc.cluster.local")
PATIENCE = 120.0  # seconds that anything may take; nothing comes near it unless it is broken
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
SECRET = "/api/v1/namespaces/logs/secrets/loghook-tls"  # noqa: S105  # a path
CONFIGURATION = f"{REGISTRATION}/mutatingwebhookconfigurations/loghook"
DEPLOYMENT = "/apis/apps/v1/namespaces/logs/deployments/loghook"


@dataclass
class Fault:
    """What goes wrong with a request: its answer's status and headers, or what happens to its connection.

    `what` is "status", "reset" (closed unanswered), "lost" (done, but the answer never arrives), "silent" (open and
    unanswered), "drip" (an answer that never ends), "torn" (one that ends too early), both of them with `status` where
    one is given, or "page" (some other server's).
    """

    what: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "a fault, as asked for"


class FakeApi:
    """An API server on a port of its own. Objects are kept by their paths, and `requests` has "METHOD path" of each."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.fault: Callable[[str, str], Fault | None] = no_fault
        self.ahead = timedelta()
        self.changed = threading.Condition()
        self.told: list[Callable[[str, dict[str, Any] | None], None]] = []
        self.version = 0
        self.released = threading.Event()
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    # The machine

    def start(self) -> None:
        """Listen, at the same port as before."""
        api = self

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, *_: Any) -> None:
                pass  # a client that was cut off

        class Handler(_Handler):
            pass

        Handler.api = api
        self.released.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be away: nobody listens, and every open connection ends."""
        if self._server is not None:
            self.released.set()
            with self.changed:
                self.changed.notify_all()
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    # What a test does, behind the controller's back

    def put(self, path: str, value: dict[str, Any]) -> None:
        with self.changed:
            self.store(path, copy.deepcopy(value))

    def edit(self, path: str, change: Callable[[dict[str, Any]], None]) -> None:
        with self.changed:
            value = copy.deepcopy(self.objects[path])
            change(value)
            self.store(path, value)

    def drop(self, path: str) -> None:
        with self.changed:
            self.remove(path)

    def get(self, path: str) -> dict[str, Any] | None:
        with self.changed:
            return copy.deepcopy(self.objects.get(path))

    def secret(self) -> dict[str, bytes]:
        found = self.get(SECRET) or {}
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}

    def bundles(self, path: str = CONFIGURATION) -> list[bytes]:
        found = self.get(path) or {"webhooks": []}
        return [base64.b64decode(each["clientConfig"].get("caBundle", "")) for each in found["webhooks"] or []]

    def configure(self, path: str = CONFIGURATION, names: tuple[str, ...] = ("pods.loghook.dev",)) -> None:
        """Create or re-create a webhook configuration as Helm does: without any caBundle."""
        webhooks = [
            {"name": name, "clientConfig": {"service": {"name": "loghook", "namespace": "logs"}}, "timeoutSeconds": 5}
            for name in names
        ]
        self.put(path, {"metadata": {"name": path.rpartition("/")[2]}, "webhooks": webhooks})

    def ask(self, word: str) -> None:
        """Annotate the Secret."""
        self.edit(SECRET, lambda secret: secret["metadata"].setdefault("annotations", {}).update(rotate(word)))

    def wait_for(self, what: str, check: Callable[[], _T], seconds: float = PATIENCE) -> _T:
        """The first true answer of `check`, which is asked again whenever something has changed."""
        deadline = time.monotonic() + seconds
        while True:
            answer = check()
            if answer:
                return answer
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what}; the last requests: {self.requests[-12:]}")
            with self.changed:
                self.changed.wait(0.05)

    # The machinery

    def act(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Do what a request asks for, and return status and answer."""
        with self.changed:
            if method == "POST":
                return self._create(f"{path}/{body['metadata']['name']}", body)
            found = self.objects.get(path)
            if found is None:
                return 404, status_of(404, f"{path} not found")
            if method == "GET":
                return 200, found
            asked = (body or {}).get("preconditions" if method == "DELETE" else "metadata", {})
            if (
                asked.get("resourceVersion", found["metadata"]["resourceVersion"])
                != found["metadata"]["resourceVersion"]
            ):
                return 409, status_of(409, "the object has been modified")
            if method == "DELETE":
                self.remove(path)
                return 200, status_of(200, "deleted")
            made = body if method == "PUT" else _merged(found, body)
            if found.get("immutable") and made.get("data") != found.get("data"):
                return 422, status_of(422, "data: Forbidden: field is immutable when `immutable` is set")
            self.store(path, made)
            return 200, self.objects[path]

    def _create(self, path: str, body: Any) -> tuple[int, Any]:
        if path in self.objects:
            return 409, status_of(409, f"{path} already exists")
        if body.get("type") == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= body["data"].keys():
            return 422, status_of(422, "data[tls.crt]: Required value")
        self.store(path, body)
        return 201, self.objects[path]

    def store(self, path: str, value: dict[str, Any]) -> None:
        """Store what is a change, with a new version; a configuration's generation counts those of its webhooks."""
        before = self.objects.get(path)
        metadata = value.setdefault("metadata", {})
        kept = before["metadata"] if before else {"uid": str(uuid.uuid4()), "generation": 0}
        metadata |= {"uid": kept["uid"], "generation": kept["generation"]}
        metadata["resourceVersion"] = kept.get("resourceVersion", "")
        if value == before:
            return
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        metadata["generation"] += before is None or value.get("webhooks") != before.get("webhooks")
        self.objects[path] = value
        self._tell(path, value)

    def remove(self, path: str) -> None:
        del self.objects[path]
        self.version += 1
        self._tell(path, None)

    def _tell(self, path: str, value: dict[str, Any] | None) -> None:
        for each in self.told:
            each(path, copy.deepcopy(value))
        self.changed.notify_all()


def no_fault(method: str, path: str) -> Fault | None:
    del method, path
    return None


def _merged(found: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What a strategic merge makes of it: lists are merged by name or uid, and null removes."""
    merged = copy.deepcopy(found)
    by_name = {each["name"]: each for each in merged.get("webhooks") or []}
    for each in patch.get("webhooks", []):
        by_name[each["name"]]["clientConfig"].update(each["clientConfig"])
    if data := patch.get("data"):
        merged["data"] = {**(merged.get("data") or {}), **data}
    metadata, changed = merged["metadata"], patch["metadata"]
    if "managedFields" in changed:
        metadata["managedFields"] = changed["managedFields"]
    if "annotations" in changed:
        annotations = {**metadata.get("annotations", {}), **changed["annotations"]}
        metadata["annotations"] = {key: value for key, value in annotations.items() if value is not None}
    if "ownerReferences" in changed:
        owners = {each["uid"]: each for each in [*metadata.get("ownerReferences", []), *changed["ownerReferences"]]}
        metadata["ownerReferences"] = [each for each in owners.values() if each.get("$patch") != "delete"]
    return merged


def rotate(word: str) -> dict[str, str]:
    return {"loghook.dev/rotate": word}


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    api: FakeApi
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.api.connections.add(self.connection)

    def finish(self) -> None:
        self.api.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, *_: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        del timestamp
        return format_datetime(datetime.now(UTC) + self.api.ahead, usegmt=True)

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        watched = "watch" in query and query["watch"].lower() == "true"
        self.api.requests.append(f"{'WATCH' if watched else method} {parts.path}")
        fault = self.api.fault("WATCH" if watched else method, parts.path)
        if method == "PATCH":
            assert self.headers["Content-Type"] == "application/strategic-merge-patch+json"
        if fault and fault.what != "lost":
            self._fail(fault)
        elif watched:
            self._watch(parts.path, query["fieldSelector"].removeprefix("metadata.name="))
        else:
            status, value = self.api.act(method, parts.path, body)
            if fault:
                self._cut()
            else:
                self._send(status, value)

    def _fail(self, fault: Fault) -> None:
        if fault.what == "status":
            self._send(fault.status, status_of(fault.status, fault.message), fault.headers)
            return
        if fault.what == "silent":
            self.api.released.wait(60)
        elif fault.what == "drip":
            self.send_response(fault.status or 200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not self.api.released.wait(0.05):
                    self.wfile.write(b" ")
        elif fault.what == "torn":
            self.send_response(fault.status or 200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"metadata": {"name"')
        elif fault.what == "page":
            self._send(200, ["<html>a login page</html>"])
            return
        self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for key, each in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(key, each)
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, folder: str, name: str) -> None:
        """Stream what becomes of one object; the server may end it at any time, as real ones do."""
        path = f"{folder}/{name}"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        told: str | None = None
        while not self.api.released.is_set():
            with self.api.changed:
                found = self.api.objects.get(path)
                version = found["metadata"]["resourceVersion"] if found else None
                if version == told:
                    self.api.changed.wait(0.5)
                    continue
                line = json.dumps({"type": "MODIFIED" if found else "DELETED", "object": found or {}}).encode() + b"\n"
                told = version
            if self.api.fault("EVENT", path):
                line = (
                    json.dumps({"type": "ERROR", "object": status_of(410, "too old resource version")}).encode() + b"\n"
                )
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            if self.api.fault("EVENT", path):
                break
        with contextlib.suppress(OSError):
            self.wfile.write(b"0\r\n\r\n")
        self._cut()


def status_of(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": code, "message": message}


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2031, 7, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def authority(now: datetime) -> Authority:
    return new_authority(now)


@pytest.fixture
def openssl_verify(tmp_path: Path) -> Verify:
    """Run `openssl verify -x509_strict` over PEM bytes at a given time, with more options where a test has any."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("NOT TESTED: this needs openssl, for a second opinion on our certificates")

    def verify(ca: bytes, leaf: bytes, *options: str, at: datetime | None = None) -> subprocess.CompletedProcess[str]:
        (tmp_path / "verify-ca.pem").write_bytes(ca)
        (tmp_path / "verify-leaf.pem").write_bytes(leaf)
        when = ["-attime", str(int(at.timestamp()))] if at else []
        command = [program, "verify", "-x509_strict", "-purpose", "sslserver", *when, *options]
        command += ["-CAfile", str(tmp_path / "verify-ca.pem"), str(tmp_path / "verify-leaf.pem")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return verify


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An API server that KUBECONFIG leads to, with a webhook configuration that has no caBundle yet."""
    found = FakeApi()
    cluster = {"name": "fake", "cluster": {"server": f"http://127.0.0.1:{found.port}"}}
    context = {"name": "fake", "context": {"cluster": "fake", "user": "fake"}}
    user = {"name": "fake", "user": {"token": "a-token-of-this-test-only"}}
    kubeconfig: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "fake"}
    kubeconfig |= {"clusters": [cluster], "contexts": [context], "users": [user]}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    found.configure()
    yield found
    found.stop()


@pytest.fixture
def fault() -> type[Fault]:
    return Fault


class Controllers:
    """Controllers of the certificates in threads of this process, with small times, all stopped at the end."""

    def __init__(self) -> None:
        self._running: list[tuple[Controller, threading.Thread]] = []

    def make(self, *, owner: str = "", validating: tuple[str, ...] = (), **rules: Any) -> Controller:
        """One that nobody runs yet; `rules` are fields of `Rules`, with waits of a fraction of a second else."""
        configurations: list[tuple[Kind, str]] = [("mutating", "loghook")]
        configurations += [("validating", name) for name in validating]
        place = Place("logs", "loghook-tls", tuple(configurations), owner)
        waits = {"settle": timedelta(seconds=0.1), "overlap": timedelta(seconds=0.1)}
        return Controller(Cluster(connect(), place), Rules(**{"names": NAMES, **waits, **rules}), Health())

    def start(self, **options: Any) -> Controller:
        """One that runs until the test ends, or `kill`."""
        made = self.make(**options)
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        self._running.append((made, thread))
        return made

    def stop(self, *controllers: Controller) -> None:
        """Stop these, or all."""
        for each, thread in list(self._running):
            if not controllers or each in controllers:
                each.stop()
                thread.join(PATIENCE)
                assert not thread.is_alive()
                self._running.remove((each, thread))


@pytest.fixture
def controllers(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controllers]:
    """Controllers for `api`, whose requests end after two seconds, and which look every half second."""
    monkeypatch.setattr("certs.cluster.READ_SECONDS", 2.0)
    monkeypatch.setattr("certs.answers.REQUEST_SECONDS", 2.0)
    monkeypatch.setattr("certs.controller.COALESCE_SECONDS", 0.02)
    monkeypatch.setattr("certs.controller.RESYNC_SECONDS", 0.5)
    monkeypatch.setattr("certs.controller.MOST_BACKOFF_SECONDS", 0.5)
    found = Controllers()
    yield found
    found.stop()
    api.stop()
