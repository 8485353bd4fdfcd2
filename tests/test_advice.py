"""What is said at `kubectl apply`, and the AdmissionReview in which it is said."""

import json
import string
from collections.abc import Callable
from typing import Any

import pytest

from webhook.advice import Object, of_change, of_workload
from webhook.config.loghook_yaml import Config, ConfigError, load
from webhook.pod.view import view
from webhook.pod.workloads import WORKLOADS
from webhook.review import Answer, NotAReview
from webhook.validation import Validations

PATHS = "loghook.dev/paths"
RIGHT = {PATHS: "/var/log/app/*.log"}
WRONG = {"loghook.dev/pahts": "/var/log/app/*.log"}
DEPLOYMENT = ("apps", "Deployment")


def template(annotations: dict[str, str] | None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations, **metadata}, "spec": {"containers": [{"name": "app"}]}}


def web(annotations: dict[str, str] | None, own: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Deployment whose template has these annotations, and its own."""
    return {"metadata": {"name": "web", "annotations": own}, "spec": {"template": template(annotations), **spec}}


def review(object_: Any, kind: tuple[str, str] = DEPLOYMENT, **request: Any) -> dict[str, Any]:
    """A review as the API server sends it, with `request` over its usual fields."""
    group, name = kind
    usual = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": "v1", "kind": name},
        "resource": {"group": group, "version": "v1", "resource": f"{name.lower()}s"},
        "name": "web",
        "namespace": "shop",
        "operation": "UPDATE" if request.get("oldObject") else "CREATE",
        "object": object_,
        "oldObject": None,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": usual | request}


def answered(asked: Any, settings: str = "") -> tuple[Answer, dict[str, Any]]:
    found = Validations(load(settings)).answer(json.dumps(asked).encode())
    body = json.loads(found.body)
    assert (body.keys(), body["kind"]) == ({"apiVersion", "kind", "response"}, "AdmissionReview")
    response: dict[str, Any] = body["response"]
    assert response["uid"] == found.uid == asked["request"]["uid"]
    assert response.get("warnings") != []
    assert response.keys().isdisjoint({"patch", "patchType"})
    return found, response


def said(asked: Any, settings: str = "") -> list[str]:
    found, response = answered(asked, settings)
    assert response["allowed"]
    lines: list[str] = response.get("warnings", [])
    assert found.decision == ("warned" if lines else "allowed")
    return lines


def test_says_whose_pods_will_be_refused_and_why() -> None:
    assert said(review(web(WRONG))) == [
        "LH603 loghook.dev/pahts: Pods of deployment/web will be refused, see what follows, e.g. LH101",
        "LH101 loghook.dev/pahts: no such key, write loghook.dev/paths",
    ]


@pytest.mark.parametrize(
    ("annotations", "settings", "fate"),
    [
        ({**WRONG, "loghook.dev/on-error": "warn"}, "", "will start without a sidecar"),
        ({**RIGHT, "loghook.dev/destination": "away"}, "", "will start without a sidecar"),
        ({**RIGHT, "loghook.dev/destination": "away"}, "policy: {enforce: true}", "will be refused"),
        ({**RIGHT, "loghook.dev/time-zone": "UTC"}, "", "will have their sidecars, with warnings"),
    ],
)
def test_says_what_becomes_of_them(annotations: dict[str, str], settings: str, fate: str) -> None:
    first, *others = said(review(web(annotations)), settings)
    assert f"Pods of deployment/web {fate}, see" in first
    assert others


@pytest.mark.parametrize(
    "annotations", [RIGHT, {}, None, {"loghook.dev/inject": "false", **WRONG}, {"loghook.dev/status": "{}"}]
)
def test_has_nothing_to_say_where_nothing_is_wrong(annotations: dict[str, str] | None) -> None:
    assert said(review(web(annotations))) == []


def test_has_nothing_to_say_of_pods_that_are_left_alone() -> None:
    out = web(WRONG)
    out["spec"]["template"]["metadata"]["labels"] = {"loghook.dev/inject": "false"}
    assert said(review(out)) == []
    assert said(review(web({}, RIGHT)), "policy: {excludedNamespaces: [shop]}") == []
    assert said(review(web(WRONG)), "policy: {excludedNamespaces: [shop]}") == []
    windows = web(WRONG)
    windows["spec"]["template"]["spec"]["os"] = {"name": "windows"}
    assert said(review(windows)) == []


@pytest.mark.parametrize(("kind", "workload"), WORKLOADS.items(), ids=[kind for _, kind in WORKLOADS])
def test_finds_the_template_of_each_kind(kind: tuple[str, str], workload: Any) -> None:
    if kind == ("", "Pod"):
        return
    whole: Any = template(WRONG)
    for step in reversed(workload.template):
        whole = {step: whole}
    assert [line[:5] for line in said(review(whole, kind))] == ["LH603", "LH101"]
    (line,) = said(
        review({**whole, **nested(workload.template, template({})), "metadata": {"annotations": RIGHT}}, kind)
    )
    assert line.endswith(f"e.g. {'.'.join(workload.template)}.metadata.annotations")


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for step in reversed(path):
        value = {step: value}
    found: dict[str, Any] = value
    return found


def test_finds_what_stands_half_way() -> None:
    job = {"metadata": {"annotations": RIGHT}, "spec": {"template": template({})}}
    (line,) = said(review({"metadata": {}, "spec": {"jobTemplate": job}}, ("batch", "CronJob")))
    assert line.startswith("LH601 loghook.dev/paths: no Pod gets it from cronjob/web itself")


def test_what_the_template_says_too_is_not_misplaced() -> None:
    """kustomize's commonAnnotations writes both."""
    assert said(review(web(RIGHT, RIGHT))) == []
    assert [line[:5] for line in said(review(web(RIGHT, {PATHS: "/other.log"})))] == ["LH601"]
    assert [line[:5] for line in said(review(web(WRONG, {"loghook.dev/format": "json"})))] == [
        "LH603",
        "LH101",
        "LH601",
    ]


def test_finds_custom_kinds_where_the_administrator_says() -> None:
    settings = "workloads: {kinds: [{group: a.example, resource: stalls, template: spec.pods.template}]}"
    stall = {"metadata": {"name": "s"}, "spec": {"pods": {"template": template(WRONG)}}}
    assert [line[:5] for line in said(review(stall, ("a.example", "Stall")), settings)] == ["LH603", "LH101"]
    assert said(review(stall, ("a.example", "Stall"))) == []
    assert said(review(stall, ("b.example", "Stall")), settings) == []
    odd = {"metadata": {"annotations": RIGHT}, "spec": {"metadata": "x", "pods": {"metadata": [], "template": None}}}
    assert [line[:5] for line in said(review(odd, ("a.example", "Stall")), settings)] == ["LH601"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (web(WRONG, replicas=1), web(WRONG, replicas=5)),
        (web(WRONG, RIGHT), web(WRONG, {**RIGHT, "other": "annotation"})),
        (web({}, RIGHT), web({}, RIGHT)),
    ],
)
def test_says_nothing_again(old: Any, new: Any) -> None:
    assert said(review(old))
    assert said(review(new, oldObject=old)) == []


