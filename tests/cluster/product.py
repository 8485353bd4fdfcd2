"""The whole product on a real cluster: its image, the chart installed by Helm's own engine, and what it leaves.

Where CLUSTER names a program that makes and loads images, the image is made of the wheel of this source, installed into
an environment of its own; else the cluster must have it, under the name that the chart gives it.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
from ports import free_port

from webhook import __version__

from .client import Client
from .conftest import Cluster, missing, wait_for

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "loghook"
IMAGE = f"ghcr.io/loghook/loghook:{__version__}"
ENVIRONMENT = ROOT / ".dev" / "product"
PASSING = ("certificaterequests", "componentstatuses", "endpoints", "events", "leases", "namespaces", "nodes")
MODULES = (
    "import certs.cluster, certs.health, webhook.cli.app, webhook.cli.verify, webhook.server.main, webhook.cli.serve"
)


def load_product(folder: Path) -> None:
    """Give the cluster's node the image. Its file system is read-only, so it brings its modules compiled."""
    program = os.environ.get("CLUSTER")
    if not program:
        return
    python, cache = ENVIRONMENT / "venv" / "bin" / "python", ENVIRONMENT / "pycache"
    if not (ENVIRONMENT / "ready").exists():
        missing(f"{ENVIRONMENT}, which `make test-cluster` makes")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("loghook-*.whl")
    _run(*pip, "--python", python, "install", "--no-compile", "--no-deps", "--no-index", "--force-reinstall", wheel)
    _run("env", "--ignore-environment", f"PYTHONPYCACHEPREFIX={cache}", python, "-c", MODULES, cwd=folder)
    archive = folder / "loghook.tar"
    entry = [str(python), "-X", "pycache_prefix=/pycache", "-m"]
    (reader,) = python.parents[1].glob("lib/python3*/site-packages/webhook/reader")
    # Where the Dockerfile puts the interpreter and the reader; `env` is the distribution's.
    places = [f"/opt/loghook/bin/python=->{python}", f"/opt/loghook/reader=->{reader}", "/usr/bin/env=/usr/bin/env"]
    _run(program, "pyimage", IMAGE, archive, python.parents[1], f"/pycache/={cache}", *places, "--", *entry)
    _run(program, "load", archive)
    archive.unlink()


