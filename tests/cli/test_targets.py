"""What is typed to name objects of a cluster, and the lines of their logs, by a small API server on loopback."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

Run = Callable[..., Any]

APP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "annotations": {"loghook.dev/paths": "/var/log/app/*.log"}},
    "spec": {"containers": [{"name": "app", "image": "x"}]},
}
PODS = "/api/v1/namespaces/shop/pods"


class Cluster(ThreadingHTTPServer):
    """Answers what is in `objects`, and 404; of a log, lines for as long as somebody reads. `asked` has all paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Any] = {}
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Cluster
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.endswith("/log"):
            self._log(int(query.get("tailLines", ["3"])[0]), follow="follow" in query)
        elif query.get("labelSelector", [""])[0].startswith("bad"):
            self._answer(400, {"kind": "Status", "message": "unable to parse requirement"})
        elif path in self.server.objects:
            self._answer(200, self.server.objects[path])
        else:
            self._answer(404, {"kind": "Status", "message": "not found"})

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _log(self, lines: int, *, follow: bool) -> None:
        """In chunks, as the API server does; where it is followed for ever."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(OSError):
            for _ in repeat(None) if follow else range(lines):
                self.wfile.write(b"5\r\nline\n\r\n")
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def cluster(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster()
    injected = yaml.safe_load(run("inject", "-f", "-", stdin=json.dumps(APP)).out)
    made.objects = {
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": {"items": []},
        "/api/v1/namespaces": {"items": []},
        "/api/v1/namespaces/shop": {"metadata": {"name": "shop"}},
        PODS: {"items": [injected]},
        f"{PODS}/web": injected,
        "/apis/apps/v1/namespaces/shop/deployments/web": {
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"spec": APP["spec"]}},
        },
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{made.server_port}"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "shop"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    thread = Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join(60)
    made.server_close()


@pytest.mark.parametrize("command", ["describe", "logs", "discover"])
@pytest.mark.parametrize("target", ["", "/", "deploy/", "pod/..", "pod/../../nodes", "a b", "a?b", "a%2fb", "a#b"])
def test_what_can_be_no_name_is_wrong_use_and_nothing_is_read(
    run: Run, cluster: Cluster, command: str, target: str
) -> None:
    result = run(command, target)
    assert (result.code, result.out) == (2, "")
    assert f"Error: {target!r} names no object: write NAME, or KIND/NAME\n" in result.err
    assert not [path for path in cluster.asked if "/pods" in path or "/deployments" in path]


@pytest.mark.parametrize("command", ["describe", "logs", "discover", "list"])
def test_what_is_no_selector_to_the_api_server_is_wrong_use(run: Run, cluster: Cluster, command: str) -> None:
    assert cluster.objects
    result = run(command, "-l", "bad=ab")
    assert (result.code, result.out) == (2, "")
    assert "Error: 'bad=ab' is no selector of labels: HTTP 400: unable to parse requirement\n" in result.err


def test_a_pod_may_be_named_as_kubectl_takes_it(run: Run, cluster: Cluster) -> None:
    assert cluster.objects
    for command in ("describe", "logs"):
        for target in ("web", "pod/web", "po/web", "pods/web"):
            assert run(command, target).code == 0


def test_discover_looks_into_pods_alone_and_says_so(run: Run, cluster: Cluster) -> None:
    assert cluster.objects
    result = run("discover", "deploy/web")
    line = "Error: deploy/web is a Deployment: name one of its Pods, or give -l SELECTOR\n"
    assert (result.code, result.out, result.err) == (2, "", line)


def test_a_file_goes_to_the_namespace_of_the_context_as_it_does_with_kubectl(
    run: Run, cluster: Cluster, tmp_path: Path
) -> None:
    assert cluster.objects
    (tmp_path / "app.yaml").write_text(yaml.safe_dump(APP))
    placed = {**APP, "metadata": {**APP["metadata"], "namespace": "other"}}
    (tmp_path / "placed.yaml").write_text(yaml.safe_dump(placed))

    def namespace(*words: str) -> Any:
        return json.loads(run("describe", "-o", "json", *words).out)[0]["namespace"]

    assert namespace("-f", str(tmp_path / "app.yaml")) == "shop"
    assert namespace("-f", str(tmp_path / "app.yaml"), "-n", "away") == "away"
    assert namespace("-f", str(tmp_path / "placed.yaml")) == "other"
    assert namespace("-f", str(tmp_path / "app.yaml"), "--offline") == "default"


@pytest.mark.parametrize(
    ("tail", "lines"), [(["--tail", "0"], 0), (["--tail", "1"], 1), (["--tail", "-1"], 3), ([], 3)]
)
def test_as_many_lines_are_written_as_are_asked_for(run: Run, cluster: Cluster, tail: list[str], lines: int) -> None:
    assert cluster.objects
    result = run("logs", "web", *tail)
    assert (result.code, result.out, result.err) == (0, "[web loghook] line\n" * lines, "")


def test_who_follows_and_reads_no_more_ends_it_without_a_word(cluster: Cluster) -> None:
    assert cluster.objects
    words = [sys.executable, "-m", "webhook", "logs", "web", "-f"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as follower:
        assert follower.stdout
        assert follower.stderr
        first = follower.stdout.readline()
        assert first == b"[web loghook] line\n", follower.stderr.read()
        follower.stdout.close()
        try:
            assert follower.wait(120) == 1
        finally:
            follower.kill()
        assert follower.stderr.read() == b""
