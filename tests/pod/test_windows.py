"""Which Pods are for Windows nodes: each way of saying so, and what only looks like it."""

from typing import Any

import pytest

from webhook.pod.view import view
from webhook.pod.windows import is_for_windows


def affinity(*terms: Any) -> dict[str, Any]:
    expressions = [{"matchExpressions": term} for term in terms]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": expressions}}
    return {"affinity": {"nodeAffinity": required}}


def needs(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


OS, BETA, BUILD = "kubernetes.io/os", "beta.kubernetes.io/os", "node.kubernetes.io/windows-build"
OPTIONS = {"windowsOptions": {"runAsUserName": "ContainerUser"}}
IS = needs(OS, "In", "windows")


@pytest.mark.parametrize(
    "spec",
    [
        {"os": {"name": "windows"}},
        {"nodeSelector": {OS: "windows"}},
        {"nodeSelector": {BETA: "windows", "disk": "ssd"}},
        {"nodeSelector": {BUILD: "10.0.20348"}},
        affinity([IS]),
        affinity([needs(BETA, "In", "windows")]),
        affinity([needs("zone", "In", "a"), IS]),
        affinity([IS], [needs(BUILD, "Exists")]),
        affinity([needs(BUILD, "In", "10.0.17763", "10.0.20348")]),
        affinity([needs(BUILD, "Exists")]),
        affinity([needs(OS, "NotIn", "linux")]),
        {"securityContext": OPTIONS},
        {"containers": [{"name": "app"}, {"name": "web", "securityContext": OPTIONS}]},
        {"initContainers": [{"name": "first", "securityContext": {"windowsOptions": {"hostProcess": True}}}]},
    ],
)
def test_knows_a_pod_for_windows(spec: Any) -> None:
    assert is_for_windows(view({"spec": spec}))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"os": {"name": "linux"}, "nodeSelector": {OS: "windows"}},
        {"nodeSelector": {OS: "linux"}},
        {"nodeSelector": {"os": "windows", "example.com/os": "windows"}},
        {"nodeSelector": None, "affinity": None, "securityContext": None},
        affinity(),
        affinity([]),
        affinity([IS], [needs("zone", "In", "a")]),
        affinity([needs(OS, "In", "windows", "linux")]),
        affinity([needs(OS, "NotIn", "windows")]),
        affinity([needs(OS, "Exists")]),
        affinity([needs(BUILD, "DoesNotExist")]),
        affinity([needs(BUILD, "NotIn", "10.0.17763")]),
        {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"preference": {}}]}}},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": None}}},
        {"containers": [{"name": "app", "securityContext": {"windowsOptions": None}}]},
    ],
)
def test_takes_no_other_for_one(spec: Any) -> None:
    assert not is_for_windows(view({"spec": spec}))
