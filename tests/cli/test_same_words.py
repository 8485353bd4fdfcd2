"""What `lint`, `inject` and `preview` say of annotations in the wrong place is what is said at `kubectl apply`."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from webhook.config.loghook_yaml import Config
from webhook.validation import Validations

Run = Callable[..., Any]

PATHS, FORMAT, OUT = "loghook.dev/paths", "loghook.dev/format", "loghook.dev/inject"
RIGHT = {PATHS: "/var/log/app/*.log"}
POD = {"containers": [{"name": "app", "image": "app"}]}


def template(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}, "spec": POD}


def deployment(own: Any, inner: dict[str, str], **metadata: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": own, **metadata},
        "spec": {"template": template(**inner)},
    }


def cron_job(own: Any, job: Any, inner: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report", "annotations": own},
        "spec": {"jobTemplate": {"metadata": {"annotations": job}, "spec": {"template": template(**inner)}}},
    }


def pod_template(own: Any, inner: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": "kept", "annotations": own}
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": template(**inner)}


OBJECTS: dict[str, tuple[dict[str, Any], int]] = {
    "on the object alone": (deployment(RIGHT, {}), 1),
    "two of them": (deployment({**RIGHT, FORMAT: "json"}, {}), 2),
    "a wrong one, too": (deployment({"loghook.dev/pahts": "/x"}, {}), 1),
    "none of ours": (deployment({"other": "x"}, RIGHT), 0),
    "in both, as kustomize writes it": (deployment(RIGHT, RIGHT), 0),
    "in both, and another value": (deployment({PATHS: "/srv/other.log"}, RIGHT), 1),
    "beside one that asks": (deployment({FORMAT: "json"}, RIGHT), 1),
    "its Pods opt out": (deployment(RIGHT, {OUT: "false"}), 0),
    "in a namespace that is left alone": (deployment(RIGHT, {}, namespace="kube-system"), 0),
    "on a CronJob": (cron_job(RIGHT, None, {}), 1),
    "on its jobTemplate": (cron_job(None, RIGHT, {}), 1),
    "on both of them": (cron_job({FORMAT: "json"}, RIGHT, {}), 2),
    "on a PodTemplate": (pod_template(RIGHT, {}), 1),
    "written by us": (deployment({"loghook.dev/status": "{}"}, RIGHT), 0),
}


def said_at_apply(manifest: dict[str, Any]) -> list[str]:
    """The warnings that `kubectl apply` prints of what stands beside the template."""
    group = manifest["apiVersion"].rpartition("/")[0]
    kind, metadata = manifest["kind"], manifest["metadata"]
    request = {
        "uid": "1",
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": f"{kind.lower()}s"},
        "name": metadata["name"],
        "namespace": metadata.get("namespace", "default"),
        "operation": "CREATE",
        "object": manifest,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    answer = json.loads(Validations(Config()).answer(json.dumps(review).encode()).body)
    return [each for each in answer["response"].get("warnings", ()) if each.startswith("LH601")]


def placed(text: str) -> list[tuple[str, str]]:
    """The words about annotations in the wrong place, each with where it stands."""
    return sorted(re.findall(r"(stdin:\d+:\d+): warning: (?:\S+: )?(LH601 .*)", text))


@pytest.mark.parametrize("name", OBJECTS)
def test_they_say_the_words_of_kubectl_apply_at_the_line_of_the_annotation(run: Run, name: str) -> None:
    manifest, count = OBJECTS[name]
    words, text = said_at_apply(manifest), yaml.safe_dump(manifest, sort_keys=False)
    assert len(words) == count
    every = json.loads(run("lint", "-f", "-", "-o", "json", stdin=text).out)
    found = [each for each in every if each["code"] == "LH601"]
    assert sorted(f"{each['code']} {each['message']}" for each in found) == sorted(words)
    lines = text.splitlines()
    beside = next(at for at, line in enumerate(lines) if line.endswith("template:"))
    for each in found:
        at, key = each["line"] - 1, each["message"].partition(":")[0]
        assert lines[at][each["column"] - 1 :].startswith(f"{key}:")
        assert at < beside
    places = sorted((f"stdin:{each['line']}:{each['column']}", f"LH601 {each['message']}") for each in found)
    assert placed(run("inject", "-f", "-", stdin=text).err) == places
