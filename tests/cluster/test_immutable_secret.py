"""The Secret of the certificates at a real API server, where its data cannot be changed."""

import base64
from pathlib import Path

import pytest

from certs.cluster import Cluster, Place, connect
from certs.controller import Controller
from certs.health import Health
from certs.rotate import Rules

from .client import Client
from .conftest import Api

pytestmark = pytest.mark.api

NAMESPACE = "loghook-immutable"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/loghook-tls"
PATIENCE = 120.0  # seconds that anything may take


def look_after(owner: str = "") -> None:
    rules = Rules((f"loghook.{NAMESPACE}.svc",))
    assert Controller(Cluster(connect(), Place(NAMESPACE, "loghook-tls", (), owner)), rules, Health()).run_once(
        PATIENCE
    )


def test_gets_an_owner_as_it_is_and_a_new_leaf_in_another(
    api: Api, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was put back from a backup: in it is the CA's key, which is nowhere else."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = Client(api.port, api.context, api.token)
    client.must("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    look_after()
    before = client.must("PATCH", SECRET, {"immutable": True}, "application/merge-patch+json")
    labels = {"matchLabels": {"a": "b"}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    body = {"metadata": {"name": "loghook"}, "spec": {"replicas": 0, "selector": labels, "template": template}}
    client.must("POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", body)
    look_after("loghook")
    owned = client.must("GET", SECRET)
    assert [each["name"] for each in owned["metadata"]["ownerReferences"]] == ["loghook"]
    assert (owned["metadata"]["uid"], owned["data"]) == (before["metadata"]["uid"], before["data"])
    asked = {"metadata": {"annotations": {"loghook.dev/rotate": "leaf"}}}
    client.must("PATCH", SECRET, asked, "application/merge-patch+json")
    look_after("loghook")
    after = client.must("GET", SECRET)["data"]
    assert (after["ca.key"], after["ca.crt"]) == (before["data"]["ca.key"], before["data"]["ca.crt"])
    assert base64.b64decode(after["tls.crt"]) != base64.b64decode(before["data"]["tls.crt"])
    client.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    client.close()
