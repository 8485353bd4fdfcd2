"""`loghook describe` without a cluster: what is said, how it is written, and what of ours is seen in a Pod."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from webhook.config.loghook_yaml import Config, load
from webhook.inject import Injected
from webhook.reference.output import schema
from webhook.standing.description import Subject, describe
from webhook.standing.ours import ours
from webhook.standing.today import bare, differences, made, today

if TYPE_CHECKING:
    from tests.conftest import Case

Run = Callable[..., Any]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def agent() -> list[str]:
    """The words that describe the golden case `agent` offline."""
    folder = GOLDEN / "agent"
    return ["-f", str(folder / "pod.yaml"), "--offline", "--config", str(folder / "settings.yaml")]


def test_json_is_as_its_schema_says(run: Run, agent: list[str]) -> None:
    result = run("describe", *agent, "-o", "json")
    assert (result.code, result.err) == (0, "")
    told = json.loads(result.out)
    jsonschema.validate(told, schema("describe"))
    assert told[0]["decision"] == "injected"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**told[0], "decision": "perhaps"}], schema("describe"))


def test_says_of_each_value_where_it_comes_from(run: Run, tmp_path: Path) -> None:
    (tmp_path / "loghook.yaml").write_text(
        "defaults: {drain-seconds: '7'}\n"
        "namespaces: {shop: {defaults: {format: json}}}\n"
        "images: {busybox: example.com/bb:1}\n"
        "resources: {busybox: {cpuRequest: 20m}}\n"
        "policy: {ceiling: {memory: 48Mi}}\n"
    )
    said = {"paths": "/var/log/app/*.log", "memory-limit": "64Mi", "memory-request": "40Mi"}
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app", "image": "a"}]}}
    pod["metadata"] = {"name": "p", "annotations": {f"loghook.dev/{key}": value for key, value in said.items()}}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    words = ("-f", str(tmp_path / "pod.yaml"), "--offline", "--config", str(tmp_path / "loghook.yaml"), "-n", "shop")
    (told,) = json.loads(run("describe", *words, "-o", "json").out)
    found = {(each["about"], each["key"]): (each["value"], each["kind"], each["where"]) for each in told["values"]}
    assert found["", "paths"] == ("/var/log/app/*.log", "annotation", "loghook.dev/paths")
    assert found["", "format"] == ("json", "configuration", "line 2, namespaces.shop.defaults.format")
    assert found["pod", "drain-seconds"] == ("7", "configuration", "line 1, defaults.drain-seconds")
    assert found["pod", "engine"] == ("busybox", "built-in", "built in")
    assert found["", "container"][:2] == ("app", "rule")
    assert found["loghook", "image"] == ("example.com/bb:1", "configuration", "images.busybox")
    assert found["loghook", "cpu-request"] == ("20m", "configuration", "resources.busybox.cpuRequest")
    assert found["loghook", "memory-request"] == ("40Mi", "annotation", "loghook.dev/memory-request")
    assert found["loghook", "memory-limit"] == ("48Mi", "annotation", "loghook.dev/memory-limit")


def test_a_mistake_is_a_refusal_with_its_words_and_exit_code(run: Run, tmp_path: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"loghook.dev/paths": "x"}}}
    pod["spec"] = {"containers": [{"name": "app"}]}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    result = run("describe", "-f", str(tmp_path / "pod.yaml"), "--offline")
    assert result.code == 1
    assert result.out.startswith("pod/p in default: refused: LH111 loghook.dev/paths")


@pytest.mark.parametrize(
    "words",
    [("-l", "a=b", "-f", "x"), ("--offline",), ("web", "--offline"), ("-f", "x", "--offline", "--ask"), ()],
    ids=" ".join,
)
def test_what_does_not_go_together_is_wrong_use(run: Run, words: tuple[str, ...]) -> None:
    assert run("describe", *words).code == 2


def test_objects_without_a_pod_are_passed_over(run: Run) -> None:
    result = run("describe", "-f", "-", "--offline", stdin="{apiVersion: v1, kind: Service, metadata: {name: s}}")
    assert (result.code, result.out, result.err) == (0, "", "none of these objects brings a Pod\n")


def without_empty(value: Any) -> Any:
    """`value` without members that are null or empty, which mean the same to the API server as none."""
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if item not in (None, [], {})}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def test_what_is_put_in_can_be_taken_out_again(case: "Case") -> None:
    outcome, injected = made(case.pod, case.config, case.namespace)
    if not isinstance(outcome, Injected) or outcome.plan.resources or case.folder.name == "safe-to-evict-already":
        return  # what is filled in of the Pod's own resources stays; nobody knows who named a volume of ours first
    assert ours(injected)
    before_us = bare(injected, case.config, case.namespace)
    before = copy.deepcopy(case.pod)
    for key in ("loghook.dev/status", "loghook.dev/config"):  # a Pod that has been injected before
        (before["metadata"].get("annotations") or {}).pop(key, None)
    for each in (before_us, before):  # nobody knows whether the author named them too
        each["spec"].pop("imagePullSecrets", None)
    assert without_empty(before_us) == without_empty(before)


def test_an_injected_pod_is_what_it_would_be_today(case: "Case") -> None:
    outcome, injected = made(case.pod, case.config, case.namespace)
    if isinstance(outcome, Injected):
        assert differences(injected, today(injected, case.config, case.namespace)[1]) == []


POD = {
    "metadata": {
        "name": "p",
        "annotations": {"loghook.dev/paths": "/var/log/app/*.log", "loghook.dev/destination": "c"},
    },
    "spec": {"containers": [{"name": "app", "image": "a"}]},
}
CENTRAL = "destinations: {c: {type: otlp, host: one.example}}"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (CENTRAL, []),
        (CENTRAL.replace("one.", "two."), [("", "the agent's configuration")]),
        (CENTRAL + "\nimages: {fluentBit: example.com/fb:9}", [("loghook-agent", "image")]),
        (CENTRAL + "\ndefaults: {drain-seconds: '9'}", [("loghook-drain", "args")]),
        (CENTRAL + "\nresources: {fluentBit: {cpuRequest: 33m}}", []),  # an autoscaler may set them
    ],
)
def test_what_another_configuration_would_change(config: str, expected: list[tuple[str, str]]) -> None:
    _, injected = made(POD, load(CENTRAL), "default")
    found = differences(injected, today(injected, load(config), "default")[1])
    assert [(each.container, each.what) for each in found if "mount" not in each.what][
        : len(expected) or None
    ] == expected


def test_a_pinned_image_is_the_same_image_and_another_mount_another() -> None:
    _, injected = made(POD, load(CENTRAL), "default")
    sidecar = ours(injected)[0]
    assert isinstance(sidecar, dict)
    sidecar["image"] += "@sha256:" + "0" * 64
    assert differences(injected, today(injected, load(CENTRAL), "default")[1]) == []
    app = injected["spec"]["containers"][0]
    app["volumeMounts"] = [each for each in app["volumeMounts"] if each["name"] != "loghook-logs"]
    (found,) = differences(injected, today(injected, load(CENTRAL), "default")[1])
    assert (found.container, found.what, found.now, found.today) == (
        "app",
        "mount at /var/log/app",
        None,
        "loghook-logs",
    )


def test_nothing_of_a_terminals_language_gets_out(run: Run, tmp_path: Path) -> None:
    pod = copy.deepcopy(POD)
    pod["metadata"] = {"name": "p", "annotations": {"loghook.dev/paths": "/var/log/\x1b[31m/x.log"}}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **pod}))
    assert "\x1b" not in run("describe", "-f", str(tmp_path / "pod.yaml"), "--offline").out


def test_a_pod_that_is_there_is_told_of_without_ours() -> None:
    _, injected = made(POD, load(CENTRAL), "default")
    told = describe(Subject("pod/p", injected, "default", is_live=True), load(CENTRAL), None)
    assert told.decision == "injected"
    assert told.running is not None
    assert [each.name for each in told.running.sidecars] == ["loghook-agent", "loghook-drain"]
    again = describe(Subject("pod/p", injected, "default", is_live=False), load(CENTRAL), None)
    assert again.decision == "skipped"
    assert describe(Subject("pod/p", POD, "kube-system", is_live=True), Config(), None).decision == "skipped"
