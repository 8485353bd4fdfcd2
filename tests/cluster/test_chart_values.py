"""Every set of values in tests/chart/values, object by object, at a real API server: what renders is taken."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ..chart.conftest import FOUND, render, rendered  # noqa: TID252  # the folders of tests are no packages to name
from .client import Client
from .conftest import Api
from .helms import CHART, built

pytestmark = pytest.mark.api

FOREIGN = ("cert-manager.io/", "monitoring.coreos.com/")
NAMESPACES = ("elsewhere", "shop", "watch")


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[Client]:
    found = Client(api.port, api.context, api.token)
    for name in NAMESPACES:
        found.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    found.call("POST", "/api/v1/namespaces", {"metadata": {"name": "loghook"}})
    runtime = {"metadata": {"name": "gvisor"}, "handler": "runsc"}
    found.call("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    yield found
    found.close()


def collection(client: Client, document: dict[str, Any], known: dict[str, dict[str, Any]]) -> str:
    """Where objects of this kind are created; Helm puts what names no namespace into the release's."""
    version = document["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if version not in known:
        resources = client.must("GET", root)["resources"]
        known[version] = {each["kind"]: each for each in resources if "/" not in each["name"]}
    resource = known[version][document["kind"]]
    namespace = document["metadata"].get("namespace", "loghook")
    return f"{root}/{f'namespaces/{namespace}/' if resource['namespaced'] else ''}{resource['name']}"


def objects() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each object of a kind that the API server knows, once, and a set of values that renders it."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in FOUND:
        for document in rendered(file).documents:
            if not document["apiVersion"].startswith(FOREIGN):
                found.setdefault(json.dumps(document, sort_keys=True), (file.stem, document))
    return found


def test_every_object_is_taken_as_it_is(client: Client) -> None:
    """By a dry run, so that no two sets are in each other's way."""
    known: dict[str, dict[str, Any]] = {}
    refused = []
    for name, document in objects().values():
        path = f"{collection(client, document, known)}?dryRun=All&fieldValidation=Strict"
        status, answer = client.call("POST", path, document)
        if status != 201:
            refused.append(f"{name}: {document['kind']} {document['metadata']['name']}: {answer['message']}")
    assert refused == []


def test_labels_that_select_others_are_what_the_api_server_refuses(client: Client) -> None:
    """The control, and what a sentence of the chart spares its user."""
    (document,) = [each for _, each in objects().values() if each["kind"] == "Deployment"][:1]
    wrong = json.loads(json.dumps(document))
    wrong["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] = "shop"
    path = f"{collection(client, wrong, {})}?dryRun=All&fieldValidation=Strict"
    status, answer = client.call("POST", path, wrong)
    assert status == 422
    assert "`selector` does not match template `labels`" in answer["message"]


@pytest.mark.parametrize("name", ["my.loghook", "a" * 48 + "--b", "a" * 53])
def test_a_service_is_taken_whatever_the_release_is_called(client: Client, name: str) -> None:
    for document in render({}, name=name).all("Service"):
        status, answer = client.call("POST", "/api/v1/namespaces/loghook/services?dryRun=All", document)
        assert status == 201, answer


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize(("version", "is_taken"), [("v1.35.2-gke.1", False), ("v1.36.0", True)])
def test_a_name_that_begins_with_a_digit_is_for_newer_clusters(*, major: int, version: str, is_taken: bool) -> None:
    """The API server takes such a Service from 1.36 on (KEP-5311); before, Helm would fail half-way."""
    command = [str(built() / f"helm{major}"), "template", "1st", str(CHART), "--kube-version", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == is_taken
    assert is_taken or "fullnameOverride: a Service's name begins with a letter" in done.stderr
