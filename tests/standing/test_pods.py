"""How a Pod stands, by what is in it: no cluster is needed to judge it."""

import copy
from typing import Any

import pytest

from webhook.config.loghook_yaml import Config
from webhook.plan.names import STATUS
from webhook.standing.pods import World, refused, running, standing
from webhook.standing.today import made

ASKS = {
    "name": "loghook",
    "webhooks": {
        "name": "pods.loghook.dev",
        "rules": [{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchExpressions": [{"key": "logs", "operator": "NotIn", "values": ["no"]}]},
    },
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "creationTimestamp": "2026-01-02T00:00:00Z",
        "annotations": {"loghook.dev/paths": "/var/log/app/*.log"},
    },
    "spec": {"containers": [{"name": "app", "image": "a"}]},
}


def world(**more: Any) -> World:
    given: dict[str, Any] = {
        "config": Config(),
        "webhooks": ((ASKS["name"], ASKS["webhooks"]),),
        "labels": {"shop": {}},
    }
    return World(**given | {"since": "2026-01-01T00:00:00Z"} | more)


def state(pod: Any, **more: Any) -> tuple[str, str]:
    found = standing(pod, world(**more))
    assert found is not None
    return found.state, found.why


def changed(**metadata: Any) -> Any:
    pod = copy.deepcopy(POD)
    pod["metadata"].update(metadata)
    return pod


def test_a_pod_that_never_asked_is_not_listed() -> None:
    assert standing(changed(annotations={}), world()) is None


def test_a_pod_without_ours_is_missed_and_why_is_said() -> None:
    assert state(POD) == ("missed", "the webhook was not reached when it was created")
    assert state(POD, since="2026-02-01T00:00:00Z") == ("missed", "older than the registration")
    assert state(POD, webhooks=()) == ("missed", "no webhook of ours is registered")
    tolerated = changed(annotations={**POD["metadata"]["annotations"], STATUS: '{"injected":false,"codes":["LH503"]}'})
    assert state(tolerated) == (
        "missed",
        'its loghook.dev/status says why: {\\"injected\\":false,\\"codes\\":[\\"LH503\\"]}',
    )
    mistaken = changed(annotations={"loghook.dev/paths": "x"})
    assert state(mistaken)[0] == "missed"
    assert state(mistaken)[1].startswith("would be refused: LH111")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{", "[]", '{"version": {}}', '{"version": "\\u001b[31m"}', "9" * 5_000]
)
def test_no_status_that_anybody_wrote_ends_the_look(text: str) -> None:
    """One Pod would keep the administrator from looking at all of them."""
    pod = changed(annotations={**POD["metadata"]["annotations"], STATUS: text})
    assert running(pod).version.isprintable()
    assert state(pod)[0] == "missed"


def test_a_pod_that_gets_nothing_is_left_alone_and_why_is_said() -> None:
    assert state(POD, labels={"shop": {"logs": "no"}})[0] == "left alone"
    out = changed(annotations={**POD["metadata"]["annotations"], "loghook.dev/inject": "false"})
    assert state(out) == ("left alone", "loghook.dev/inject says false")
    warned = changed(annotations={"loghook.dev/paths": "x", "loghook.dev/on-error": "warn"})
    assert state(warned) == ("left alone", "the annotations have mistakes, and on-error says warn (LH111)")


def injected() -> Any:
    return made(POD, Config(), "shop")[1]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({"state": {"running": {}}}, ""),
        ({"state": {"waiting": {"reason": "PodInitializing"}}}, ""),
        ({"state": {"waiting": {"reason": "ErrImagePull"}}}, "ErrImagePull"),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 2}}},
            "CrashLoopBackOff, exit code 2",
        ),
        ({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, "OOMKilled, exit code 137"),
        ({"state": {"terminated": {"exitCode": 0}}}, ""),
        ({}, ""),
    ],
)
def test_a_sidecar_that_does_not_run_is_found(status: Any, problem: str) -> None:
    pod = injected()
    pod["status"] = {"phase": "Running", "initContainerStatuses": [{"name": "loghook", "restartCount": 1, **status}]}
    (sidecar,) = running(pod).sidecars
    assert sidecar.problem == problem
    assert state(pod)[0] == ("failing" if problem else "injected")
    pod["status"]["phase"] = "Succeeded"
    assert state(pod)[0] == "injected"


def test_a_pod_of_another_version_is_outdated() -> None:
    pod = injected()
    pod["spec"]["initContainers"][0]["args"] = ["of another version"]
    assert state(pod) == ("outdated", "another loghook args")
    pod["metadata"]["annotations"]["loghook.dev/paths"] = "x"
    assert state(pod)[1].startswith("would be refused: LH111")


EVENT = {
    "reason": "FailedCreate",
    "message": 'Error creating: admission webhook "pods.loghook.dev" denied the request: LH101 x',
    "involvedObject": {"kind": "ReplicaSet", "namespace": "shop", "name": "web-1"},
}


@pytest.mark.parametrize(
    ("event", "owner", "count"),
    [
        (EVENT, {"metadata": {}, "spec": {"replicas": 2}, "status": {"replicas": 1}}, 1),
        (EVENT, {"metadata": {}, "spec": {"replicas": 2}, "status": {"replicas": 2}}, 0),
        (EVENT, {"metadata": {}, "spec": {"replicas": 0}}, 0),
        (EVENT, None, 0),
        ({**EVENT, "reason": "Killing"}, {"metadata": {}, "spec": {}}, 0),
        ({**EVENT, "message": "exceeded quota"}, {"metadata": {}, "spec": {}}, 0),
    ],
)
def test_what_could_not_be_created_is_told_by_events_while_it_lacks_some(event: Any, owner: Any, count: int) -> None:
    found = list(refused([event, event], lambda *_: owner))
    assert [each.why for each in found] == ["LH101 x"] * count