def test_says_it_of_what_has_changed() -> None:
    assert len(said(review(web(WRONG), oldObject=web(RIGHT)))) == 2
    assert len(said(review(web({}, RIGHT), oldObject=web({})))) == 1
    old, new = web(WRONG), web(WRONG)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2"
    assert len(said(review(new, oldObject=old))) == 2


@pytest.mark.parametrize(
    "request_",
    [
        {"subResource": "status"},
        {"subResource": "scale"},
        {"operation": "DELETE", "object": None, "oldObject": web(WRONG)},
        {"kind": {"group": "", "version": "v1", "kind": "ConfigMap"}},
        {"kind": {"group": "extensions", "version": "v1", "kind": "Deployment"}},
    ],
)
def test_looks_at_nothing_else(request_: dict[str, Any]) -> None:
    assert said({**review(web(WRONG)), "request": review(web(WRONG))["request"] | request_}) == []


def test_names_objects_as_kubectl_does() -> None:
    job = {"metadata": {"generateName": "migrate-"}, "spec": {"template": template(WRONG)}}
    asked = review(job, ("batch", "Job"), name="")
    assert "Pods of job/migrate-* will be refused" in said(asked)[0]
    assert answered(asked)[0].name == "job/migrate-*"


def test_looks_at_the_pod_that_the_kind_would_make() -> None:
    """A claim is shared by the replicas of a Deployment, not by the one Pod of a Job."""
    claim = {"name": "logs", "persistentVolumeClaim": {"claimName": "logs"}}
    mount = {"name": "logs", "mountPath": "/var/log/app"}
    pod = template(RIGHT)
    pod["spec"] = {"containers": [{"name": "app", "volumeMounts": [mount]}], "volumes": [claim]}
    whole = {"metadata": {"name": "web"}, "spec": {"template": pod}}
    assert [line[:5] for line in said(review(whole))] == ["LH603", "LH209"]
    assert said(review(whole, ("", "PodTemplate"))) == []


# Running Pods.


def changed(old: dict[str, str] | None, new: dict[str, str] | None) -> list[str]:
    before, after = ({"metadata": {"name": "web", "annotations": each}} for each in (old, new))
    return said(review(after, ("", "Pod"), oldObject=before))


def test_tells_that_a_running_pod_stays_as_it_is() -> None:
    (line,) = changed(None, RIGHT)
    advice = "pod/web runs as it is, this takes effect in a new Pod, write it e.g. in its Deployment's template"
    assert line == f"LH602 loghook.dev/paths: {advice}"
    assert len(changed(RIGHT, {PATHS: "/other.log"})) == 1
    assert len(changed(RIGHT, {})) == 1
    assert changed(RIGHT, RIGHT) == []
    assert changed({**RIGHT, "a": "b"}, RIGHT) == []
    assert changed(RIGHT, {**RIGHT, "loghook.dev/status": "{}"}) == [], "it is no word of a user's"


def test_says_nothing_of_a_new_pod() -> None:
    assert said(review({"metadata": {"annotations": WRONG}}, ("", "Pod"))) == [], "its own webhook does"


