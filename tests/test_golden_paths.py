"""Every golden case by the ways that users take: a review over TLS, and `loghook inject`. Both agree with `inject`."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonpatch
import msgspec
import pytest
import yaml

from webhook.cli import main
from webhook.inject import Outcome, Refused, inject
from webhook.pod.view import view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Case

_SERVER = """
import json, sys
from pathlib import Path
from webhook.config.loghook_yaml import load
from webhook.review import Reviews
from webhook.server.main import Settings, serve

settings = json.load(sys.stdin)
reviews = {text: Reviews(load(text)) for text in settings.values()}
pki = Path(sys.argv[1])
serve(
    Settings(tls_cert=pki / "tls.crt", tls_key=pki / "tls.key", host="127.0.0.1", port=0, health_port=0),
    ready=lambda addresses: print(json.dumps({"port": addresses.port}), flush=True),
    core=lambda _: lambda body: reviews[settings[json.loads(body)["request"]["uid"]]].answer(body),
)
"""


def outcome_of(case: Case) -> Outcome:
    return inject(view(case.pod), case.config, case.namespace)


def plain(value: Any) -> Any:
    """Structs and tuples as the JSON that they become."""
    return msgspec.json.decode(msgspec.json.encode(value))


# Over TLS.


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    command = [sys.executable, "-m", "certs", "issue", "--out", str(folder), "--name", "127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def port(pki: Path, cases: list[Case]) -> Iterator[int]:
    """One server for all cases, each under its own configuration; a review's uid is the case's name."""
    with subprocess.Popen([sys.executable, "-c", _SERVER, str(pki)], stdin=-1, stdout=-1, stderr=-1) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdin.write(json.dumps({case.folder.name: case.settings for case in cases}).encode())
        server.stdin.close()
        for line in server.stdout:
            if line.startswith(b'{"port"'):
                break
        else:
            pytest.fail(f"the server did not start: {server.stderr.read().decode()}")
        server.stdout.close()
        server.stderr.close()
        yield json.loads(line)["port"]
        server.kill()


@pytest.fixture(scope="module")
def post(pki: Path, port: int) -> Iterator[Callable[[bytes], tuple[int, bytes]]]:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=120)

    def send(body: bytes) -> tuple[int, bytes]:
        connection.request("POST", "/mutate?timeout=10s", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    yield send
    connection.close()


def test_answers_over_tls_what_inject_says(case: Case, post: Callable[[bytes], tuple[int, bytes]]) -> None:
    outcome = outcome_of(case)
    request = {
        "uid": case.folder.name,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": case.namespace,
        "object": case.pod,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    for _ in range(2):  # the second time it may come from memory
        status, body = post(json.dumps(review).encode())
        assert status == 200
        answer = json.loads(body)
        assert answer == {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer["response"]}
        response = answer["response"]
        assert response.pop("uid") == case.folder.name
        if "patch" in response:
            response["patch"] = json.loads(base64.b64decode(response["patch"], validate=True))
        assert response == expected_response(outcome)


def expected_response(outcome: Outcome) -> dict[str, Any]:
    refused = isinstance(outcome, Refused)
    shown = [str(found) for found in outcome.diagnostics if found.severity == "warning" or not refused]
    warnings = {"warnings": shown} if shown else {}
    if isinstance(outcome, Refused):
        status = {"status": "Failure", "message": outcome.message, "reason": "Invalid", "code": 422}
        return {"allowed": False, "status": status, **warnings}
    patch = {"patchType": "JSONPatch", "patch": plain(outcome.ops)} if outcome.ops else {}
    return {"allowed": True, **patch, **warnings}


# By hand.


def test_writes_by_hand_what_inject_says(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = outcome_of(case)
    config = ["--config", str(case.folder / "settings.yaml")] if case.settings else []
    code = main(["inject", "-f", str(case.folder / "pod.yaml"), "-n", case.namespace, *config])
    out, err = capfd.readouterr()
    if isinstance(outcome, Refused):
        assert (code, out) == (1, "")
    else:
        assert code == 0, err
        assert yaml.safe_load(out) == jsonpatch.apply_patch(case.pod, plain(outcome.ops))
        assert out.splitlines()[0] == (case.folder / "pod.yaml").read_text("utf-8").splitlines()[0], "comments stay"
    said = " ".join(err.split())
    assert [found.code for found in outcome.diagnostics if found.code not in said] == []