def _run(*command: str | Path, cwd: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class Product:
    """One release of the chart in a namespace of its own. Only namespaces labelled `of: NAME` are its business."""

    def __init__(self, name: str, **values: Any) -> None:
        self.name = name
        self.values: dict[str, Any] = {
            "webhook": {"namespaceSelector": {"matchLabels": {"of": name}}, "failurePolicy": "Fail"},
            "drainSeconds": 2,
            "terminationGracePeriodSeconds": 20,
            "verify": {"namespace": self.shop},
            **values,
        }
        self.helm = helm_python.Config(namespace=name)
        self.cluster = Cluster(name)
        self.before: set[str] = set()

    @property
    def shop(self) -> str:
        """The namespace of the applications."""
        return f"{self.name}-shop"

    @property
    def crowd(self) -> str:
        """The namespace of callers that create many Pods at once, for which a quota would be the narrow place."""
        return f"{self.name}-crowd"

    @contextlib.contextmanager
    def installed(self, *needed: dict[str, Any]) -> Iterator[None]:
        """Both namespaces, the release within, and at the end none of them. `before` is what was there.

        `needed` are objects that the release cannot do without.
        """
        self._make_namespaces()
        if needed:
            self.cluster.apply(*needed)
        self.before = self.everything()
        try:
            with self._explained():
                self.helm.install(CHART, self.name, self.values, timeout=180, wait="watcher")
            yield
        finally:
            self.helm.uninstall(self.name, ignore_not_found=True, timeout=180)
            self.cluster.kubectl("delete", "namespace", self.name, self.shop, self.crowd, "--wait=false", check=False)

    def upgrade(self, timeout: int = 120, *, verified: bool = False, **values: Any) -> None:
        """Upgrade with `values` over those of the installation, and wait likewise; on request with the hook."""
        verify = {**self.values["verify"], "enabled": verified}
        with self._explained():
            merged = {**self.values, "verify": verify, **values}
            self.helm.upgrade(CHART, self.name, merged, timeout=timeout, wait="watcher", reset_values=True)

    def test(self) -> str:
        """`helm test`; return what the Pod wrote."""
        with self._explained():
            logs: str = self.helm.test(self.name, timeout=120, logs=True)["logs"]
        return logs

    def _make_namespaces(self) -> None:
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "of": self.name}
        for name in (self.name, self.shop, self.crowd):
            self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
            account = Cluster(name)
            wait_for("its account", lambda: not account.kubectl("get", "sa", "default", check=False).returncode)  # noqa: B023  # it ends before the next round

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Let a failure of Helm say what the Pods say."""
        try:
            yield
        except helm_python.HelmError as error:
            raise AssertionError(f"{error}\n{self._story()}") from error

    def _story(self) -> str:
        events = self.cluster.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False).stdout
        parts = [self.cluster.kubectl("get", "pods", "-o", "wide", check=False).stdout, events[-3000:]]
        for pod in self.cluster.get("pods")["items"]:
            name = pod["metadata"]["name"]
            parts += [name, self.cluster.kubectl("logs", name, "--tail=15", check=False).stdout]
        return "\n".join(parts)

    def injectors(self) -> list[dict[str, Any]]:
        """The injector's Pods that are not going."""
        pods = self.cluster.get("pods", "-l", "app.kubernetes.io/component=webhook")["items"]
        return [each for each in pods if "deletionTimestamp" not in each["metadata"]]

    def reviews(self) -> float:
        """How many reviews the injectors have answered."""
        return self.metric("loghook_reviews_total")

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of one metric over all injectors, by their own count; `labels` is part of what stands in braces."""
        total = 0.0
        for pod in self.injectors():
            path = f"/api/v1/namespaces/{self.name}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
            for line in self.cluster.kubectl("get", "--raw", path).stdout.splitlines():
                if line.startswith(f"{name}{{") and labels in line:
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def bundle(self) -> str:
        """The caBundle, in base64."""
        (webhook,) = self.cluster.get("mutatingwebhookconfiguration", self.name)["webhooks"]
        found: str = webhook["clientConfig"].get("caBundle", "")
        return found

    def secret(self, name: str) -> dict[str, str]:
        """The data of a Secret, in base64; empty where there is none."""
        done = self.cluster.kubectl("get", "secret", name, "-o", "json", check=False)
        data: dict[str, str] = json.loads(done.stdout).get("data", {}) if done.returncode == 0 else {}
        return data

    def hurry_the_kubelet(self) -> None:
        """Let it bring changed Secrets now: it looks at them when a Pod changes, else about once a minute."""
        names = [each["metadata"]["name"] for each in self.injectors()]
        self.cluster.kubectl("annotate", "pod", *names, "--overwrite", f"hurried={time.monotonic_ns()}")

    def everything(self) -> set[str]:
        """Every object of the namespace, and every one that belongs to none, but for what comes and goes by itself."""
        kinds = self.cluster.kubectl("api-resources", "--verbs=list", "--output=name").stdout.split()
        wanted = ",".join(kind for kind in kinds if not kind.startswith(PASSING))
        return set(self.cluster.kubectl("get", wanted, "--output=name", "--ignore-not-found").stdout.split())

    @contextlib.contextmanager
    def proxy(self) -> Iterator[Client]:
        """A client of the API by `kubectl proxy`."""
        port = free_port()
        with subprocess.Popen(["kubectl", "proxy", f"--port={port}"], stdout=subprocess.DEVNULL) as running:
            client = Client(port)

            def answers() -> bool:
                with contextlib.closing(client.again()) as probe, contextlib.suppress(OSError):
                    return probe.call("GET", "/version")[0] == 200
                return False

            try:
                wait_for("kubectl proxy", answers)
                yield client
            finally:
                client.close()
                running.terminate()


def is_vouched_for(authority: str, leaf: str, name: str) -> None:
    """Check by `openssl`, strictly, that a CA vouches for a serving certificate; both are base64 of PEM."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for file, text in (("ca.crt", authority), ("tls.crt", leaf)):
            (Path(folder) / file).write_bytes(base64.b64decode(text))
            files.append(Path(folder) / file)
        strict = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", name]
        _run("openssl", "verify", *strict, "-CAfile", *files)
