"""The AdmissionReview v1 contract, and who is at fault for what.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

import base64
import json
from typing import Any

import jsonpatch
import pytest

from webhook.config.loghook_yaml import Config, load
from webhook.inject import Added
from webhook.pod.view import Container, view
from webhook.review import Answer, NotAReview, Reviews, answer

PATHS = "loghook.dev/paths"


def pod(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "app", "annotations": {PATHS: "/var/log/app/*.log"} if annotations is None else annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "app"}], **spec}}


def review(object_: Any = None, **request: Any) -> dict[str, Any]:
    """A review as the API server sends it, with `request` over its usual fields; None leaves a field out."""
    usual: dict[str, Any] = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "app",
        "namespace": "team",
        "operation": "CREATE",
        "userInfo": {"username": "admin", "groups": ["system:masters"], "extra": {"key": ["value"]}},
        "object": pod() if object_ is None else object_,
        "oldObject": None,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    fields = {key: value for key, value in (usual | request).items() if value is not None or key == "oldObject"}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": fields}


def asked(review: Any, config: Config | None = None) -> tuple[Answer, dict[str, Any]]:
    """The answer, and its response after a look at what every answer must have."""
    found = answer(json.dumps(review).encode(), config or Config())
    body = json.loads(found.body)
    assert body.keys() == {"apiVersion", "kind", "response"}
    assert (body["apiVersion"], body["kind"]) == (review["apiVersion"], review["kind"])
    response: dict[str, Any] = body["response"]
    assert response["uid"] == found.uid == review["request"]["uid"]
    assert isinstance(response["allowed"], bool)
    assert ("patch" in response) == ("patchType" in response)
    assert response.get("warnings") != []
    return found, response


def test_patches_a_pod_that_asks() -> None:
    found, response = asked(review())
    assert response.keys() == {"uid", "allowed", "patchType", "patch"}
    assert (response["allowed"], response["patchType"]) == (True, "JSONPatch")
    patched = jsonpatch.apply_patch(pod(), json.loads(base64.b64decode(response["patch"], validate=True)))
    assert patched["spec"]["initContainers"][0]["name"] == "loghook"
    assert (found.decision, found.reason, found.codes) == ("injected", "", ())
    assert found.sidecars == (Added("loghook", "streaming", "busybox"),)
    assert (found.namespace, found.name, found.dry_run) == ("team", "app", False)


def test_refuses_with_a_status() -> None:
    said = {PATHS: "/logs/x.log", "loghook.dev/format": "jsn", "loghook.dev/time-zone": "UTC"}
    found, response = asked(review(pod(said)))
    assert response.keys() == {"uid", "allowed", "status", "warnings"}
    assert response["allowed"] is False
    status = response["status"]
    assert (status["code"], status["reason"], status["status"]) == (422, "Invalid", "Failure")
    assert status["message"].startswith("LH129 ")
    assert [warning[:5] for warning in response["warnings"]] == ["LH191"]
    assert (found.decision, found.reason, found.codes) == ("refused", "", ("LH129", "LH191"))


def test_warns_and_starts_the_pod_without_ours() -> None:
    found, response = asked(review(pod({PATHS: "x.log", "loghook.dev/on-error": "warn"})))
    assert response["allowed"] is True
    assert [warning[:5] for warning in response["warnings"]] == ["LH111"]
    (op,) = json.loads(base64.b64decode(response["patch"]))
    assert op["path"] == "/metadata/annotations/loghook.dev~1status"
    assert (found.decision, found.reason) == ("skipped", "mistakes")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"object_": pod({})}, "not-asked"),
        ({"object_": pod({"loghook.dev/inject": "false"})}, "opted-out"),
        ({"namespace": "kube-system"}, "excluded-namespace"),
        ({"operation": "UPDATE"}, "not-create"),
        ({"operation": "DELETE", "object": None, "oldObject": pod()}, "not-create"),
        ({"operation": "CONNECT"}, "not-create"),
        ({"operation": "create"}, "not-create"),
        ({"object": None, "object_": None}, "no-object"),
        ({"subResource": "ephemeralcontainers", "operation": "UPDATE"}, "not-a-pod"),
        ({"subResource": "binding"}, "not-a-pod"),
        ({"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}}, "not-a-pod"),
        ({"kind": {"group": "", "version": "v2", "kind": "Pod"}}, "not-a-pod"),
        ({"kind": {"group": "x", "version": "v1", "kind": "Pod"}}, "not-a-pod"),
        ({"kind": {"group": "", "version": "v1", "kind": "PodExecOptions"}, "operation": "CONNECT"}, "not-a-pod"),
    ],
)
def test_allows_what_is_none_of_its_business(request_: dict[str, Any], reason: str) -> None:
    asked_for = review(**request_)
    if "object" in request_:
        asked_for["request"]["object"] = None
    found, response = asked(asked_for)
    assert response == {"uid": found.uid, "allowed": True}
    assert (found.decision, found.reason) == ("skipped", reason)
    assert (found.sidecars, found.codes) == ((), ())


def test_takes_a_review_with_the_least_that_it_must_have() -> None:
    kind = {"version": "v1", "kind": "Pod"}
    least = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    found, response = asked({**least, "request": {"uid": "", "kind": kind, "operation": "CREATE", "object": pod()}})
    assert "patch" in response
    assert (found.namespace, found.name) == ("", "app")


@pytest.mark.parametrize(
    ("name", "metadata", "expected"),
    [
        ("a", {"name": "b"}, "a"),
        ("", {"name": "b", "generateName": "c-"}, "b"),
        (None, {"generateName": "c-"}, "c-"),
        (None, {"name": None, "generateName": None}, ""),
    ],
)
def test_names_the_pod_for_the_log(name: str | None, metadata: dict[str, Any], expected: str) -> None:
    found, _ = asked(review({**pod(), "metadata": metadata}, name=name))
    assert found.name == expected


def test_knows_a_dry_run_and_answers_it_alike() -> None:
    real, response = asked(review())
    dry, dry_response = asked(review(dryRun=True))
    assert (real.dry_run, dry.dry_run) == (False, True)
    assert response == dry_response


def test_takes_the_namespace_from_the_request() -> None:
    config = load("namespaces: {team: {defaults: {volume-size-limit: 5Mi}}}")
    elsewhere = {**pod(), "metadata": {**pod()["metadata"], "namespace": "other"}}
    _, response = asked(review(elsewhere), config)
    assert '"5Mi"' in base64.b64decode(response["patch"]).decode()


def test_shows_as_many_warnings_as_the_api_server_does() -> None:
    said = {
        f"loghook.dev/s{number:02}.{key}": "x" for number in range(31) for key in ("time-key", "time-zone", "fields")
    }
    said = {key: "a=b" if key.endswith("fields") else "UTC" for key in said}
    said |= {f"loghook.dev/s{number:02}.paths": "/var/log/app/*.log" for number in range(31)}
    _, response = asked(review(pod(said)))
    assert 1 < len(response["warnings"]) < 93
    assert sum(map(len, response["warnings"])) <= 4096
    assert all(len(warning) <= 256 for warning in response["warnings"])


# The caller's fault.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"AdmissionReview"',
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"apiVersion":"admission.k8s.io/v1"}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":1,"kind":{},"operation":""}}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"x","allowed":true}}',
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=range(17),
)
def test_says_that_this_is_no_review(body: bytes) -> None:
    with pytest.raises(NotAReview) as caught:
        answer(body, Config())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "change",
    [
        {"apiVersion": "admission.k8s.io/v1beta1"},
        {"apiVersion": "v1"},
        {"apiVersion": None},
        {"kind": "Pod"},
        {"kind": "admissionreview"},
        {"kind": 5},
    ],
)
def test_takes_version_1_alone(change: dict[str, Any]) -> None:
    with pytest.raises(NotAReview):
        answer(json.dumps(review() | change).encode(), Config())


@pytest.mark.parametrize(
    "object_",
    [
        "a string",
        5,
        [],
        {"metadata": None},
        {"metadata": {"annotations": {PATHS: 5}}},
        {"metadata": {"annotations": {PATHS: None}}},
        {"metadata": {"annotations": {PATHS: "/x.log"}}, "spec": None},
        {"metadata": {"annotations": {PATHS: "/x.log"}}, "spec": []},
        {"metadata": {"annotations": {PATHS: "/x.log"}}, "spec": {"containers": [None]}},
        {"metadata": {"annotations": {PATHS: "/x.log"}}, "spec": {"containers": [{"name": {}}]}},
    ],
)
def test_says_that_this_is_no_pod(object_: Any) -> None:
    with pytest.raises(NotAReview) as caught:
        answer(json.dumps(review(object_)).encode(), Config())
    assert str(caught.value).isprintable()


def with_text(old: str, new: bytes) -> bytes:
    """The review as JSON with `old` in it replaced by bytes that no serializer would write."""
    return json.dumps(review(pod({PATHS: "/var/log/app/*.log", "x": "MARK"}))).encode().replace(old.encode(), new)


@pytest.mark.parametrize(
    "body",
    [
        with_text('"MARK"', b"NaN"),
        with_text('"MARK"', b"Infinity"),
        with_text("MARK", b"\\ud800"),
        with_text("MARK", b"\xed\xa0\x80"),
        with_text("MARK", b"\xff"),
        with_text("MARK", b"\n"),
        with_text('"MARK"', b"'x'"),
        with_text('"MARK"', b'"x",'),
        with_text('"MARK"', b"[" * 200_000),
    ],
    ids=["nan", "infinity", "lone surrogate", "surrogate bytes", "no utf-8", "newline", "quotes", "comma", "deep"],
)
def test_refuses_json_that_is_none(body: bytes) -> None:
    with pytest.raises(NotAReview):
        answer(body, Config())


def test_reads_the_last_of_duplicate_keys_as_the_api_server_does() -> None:
    body = with_text('"x": "MARK"', b'"loghook.dev/inject": "true", "loghook.dev/inject": "false"')
    assert answer(body, Config()).reason == "opted-out"


def test_looks_at_no_field_that_does_not_matter() -> None:
    """Deep, odd and huge values of unknown fields: not ours to judge, and not ours to fail on."""
    deep: Any = 1
    for _ in range(200):
        deep = {"a": [deep]}
    odd = pod(future=deep, dnsPolicy=5, tolerations=[1, 2.5, None, "x" * 100_000], big=10**400, small=1e-300)
    found, _ = asked(review(odd))
    assert found.decision == "injected"


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**400])
def test_takes_numbers_of_any_size(number: int) -> None:
    found, _ = asked(review(pod(terminationGracePeriodSeconds=number, securityContext={"fsGroup": number})))
    assert found.decision == "injected"


# Memory.


def test_answers_alike_pods_alike_but_for_the_uid() -> None:
    reviews = Reviews(Config())
    bodies = [json.dumps(review(uid=f"uid-{number}")).encode() for number in range(3)]
    answers = [reviews.answer(body) for body in bodies]
    assert [found.uid for found in answers] == ["uid-0", "uid-1", "uid-2"]
    assert [found.body for found in answers] == [answer(body, Config()).body for body in bodies]


def test_does_not_mix_up_pods_of_other_owners() -> None:
    """Their names are all that tells them apart, and records say which service they are of."""
    config = load("destinations: {central: {type: otlp, host: otlp.example}}")
    reviews = Reviews(config)
    said = {"loghook.dev/paths": "/var/log/app/*.log", "loghook.dev/destination": "central"}
    for owner in ("web", "web", "shop", "shop", "web"):
        made = pod(said)
        made["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": owner, "controller": True}]
        body = json.dumps(review(made)).encode()
        assert reviews.answer(body) == answer(body, config)


@pytest.mark.parametrize("field", ["uid", "name", "namespace", "operation", "subResource"])
def test_says_no_text_again_that_no_api_server_sends(field: str) -> None:
    with pytest.raises(NotAReview, match="length"):
        asked(review(pod(), **{field: "x" * 10_000}))


def token_volume(name: str, **spec: Any) -> dict[str, Any]:
    mount = {"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    container = {"name": "app", "volumeMounts": [mount]}
    usual: dict[str, Any] = {"volumes": [{"name": name, "projected": {"sources": []}}], "containers": [container]}
    return pod(**(usual | spec))


def test_does_not_mix_up_pods_with_random_token_volumes() -> None:
    reviews = Reviews(Config())
    names = ["kube-api-access-aaaaa", "kube-api-access-bbbbb", "kube-api-access-ccccc-logs"]
    every = [token_volume(name) for name in names]
    logs = {"name": "app", "volumeMounts": [{"name": "NAME", "mountPath": "/var/log/app"}]}
    every += [
        json.loads(json.dumps(token_volume(name, containers=[logs], volumes=[{"name": "NAME"}])).replace("NAME", name))
        for name in names
    ]
    for each in every * 2:
        body = json.dumps(review(each)).encode()
        assert reviews.answer(body) == answer(body, Config())


def test_does_not_mix_up_sources_with_names_like_token_volumes() -> None:
    """The Pod of the second review has a container of our name, which the first has not."""
    reviews = Reviews(Config())
    said = {"loghook.dev/kube-api-access-aaaaa.paths": "/var/log/app/*.log"}
    decisions = []
    for name in ("kube-api-access-bbbbb", "kube-api-access-aaaaa"):
        init = {"name": f"loghook-{name}"}
        spec = {"initContainers": [init], "containers": [{"name": "app"}]}
        body = json.dumps(review({"metadata": {"annotations": said}, "spec": spec})).encode()
        assert reviews.answer(body) == answer(body, Config())
        decisions.append(reviews.answer(body).decision)
    assert decisions == ["injected", "refused"]


def test_does_not_mix_up_containers_with_names_like_token_volumes() -> None:
    reviews = Reviews(Config())
    said = {PATHS: "/var/log/app/*.log", "loghook.dev/container": "kube-api-access-aaaaa"}
    for name in ("kube-api-access-aaaaa", "kube-api-access-bbbbb"):
        body = json.dumps(review(pod(said, containers=[{"name": name}]))).encode()
        assert reviews.answer(body) == answer(body, Config()), name


def test_forgets_the_oldest() -> None:
    reviews = Reviews(Config())
    for number in range(600):
        reviews.answer(json.dumps(review(pod(nodeName=f"node-{number}"))).encode())
    assert reviews._known.bytes <= 2**22  # noqa: SLF001 - the one way to see that memory has a limit


def test_compares_no_container_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A review may bring 20,000 of them, and comparing each with each kept the server busy for seconds."""

    def compare(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(Container, "__eq__", compare)
    containers = [{"name": name, "resources": {"limits": {"ephemeral-storage": "1"}}} for name in ("app", "web")]
    with pytest.raises(AssertionError):
        assert view(pod(containers=containers)).containers[0] != view(pod(containers=containers)).containers[1]
    body = json.dumps(review(pod({PATHS: "/var/log/app/*.log"}, containers=containers))).encode()
    assert answer(body, Config()).decision == "injected"
