"""A real kube-apiserver takes what we make of each golden case, and takes it again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.sidecars.streaming import SCRIPT

from .conftest import wait_for

pytestmark = pytest.mark.api

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/pod.yaml"))
PODS = "/api/v1/namespaces/default/pods"
OURS = "loghook.dev/"


def case(folder: Path, name: str) -> Any:
    return (
        yaml.safe_load((folder / name).read_text().replace("<stream.sh>", "SCRIPT"))
        if (folder / name).exists()
        else None
    )


def with_script(value: Any) -> Any:
    """The golden Pod with the real script where it has a placeholder."""
    if isinstance(value, dict):
        return {key: with_script(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_script(item) for item in value]
    return SCRIPT if value == "SCRIPT" else value


def in_default(pod: dict[str, Any]) -> dict[str, Any]:
    """The Pod as a client would create it in the namespace of these tests."""
    metadata = {key: value for key, value in pod["metadata"].items() if key not in {"namespace", "ownerReferences"}}
    return {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}


def without_us(pod: dict[str, Any]) -> dict[str, Any]:
    annotations = pod["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not key.startswith(OURS)}
    return {**pod, "metadata": {**pod["metadata"], "annotations": kept}}


def is_valid_alone(api: Any, pod: dict[str, Any]) -> bool:
    status, _, _ = api.call("POST", PODS, without_us(pod), dryRun="All", fieldValidation="Strict")
    return bool(status == 201)


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_takes_the_injected_pod_and_knows_every_field_of_it(api: Any, folder: Path) -> None:
    injected = case(folder, "injected.yaml")
    if injected is None:
        return
    if not is_valid_alone(api, in_default(case(folder, "pod.yaml"))):
        pytest.xfail("the API server refuses the Pod without us")
    # No annotation of ours: the webhook is not asked, the Pod is judged as it is.
    status, answer, _ = api.call(
        "POST", PODS, without_us(in_default(with_script(injected))), dryRun="All", fieldValidation="Strict"
    )
    assert status == 201, answer


@pytest.mark.parametrize("folder", [f for f in CASES if not (f / "settings.yaml").exists()], ids=lambda path: path.name)
def test_does_with_each_case_what_the_golden_file_says(api: Any, registered: Any, folder: Path) -> None:
    registered.process.check()
    pod = in_default(case(folder, "pod.yaml"))
    if not is_valid_alone(api, pod):
        pytest.xfail("the API server refuses the Pod without us")
    status, answer, _ = api.call("POST", PODS, pod, dryRun="All")
    if (folder / "denied.txt").exists():
        assert status == 422
        assert (folder / "denied.txt").read_text().splitlines()[0] in answer["message"]
        return
    assert status == 201, answer
    expected = case(folder, "injected.yaml")
    if expected is not None:
        assert names(answer) == names(expected)
        assert created_again(api, answer) == names(answer)


def names(pod: dict[str, Any]) -> dict[str, list[str]]:
    """The names of all containers and volumes, in their order; the token's volume is the API server's own."""
    return {
        key: [item["name"] for item in pod["spec"].get(key) or []]
        for key in ("initContainers", "containers", "volumes")
    }


def created_again(api: Any, exported: dict[str, Any]) -> dict[str, list[str]]:
    """The names in the Pod that comes of creating an exported, injected Pod once more."""
    metadata = {
        key: exported["metadata"][key]
        for key in ("name", "generateName", "annotations", "labels")
        if key in exported["metadata"]
    }
    again = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": exported["spec"]}
    status, answer, _ = api.call("POST", PODS, again, dryRun="All")
    assert status == 201, answer
    return names(answer)


def test_shows_the_webhooks_warnings_and_refusals_to_whoever_creates_a_pod(api: Any, registered: Any) -> None:
    registered.process.check()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app"},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    }
    pod["metadata"] = {
        "name": "app",
        "annotations": {"loghook.dev/paths": "/etc/app.log", "loghook.dev/on-error": "warn"},
    }
    status, answer, warnings = api.call("POST", PODS, pod, dryRun="All")
    assert status == 201
    assert "initContainers" not in answer["spec"]
    assert len(warnings) == 1
    assert "LH206 loghook.dev/paths" in warnings[0]
    pod["metadata"] = {"name": "app", "annotations": {"loghook.dev/paths": "relative.log", "loghook.dev/frmat": "json"}}
    status, answer, _ = api.call("POST", PODS, pod, dryRun="All")
    assert status == 422
    assert answer["reason"] == "Invalid"
    assert "LH111" in answer["message"]
    assert "LH101" in answer["message"]


def test_never_asks_the_webhook_about_a_pod_without_our_annotations(api: Any, registered: Any) -> None:
    def create(name: str, **annotations: str) -> None:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations}}
        pod["spec"] = {"containers": [{"name": "app", "image": "app"}]}
        assert api.call("POST", PODS, pod, dryRun="All")[0] == 201

    def is_told_of(name: str) -> bool:
        return f'"{name}"' in registered.process.log.read_text()

    create("of-no-concern", other="annotation")
    create("told-of-last", **{"loghook.dev/paths": "/var/log/app.log"})
    wait_for("the line of the last review", lambda: is_told_of("told-of-last"), 120)  # lines come a little later
    assert not is_told_of("of-no-concern")


def test_has_enough_cases() -> None:
    assert sum((folder / "injected.yaml").exists() for folder in CASES) >= 40
