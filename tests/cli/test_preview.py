import base64
import http.server
import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from webhook.config.loghook_yaml import Config
from webhook.review import Reviews

Run = Callable[..., Any]

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: app # who
  annotations:
    loghook.dev/paths: /var/log/app.log
spec:
  containers:
  - name: app
    image: nginx
"""


class Webhook(http.server.ThreadingHTTPServer):
    """The real core behind a plain HTTPS server; `answer` may be set to something else."""

    url = ""
    reviews: list[Any]
    answer: tuple[int, bytes] | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reviews.append((self.path, json.loads(body)))
        status, content = self.server.answer or (200, Reviews(Config()).answer(body).body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def webhook(pki: Path) -> Iterator[Webhook]:
    with Webhook(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "tls.crt", pki / "tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url, server.reviews = f"https://127.0.0.1:{server.server_port}", []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def preview(run: Run, webhook: Webhook, pki: Path) -> Run:
    def run_preview(stdin: str, *arguments: str) -> Any:
        return run("preview", "-f", "-", "--server", webhook.url, "--ca", str(pki / "ca.crt"), *arguments, stdin=stdin)

    return run_preview


def test_the_diff_shows_what_is_added_to_the_file(preview: Run) -> None:
    result = preview(POD)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == ["--- stdin", "+++ stdin, pod/app injected"]
    assert "   name: app # who" in lines
    assert "+  - name: loghook-logs" in lines
    assert [line for line in lines[2:] if line.startswith("-")] == []


def test_long_texts_are_shortened_unless_they_are_asked_for(preview: Run) -> None:
    shortened, full = preview(POD).out, preview(POD, "--full").out
    assert "more lines)" in shortened
    assert "more lines)" not in full
    assert len(full) > 2 * len(shortened)


def test_the_webhook_gets_a_dry_run_as_the_api_server_would_send_it(preview: Run, webhook: Webhook) -> None:
    template = "".join(f"    {line}" for line in POD.partition("  name: app # who\n")[2].splitlines(keepends=True))
    preview(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        f"spec:\n  template:\n    metadata:\n{template}",
        *("-n", "shop"),
    )
    ((path, review),) = webhook.reviews
    request = review["request"]
    assert (path, review["apiVersion"], review["kind"]) == ("/mutate", "admission.k8s.io/v1", "AdmissionReview")
    assert (request["operation"], request["namespace"], request["dryRun"]) == ("CREATE", "shop", True)
    assert request["kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert request["object"]["metadata"]["generateName"] == "web-"
    assert request["object"]["metadata"]["ownerReferences"] == [{"kind": "ReplicaSet", "controller": True}]


def test_refused_and_untouched_pods_are_said(preview: Run) -> None:
    refused = preview(POD.replace("/var/log/app.log", "nonsense"))
    assert (refused.code, refused.out) == (1, "")
    first, second = refused.err.splitlines()
    assert first == "pod/app: refused"
    assert re.match(r"  stdin:\d+:5: error: LH1\d\d loghook.dev/paths: ", second)
    untouched = preview(POD.replace("loghook.dev", "example.com"))
    assert (untouched.code, untouched.out, untouched.err) == (0, "", "pod/app: nothing is added\n")
    warned = preview(POD.replace("/app.log\n", "/app.log\n    loghook.dev/time-zone: UTC\n"))
    assert re.match(r"pod/app: told\n  stdin:\d+:5: warning: LH191 loghook.dev/time-zone: ", warned.err)


def patched(patch: bytes) -> bytes:
    return json.dumps({"response": {"allowed": True, "patch": base64.b64encode(patch).decode()}}).encode()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"oh\x1b[2J"), "answered 500 Internal Server Error: oh\\x1b[2J"),
        ((200, b"{}"), "answered something else than an AdmissionReview"),
        ((200, b"<html>"), "answered something else than an AdmissionReview"),
        ((200, patched(b"!")), "answered something else than an AdmissionReview"),
        ((200, patched(b'[{"op": "remove", "path": "/spec"}]')), "answered something else than an AdmissionReview"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_one_line(
    preview: Run, webhook: Webhook, answer: tuple[int, bytes], said: str
) -> None:
    webhook.answer = answer
    result = preview(POD)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(f"Error: {webhook.url} ")
    assert said in result.err


def test_a_server_that_nobody_vouches_for_is_not_asked(run: Run, webhook: Webhook, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", tmp_path], check=True, capture_output=True)
    result = run("preview", "-f", "-", "--server", webhook.url, "--ca", str(tmp_path / "ca.crt"), stdin=POD)
    assert (result.code, result.out, webhook.reviews) == (1, "", [])
    assert result.err.startswith(f"Error: {webhook.url} is not to be trusted: ")


def test_wrong_use_is_one_line(run: Run, pki: Path, tmp_path: Path) -> None:
    ca = str(pki / "ca.crt")
    (tmp_path / "no.crt").write_text("nothing")
    for server, file, code, line in (
        ("http://127.0.0.1", ca, 2, "--server takes a URL like https://127.0.0.1:8443, not http://127.0.0.1"),
        ("https://a:x", ca, 2, "--server https://a:x: Port could not be cast to integer value as 'x'"),
        ("https://a", str(tmp_path / "missing"), 2, f"{tmp_path}/missing: No such file or directory"),
        ("https://a", str(tmp_path / "no.crt"), 2, f"{tmp_path}/no.crt: no certificate of a CA in it"),
        ("https://127.0.0.1:1", ca, 1, "https://127.0.0.1:1 cannot be reached: Connection refused"),
    ):
        result = run("preview", "-f", "-", "--server", server, "--ca", file, stdin=POD)
        assert (result.code, result.out, result.err) == (code, "", f"Error: {line}\n")


BESIDE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    loghook.dev/paths: /var/log/app.log
spec:
  template:
    spec: {containers: [{name: app, image: app}]}
"""


def test_annotations_that_no_pod_gets_are_said_with_their_line(preview: Run) -> None:
    nothing, said = preview(BESIDE).err.splitlines()
    assert nothing == "deployment/web: nothing is added"
    assert said.startswith("  stdin:6:5: warning: LH601 loghook.dev/paths: no Pod gets it from deployment/web itself, ")


def test_objects_that_bring_no_pod_are_said_only_where_asked(preview: Run) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    assert preview(service).err == ""
    assert preview(service, "--verbose").err == "service/web: skipped: it brings no Pod\n"
    deeper = "apiVersion: x/v1\nkind: Spark\nmetadata: {name: web}\nspec: {a: {annotations: {loghook.dev/paths: /x}}}\n"
    assert preview(deeper).err == "spark/web: skipped: kind not known, but a template in it has our annotations\n"


@pytest.mark.parametrize(
    "server",
    [
        "https://a..b:8443",
        f"https://{'a' * 80}.com",
        "https://[::1",
        "https://a b/",
        "https://127.0.0.1:1/\xe9",
        "https://a:99999",
    ],
)
def test_a_url_by_which_nothing_can_be_asked_is_wrong_use(run: Run, tmp_path: Path, server: str) -> None:
    result = run("preview", "-f", "-", "--server", server, "--ca", str(tmp_path / "ca.crt"))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith("Error: --server https://")
