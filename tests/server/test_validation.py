"""What the TLS port answers about what is applied: the same server, bounds, counts and lines as for Pods."""

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

MIB = 1024 * 1024


def body(annotations: dict[str, str], uid: str = "u-1", size: int = 0) -> bytes:
    """A review of a Deployment, filled up to `size` bytes."""
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "app"}]}}
    kind = {"group": "apps", "version": "v1", "kind": "Deployment"}
    request = {"uid": uid, "kind": kind, "operation": "CREATE", "namespace": "shop", "name": "web"}
    request |= {"object": {"spec": {"template": template}}}
    envelope = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(envelope).encode().ljust(size)


WRONG = body({"loghook.dev/pahts": "/var/log/app/*.log"})


def counts(server: Any) -> dict[tuple[str, str], float]:
    """What is counted of this webhook, by the metric's name and the label that says what became of it."""
    families = text_string_to_metric_families(server.health("/metrics")[1])
    samples = [one for family in families for one in family.samples if one.labels.get("webhook") == "workloads"]
    return {(one.name, one.labels.get("decision", "") or one.labels.get("code", "")): one.value for one in samples}


def test_advice_comes_as_warnings(start: Any) -> None:
    server = start()
    reply = server.ask(path="/validate?timeout=3s", body=WRONG)
    assert reply.status == 200
    response = reply.json["response"]
    assert (response["uid"], response["allowed"]) == ("u-1", True)
    assert [line[:5] for line in response["warnings"]] == ["LH603", "LH101"]
    line = server.line("reviewed", name="deployment/web", decision="warned", namespace="shop")
    assert line["codes"] == ["LH603", "LH101"]
    assert server.ask(path="/validate", body=body({})).json["response"] == {"uid": "u-1", "allowed": True}
    now = counts(server)
    assert [now["loghook_reviews_total", each] for each in ("warned", "allowed", "refused")] == [1, 1, 0]
    assert now["loghook_review_duration_seconds_count", ""] == 2
    assert [now["loghook_diagnostics_total", each] for each in ("LH101", "LH603", "LH111")] == [1, 1, 0]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_no_other_method_is_taken(server: Any, method: str) -> None:
    reply = server.ask(method, "/validate")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/validate/", "/Validate", "//validate"])
def test_no_other_path_is_there(server: Any, path: str) -> None:
    assert server.ask(path=path, body=WRONG).status == 404


def test_the_bounds_are_those_of_every_review(server: Any) -> None:
    assert server.ask(path="/validate", body=WRONG, Content_Type="text/plain").status == 415
    assert server.ask(path="/validate", body=b"{}").status == 400
    assert server.ask(path="/validate", body=body({}, size=7 * MIB)).status == 200
    assert server.ask(path="/validate", body=body({}, size=7 * MIB + 1)).status == 413


def test_a_new_configuration_holds_here_too(start: Any, tmp_path: Any) -> None:
    file = tmp_path / "loghook.yaml"
    file.write_text("")
    server = start(config=str(file))
    assert server.ask(path="/validate", body=WRONG).json["response"]["allowed"]
    file.write_text("workloads: {action: Deny}")
    server.line("took over a new configuration")
    response = server.ask(path="/validate", body=WRONG).json["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 422)
