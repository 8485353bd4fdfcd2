"""Pods with resources of their own on Kubernetes 1.34 to 1.36, as those versions' own code judges them.

`tests/data/pod_level/main.go` runs the defaulting and validation code of one version (a Go module) over Pods. It was
run once, and what it said is kept beside it. So what is held here is that the patch is still the one that was judged;
1.37 itself is asked in `tests/cluster/test_pod_level.py`.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from tests.test_golden import ops_of
from webhook.annotations.parser import parse
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, inject
from webhook.plan.pod_level import PodLevel, filled_in, within_pod
from webhook.pod.view import view

FILE = Path(__file__).parents[1] / "data" / "pod_level" / "judged.yaml"
CASES: list[dict[str, Any]] = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)


def pod_of(received: dict[str, Any]) -> dict[str, Any]:
    init = [
        {"name": f"first{n}", "resources": {key: value for key, value in each.items() if key != "always"}}
        | ({"restartPolicy": "Always"} if each.get("always") else {})
        for n, each in enumerate(received["init"])
    ]
    containers = [{"name": f"app{n}", "resources": each} for n, each in enumerate(received["containers"])]
    spec = {"resources": received["pod"], "containers": containers, "initContainers": init}
    return {"metadata": {"annotations": {"loghook.dev/paths": "/var/log/app.log"}}, "spec": spec}


def resources_of(pod: dict[str, Any]) -> dict[str, Any]:
    spec = pod["spec"]
    always = [{"always": True} if each.get("restartPolicy") == "Always" else {} for each in spec["initContainers"]]
    return {
        "pod": spec["resources"],
        "containers": [each["resources"] for each in spec["containers"]],
        "init": [first | each["resources"] for first, each in zip(always, spec["initContainers"], strict=True)],
    }


@pytest.mark.parametrize("kept", CASES, ids=lambda kept: f"{kept['name']}-{kept['way']}")
def test_gives_the_patch_that_was_judged_to_change_nothing(kept: dict[str, Any]) -> None:
    pod = pod_of(kept["received"])
    outcome = inject(view(pod), Config())
    assert isinstance(outcome, Injected)
    judged = dict(kept["judged"])
    assert (judged.pop("qos"), judged.pop("requests")) == (kept["qos"], kept["requests"])
    assert json.dumps(resources_of(jsonpatch.apply_patch(pod, ops_of(outcome)))) == json.dumps(judged)


def test_has_every_class_and_both_ways() -> None:
    assert {(case["qos"], case["way"]) for case in CASES} == {
        (qos, way) for qos in ("Burstable", "Guaranteed") for way in ("webhook", "inject")
    }
    assert len(CASES) >= 200
    assert any(len(case["judged"]["pod"]) > len(case["received"]["pod"]) for case in CASES), "something is added"


def level_of(resources: Any, *containers: Any) -> PodLevel | None:
    named = [{"name": f"app{n}", "resources": each} for n, each in enumerate(containers)]
    pod = view({"spec": {"resources": resources, "containers": named}})
    return PodLevel.of(pod, pod.containers)


@pytest.mark.parametrize("resources", [None, {}, {"limits": {}}, {"limits": None, "requests": {}}])
def test_is_nothing_without_resources_of_the_pod(resources: Any) -> None:
    assert level_of(resources, {}) is None


@pytest.mark.parametrize("broken", [{"limits": {"cpu": "x"}}, {"requests": {"memory": ""}}])
def test_leaves_what_is_no_quantity_to_the_api_server(broken: Any) -> None:
    assert level_of(broken, {}) is None
    assert level_of({"limits": {"cpu": "1"}}, broken) is None


def test_has_room_for_what_the_containers_leave() -> None:
    level = level_of({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}, {"limits": {"cpu": "900m"}})
    assert level is not None
    assert (level.room("cpu"), level.room("memory"), level.room("x")) == (Decimal("0.1"), Decimal(2**30), None)


@pytest.mark.parametrize(("sidecars", "fits"), [(1, True), (5, True), (6, False)])
def test_asks_for_no_more_than_there_is_room_for(sidecars: int, fits: bool) -> None:  # noqa: FBT001 - a parameter of the test
    level = level_of({"requests": {"cpu": "1"}}, {"requests": {"cpu": "900m"}})
    request = parse({"loghook.dev/paths": "/a.log", "loghook.dev/cpu-request": "20m"}).request
    within, found = within_pod(level, request, sidecars)
    assert within.cpu_request == ("20m" if fits else None)
    assert [each.code for each in found] == ([] if fits else ["LH407"])


def test_leaves_out_what_a_default_asks_for_without_a_word_to_the_author() -> None:
    level = level_of({"requests": {"cpu": "10m"}}, {})
    request = parse({"loghook.dev/paths": "/a.log"}, {"cpu-request": "20m"}).request
    within, found = within_pod(level, request, 1)
    assert (within.cpu_request, found) == (None, [])


def test_adds_no_sum_in_which_ours_is_to_be() -> None:
    level = level_of({"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "900m"}})
    request = parse({"loghook.dev/paths": "/a.log", "loghook.dev/cpu-request": "20m"}).request
    assert level is not None
    assert filled_in(level, request) == {"requests": {"memory": "1Gi"}}
