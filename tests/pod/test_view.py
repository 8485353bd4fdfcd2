"""The view of a Pod: what is missing, null or unknown is no trouble; what has the wrong type is said with its place."""

from typing import Any

import pytest

from webhook.pod.view import PodError, Volume, VolumeMount, view


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"metadata": {}, "spec": {}},
        {"metadata": {"annotations": None, "labels": None}, "spec": {"containers": None, "volumes": None}},
        {"spec": {"initContainers": None, "securityContext": None, "os": None, "resources": None}},
        {"kind": "Pod", "status": {"x": 1}, "future": [], "spec": {"future": {}}},
    ],
)
def test_sees_nothing_where_nothing_is(raw: dict[str, Any]) -> None:
    pod = view(raw)
    assert dict(pod.annotations) == dict(pod.labels) == {}
    assert pod.containers == pod.init_containers == list(pod.every_container()) == []
    assert pod.volumes == []


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"metadata": {"annotations": {"a": 1}}}, "$.metadata.annotations"),
        ({"metadata": {"annotations": {"a": None}}}, "$.metadata.annotations"),
        ({"metadata": []}, "$.metadata"),
        ({"spec": {"containers": {}}}, "$.spec.containers"),
        ({"spec": {"containers": [None]}}, "$.spec.containers[0]"),
        ({"spec": {"containers": [{"name": 5}]}}, "$.spec.containers[0].name"),
        ({"spec": {"containers": [{"args": [True]}]}}, "$.spec.containers[0].args[0]"),
        ({"spec": {"securityContext": {"runAsUser": "0"}}}, "$.spec.securityContext.runAsUser"),
    ],
)
def test_says_where_the_type_is_wrong(raw: dict[str, Any], place: str) -> None:
    with pytest.raises(PodError) as caught:
        view(raw)
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_leaves_the_raw_pod_alone() -> None:
    raw = {"spec": {"containers": [{"name": "a", "future": 1}]}}
    view(raw)
    assert raw == {"spec": {"containers": [{"name": "a", "future": 1}]}}


@pytest.mark.parametrize(("path", "expected"), [("/a/", "/a"), ("/a", "/a"), ("/", "/"), ("//", "/"), ("", "/")])
def test_reads_a_mount_path_without_its_trailing_slash(path: str, expected: str) -> None:
    assert VolumeMount(mount_path=path).path == expected


@pytest.mark.parametrize(
    ("source", "kind", "is_read_only"),
    [
        ({"emptyDir": {}}, None, False),
        ({"configMap": {"name": "x"}}, "configMap", False),
        ({"secret": {}}, "secret", False),
        ({"projected": {}}, "projected", False),
        ({"downwardAPI": {}}, "downwardAPI", False),
        ({"image": {}}, "image", False),
        ({"persistentVolumeClaim": {"claimName": "x"}}, None, False),
        ({"persistentVolumeClaim": {"claimName": "x", "readOnly": True}}, None, True),
        ({"csi": {"readOnly": True}}, None, True),
        ({"configMap": None, "csi": None}, None, False),
    ],
)
def test_knows_which_volumes_can_be_written(source: dict[str, Any], kind: str | None, *, is_read_only: bool) -> None:
    volume: Volume = view({"spec": {"volumes": [{"name": "v", **source}]}}).volumes[0]
    assert volume.immutable_kind == kind
    assert volume.is_read_only is is_read_only
