"""A real Kubernetes API, found by the ecosystem's conventions, and our real server registered with it.

`api` tests start etcd and kube-apiserver from KUBEBUILDER_ASSETS, on loopback, without root. `cluster` tests use the
cluster of KUBECONFIG, whose API server and nodes must reach this machine at CLUSTER_ADDR. Where CLUSTER names a program
that makes and loads images (`CLUSTER mkimage NAME OUT [PATH=FILE]...`, `CLUSTER load FILE`), the image is made
of the busybox of this machine; else the cluster pulls it.
"""

import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import pytest
import yaml
from ports import free_port

from webhook.cli import main
from webhook.config.loghook_yaml import Config
from webhook.review import Reviews

ROOT = Path(__file__).resolve().parents[2]
BUSYBOX_IMAGE = "docker.io/library/busybox:1.37"
COLLECTOR_IMAGE = "docker.io/otel/opentelemetry-collector-k8s:0.159.0"
PATIENCE = 120
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""

RECEIVER_ADDRESS, NOBODYS_ADDRESS = "10.96.200.200", "10.96.200.201"  # of Services: the cluster has no DNS
CONFIG = f"""
destinations:
  central: {{type: otlp, host: {RECEIVER_ADDRESS}, tls: {{enabled: false}}}}
  away:
    type: otlp
    host: {NOBODYS_ADDRESS}
    tls: {{ca: {{secret: missing, key: ca.crt}}}}
    token: {{secret: missing, key: token}}
"""


_T = TypeVar("_T")


def missing(what: str) -> None:
    """Skip loudly; in CI nothing that could be had may be skipped."""
    if os.environ.get("LOGHOOK_CI"):
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"NOT TESTED: this needs {what}")


def wait_for(what: str, check: Callable[[], _T], seconds: float = PATIENCE) -> _T:
    """The first true answer of `check`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Process:
    """A program that runs beside the test, with its output in a file that a failure shows."""

    def __init__(self, log: Path, *command: str | Path, **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )

    def check(self) -> None:
        if self.process.poll() is not None:
            pytest.fail(f"ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Webhook:
    """Our server, as `loghook serve` starts it."""

    def __init__(self, folder: Path, address: str, config: str = "", *names: str) -> None:
        self.port, self.health_port, self.address = free_port(), free_port(), address
        pki = folder / "pki"
        if not pki.exists():
            issued(pki, address, "localhost", *names)
        self.ca = (pki / "ca.crt").read_bytes()
        settings = folder / "loghook.yaml"
        settings.write_text(config)
        options: list[str | Path] = [
            *f"--host {address} --port {self.port} --health-port {self.health_port} --drain-seconds 1".split()
        ]
        tls: list[str | Path] = ["--tls-cert", pki / "tls.crt", "--tls-key", pki / "tls.key", "--config", settings]
        self.process = Process(folder / "webhook.log", sys.executable, "-m", "webhook", "serve", *tls, *options)
        wait_for("the webhook", self.is_ready)

    def stop(self) -> None:
        self.process.stop()

    def is_ready(self) -> bool:
        self.process.check()
        try:
            with closing(http.client.HTTPConnection(self.address, self.health_port, timeout=PATIENCE)) as connection:
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
        except OSError:
            return False

    def client_config(self, path: str) -> dict[str, str]:
        """How a registration says that it is called here."""
        bundle = base64.b64encode(self.ca).decode()
        return {"url": f"https://{self.address}:{self.port}{path}", "caBundle": bundle}

    def configuration(self, name: str = "loghook") -> dict[str, Any]:
        """The MutatingWebhookConfiguration that sends Pods here."""
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [
                {
                    "name": "pods.loghook.dev",
                    "clientConfig": self.client_config("/mutate"),
                    "rules": [
                        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
                    ],
                    "matchConditions": [
                        {
                            "name": "asks-for-loghook",
                            "expression": "has(object.metadata.annotations) && "
                            "object.metadata.annotations.exists(k, k.startsWith('loghook.dev/'))",
                        }
                    ],
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Fail",
                    "reinvocationPolicy": "IfNeeded",
                    "timeoutSeconds": 30,
                }
            ],
        }


class Api:
    """A bare client of the API: what goes over the wire is what the test says, nothing is filled in or dropped."""

    def __init__(self, port: int, ca: Path, token: str) -> None:
        self.port, self.ca, self.token = port, ca, token
        self.context = ssl.create_default_context(cafile=str(ca))
        self.connection: http.client.HTTPSConnection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def call(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any, list[str]]:
        """Status, decoded answer, and the warnings that kubectl would print."""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self.context, timeout=PATIENCE
            )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"{path}?{urlencode(query)}" if query else path
        try:
            self.connection.request(method, url, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return answer.status, json.loads(text) if text[:1] == b"{" else text, answer.headers.get_all("Warning") or []


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder with etcd, kube-apiserver and kubectl."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if not folder or not (Path(folder) / "kube-apiserver").exists():
        missing("KUBEBUILDER_ASSETS, a folder with etcd and kube-apiserver (setup-envtest use -p env)")
    return Path(str(folder))


@pytest.fixture(scope="module")
def api(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A kube-apiserver of the module's own: what another registered there would call its servers, which are gone."""
    with apiserver(assets, tmp_path_factory.mktemp("apiserver")) as found:
        yield found


