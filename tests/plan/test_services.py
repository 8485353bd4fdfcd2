"""Which service a container is of, by the order of OpenTelemetry's conventions for Kubernetes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from webhook.config.loghook_yaml import load
from webhook.inject import Injected, inject
from webhook.plan.names import NAMESPACE, POD
from webhook.plan.services import services
from webhook.pod.view import view
from webhook.sidecars.fluent_bit.literals import literal
from webhook.sidecars.vector.literals import program_text

ANNOTATION = "resource.opentelemetry.io/service.name"


def owner(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "controller": True, "apiVersion": "v1", "uid": "1"}


def of(metadata: dict[str, Any], image: str = "") -> dict[str, Any]:
    pod = view({"metadata": metadata, "spec": {"containers": [{"name": "app", "image": image}]}})
    ((_, attributes),) = services(pod)
    return dict(attributes)


REPLICAS: dict[str, Any] = {
    "labels": {"pod-template-hash": "6d4b", "app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "shop-eu"},
    "annotations": {ANNOTATION: "checkout"},
    "ownerReferences": [owner("ReplicaSet", "web-6d4b")],
}


def test_the_order_of_a_service_s_names() -> None:
    found = []
    metadata = REPLICAS
    for gone in ("annotations", "app.kubernetes.io/instance", "app.kubernetes.io/name", "pod-template-hash", "x"):
        found.append(of(metadata)["service.name"])
        labels = {key: value for key, value in metadata["labels"].items() if key != gone}
        metadata = {key: value for key, value in metadata.items() if key != gone} | {"labels": labels}
    assert found == [("checkout",), ("shop-eu",), ("shop",), ("web",), ("web-6d4b",)]


@pytest.mark.parametrize(
    ("kind", "name", "service"),
    [
        ("StatefulSet", "db", "db"),
        ("DaemonSet", "log", "log"),
        ("Job", "nightly-29428800", "nightly"),
        ("Job", "once", "once"),
    ],
)
def test_owners(kind: str, name: str, service: str) -> None:
    assert of({"ownerReferences": [owner(kind, name)]})["service.name"] == (service,)


def test_without_an_owner_it_is_the_pod() -> None:
    found = of({"ownerReferences": [owner("Node", "n")]})
    assert found == {
        "service.name": (POD,),
        "service.namespace": (NAMESPACE,),
        "service.instance.id": (NAMESPACE, ".", POD, ".app"),
    }


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry.example:5000/app:1.2", "1.2"),
        ("registry.example:5000/app", None),
        ("app@sha256:ab", "sha256:ab"),
        ("app:1@sha256:ab", "1@sha256:ab"),
    ],
)
def test_versions_of_images(image: str, version: str | None) -> None:
    assert of({}, image).get("service.version") == (None if version is None else (version,))


def test_what_no_label_may_be_is_left_out() -> None:
    assert of({"labels": {"app.kubernetes.io/name": "a\nb", "app.kubernetes.io/instance": "x" * 300}})[
        "service.name"
    ] == (POD,)


HOSTILE = '${env:TOKEN} $(X) "]) or true // {{ x }} %{y} \\'
AS_WRITTEN: Mapping[str, Callable[[Any], list[Any]]] = {
    "fluent-bit": lambda told: [each.get("value") for each in told["pipeline"]["inputs"][0]["processors"]["logs"]],
    "vector": lambda told: [told["transforms"]["unnamed-record"]["source"]],
    "otel-collector": lambda told: told["processors"]["transform/unnamed"]["log_statements"][0]["statements"],
}
EXPECTED = {
    "fluent-bit": literal(HOSTILE),
    "vector": f'"service.name": {program_text(HOSTILE)}',
    "otel-collector": f'set(resource.attributes["service.name"], {json.dumps(HOSTILE.replace("$", "$$"))})',
}


@pytest.mark.parametrize("agent", EXPECTED)
def test_a_hostile_value_stays_a_text(agent: str) -> None:
    """It reaches the configuration escaped, as every literal does, and no variable is made of it."""
    annotations = {"loghook.dev/paths": "/var/log/app/*.log", "loghook.dev/destination": "central", ANNOTATION: HOSTILE}
    said = {**annotations, "loghook.dev/agent": agent}
    pod = {"metadata": {"annotations": said}, "spec": {"containers": [{"name": "app"}]}}
    outcome = inject(view(pod), load("destinations: {central: {type: otlp, host: otlp.example}}"), "shop")
    assert isinstance(outcome, Injected)
    (config,) = [op.value for op in outcome.ops if op.path.endswith("config")]
    assert any(EXPECTED[agent] in str(each) for each in AS_WRITTEN[agent](json.loads(config)))


def test_only_who_is_told_is_told() -> None:
    annotations = {"loghook.dev/paths": "/var/log/app/*.log", "loghook.dev/destination": "central"}
    pod = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "app"}]}}
    outcome = inject(view(pod), load("destinations: {central: {type: stdout}, other: {type: otlp, host: h}}"), "shop")
    assert isinstance(outcome, Injected)
    assert not any("service.name" in str(op.value) for op in outcome.ops)
