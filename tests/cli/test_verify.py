"""`loghook verify` against the real core over TLS, and a small API server of our own on a real socket."""

import base64
import copy
import http.server
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from webhook.config.loghook_yaml import Config, load
from webhook.review import Reviews
from webhook.validation import Validations

Run = Callable[..., Any]
HOST = "loghook.logs.svc"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/loghook"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what its server's `answer` says, in JSON."""

    def do_GET(self) -> None:
        self.reply("GET", b"")

    def do_POST(self) -> None:
        self.reply("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, method: str, body: bytes) -> None:
        status, content, *warnings = self.server.answer(method, self.path, body)  # type: ignore[attr-defined]  # Web, below
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for warning in warnings:
            self.send_header("Warning", f'299 - "{warning}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Web(http.server.ThreadingHTTPServer):
    """A server in a thread, over TLS where it is given a context."""

    def __init__(self, answer: Callable[[str, str, bytes], tuple[Any, ...]], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        pass  # a handshake that the client broke off

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class World:
    """A webhook with its registration, Service and API server, all of which a test may change."""

    def __init__(self, pki: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "tls.crt", pki / "tls.key")
        self.core: Callable[[bytes], tuple[int, Any]] = lambda body: (200, Reviews(Config()).answer(body).body)
        self.advice: Callable[[bytes], tuple[int, Any]] = lambda body: (200, Validations(Config()).answer(body).body)
        self.mutates = self.tells = True
        self.created: list[tuple[str, Any]] = []
        self.webhook = Web(lambda _, path, body: (self.advice if path == "/validate" else self.core)(body), context)
        self.server = Web(self.answer)
        self.objects: dict[str, Any] = {}
        service = {"name": "loghook", "namespace": "logs", "path": "/mutate", "port": self.webhook.server_port}
        bundle = base64.b64encode((pki / "ca.crt").read_bytes()).decode()
        self.entry: dict[str, Any] = {
            "name": "pods.loghook.dev",
            "clientConfig": {"service": service, "caBundle": bundle},
            "failurePolicy": "Ignore",
        }
        self.register("loghook", self.entry)
        service = {**service, "path": "/validate"}
        self.second: dict[str, Any] = {
            "name": "workloads.loghook.dev",
            "clientConfig": {"service": service, "caBundle": bundle},
        }
        self.objects[VALIDATING] = {"metadata": {"name": "loghook"}, "webhooks": [self.second]}
        self.objects["/api/v1/namespaces/logs/services/loghook"] = {"spec": {"externalName": "127.0.0.1"}}
        cluster = {"name": "a", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}
        kubeconfig = {"clusters": [cluster], "users": [{"name": "a", "user": {"token": "of-this-test-only"}}]}
        kubeconfig |= {"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}
        text = yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "a", **kubeconfig})
        (folder / "kubeconfig").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))

    def register(self, name: str, *entries: dict[str, Any]) -> None:
        path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}"
        self.objects[path] = {"metadata": {"name": name}, "webhooks": list(entries)}

    def answer(self, method: str, path: str, body: bytes) -> tuple[Any, ...]:
        """The API server's part."""
        if method == "GET":
            found = self.objects.get(path)
            return (200, found) if found else (404, {"kind": "Status", "message": f'"{path}" not found'})
        self.created.append((path, json.loads(body)))
        pod = json.loads(body)
        if "/podtemplates" in path:
            return self.told(pod)
        if not self.mutates:
            return 201, pod
        review = {"request": {"uid": "1", "kind": {"version": "v1", "kind": "Pod"}, "operation": "CREATE"}}
        review["request"] |= {"namespace": "shop", "object": copy.deepcopy(pod)}
        text = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", **review}).encode()
        response = json.loads(Reviews(Config()).answer(text).body)["response"]
        return 201, jsonpatch.apply_patch(pod, json.loads(base64.b64decode(response["patch"])))

    def told(self, template: Any) -> tuple[Any, ...]:
        """The API server's part where a PodTemplate is created."""
        review = {"request": {"uid": "1", "kind": {"kind": "PodTemplate"}, "operation": "CREATE", "object": template}}
        text = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", **review}).encode()
        status, body = self.advice(text)
        response: dict[str, Any] = {"allowed": True}
        if status == 200 and self.tells:
            response = json.loads(body)["response"]
        if not response["allowed"]:
            return 422, {"kind": "Status", "message": response["status"]["message"]}
        return 201, template, *response.get("warnings", ())

    def close(self) -> None:
        self.webhook.close()
        self.server.close()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    command: list[str | Path] = [sys.executable, "-m", "certs", "issue", "--out", folder, "--name", HOST]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def world(pki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World(pki, tmp_path, monkeypatch)
    yield found
    found.close()


def verify(run: Run, *more: str) -> Any:
    return run("verify", "--webhook-configuration", "loghook", *more)


def test_says_each_thing_that_is_proven(world: World, run: Run) -> None:
    result = verify(run, "--namespace", "shop")
    assert (result.code, result.err) == (0, "")
    registered, vouched, answered, created = result.out.splitlines()
    assert registered == "ok  loghook is registered, and its caBundle holds 1 CA"
    assert vouched.startswith(
        f"ok  https://{HOST}:{world.webhook.server_port} is vouched for by the caBundle, until 20"
    )
    assert answered == "ok  it answers a review with the sidecar loghook"
    assert created == "ok  the API server gives a Pod in shop the sidecar loghook"


def test_asks_only_through_the_api_server_where_it_is_told_to(world: World, run: Run) -> None:
    world.core = lambda _: (500, {})
    result = verify(run, "--indirect", "--namespace", "shop")
    assert (result.code, len(result.out.splitlines())) == (0, 2)
    assert verify(run, "--indirect").code == 2


def test_creates_nothing_but_by_a_dry_run(world: World, run: Run) -> None:
    assert verify(run).code == 0
    assert world.created == []
    assert verify(run, "--namespace", "shop").code == 0
    ((path, pod),) = world.created
    assert path == "/api/v1/namespaces/shop/pods?dryRun=All"
    assert pod["kind"] == "Pod"


def test_a_bundle_may_have_names_of_authorities_as_they_are_written(world: World, run: Run) -> None:
    """In comments, as the bundles of systems have them: the API server takes them."""
    pem = base64.b64decode(world.entry["clientConfig"]["caBundle"])
    commented = "# AC Raíz Certicámara\n".encode() + pem + "# Ω\n".encode()
    world.entry["clientConfig"]["caBundle"] = base64.b64encode(commented).decode()
    assert verify(run).code == 0


@pytest.mark.parametrize("answer", [{"status": "ok"}, {"major": "1"}, {"major": "one", "minor": "x"}, ["a page"]])
def test_check_says_that_something_else_answers(world: World, run: Run, answer: Any) -> None:
    world.objects["/version"] = answer
    result = run("check")
    assert result.code == 1
    assert "what answers /version is no Kubernetes API" in result.out


def unbundled(world: World, _: Path) -> None:
    del world.entry["clientConfig"]["caBundle"]


def foreign(world: World, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", folder / "other"], check=True, capture_output=True)
    bundle = base64.b64encode((folder / "other" / "ca.crt").read_bytes()).decode()
    world.entry["clientConfig"]["caBundle"] = bundle


def garbled(world: World, _: Path) -> None:
    world.entry["clientConfig"]["caBundle"] = "****"


def empty(world: World, _: Path) -> None:
    bundle = base64.b64encode(b"no certificate\n").decode()
    world.entry["clientConfig"]["caBundle"] = bundle


def another_name(world: World, _: Path) -> None:
    world.entry["clientConfig"]["service"]["name"] = "other"
    world.objects["/api/v1/namespaces/logs/services/other"] = {"spec": {"externalName": "127.0.0.1"}}


def by_url(world: World, _: Path) -> None:
    world.entry["clientConfig"] = {"url": "https://127.0.0.1/mutate"}


def unregistered(world: World, _: Path) -> None:
    world.objects.clear()


def another_webhook(world: World, _: Path) -> None:
    world.register("loghook", {**world.entry, "name": "others.example.com"})


def no_service(world: World, _: Path) -> None:
    del world.objects["/api/v1/namespaces/logs/services/loghook"]


def away(world: World, _: Path) -> None:
    world.webhook.close()


def failing(world: World, _: Path) -> None:
    world.core = lambda _: (500, {"error": "internal error"})


def no_review(world: World, _: Path) -> None:
    world.core = lambda _: (200, {"kind": "Status"})


def refusing(world: World, _: Path) -> None:
    status = {"message": "LH101 no\x1b[31m such key"}
    world.core = lambda _: (200, {"response": {"uid": "1", "allowed": False, "status": status}})


def idle(world: World, _: Path) -> None:
    world.core = lambda _: (200, {"response": {"uid": "1", "allowed": True}})


def wrong_patch(world: World, _: Path) -> None:
    patch = base64.b64encode(b'[{"op": "add", "path": "/spec/nothing/1", "value": 1}]').decode()
    world.core = lambda _: (200, {"response": {"uid": "1", "allowed": True, "patch": patch}})


def no_patch(world: World, _: Path) -> None:
    world.core = lambda _: (200, {"response": {"uid": "1", "allowed": True, "patch": "e30"}})


def uncalled(world: World, _: Path) -> None:
    world.mutates = False


WRONG: list[tuple[Callable[[World, Path], None], str]] = [
    (unregistered, "cannot read the MutatingWebhookConfiguration loghook: HTTP 404: "),
    (another_webhook, "the MutatingWebhookConfiguration loghook has no webhook pods.loghook.dev"),
    (by_url, "pods.loghook.dev is called by a URL, not by a Service"),
    (unbundled, "pods.loghook.dev has no caBundle yet: is what writes it running"),
    (garbled, "the caBundle of pods.loghook.dev is no PEM"),
    (empty, "the caBundle holds no certificate"),
    (no_service, "cannot read the Service logs/loghook: HTTP 404"),
    (foreign, "is not trusted by its caBundle: "),
    (another_name, "is not trusted by its caBundle: Hostname mismatch"),
    (away, "does not answer at 127.0.0.1: "),
    (failing, "answered HTTP 500: "),
    (no_review, "answered something else than an AdmissionReview"),
    (refusing, "refuses the Pod of the verification: LH101 no\\x1b[31m such key"),
    (idle, "answers, but adds no sidecar: is the namespace excluded in its configuration?"),
    (wrong_patch, "does not apply: "),
    (no_patch, "the patch in the answer is no base64 of JSON"),
    (uncalled, "the API server would create a Pod in shop without a sidecar"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_wrong_is_one_line(
    world: World, run: Run, tmp_path: Path, spoil: Callable[[World, Path], None], said: str
) -> None:
    spoil(world, tmp_path)
    result = verify(run, "--namespace", "shop")
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert said in result.err
    assert result.err.count("\n") == 1


def test_waits_until_it_works_and_says_what_for(world: World, run: Run) -> None:
    answers = iter([500, 500])
    core = world.core

    def answer(body: bytes) -> tuple[int, Any]:
        status = next(answers, None)
        return (status, {}) if status else core(body)

    world.core = answer
    result = verify(run, "--timeout-seconds", "30")
    assert result.code == 0
    assert result.err.splitlines() == [f"waiting: https://{HOST}:{world.webhook.server_port} answered HTTP 500: {{}}"]
    assert len(result.out.splitlines()) == 3


def test_without_a_cluster_it_is_wrong_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    result = verify(run)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: no access to a cluster")


# The webhook for what is applied.

BOTH = ("--validating-webhook-configuration", "loghook")
DENY = load("workloads: {action: Deny}")


def test_proves_that_whoever_applies_something_is_told(world: World, run: Run) -> None:
    result = verify(run, *BOTH, "--namespace", "shop")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[4:] == [
        "ok  loghook is registered for what is applied, and its caBundle holds 1 CA",
        "ok  it says what is wrong with a template",
        "ok  the API server says what is wrong with a template in shop",
    ]
    assert world.created[-1][0] == "/api/v1/namespaces/shop/podtemplates?dryRun=All"


def test_takes_a_refusal_for_a_word(world: World, run: Run) -> None:
    world.advice = lambda body: (200, Validations(DENY).answer(body).body)
    assert verify(run, *BOTH, "--namespace", "shop").code == 0


def test_asks_about_what_is_applied_through_the_api_server_too(world: World, run: Run) -> None:
    world.core = lambda _: (500, {})
    result = verify(run, *BOTH, "--indirect", "--namespace", "shop")
    assert (result.code, len(result.out.splitlines())) == (0, 4)


def not_registered_twice(world: World) -> None:
    del world.objects[VALIDATING]


def not_that_webhook(world: World) -> None:
    world.second["name"] = "others.example.com"


def not_bundled(world: World) -> None:
    del world.second["clientConfig"]["caBundle"]


def not_saying_anything(world: World) -> None:
    world.advice = lambda _: (200, b'{"response": {"uid": "1", "allowed": true}}')


def not_there_yet(world: World) -> None:
    world.advice = lambda _: (404, b'{"error": "not found"}')


def not_called(world: World) -> None:
    world.tells = False


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (not_registered_twice, "cannot read the ValidatingWebhookConfiguration loghook: HTTP 404"),
        (not_that_webhook, "the ValidatingWebhookConfiguration loghook has no webhook workloads.loghook.dev"),
        (not_bundled, "workloads.loghook.dev has no caBundle yet"),
        (not_saying_anything, "does not say what is wrong with a template: is another version running?"),
        (not_there_yet, "answered HTTP 404"),
        (not_called, "the API server says nothing of a wrong template in shop"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_advice_is_one_line(
    world: World, run: Run, spoil: Callable[[World], None], said: str
) -> None:
    spoil(world)
    result = verify(run, *BOTH, "--namespace", "shop")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert said in result.err
