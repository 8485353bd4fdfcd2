"""Pods with resources of their own keep them: QoS class and effective requests, on a real kube-apiserver.

Kubernetes 1.37 fills in what `spec.resources` leaves out after the webhook (PodLevelResourcesFixDefaulting), the
versions before it when they read the Pod; with the gate off 1.37 is as those. Each Pod is created without us, through
the webhook, and as `loghook inject` leaves it.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonpatch
import pytest

from tests.test_golden import ops_of
from webhook.config.loghook_yaml import load
from webhook.inject import Injected, inject
from webhook.pod import quantities
from webhook.pod.view import view

from .conftest import Webhook, apiserver, registration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Api

pytestmark = pytest.mark.api

PODS = "/api/v1/namespaces/default/pods"
GATE = "PodLevelResourcesFixDefaulting"
CONFIG = "destinations:\n  central: {type: otlp, host: 192.0.2.1}\n"
KINDS = {
    "native": {},
    "plain": {"loghook.dev/native-sidecar": "false"},
    "agent": {"loghook.dev/destination": "central"},
    "agent-plain": {"loghook.dev/destination": "central", "loghook.dev/native-sidecar": "false"},
}
BOTH = {"cpu": "1", "memory": "512Mi"}
LEVELS: dict[str, dict[str, Any]] = {
    "limits": {"limits": BOTH},
    "limits-of-cpu": {"limits": {"cpu": "1"}},
    "limits-of-memory": {"limits": {"memory": "512Mi"}},
    "limits-and-a-request": {"limits": BOTH, "requests": {"cpu": "500m"}},
    "requests": {"requests": BOTH},
    "requests-of-cpu": {"requests": {"cpu": "1"}},
    "requests-of-memory": {"requests": {"memory": "512Mi"}},
    "requests-and-a-limit": {"requests": BOTH, "limits": {"cpu": "1"}},
    "both": {"requests": BOTH, "limits": BOTH},
    "both-burstable": {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": BOTH},
    "huge-pages": {"limits": {**BOTH, "hugepages-2Mi": "4Mi"}},
    "as-numbers": {"limits": {"cpu": 1, "memory": 536870912}, "requests": {"cpu": 0.5}},
    "empty": {},
}
APPS: dict[str, list[Any]] = {
    "nothing": [{}],
    "a-request": [{"requests": {"cpu": "200m"}}],
    "requests": [{"requests": {"cpu": "200m", "memory": "100Mi"}}],
    "limits": [{"limits": BOTH}],
    "small-limits": [{"limits": {"cpu": "100m", "memory": "64Mi"}}],
    "a-limit": [{"limits": {"memory": "64Mi"}}],
    "both": [{"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}],
    "two": [{"limits": {"cpu": "100m", "memory": "64Mi"}}, {"limits": {"cpu": "0.3", "memory": "1Mi"}}],
    "two-of-which-one-says-nothing": [{"limits": {"cpu": "100m", "memory": "64Mi"}}, {}],
    "huge-pages": [{"limits": {"cpu": "100m", "memory": "64Mi", "hugepages-2Mi": "2Mi"}}],
}
BEFORE: dict[str, list[Any]] = {
    "": [],
    "-after-an-init": [{"resources": {"requests": {"cpu": "400m"}, "limits": {"cpu": "400m", "memory": "256Mi"}}}],
    "-beside-a-sidecar": [
        {"restartPolicy": "Always", "resources": {"limits": {"cpu": "50m", "memory": "32Mi"}}},
        {"resources": {"limits": {"cpu": "0.7", "memory": "300Mi"}}},
    ],
}


def every_pod(annotations: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for (level, of_pod), (app, containers), (before, first) in itertools.product(
        LEVELS.items(), APPS.items(), BEFORE.items()
    ):
        spec: dict[str, Any] = {
            "resources": of_pod,
            "containers": [{"name": f"app{n}", "image": "app", "resources": each} for n, each in enumerate(containers)],
            "initContainers": [{"name": f"first{n}", "image": "app", **each} for n, each in enumerate(first)],
        }
        metadata = {"name": "app", "annotations": {"loghook.dev/paths": "/var/log/app.log", **annotations}}
        yield f"{level}/{app}{before}", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def without_annotations(pod: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "metadata": {"name": pod["metadata"]["name"]}}


def injected(pod: dict[str, Any]) -> dict[str, Any]:
    """As `loghook inject` leaves it; the webhook is not asked then."""
    outcome = inject(view(pod), load(CONFIG))
    assert isinstance(outcome, Injected), outcome
    return without_annotations(jsonpatch.apply_patch(pod, ops_of(outcome)))


def effective(pod: dict[str, Any]) -> dict[str, Decimal]:
    """What the scheduler counts: the Pod's own requests, else those of its containers together."""
    spec = pod["spec"]
    running: dict[str, Decimal] = {"cpu": Decimal(0), "memory": Decimal(0)}
    started, peak = dict(running), dict(running)

    def plus(one: dict[str, Decimal], container: dict[str, Any]) -> dict[str, Decimal]:
        requests = container["resources"].get("requests", {})
        return {name: value + quantities.parse(requests.get(name, "0")) for name, value in one.items()}

    for container in spec["containers"]:
        running = plus(running, container)
    for container in spec.get("initContainers", []):
        now = plus(started, container)
        peak = {name: max(value, now[name]) for name, value in peak.items()}
        if container.get("restartPolicy") == "Always":
            started, running = now, plus(running, container)
    whole = spec.get("resources", {}).get("requests", {})
    return {
        name: quantities.parse(whole[name]) if name in whole else max(peak[name], value)
        for name, value in running.items()
    }


def seen(pod: dict[str, Any]) -> tuple[str, dict[str, Decimal]]:
    return pod["status"]["qosClass"], effective(pod)


@pytest.fixture(scope="module", params=["on", "off"])
def server(request: pytest.FixtureRequest, assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API server that fills in after us, and one that does so before; older ones than 1.37 only know the latter."""
    version = request.getfixturevalue("api").call("GET", "/version")[1]
    has_gate = (int(version["major"]), int(version["minor"].rstrip("+"))) >= (1, 37)
    if request.param == "on" and not has_gate:
        pytest.skip(f"Kubernetes {version['gitVersion']} has no gate {GATE}")
    options = [f"--feature-gates={GATE}={str(request.param == 'on').lower()}"] if has_gate else []
    with apiserver(assets, tmp_path_factory.mktemp(request.param), *options) as found:
        yield found


@pytest.fixture(scope="module")
def hooked(server: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with registration(server, Webhook(tmp_path_factory.mktemp("hooked"), "127.0.0.1", CONFIG)):
        yield server


@pytest.mark.parametrize("way", ["webhook", "inject"])
@pytest.mark.parametrize("kind", KINDS)
def test_keeps_class_and_requests(hooked: Api, kind: str, way: str) -> None:
    differ, tried = [], 0
    for name, pod in every_pod(KINDS[kind]):
        status, alone, _ = hooked.call("POST", PODS, without_annotations(pod), dryRun="All")
        if status != 201 or not LEVELS[name.partition("/")[0]]:
            continue
        tried += 1
        sent = pod if way == "webhook" else injected(pod)
        status, ours, _ = hooked.call("POST", PODS, sent, dryRun="All")
        if status != 201:
            differ.append(f"{name}: {ours['message']}")
        elif seen(ours) != seen(alone):
            differ.append(f"{name}: {seen(alone)} -> {seen(ours)}, {ours['spec']['resources']}")
    assert differ == [], f"{len(differ)} of {tried}"
    assert tried > 200
