"""ResourceQuotas that refuse a Pod for our sidecars, and what makes it fit, on a real server.

docs/troubleshooting.md is headed by these messages; what it advises is what is tried here. The API server counts by the
status of a quota, which a controller writes in a cluster; here it is written by hand.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Webhook, registration, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Api

pytestmark = pytest.mark.api

CONFIG = "destinations:\n  central: {type: otlp, host: 192.0.2.1}\npolicy: {ceiling: {cpu: null}}\n"
KINDS = {
    "stream": {},
    "plain": {"loghook.dev/native-sidecar": "false"},
    "agent": {"loghook.dev/destination": "central"},
    "fluent-bit-stream": {"loghook.dev/engine": "fluent-bit"},
}
APP = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "200m", "memory": "128Mi"},
}
QUOTAS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    # name: (what the namespace may have, what is said, what the API server says without it)
    "requested-cpu": ({"requests.cpu": "104m"}, {"cpu-request": "2m"}, "exceeded quota: all, requested: requests.cpu="),
    "requested-memory": (
        {"requests.memory": "144Mi"},
        {"memory-request": "8Mi"},
        "exceeded quota: all, requested: requests.memory=",
    ),
    "cpu": ({"cpu": "104m"}, {"cpu-request": "2m"}, "exceeded quota: all, requested: cpu="),
    "limited-cpu": ({"limits.cpu": "240m"}, {"cpu-limit": "20m"}, "exceeded quota: all, requested: limits.cpu="),
    "limited-memory": (
        {"limits.memory": "152Mi"},
        {"memory-request": "8Mi", "memory-limit": "12Mi"},
        "exceeded quota: all, requested: limits.memory=",
    ),
    "both": (
        {"requests.cpu": "104m", "limits.cpu": "240m", "requests.memory": "144Mi", "limits.memory": "152Mi"},
        {"cpu-request": "2m", "cpu-limit": "20m", "memory-request": "8Mi", "memory-limit": "12Mi"},
        "exceeded quota: all, requested: limits.cpu=",
    ),
}
DEMANDS = {"requests.cpu": "4", "limits.cpu": "8", "requests.memory": "8Gi", "limits.memory": "16Gi", "pods": "10"}
SAID = {name: said for name, (_, said, _) in QUOTAS.items()}


@pytest.fixture(scope="module")
def hooked(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    spaces = {f"by-default-{name}": {"defaults": said} for name, said in SAID.items()}
    config = CONFIG + "namespaces: " + json.dumps(spaces) + "\n"
    with registration(api, Webhook(tmp_path_factory.mktemp("quotas"), "127.0.0.1", config)):
        for name, (hard, _, _) in QUOTAS.items():
            for space in (name, f"by-default-{name}"):
                restrict(api, space, hard)
        restrict(api, "demanding", DEMANDS)
        yield api


def restrict(api: Api, namespace: str, hard: dict[str, str]) -> None:
    """Make a namespace with a quota, and wait until the API server goes by it."""
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    assert api.call("POST", "/api/v1/namespaces", made)[0] == 201
    made = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}, "spec": {"hard": hard}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    status, quota, _ = api.call("POST", path, made)
    assert status == 201, quota
    quota["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    status, quota, _ = api.call("PUT", f"{path}/all/status", quota)
    assert status == 200, quota
    greedy = {kind: dict.fromkeys(("cpu", "memory"), "1Ti") for kind in ("requests", "limits")}
    wait_for("the quota is known", lambda: create(api, namespace, greedy)[0] == 403)


def create(
    api: Api, namespace: str, resources: dict[str, Any], annotations: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and message; without annotations it is a Pod that does not ask for loghook."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "annotations": annotations or {}},
        "spec": {"containers": [{"name": "app", "image": "app", "resources": resources}]},
    }
    status, answer, _ = api.call("POST", f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")
    return status, "" if status == 201 else answer["message"]


def asking(kind: str, said: dict[str, str] | None = None) -> dict[str, str]:
    """The annotations of a Pod that wants a sidecar of this kind, and says so much about its resources."""
    resources = {f"loghook.dev/{key}": value for key, value in (said or {}).items()}
    return {"loghook.dev/paths": "/var/log/app.log", **KINDS[kind], **resources}


@pytest.mark.parametrize("name", QUOTAS)
def test_the_api_server_says_what_the_page_is_headed_by(hooked: Api, name: str) -> None:
    """The Pod fits, and with a sidecar it does not."""
    assert create(hooked, name, APP) == (201, "")
    status, said = create(hooked, name, APP, asking("agent"))
    assert status == 403
    assert QUOTAS[name][2] in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", QUOTAS)
def test_every_sidecar_fits_by_annotations(hooked: Api, name: str, kind: str) -> None:
    assert create(hooked, name, APP, asking(kind, SAID[name])) == (201, "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", QUOTAS)
def test_every_sidecar_fits_by_the_configuration_for_its_namespace(hooked: Api, name: str, kind: str) -> None:
    assert create(hooked, f"by-default-{name}", APP, asking(kind)) == (201, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_quota_that_demands_limits_is_content_with_ours(hooked: Api, kind: str) -> None:
    assert create(hooked, "demanding", APP, asking(kind)) == (201, "")
    status, said = create(hooked, "demanding", {}, asking(kind))
    assert status == 403
    assert "must specify" in said
    assert "for: app" in said
    assert "loghook" not in said.split("must specify")[1]


def test_a_limit_that_was_taken_away_is_missed(hooked: Api) -> None:
    status, said = create(hooked, "demanding", APP, asking("stream", {"cpu-limit": "none"}))
    assert status == 403
    assert "must specify limits.cpu for: loghook" in said
