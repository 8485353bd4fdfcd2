"""The guard of the chart and a real API server: it looks at what is in a Pod, not at what an annotation says of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import jsonpatch
import msgspec
import pytest
import yaml

from webhook.config.loghook_yaml import load
from webhook.inject import Injected, inject
from webhook.pod.view import view

from .conftest import Api, wait_for

pytestmark = pytest.mark.api

CHART = Path(__file__).resolve().parents[2] / "charts" / "loghook"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
PODS = "/api/v1/namespaces/default/pods"
CONFIG = load("destinations: {central: {type: otlp, host: otlp.example}}")
TOKEN_MOUNT = {
    "name": "loghook-token",
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}
VOLUMES = [{"name": "loghook-token", "projected": {"sources": []}}, {"name": "x", "emptyDir": {}}]


def pod(said: dict[str, str], **spec: Any) -> dict[str, Any]:
    annotations = {f"loghook.dev/{key}": value for key, value in ({"paths": "/var/log/app/*.log"} | said).items()}
    containers = [{"name": "app", "image": "app"}]
    metadata = {"name": "app", "annotations": annotations}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": containers, "volumes": VOLUMES, **spec},
    }


def injected(said: dict[str, str]) -> dict[str, Any]:
    """The Pod as our webhook makes it."""
    before = pod(said, volumes=[])
    outcome = inject(view(before), CONFIG)
    assert isinstance(outcome, Injected)
    made: dict[str, Any] = jsonpatch.apply_patch(before, json.loads(msgspec.json.encode(outcome.ops)))
    return made


def forged(**container: Any) -> dict[str, Any]:
    """A Pod whose author claims to have a sidecar of ours: an init container of that name."""
    made = {"name": "loghook", "image": "x", "restartPolicy": "Always", "volumeMounts": [TOKEN_MOUNT], **container}
    return pod(
        {"status": '{"injected":true,"containers":["loghook"]}'},
        initContainers=[{key: value for key, value in made.items() if value is not None}],
    )


@pytest.fixture(scope="module", autouse=True)
def guard(api: Api) -> Iterator[None]:
    values = {"guard": {"enabled": True, "actions": ["Deny"]}}
    texts = helm_python.Chart.load(CHART).render(values, name="loghook", namespace="loghook")
    (text,) = (text for path, text in texts.items() if path.endswith("guard.yaml"))
    policy, binding = yaml.safe_load_all(text)
    assert api.call("POST", f"{POLICIES}ies", policy)[0] == 201
    assert api.call("POST", f"{POLICIES}ybindings", binding)[0] == 201
    wait_for("the guard", lambda: api.call("POST", PODS, pod({}), dryRun="All")[0] == 422)
    yield
    api.call("DELETE", f"{POLICIES}ybindings/{binding['metadata']['name']}")
    api.call("DELETE", f"{POLICIES}ies/{policy['metadata']['name']}")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"native-sidecar": "false"},
        {"destination": "central"},
        {"destination": "central", "native-sidecar": "false"},
        {"access.paths": "/var/log/access/*.log"},
        {"status": "their own"},
    ],
    ids=str,
)
def test_lets_in_what_the_webhook_made(api: Api, said: dict[str, str]) -> None:
    status, answer, _ = api.call("POST", PODS, injected(said), dryRun="All")
    assert status == 201, answer


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (pod({}), "loghook was not reached: the Pod has no sidecar"),
        (pod({"status": ""}), "whatever its loghook.dev/status says"),
        (pod({"status": '{"injected":true,"containers":["loghook"]}'}), "whatever its loghook.dev/status says"),
        (pod({"status": '{"injected":false,"codes":["LH503"]}'}), "whatever its loghook.dev/status says"),
        (forged(restartPolicy=None), "whatever its loghook.dev/status says"),
        (forged(volumeMounts=None), "whatever its loghook.dev/status says"),
        (forged(volumeMounts=[{**TOKEN_MOUNT, "readOnly": False}]), "whatever its loghook.dev/status says"),
        (forged(volumeMounts=[{**TOKEN_MOUNT, "name": "x"}]), "whatever its loghook.dev/status says"),
        (forged(name="loghook-drain"), "whatever its loghook.dev/status says"),
        (forged(name="not-loghook"), "whatever its loghook.dev/status says"),
    ],
)
def test_refuses_what_only_says_so(api: Api, made: dict[str, Any], why: str) -> None:
    status, answer, _ = api.call("POST", PODS, made, dryRun="All")
    assert status == 422, answer
    assert why in answer["message"]


def test_asks_nothing_of_pods_that_ask_nothing(api: Api) -> None:
    plain = pod({})
    del plain["metadata"]["annotations"]
    assert api.call("POST", PODS, plain, dryRun="All")[0] == 201
    assert api.call("POST", PODS, pod({"inject": "false"}), dryRun="All")[0] == 201