# Deny.

DENY = "workloads: {action: Deny}"


def test_refuses_only_what_would_be_refused_later_and_only_where_it_is_told_to() -> None:
    found, response = answered(review(web(WRONG, {"loghook.dev/format": "json"})), DENY)
    assert (found.decision, response["allowed"]) == ("refused", False)
    status = response["status"]
    assert (status["code"], status["reason"], status["status"]) == (422, "Invalid", "Failure")
    assert status["message"] == "LH101 loghook.dev/pahts: no such key, write loghook.dev/paths"
    assert [line[:5] for line in response["warnings"]] == ["LH603", "LH601"]
    assert len(said(review(web({**WRONG, "loghook.dev/on-error": "warn"})), DENY)) == 2
    assert len(said(review(web({}, WRONG)), DENY)) == 1
    assert said(review(web(WRONG, replicas=3), oldObject=web(WRONG)), DENY) == [], "it is there already"
    running = review({"metadata": {"annotations": WRONG}}, ("", "Pod"), oldObject={"metadata": {}})
    assert len(said(running, DENY)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "workloads: {action: deny}",
        "workloads: {kinds: [{group: '', resource: pods}]}",
        "workloads: {kinds: [{group: a.example, resource: Stalls}]}",
        "workloads: {kinds: [{group: a.example, resource: stalls, template: spec..x}]}",
        "workloads: {kinds: [{group: a.example, resource: stalls, template: \"spec['x']\"}]}",
        "workloads: {kinds: [{resource: stalls}]}",
    ],
)
def test_takes_no_other_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="workloads"):
        load(text)


# Whoever sends something else.


@pytest.mark.parametrize(
    "spoil",
    [
        lambda asked: asked.update(kind="Review"),
        lambda asked: asked.update(apiVersion="admission.k8s.io/v1beta1"),
        lambda asked: asked.pop("request"),
        lambda asked: asked["request"].pop("uid"),
        lambda asked: asked["request"].update(object=[]),
        lambda asked: asked["request"].update(object="x"),
        lambda asked: asked["request"]["object"].update(spec=7),
        lambda asked: asked["request"]["object"]["spec"].update(template=[1]),
        lambda asked: asked["request"]["object"]["spec"]["template"]["metadata"].update(annotations={PATHS: 7}),
        lambda asked: asked["request"]["object"]["spec"]["template"].update(spec={"containers": {}}),
    ],
)
def test_says_that_the_caller_is_wrong(spoil: Callable[[Any], Any]) -> None:
    asked = review(web(WRONG))
    spoil(asked)
    with pytest.raises(NotAReview):
        Validations(Config()).answer(json.dumps(asked).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"request": ' + b'{"a":' * 5_000])
def test_takes_no_bytes_for_a_review_that_are_none(body: bytes) -> None:
    with pytest.raises(NotAReview):
        Validations(Config()).answer(body)


def test_looks_at_no_object_of_too_many_parts() -> None:
    many = web(WRONG)
    many["metadata"]["managedFields"] = [{}] * 2**17
    assert [line[:5] for line in said(review(many))] == ["LH170"]
    assert len(said(review(web(WRONG), oldObject=many))) == 2
    pod = {"metadata": {"annotations": WRONG}}
    assert said(review(pod, ("", "Pod"), oldObject={**pod, "status": [{}] * 2**17})) == []


def test_looks_at_no_two_objects_that_have_too_many_parts_together() -> None:
    """Then it is as if there had been none before; and nothing is said of a Pod that may have changed."""
    half: dict[str, Any] = {"status": [{"type": "Ready"}] * 2**14}
    assert len(said(review(web(WRONG) | half, oldObject=web(WRONG) | half))) == 2
    pod = {"metadata": {"annotations": WRONG}}
    assert said(review(pod | half, ("", "Pod"), oldObject={"metadata": {}} | half)) == []


def test_says_a_few_things_of_many() -> None:
    many = {f"loghook.dev/x{number:05}": "y" for number in range(5_000)}
    for lines in (said(review(web({}, many))), said(review(web(many))), changed({}, many)):
        assert 1 <= len(lines) <= 16
        assert sum(map(len, lines)) <= 4096
        assert all(len(line) <= 256 and line.isprintable() for line in lines)


def test_shows_no_name_that_a_terminal_would_obey() -> None:
    name = "x\x1b[31m\u202e" + "y" * 5_000
    generated = web(WRONG) | {"metadata": {"generateName": name}}
    for lines in (said(review(web(WRONG), name=name)), said(review(generated, name=""))):
        assert len(lines) > 1
        assert all(line.isprintable() and len(line) <= 256 for line in lines)


def test_is_a_pure_function_of_what_is_applied() -> None:
    applied = Object("deployment/web", WORKLOADS[DEPLOYMENT], view(template(WRONG)), ({},))
    assert of_workload(applied, Config(), "shop") == of_workload(applied, Config(), "shop")
    assert of_change("pod/web", RIGHT, RIGHT).diagnostics == ()
    assert not any(name for _, name, _, _ in string.Formatter().parse("".join(said(review(web(WRONG))))) if name)