@contextmanager
def apiserver(assets: Path, folder: Path, *options: str) -> Iterator[Api]:
    """A kube-apiserver with an etcd, for a while; `options` are further ones of its command line."""
    client, peer, port = free_port(), free_port(), free_port()
    etcd = Process(
        folder / "etcd.log",
        assets / "etcd",
        *f"--data-dir {folder}/etcd --log-level=warn --unsafe-no-fsync".split(),
        *f"--listen-client-urls http://127.0.0.1:{client} --advertise-client-urls http://127.0.0.1:{client}".split(),
        *f"--listen-peer-urls http://127.0.0.1:{peer} --initial-advertise-peer-urls http://127.0.0.1:{peer}".split(),
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
    )
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", folder / "pki"], check=True, capture_output=True)
    token = "a-token-of-this-test-only"  # noqa: S105 - it is
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    pki = folder / "pki"
    server = Process(
        folder / "apiserver.log",
        assets / "kube-apiserver",
        *f"--etcd-servers=http://127.0.0.1:{client} --bind-address=127.0.0.1 --secure-port={port}".split(),
        *f"--tls-cert-file={pki}/tls.crt --tls-private-key-file={pki}/tls.key".split(),
        f"--token-auth-file={folder}/tokens.csv",
        *f"--service-account-key-file={pki}/tls.crt --service-account-signing-key-file={pki}/tls.key".split(),
        *["--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16"],
        *["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true"],
        *options,
    )
    found = Api(port, pki / "ca.crt", token)

    def is_ready() -> bool:
        etcd.check()
        server.check()
        try:
            return found.call("GET", "/readyz")[0] == 200 and found.call("GET", "/api/v1/namespaces/default")[0] == 200
        except OSError:
            return False

    try:
        wait_for("kube-apiserver", is_ready)
        yield found
    finally:
        found.close()
        server.stop()
        etcd.stop()


@pytest.fixture(scope="module")
def registered(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """Our server, registered with the API server of `api`."""
    with registration(api, Webhook(tmp_path_factory.mktemp("webhook"), "127.0.0.1")) as webhook:
        yield webhook


@contextmanager
def registration(api: Api, webhook: Webhook) -> Iterator[Webhook]:
    """`webhook`, which is ended at last, registered with `api`."""
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    status, answer, _ = api.call("POST", path, webhook.configuration())
    assert status == 201, answer
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "annotations": {"loghook.dev/inject": "?"}},
    }
    probe["spec"] = {"containers": [{"name": "app", "image": "app"}]}

    def is_called() -> bool:
        return api.call("POST", "/api/v1/namespaces/default/pods", probe, dryRun="All")[0] == 422

    try:
        wait_for("the API server calls the webhook", is_called)
        yield webhook
    finally:
        api.call("DELETE", f"{path}/loghook")
        webhook.stop()


