"""The certificate controller and a real API server: its rights, its patches, and rotations that no caller notices.

The API server calls our real server by the Service's name, as in a cluster: an ExternalName Service leads it to this
machine. The controller has a service account with the rights that are documented, and no others.
"""

import base64
import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ports import free_port

from certs.authority import Authority, is_issued_by, parse_certificate, parse_key, restore_authority

from .client import CALLERS, Client
from .conftest import wait_for as wait

NAMESPACE = "loghook-certs"
NAMES = "loghook", "loghook-tls"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CORE = f"/api/v1/namespaces/{NAMESPACE}"
NEW_KEYS = 10 if os.environ.get("LOGHOOK_SOAK") else 1
PATIENCE = 120.0


def wait_for(what: str, check: Callable[[], Any]) -> Any:
    return wait(what, check, PATIENCE)


class World:
    """A namespace with the controller, the Secret, the server and its registration."""

    def __init__(self, client: Client, address: str, folder: Path) -> None:
        self.client, self.address, self.folder = client, address, folder
        self.port, self.health_port, self.probe_port = free_port(), free_port(), free_port()

    def secret(self) -> dict[str, bytes]:
        status, found = self.client.call("GET", f"{CORE}/secrets/loghook-tls")
        return {key: base64.b64decode(value) for key, value in found["data"].items()} if status == 200 else {}

    def bundle(self) -> bytes:
        (webhook,) = self.client.must("GET", f"{REGISTRATION}/{NAMESPACE}")["webhooks"]
        return base64.b64decode(webhook["clientConfig"].get("caBundle", ""))

    def ask(self, word: str) -> None:
        body = {"metadata": {"annotations": {"loghook.dev/rotate": word}}}
        self.client.must("PATCH", f"{CORE}/secrets/loghook-tls", body, "application/merge-patch+json")

    def is_at_rest(self) -> bool:
        data = self.secret()
        if not data or data["ca.crt"] != self.bundle() or data["ca.crt"].count(b"BEGIN CERT") != 1:
            return False
        return is_issued_by(parse_certificate(data["tls.crt"]), parse_certificate(data["ca.crt"]))


