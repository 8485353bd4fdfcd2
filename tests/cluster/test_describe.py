"""`loghook describe` and a real API server: what it says of each golden case is what the API server then does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.config.loghook_yaml import Config, load
from webhook.review import Reviews

from .conftest import Api, Core, Said, wait_for
from .test_api import CASES, case, in_default, with_script, without_us

pytestmark = pytest.mark.api

Loghook = Callable[..., Said]


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def made(api: Api, namespace: str, **labels: str) -> None:
    """Make the namespace, where it is not there yet."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    assert api.call("POST", "/api/v1/namespaces", body)[0] in {201, 409}


def names(pod: Any) -> set[str]:
    spec = pod["spec"]
    return {each["name"] for each in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))}


def mounts(pod: Any) -> set[tuple[str, str, str]]:
    spec = pod["spec"]
    return {
        (each["name"], mount["name"], mount["mountPath"])
        for each in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
        for mount in each.get("volumeMounts") or ()
    }


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_says_of_each_golden_case_what_the_api_server_then_does(
    api: Api, core: Core, loghook: Loghook, folder: Path, tmp_path: Path
) -> None:
    settings, place = folder / "settings.yaml", folder / "namespace.txt"
    core.reviews = Reviews(load(settings.read_text()) if settings.exists() else Config())
    namespace = place.read_text().strip() if place.exists() else "default"
    made(api, namespace)
    pod = in_default(with_script(case(folder, "pod.yaml")))
    if api.call("POST", pods(namespace), without_us(pod), dryRun="All")[0] != 201:
        pytest.xfail("the API server refuses the Pod without us")
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    (tmp_path / "loghook.yaml").write_text(settings.read_text() if settings.exists() else "")
    said = loghook(
        "describe", "-f", tmp_path / "pod.json", "-n", namespace, "--config", tmp_path / "loghook.yaml", "-o", "json"
    )
    (told,) = json.loads(said.out)
    status, answer, _ = api.call("POST", pods(namespace), pod, dryRun="All")
    assert (told["decision"] == "refused") == (status == 422), (told, answer)
    assert said.code == (1 if status == 422 else 0)
    if status == 422:
        assert told["reason"] in answer["message"]
        return
    assert status == 201, answer
    assert names(answer) - names(pod) == {each["name"] for each in told["added"]["containers"]}
    if told["decision"] == "injected":
        of_users = {each for each in mounts(answer) - mounts(pod) if each[0] in names(pod)}
        assert of_users == {(each["container"], each["volume"], each["path"]) for each in told["added"]["mounts"]}
        there = {each["name"] for each in pod["spec"].get("volumes") or ()}
        assert {each["name"] for each in answer["spec"]["volumes"]} - there == set(told["added"]["volumes"])


APP = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "app", "labels": {"app": "web"}, "annotations": {"loghook.dev/paths": "/var/log/app/*.log"}},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}


def registration(api: Api, change: Callable[[Any], None]) -> Any:
    """Change the entry of the registration, and return it as it was."""
    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/loghook"
    _, found, _ = api.call("GET", path)
    before = json.loads(json.dumps(found))
    change(found["webhooks"][0])
    status, answer, _ = api.call("PUT", path, found)
    assert status == 200, answer
    return before


def restored(api: Api, before: Any) -> None:
    def restore(webhook: Any) -> None:
        webhook.clear()
        webhook.update(before["webhooks"][0])

    registration(api, restore)


def told_of(loghook: Loghook, tmp_path: Path, *words: str, pod: Any = APP) -> Any:
    (tmp_path / "app.yaml").write_text(yaml.safe_dump(pod))
    said = loghook("describe", "-f", tmp_path / "app.yaml", "-o", "json", *words)
    assert said.code == 0, said
    (told,) = json.loads(said.out)
    return told


