"""LimitRanges that refuse a Pod for our sidecars, and the annotations with which each of ours fits, on a real server.

docs/troubleshooting.md is headed by these messages; what it advises is what is tried here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Webhook, registration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Api

pytestmark = pytest.mark.api

DESTINATIONS = "destinations:\n  central: {type: otlp, host: 192.0.2.1}\n"
KINDS = {
    "stream": {},
    "plain": {"loghook.dev/native-sidecar": "false"},
    "agent": {"loghook.dev/destination": "central"},
    "agent-vector": {"loghook.dev/destination": "central", "loghook.dev/agent": "vector"},
    "fluent-bit-stream": {"loghook.dev/engine": "fluent-bit"},
}
APP = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
STORAGE = {**APP["limits"], "ephemeral-storage": "100Mi"}
RANGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str], str]] = {
    # name: (the LimitRange, the Pod's spec beside its containers, what is said, what the API server says without it)
    "cpu-ratio": (
        {"maxLimitRequestRatio": {"cpu": "5"}},
        {"app": APP},
        {"cpu-request": "20m", "cpu-limit": "100m"},
        "cpu max limit to request ratio per Container is 5, but provided ratio is",
    ),
    "cpu-ratio-by-the-limit-alone": (
        {"maxLimitRequestRatio": {"cpu": "5"}},
        {"app": APP},
        {"cpu-limit": "50m"},
        "cpu max limit to request ratio per Container is 5, but provided ratio is",
    ),
    "cpu-ratio-of-a-pod-with-resources": (
        {"maxLimitRequestRatio": {"cpu": "5"}},
        {"app": APP, "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
        {"cpu-request": "20m", "cpu-limit": "100m"},
        "no request is specified or request is 0",
    ),
    "cpu-ratio-of-a-pod-with-limits": (
        {"maxLimitRequestRatio": {"cpu": "5"}},
        {"app": APP, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
        {"cpu-request": "20m", "cpu-limit": "100m"},
        "no request is specified or request is 0",
    ),
    "memory-ratio": (
        {"maxLimitRequestRatio": {"memory": "1"}},
        {"app": APP, "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}},
        {"memory-request": "64Mi", "memory-limit": "64Mi"},
        "no request is specified or request is 0",
    ),
    "least-memory": (
        {"min": {"memory": "80Mi"}},
        {"app": APP},
        {"memory-request": "200Mi"},
        "minimum memory usage per Container is 80Mi, but request is",
    ),
    "least-of-a-pod-with-requests": (
        {"min": {"cpu": "10m", "memory": "64Mi"}},
        {"app": APP, "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        {"cpu-request": "20m", "memory-request": "128Mi"},
        "minimum memory usage per Container is 64Mi, but",
    ),
    "least-cpu": (
        {"min": {"cpu": "40m"}},
        {"app": APP},
        {"cpu-request": "40m"},
        "minimum cpu usage per Container is 40m, but request is",
    ),
    "most-cpu": (
        {"max": {"cpu": "200m", "memory": "128Mi"}},
        {"app": APP},
        {"cpu-request": "4m", "cpu-limit": "40m", "memory-limit": "100Mi"},
        "",
    ),
    "least-storage": (
        {"min": {"ephemeral-storage": "10Mi"}},
        {"app": {"limits": STORAGE}},
        {"ephemeral-storage-request": "10Mi"},
        "minimum ephemeral-storage usage per Container is 10Mi, but request is 0",
    ),
    "least-and-most-storage": (
        {"min": {"ephemeral-storage": "10Mi"}, "max": {"ephemeral-storage": "200Mi"}},
        {"app": {"limits": STORAGE}},
        {"ephemeral-storage-request": "10Mi", "ephemeral-storage-limit": "100Mi"},
        "maximum ephemeral-storage usage per Container is 200Mi, but limit is",
    ),
    "storage-ratio": (
        {"maxLimitRequestRatio": {"ephemeral-storage": "2"}},
        {"app": {"limits": STORAGE}},
        {"ephemeral-storage-request": "50Mi", "ephemeral-storage-limit": "100Mi"},
        "no request is specified or request is 0",
    ),
    "all-of-them": (
        {
            "min": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "10Mi"},
            "max": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"},
            "maxLimitRequestRatio": {"cpu": "4", "memory": "1", "ephemeral-storage": "10"},
        },
        {"app": {**APP, "limits": STORAGE}},
        {
            "cpu-request": "25m",
            "cpu-limit": "100m",
            "memory-request": "128Mi",
            "memory-limit": "128Mi",
            "ephemeral-storage-request": "50Mi",
            "ephemeral-storage-limit": "500Mi",
        },
        "Container is",
    ),
}


def by_namespace() -> str:
    """A configuration with, for each LimitRange, a namespace whose defaults say what fits."""
    spaces = {f"by-default-{name}": {"defaults": said} for name, (_, _, said, _) in RANGES.items()}
    return DESTINATIONS + "namespaces: " + json.dumps(spaces) + "\n"


@pytest.fixture(scope="module")
def hooked(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with registration(api, Webhook(tmp_path_factory.mktemp("ranges"), "127.0.0.1", by_namespace())):
        for name, (limits, _, _, _) in RANGES.items():
            for space in (name, f"by-default-{name}"):
                made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
                assert api.call("POST", "/api/v1/namespaces", made)[0] == 201
                spec = {"limits": [{"type": "Container", **limits}]}
                made = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "all"}, "spec": spec}
                status, answer, _ = api.call("POST", f"/api/v1/namespaces/{space}/limitranges", made)
                assert status == 201, answer
        yield api


def create(api: Api, namespace: str, rest: dict[str, Any], said: dict[str, str]) -> tuple[int, str]:
    """Status and message, once the namespace's LimitRange is known: the API server's cache is behind at first."""
    rest = dict(rest)
    containers = [{"name": "app", "image": "app", "resources": rest.pop("app")}]
    annotations = {"loghook.dev/paths": "/var/log/app.log", **said}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "annotations": annotations},
        "spec": {"containers": containers, **rest},
    }
    status, answer, _ = api.call("POST", f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")
    return status, "" if status == 201 else answer["message"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RANGES)
def test_every_sidecar_fits_by_annotations(hooked: Api, name: str, kind: str) -> None:
    _, rest, said, _ = RANGES[name]
    annotations = {f"loghook.dev/{key}": value for key, value in said.items()}
    assert create(hooked, name, rest, KINDS[kind] | annotations) == (201, "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RANGES)
def test_every_sidecar_fits_by_the_configuration_for_its_namespace(hooked: Api, name: str, kind: str) -> None:
    assert create(hooked, f"by-default-{name}", RANGES[name][1], KINDS[kind]) == (201, "")


@pytest.mark.parametrize("name", [name for name, (_, _, _, message) in RANGES.items() if message])
def test_the_api_server_says_what_the_page_is_headed_by(hooked: Api, name: str) -> None:
    _, rest, _, message = RANGES[name]
    status, said = create(hooked, name, rest, KINDS["agent"])
    assert status == 403
    assert message in said