class Core(Webhook):
    """Our core behind TLS in a thread of the test, under a configuration that the test changes as it likes."""

    def __init__(self, folder: Path) -> None:
        self.address, self.reviews = "127.0.0.1", Reviews(Config())
        names = ("127.0.0.1", "localhost")
        self.pki = issued(folder / "pki", *names)
        self.ca = (self.pki / "ca.crt").read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki / "tls.crt", self.pki / "tls.key")
        core = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = core.reviews.answer(self.rfile.read(int(self.headers["Content-Length"]))).body
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def issued(folder: Path, *names: str) -> Path:
    """A folder with a CA and a serving certificate for `names`."""
    options = [word for name in names for word in ("--name", name)]
    command: list[str | Path] = [sys.executable, "-m", "certs", "issue", "--out", folder, *options]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def core(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """Our core, registered with the API server of `api`."""
    with registration(api, Core(tmp_path_factory.mktemp("core"))) as webhook:
        assert isinstance(webhook, Core)
        yield webhook


@pytest.fixture(scope="module")
def kubeconfig(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of an administrator of `api`."""
    return written_kubeconfig(tmp_path_factory.mktemp("kubeconfig") / "config", api, api.token)


def written_kubeconfig(file: Path, api: Api, token: str) -> Path:
    """A kubeconfig in `file`, by which the owner of `token` reaches `api`."""
    cluster = {"server": f"https://127.0.0.1:{api.port}", "certificate-authority": str(api.ca)}
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    file.write_text(yaml.safe_dump(whole))
    return file


class Said(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def loghook(
    kubeconfig: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """`loghook` within this process, as an administrator of `api`."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    def run(*words: str | Path) -> Said:
        code = main([str(word) for word in words])
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    return run


class Cluster:
    """A cluster with a node, by kubectl as its users have it."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def kubectl(self, *words: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "--namespace", self.namespace, *words]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False, timeout=300)
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}: {done.stderr}{done.stdout}")
        return done

    def apply(self, *documents: dict[str, Any], check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.kubectl("apply", "-f", "-", text=yaml.safe_dump_all(documents), check=check)

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def logs(self, pod: str, container: str = "loghook", *, least: int = 0) -> list[str]:
        """The lines in the log of a container, as soon as there are `least`.

        The node writes it on for a moment after it has said that the container ended.
        """
        found = [""]

        def come() -> bool:
            found[0] = self.kubectl("logs", pod, "-c", container).stdout
            return found[0].count("\n") >= least

        wait_for(f"{least} lines of {container} in {pod}", come)
        return found[0].splitlines()

    def follow(self, pod: str, container: str = "loghook") -> subprocess.Popen[str]:
        """The container's stream until its end, which outlives the Pod's deletion."""
        command = ["kubectl", "--namespace", self.namespace, "logs", "-f", pod, "-c", container]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_for_phase(self, pod: str, *phases: str, seconds: float = PATIENCE) -> Any:
        def found() -> Any:
            there = self.get("pod", pod)
            return there if there["status"].get("phase") in phases else None

        return wait_for(f"{pod} is {' or '.join(phases)}", found, seconds)


@pytest.fixture(scope="session")
def cluster_address() -> str:
    """An address at which the cluster of KUBECONFIG reaches this machine."""
    address = os.environ.get("CLUSTER_ADDR")
    if not os.environ.get("KUBECONFIG") or not address or not shutil.which("kubectl"):
        missing("KUBECONFIG, kubectl, and CLUSTER_ADDR: an address at which the cluster reaches this machine")
    return str(address)


@pytest.fixture(scope="session")
def sidecar_image(cluster_address: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images of sidecars on the node."""
    del cluster_address
    load_images(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def node(cluster_address: str, sidecar_image: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """The cluster with our server registered, for all namespaces but those of a release of the chart."""
    del sidecar_image
    webhook = Webhook(tmp_path_factory.mktemp("cluster"), cluster_address, CONFIG)
    cluster = Cluster("default")
    configuration = webhook.configuration("loghook-node")
    of_no_release = {"matchExpressions": [{"key": "of", "operator": "DoesNotExist"}]}
    configuration["webhooks"][0]["namespaceSelector"] = of_no_release
    cluster.apply(configuration)
    try:
        yield webhook
    finally:
        cluster.kubectl("delete", "mutatingwebhookconfiguration", "loghook-node", check=False)
        webhook.process.stop()


def load_images(folder: Path) -> None:
    """Make the images of programs of this machine, where the cluster cannot pull them."""
    program, busybox = os.environ.get("CLUSTER"), shutil.which("busybox")
    if not program:
        return
    if not busybox:
        missing("busybox, statically linked (Debian's busybox-static)")
    applets = subprocess.run([str(busybox), "--list"], check=True, capture_output=True, text=True).stdout.split()
    links = [f"/bin/{applet}=->/bin/busybox" for applet in applets if applet != "busybox"]
    links.append("/var/run=->/run")  # as most images have it
    load_image(program, folder / "busybox.tar", BUSYBOX_IMAGE, f"/bin/busybox={busybox}", *links)
    collector = Path(os.environ.get("KUBEBUILDER_ASSETS", "")) / "otelcol"
    if collector.exists():
        load_image(program, folder / "otelcol.tar", COLLECTOR_IMAGE, f"/otelcol-k8s={collector}", "--", "/otelcol-k8s")


def load_image(program: str, file: Path, name: str, *contents: str) -> None:
    subprocess.run([program, "mkimage", name, file, *contents], check=True)
    subprocess.run([program, "load", file], check=True)


@pytest.fixture(scope="session")
def product_image(sidecar_image: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Our own image on the node, beside the sidecar's."""
    del sidecar_image
    from .product import load_product

    load_product(tmp_path_factory.mktemp("product"))


@contextmanager
def namespace(name: str) -> Iterator[Cluster]:
    """A namespace that enforces Pod Security `restricted`, for a while."""
    found = Cluster(name)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    wait_for(
        "the service account", lambda: found.kubectl("get", "serviceaccount", "default", check=False).returncode == 0
    )
    yield found
    found.kubectl("delete", "namespace", name, "--wait=false", check=False)


@pytest.fixture
def cluster(node: Webhook, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of the test's own."""
    node.process.check()
    with namespace(request.node.name.replace("_", "-").replace("[", "-").rstrip("]")[:50].strip("-")) as found:
        yield found


@pytest.fixture(scope="module")
def shared_cluster(node: Webhook, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of a module's own, where what its tests look at happens at the same time."""
    node.process.check()
    with namespace(Path(request.node.name).stem.replace("_", "-")) as found:
        yield found
