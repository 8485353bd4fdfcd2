"""R1 with a real API server, by a Service: while its two replicas restart, every Pod is created, and injected.

The replicas are processes of this machine, each behind an EndpointSlice of its own, so that each is told to stop by the
very signal and at the very moment that is wanted. kube-proxy learns of it when it learns of it.
"""

import base64
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

NAMESPACE = "loghook-restarts"
CALLERS = 25
RESTARTS = 2  # at least, however fast the Pods are created
PODS = 2000 if os.environ.get("LOGHOOK_SOAK") else 400
PATIENCE = 120


class Replica:
    """One server as `loghook serve` starts it, and the EndpointSlice by which the Service leads to it."""

    def __init__(self, number: int, folder: Path, address: str) -> None:
        self.name, self._address = f"loghook-{number}", address
        self.log = folder / f"{self.name}.log"
        command = [sys.executable, "-m", "webhook", "serve", "--host", address, "--port", "0", "--health-port", "0"]
        files = ["--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key")]
        names = ["--tls-name", f"loghook.{NAMESPACE}.svc", "--drain-seconds", "60"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen([*command, *files, *names], stdout=output, stderr=output)
        self.port = self._ready()

    def _ready(self) -> int:
        for _ in range(PATIENCE * 20):
            line = self.log.read_bytes().partition(b"\n")
            if line[1]:
                port: int = json.loads(line[0])["port"]
                return port
            time.sleep(0.05)
        pytest.fail(f"not ready: {self.log.read_text()}")

    def slice(self) -> dict[str, Any]:
        labels = {"kubernetes.io/service-name": "loghook", "endpointslice.kubernetes.io/managed-by": "test"}
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": self.name, "namespace": NAMESPACE, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [self._address], "conditions": {"ready": True}}],
        }

    def reviewed(self) -> int:
        return self.log.read_bytes().count(b'"message":"reviewed"')


class Proxy:
    """The API through `kubectl proxy`, which takes care of who we are."""

    def __init__(self) -> None:
        command = ["kubectl", "proxy", "--port=0", "--disable-filter=true"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def must(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.call(method, path, body)
        assert status < 300, answer
        return answer


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    if not os.environ.get("KUBECONFIG") or not os.environ.get("CLUSTER_ADDR") or not shutil.which("kubectl"):
        why = "KUBECONFIG, kubectl, and CLUSTER_ADDR: an address at which the cluster reaches this machine"
        if os.environ.get("LOGHOOK_CI"):
            pytest.fail(f"CI lacks {why}")
        pytest.skip(f"NOT TESTED: this needs {why}")
    found = Proxy()
    yield found
    found.process.terminate()
    found.process.communicate(timeout=PATIENCE)


class World:
    """The Service, its replicas and its registration."""

    def __init__(self, proxy: Proxy, folder: Path) -> None:
        self.proxy, self.folder = proxy, folder
        self.address = os.environ["CLUSTER_ADDR"]
        self.all: list[Replica] = []
        self.running: list[Replica] = []
        issue = [sys.executable, "-m", "certs", "issue", "--out", str(folder), "--name", f"loghook.{NAMESPACE}.svc"]
        subprocess.run(issue, check=True, capture_output=True)
        proxy.must("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        ports = [{"name": "https", "port": 443, "targetPort": 8443}]
        service = {"metadata": {"name": "loghook"}, "spec": {"ports": ports}}
        proxy.must("POST", f"/api/v1/namespaces/{NAMESPACE}/services", service)

    def start(self) -> Replica:
        new = Replica(len(self.all), self.folder, self.address)
        self.all.append(new)
        self.running.append(new)
        self.proxy.must("POST", f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices", new.slice())
        return new

    def stop(self, old: Replica) -> None:
        """As the kubelet and the endpoint controller do it: at the same time, and neither waits for the other."""
        self.running.remove(old)
        old.process.send_signal(signal.SIGTERM)
        path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/{old.name}"
        self.proxy.must("DELETE", path)

    def register(self) -> None:
        ca = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()
        webhook = {
            "name": "pods.loghook.dev",
            "clientConfig": {
                "service": {"name": "loghook", "namespace": NAMESPACE, "path": "/mutate", "port": 443},
                "caBundle": ca,
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 30,  # a busy machine is slow, and no connection is lost for that
        }
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        self.proxy.must("POST", path, {"metadata": {"name": NAMESPACE}, "webhooks": [webhook]})

    def wait_until_called(self) -> None:
        for _ in range(PATIENCE * 5):
            status, answer = self.create("probe", "?dryRun=All")
            if status == 201 and "initContainers" in answer["spec"] and any(each.reviewed() for each in self.all):
                return
            time.sleep(0.2)
        pytest.fail(f"the API server does not call the webhook: {answer}")

    def create(self, name: str, query: str = "") -> tuple[int, Any]:
        """Create a Pod that asks for a sidecar and is never scheduled."""
        metadata = {"name": name, "annotations": {"loghook.dev/paths": "/var/log/app.log"}}
        gates = [{"name": "loghook.dev/never"}]
        spec = {"schedulingGates": gates, "containers": [{"name": "app", "image": "app"}]}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods{query}"
        return self.proxy.call("POST", path, {"metadata": metadata, "spec": spec})

    def close(self) -> None:
        for each in self.all:
            if each.process.poll() is None:
                each.process.send_signal(signal.SIGINT)
                each.process.wait(PATIENCE)
        path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAMESPACE}"
        self.proxy.call("DELETE", path)
        self.proxy.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture
def world(proxy: Proxy, tmp_path: Path) -> Iterator[World]:
    found = World(proxy, tmp_path)
    try:
        for _ in range(2):
            found.start()
        found.register()
        found.wait_until_called()
        yield found
    finally:
        found.close()


def test_every_pod_is_created_while_replicas_restart(world: World) -> None:
    numbers = itertools.count()
    failures: list[str] = []
    done: list[int] = []
    restarted = threading.Event()

    def create() -> None:
        for number in numbers:
            if failures or (number >= PODS and restarted.is_set()):
                return
            status, answer = world.create(f"app-{number}")
            if status == 201 and answer["spec"].get("initContainers"):
                done.append(number)
            else:
                failures.append(f"{status}: {answer.get('message', 'not injected')}")

    callers = [threading.Thread(target=create) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    restarts = 0
    while any(caller.is_alive() for caller in callers):
        old = world.running[0]
        world.start()
        time.sleep(0.5)
        world.stop(old)
        restarts += 1
        if restarts >= RESTARTS:
            restarted.set()
    for caller in callers:
        caller.join()
    assert failures == []
    assert len(done) >= PODS
    assert sum(each.reviewed() for each in world.all) >= len(done)