def registration(port: int) -> dict[str, Any]:
    service = {"name": "loghook", "namespace": NAMESPACE, "path": "/mutate", "port": port}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    return {
        "metadata": {"name": NAMESPACE},
        "webhooks": [
            {
                "name": "pods.loghook.dev",
                "clientConfig": {"service": service},
                "rules": [rule],
                "objectSelector": {"matchLabels": {"of": "test-certs"}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 30,
            }
        ],
    }


def rights() -> dict[str, list[dict[str, Any]]]:
    """What docs/certificates.md says that the controller needs, word for word."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "certificates.md").read_text("utf-8")
    (block,) = [part for part in page.split("```yaml\n")[1:] if "kind: ClusterRole" in part]
    documents = list(yaml.safe_load_all(block.split("```")[0]))
    return {each["kind"]: each["rules"] for each in documents}


def install(world: World) -> str:
    """Create namespace, Service, registration, and the service account with its rights; return its token."""
    client = world.client
    client.must("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    spec = {"type": "ExternalName", "externalName": world.address, "ports": [{"port": world.port}]}
    client.must("POST", f"{CORE}/services", {"metadata": {"name": "loghook"}, "spec": spec})
    client.must("POST", REGISTRATION, registration(world.port))
    client.must("POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "certs"}})
    subject = {"kind": "ServiceAccount", "name": "certs", "namespace": NAMESPACE}
    for kind, where in (("Role", f"{RBAC}/namespaces/{NAMESPACE}"), ("ClusterRole", RBAC)):
        rules = json.loads(json.dumps(rights()[kind]).replace('["loghook"]', f'["{NAMESPACE}"]'))
        name, plural = f"{NAMESPACE}-test", kind.lower() + "s"
        client.must("POST", f"{where}/{plural}", {"metadata": {"name": name}, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        client.must("POST", f"{where}/{kind.lower()}bindings", binding)
    body = {"spec": {"audiences": [], "expirationSeconds": 3600}}
    token: str = client.must("POST", f"{CORE}/serviceaccounts/certs/token", body)["status"]["token"]
    return token


def uninstall(world: World) -> None:
    for path in (
        f"{REGISTRATION}/{NAMESPACE}",
        f"{RBAC}/clusterroles/{NAMESPACE}-test",
        f"{RBAC}/clusterrolebindings/{NAMESPACE}-test",
        f"/api/v1/namespaces/{NAMESPACE}",
    ):
        world.client.call("DELETE", path)


@contextlib.contextmanager
def process(log: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        yield running
        assert running.poll() is None, log.read_text()
    finally:
        running.terminate()
        assert running.wait(PATIENCE) == 0, log.read_text()


def controller(world: World, kubeconfig: Path, *, overlap: int) -> Any:
    words = f"certs run --namespace {NAMESPACE} --secret loghook-tls --service loghook"
    words += f" --webhook-configuration {NAMESPACE} --health-port {world.probe_port}"
    words += f" --settle-seconds 3 --overlap-seconds {overlap}"
    log = world.folder / f"controller-{world.probe_port}.log"
    return process(log, *words.split(), KUBECONFIG=str(kubeconfig))


def server(world: World, files: Path) -> Any:
    words = f"webhook serve --host {world.address} --port {world.port} --health-port {world.health_port}"
    words += f" --tls-cert {files}/tls.crt --tls-key {files}/tls.key --drain-seconds 1"
    return process(world.folder / "server.log", *words.split())


class Volume:
    """A folder that follows what `read` gives (tls.crt and tls.key), swapped whole, as the kubelet does it."""

    def __init__(self, folder: Path, read: Callable[[], dict[str, bytes]]) -> None:
        self.folder, self._read = folder, read
        self._stop = threading.Event()
        self._count = 0
        self._last: dict[str, bytes] = {}
        folder.mkdir()
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")
        wait_for("the Secret", self._follow)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self._follow()

    def _follow(self) -> bool:
        data = self._read()
        if data and data != self._last:
            self._count += 1
            target = self.folder / f"..{self._count}"
            target.mkdir()
            for name in ("tls.crt", "tls.key"):
                (target / name).write_bytes(data[name])
            (self.folder / "..new").symlink_to(target.name)
            (self.folder / "..new").replace(self.folder / "..data")
            self._last = data
        return bool(self._last)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


class Callers:
    """Callers that create Pods without a pause, and one that shakes hands itself by the newest caBundle."""

    def __init__(self, world: World, query: str) -> None:
        self.world, self.query = world, query
        self.created = self.shaken = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._create, args=(number,)) for number in range(CALLERS)]
        self._threads.append(threading.Thread(target=self._shake))
        for thread in self._threads:
            thread.start()

    def _create(self, number: int) -> None:
        client = self.world.client.again()
        count = 0
        while not self._stop.is_set():
            count += 1
            pod = a_pod(f"app-{number}-{count}")
            try:
                status, answer = client.call("POST", f"{CORE}/pods{self.query}", pod)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
            if status == 201 and answer["spec"].get("initContainers"):
                self.created += 1
            else:
                self.failures.append(f"{status}: {answer.get('message')}")
            time.sleep(0.2)
        client.close()

    def _shake(self) -> None:
        client = self.world.client.again()
        while not self._stop.is_set():
            (webhook,) = client.must("GET", f"{REGISTRATION}/{NAMESPACE}")["webhooks"]
            context = ssl.create_default_context(cadata=base64.b64decode(webhook["clientConfig"]["caBundle"]).decode())
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            try:
                with (
                    socket.create_connection((self.world.address, self.world.port), timeout=PATIENCE) as plain,
                    context.wrap_socket(plain, server_hostname=f"loghook.{NAMESPACE}.svc"),
                ):
                    self.shaken += 1
            except OSError as error:
                self.failures.append(f"handshake: {error}")
            time.sleep(0.05)
        client.close()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def a_pod(name: str) -> dict[str, Any]:
    """A Pod that asks for a sidecar and is never scheduled."""
    metadata = {"name": name, "labels": {"of": "test-certs"}, "annotations": {"loghook.dev/paths": "/var/log/app.log"}}
    spec = {"schedulingGates": [{"name": "loghook.dev/never"}], "containers": [{"name": "app", "image": "app"}]}
    return {"metadata": metadata, "spec": spec}


def is_called(world: World) -> bool:
    status, answer = world.client.call("POST", f"{CORE}/pods?dryRun=All", a_pod("probe"))
    return status == 201 and "initContainers" in answer["spec"]


def rotate_everything(world: World, callers: Callers) -> None:
    """The leaf, the CA on its key, and new keys, each to its end, with callers all the time."""
    before = world.secret()
    world.ask("leaf")
    wait_for("a new leaf", lambda: world.is_at_rest() and world.secret()["tls.crt"] != before["tls.crt"])
    assert world.secret()["ca.crt"] == before["ca.crt"]
    age(world)
    wait_for("a renewed CA", lambda: world.is_at_rest() and world.secret()["ca.crt"] != before["ca.crt"])
    assert world.secret()["ca.key"] == before["ca.key"]
    assert parse_certificate(world.secret()["ca.crt"]).not_valid_after_utc > datetime.now(UTC) + timedelta(days=3000)
    for _ in range(NEW_KEYS):
        key = world.secret()["ca.key"]
        world.ask("ca")
        wait_for("a new key", lambda: world.secret()["ca.key"] != key)  # noqa: B023  # it ends before the next round
        wait_for("the end of the roll-over", world.is_at_rest)
    assert callers.failures == []
    assert callers.created > 10 * CALLERS
    assert callers.shaken > 50


def age(world: World) -> None:
    """Give the CA a certificate of nine years ago, in the Secret and (by the controller) in the caBundle."""
    data = world.secret()
    ca = Authority(parse_certificate(data["ca.crt"]), parse_key(data["ca.key"]))
    old = restore_authority(ca.key, datetime.now(UTC) - timedelta(days=9 * 365))
    body = {"data": {"ca.crt": base64.b64encode(old.certificate_pem()).decode()}}
    world.client.must("PATCH", f"{CORE}/secrets/loghook-tls", body, "application/merge-patch+json")


def write_kubeconfig(path: Path, cluster: dict[str, str], token: str) -> Path:
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "test"}
    config["clusters"] = [{"name": "test", "cluster": cluster}]
    config["users"] = [{"name": "test", "user": {"token": token}}]
    config["contexts"] = [{"name": "test", "context": {"cluster": "test", "user": "test"}}]
    path.write_text(yaml.safe_dump(config))
    return path


# A kube-apiserver alone


@pytest.fixture
def alone(api: Any, tmp_path: Path) -> Iterator[tuple[World, Path]]:
    """The kube-apiserver of `api` with everything installed, and the kubeconfig of the controller."""
    world = World(Client(api.port, api.context, api.token), "localhost", tmp_path)
    pem = "".join(ssl.DER_cert_to_PEM_cert(der) for der in api.context.get_ca_certs(binary_form=True))
    cluster = {"server": f"https://127.0.0.1:{api.port}"}
    cluster["certificate-authority-data"] = base64.b64encode(pem.encode()).decode()
    try:
        yield world, write_kubeconfig(tmp_path / "kubeconfig", cluster, install(world))
    finally:
        uninstall(world)
        for secret in ("loghook-tls",):
            world.client.call("DELETE", f"{CORE}/secrets/{secret}")
        world.client.call(
            "PUT", f"/api/v1/namespaces/{NAMESPACE}/finalize", {"metadata": {"name": NAMESPACE}, "spec": {}}
        )
        world.client.close()


@pytest.mark.api
def test_no_caller_of_a_real_api_server_notices_a_rotation(alone: tuple[World, Path]) -> None:
    world, kubeconfig = alone
    with controller(world, kubeconfig, overlap=12):
        volume = Volume(tmp_volume(world), world.secret)
        try:
            with server(world, volume.folder):
                wait_for("the API server calls the webhook", lambda: is_called(world))
                callers = Callers(world, "?dryRun=All")
                try:
                    rotate_everything(world, callers)
                finally:
                    callers.close()
        finally:
            volume.close()


def tmp_volume(world: World) -> Path:
    return world.folder / "volume"