def test_names_the_selector_that_keeps_a_namespace_out(api: Api, core: Core, loghook: Loghook, tmp_path: Path) -> None:
    core.reviews = Reviews(Config())
    made(api, "elsewhere", team="x")

    def narrow(webhook: Any) -> None:
        webhook["namespaceSelector"] = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["y"]}]}

    before = registration(api, narrow)
    try:
        told = told_of(loghook, tmp_path, "-n", "elsewhere")
        assert told["decision"] == "not called"
        assert told["reason"] == (
            "loghook: namespaceSelector: the namespace elsewhere has the label team=x, where team In (y) is wanted"
        )
        assert told["added"]["containers"] == []
    finally:
        restored(api, before)


def test_has_the_api_server_judge_a_condition_of_the_administrators(
    api: Api, core: Core, loghook: Loghook, tmp_path: Path
) -> None:
    core.reviews = Reviews(Config())

    def narrow(webhook: Any) -> None:
        of_web = {"name": "of-web", "expression": "object.metadata.?labels.app.orValue('') == 'web'"}
        webhook["matchConditions"].append(of_web)

    before = registration(api, narrow)
    try:
        other = {**APP, "metadata": {**APP["metadata"], "labels": {"app": "other"}}}  # type: ignore[dict-item]  # it is a map
        assert told_of(loghook, tmp_path)["decision"] == "open"

        def is_known() -> bool:
            return bool(told_of(loghook, tmp_path, "--ask", pod=other)["decision"] == "not called")

        wait_for("the API server knows the condition", is_known)
        told = told_of(loghook, tmp_path, "--ask")
        assert (told["decision"], told["tried"]["containers"]) == ("injected", ["loghook"])
    finally:
        restored(api, before)


def test_tells_how_a_pod_that_is_there_differs_from_today(
    api: Api, core: Core, loghook: Loghook, tmp_path: Path
) -> None:
    core.reviews = Reviews(Config())
    made(api, "there")
    status, answer, _ = api.call("POST", pods("there"), APP)
    assert status == 201, answer
    assert names(answer) == {"app", "loghook"}
    (tmp_path / "same.yaml").write_text("")
    (tmp_path / "other.yaml").write_text("images: {busybox: example.com/busybox:2}\n")
    told = json.loads(loghook("describe", "app", "-n", "there", "-o", "json", "--config", tmp_path / "same.yaml").out)[
        0
    ]
    assert (told["decision"], told["differences"]) == ("injected", [])
    assert [each["name"] for each in told["running"]["sidecars"]] == ["loghook"]
    told = json.loads(loghook("describe", "app", "-n", "there", "-o", "json", "--config", tmp_path / "other.yaml").out)[
        0
    ]
    assert [(each["container"], each["what"], each["today"]) for each in told["differences"]] == [
        ("loghook", "image", "example.com/busybox:2")
    ]
    text = loghook("describe", "pod/app", "-n", "there", "--config", tmp_path / "other.yaml").out
    assert "outdated: loghook image: docker.io/library/busybox:1.37; today it would be example.com/busybox:2" in text
    api.call("DELETE", f"{pods('there')}/app?gracePeriodSeconds=0")


def test_tells_of_a_workload_by_its_template_and_of_a_selector(api: Api, core: Core, loghook: Loghook) -> None:
    core.reviews = Reviews(Config())
    made(api, "workloads")
    template = {"metadata": {key: APP["metadata"][key] for key in ("labels", "annotations")}, "spec": APP["spec"]}  # type: ignore[index]  # it is a map
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    web["spec"] = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    status, answer, _ = api.call("POST", "/apis/apps/v1/namespaces/workloads/deployments", web)
    assert status == 201, answer
    said = loghook("describe", "deploy/web", "-n", "workloads")
    assert said.out.startswith("deployment/web in workloads: injected\n")
    assert said.code == 0
    assert "\x1b" not in said.out
    assert loghook("describe", "-l", "app=web", "-n", "workloads").err.endswith("no Pod is selected\n")
    missing = loghook("describe", "deploy/none", "-n", "workloads")
    assert (missing.code, missing.out) == (1, "")
    assert "HTTP 404: deployments.apps" in missing.err
    assert loghook("describe", "gadget/x").code == 2
    assert loghook("describe", "gadgets.example.com/x").code == 2
    assert loghook("describe").code == 2
