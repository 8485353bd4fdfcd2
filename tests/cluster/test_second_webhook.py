"""What a webhook after ours takes away from our containers, or changes in them, on a real kube-apiserver.

Our webhook is called again then (`reinvocationPolicy: IfNeeded`). Each field is dropped and changed in turn.
"""

from __future__ import annotations

import base64
import copy
import http.server
import json
import ssl
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from .conftest import Webhook, registration, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Api

    Change = Callable[[dict[str, Any]], None]

pytestmark = pytest.mark.api

PODS = "/api/v1/namespaces/default/pods"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CONFIG = "destinations:\n  central: {type: otlp, host: 192.0.2.1, token: {secret: s, key: k}}\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    """Writes the whole spec and metadata anew, as a webhook does that decodes a Pod and encodes it again."""

    protocol_version = "HTTP/1.1"
    change: ClassVar[Change]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        pod = request["object"]
        type(self).change(pod)
        ops = [{"op": "replace", "path": f"/{part}", "value": pod[part]} for part in ("metadata", "spec")]
        patch = base64.b64encode(json.dumps(ops).encode()).decode()
        response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def second(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[_Handler]]:
    """Another webhook, called after ours; what it does to a Pod is its handler's `change`."""
    folder = tmp_path_factory.mktemp("second")
    command: list[str | Path] = [sys.executable, "-m", "certs", "issue", "--out", folder, "--name", "127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bundle = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
    webhook = {
        "name": "second.example.com",
        "clientConfig": {"url": f"https://127.0.0.1:{server.server_port}/", "caBundle": bundle},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    with registration(api, Webhook(tmp_path_factory.mktemp("first"), "127.0.0.1", CONFIG)):
        assert api.call("POST", HOOKS, {**kind, "metadata": {"name": "zz-second"}, "webhooks": [webhook]})[0] == 201
        _Handler.change = staticmethod(lambda pod: pod["metadata"].setdefault("labels", {}).update(second="there"))
        wait_for("the second webhook", lambda: create(api, {})[0]["metadata"].get("labels"))
        yield _Handler
        api.call("DELETE", f"{HOOKS}/zz-second")
        server.shutdown()
        server.server_close()


def create(api: Api, said: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "annotations": said},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    }
    status, answer, warnings = api.call("POST", PODS, pod, dryRun="All")
    assert status == 201, answer
    return answer, warnings


STREAM = {"loghook.dev/paths": "/var/log/app/*.log"}
AGENT = {**STREAM, "loghook.dev/destination": "central", "loghook.dev/agent": "otel-collector"}
PLAIN = {**AGENT, "loghook.dev/native-sidecar": "false"}


def ours(pod: dict[str, Any]) -> list[dict[str, Any]]:
    spec = pod["spec"]
    both = [*spec.get("initContainers", []), *spec["containers"]]
    return [each for each in both if each["name"].startswith("loghook")]


def each_of_ours(change: Change) -> Change:
    def change_all(pod: dict[str, Any]) -> None:
        for container in ours(pod):
            change(container)

    return change_all


def volumes(change: Change) -> Change:
    def change_all(pod: dict[str, Any]) -> None:
        for volume in pod["spec"]["volumes"]:
            if volume["name"].startswith("loghook"):
                change(volume)

    return change_all


def without_volumes(pod: dict[str, Any]) -> None:
    pod["spec"]["volumes"] = [each for each in pod["spec"]["volumes"] if not each["name"].startswith("loghook")]


def drop(field: str) -> Change:
    return each_of_ours(lambda container: container.pop(field, None))


def to_memory(volume: dict[str, Any]) -> None:
    for source in ("projected", "downwardAPI"):
        if volume.pop(source, None) is not None:
            volume["emptyDir"] = {"medium": "Memory"}


def without_app_mounts(pod: dict[str, Any]) -> None:
    for container in pod["spec"]["containers"]:
        if not container["name"].startswith("loghook"):
            container["volumeMounts"] = []


def writable(container: dict[str, Any]) -> None:
    for mount in container.get("volumeMounts", []):
        mount["readOnly"] = False


def elsewhere(container: dict[str, Any]) -> None:
    for mount in container.get("volumeMounts", []):
        mount["mountPath"] = "/elsewhere" + mount["mountPath"]


def other_values(container: dict[str, Any]) -> None:
    for variable in container.get("env", []):
        variable.pop("valueFrom", None)
        variable["value"] = "other"


def half_of_them(container: dict[str, Any]) -> None:
    if "env" in container:
        container["env"] = container["env"][1::2]


CHANGES: dict[str, tuple[str, Change]] = {
    "restart-policy-dropped": ("restartPolicy", drop("restartPolicy")),
    "command-dropped": ("command", drop("command")),
    "command-changed": ("command", each_of_ours(lambda c: c.update(command=["/wrapper", *c.get("command", [])]))),
    "args-dropped": ("args", drop("args")),
    "args-changed": ("args", each_of_ours(lambda c: c.update(args=["--else"]))),
    "mounts-dropped": ("volumeMounts", drop("volumeMounts")),
    "mounts-writable": ("volumeMounts", each_of_ours(writable)),
    "mounts-moved": ("volumeMounts", each_of_ours(elsewhere)),
    "mounts-of-the-app-dropped": ("volumeMounts", without_app_mounts),
    "env-dropped": ("env", drop("env")),
    "env-changed": ("env", each_of_ours(other_values)),
    "env-half-dropped": ("env", each_of_ours(half_of_them)),
    "lifecycle-dropped": ("lifecycle", drop("lifecycle")),
    "volumes-dropped": ("volumes", without_volumes),
    "volumes-changed": ("volumes", volumes(to_memory)),
    "config-dropped": ("loghook.dev/config", lambda p: p["metadata"]["annotations"].pop("loghook.dev/config", None)),
}
KINDS = {"stream": STREAM, "agent": AGENT, "plain": PLAIN}


def kept(pod: dict[str, Any]) -> dict[str, Any]:
    """What decides how our containers run, without the order of mounts."""
    fields = ("name", "command", "args", "restartPolicy", "lifecycle", "env", "image", "securityContext", "resources")
    sizes = [{key: value for key, value in each.items() if key != "emptyDir"} for each in pod["spec"]["volumes"]]
    return {
        "containers": [{field: each.get(field) for field in fields} for each in ours(pod)],
        "volumes": sorted(json.dumps(each) for each in sizes),
        "annotations": pod["metadata"]["annotations"],
    }


def mounts(pod: dict[str, Any]) -> list[set[str]]:
    """The mounts of each of ours, and of the application."""
    return [
        {json.dumps(mount) for mount in each.get("volumeMounts", [])}
        for each in [*ours(pod), *pod["spec"]["containers"]]
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHANGES)
def test_puts_back_what_a_second_webhook_took(api: Api, second: type[_Handler], name: str, kind: str) -> None:
    second.change = staticmethod(lambda _: None)
    untouched, _ = create(api, KINDS[kind])
    field, change = CHANGES[name]
    second.change = staticmethod(change)
    mended, warnings = create(api, KINDS[kind])
    assert kept(mended) == kept(untouched)
    for there, wanted in zip(mounts(mended), mounts(untouched), strict=True):
        assert there >= wanted
    second.change = staticmethod(lambda _: None)
    changed = copy.deepcopy(untouched)
    change(changed)
    said = [warning for warning in warnings if "LH304" in warning]
    assert bool(said) == (changed != untouched)
    assert all(field in warning for warning in said)


def test_leaves_to_others_what_is_theirs(api: Api, second: type[_Handler]) -> None:
    def change(pod: dict[str, Any]) -> None:
        for container in ours(pod):
            container["image"] = "mirror.example/" + container["image"].rpartition("/")[2]
            container["resources"] = {"limits": {"memory": "99Mi"}}
            container.setdefault("env", []).append({"name": "TZ", "value": "UTC"})
            container["volumeMounts"].append({"name": "theirs", "mountPath": "/theirs"})
            container.pop("restartPolicy", None)
        pod["spec"]["volumes"].append({"name": "theirs", "emptyDir": {}})

    second.change = staticmethod(change)
    pod, warnings = create(api, AGENT)
    second.change = staticmethod(lambda _: None)
    for container in ours(pod):
        assert container["image"].startswith("mirror.example/")
        assert container["resources"]["limits"] == {"memory": "99Mi"}
        assert {"name": "TZ", "value": "UTC"} in container["env"]
        assert "/theirs" in {mount["mountPath"] for mount in container["volumeMounts"]}
        assert container["restartPolicy"] == "Always"
    assert any("LH304" in warning and "restartPolicy" in warning for warning in warnings)
