"""What `kubectl apply` prints, with the chart's own registration at a real kube-apiserver: every rule and every CEL."""

import http.client
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from .conftest import ROOT, Api, Webhook, wait_for

pytestmark = pytest.mark.api

REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
KINDS = [
    {"group": "shop.example.com", "resource": "stalls"},
    {"group": "shop.example.com", "resource": "fairs", "template": "spec.stall.podTemplate"},
]
MISSPELT = {"loghook.dev/pahts": "/var/log/app/*.log"}
RIGHT = {"loghook.dev/paths": "/var/log/app/*.log"}


def pod(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "app", "image": "example.com/app"}]
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": containers, **spec}}


def spec_of(kind: str, template: dict[str, Any]) -> dict[str, Any]:
    """What an object of the kind has besides its metadata."""
    selector = {"matchLabels": {"app": "web"}}
    job = {"template": {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}}
    specs: dict[str, dict[str, Any]] = {
        "DaemonSet": {"spec": {"selector": selector, "template": template}},
        "Deployment": {"spec": {"replicas": 1, "selector": selector, "template": template}},
        "ReplicaSet": {"spec": {"selector": selector, "template": template}},
        "StatefulSet": {"spec": {"selector": selector, "serviceName": "web", "template": template}},
        "Job": {"spec": job},
        "CronJob": {"spec": {"schedule": "@daily", "jobTemplate": {"spec": job}}},
        "PodTemplate": {"template": template},
        "ReplicationController": {"spec": {"selector": {"app": "web"}, "template": template}},
        "Stall": {"spec": {"template": template}},
        "Fair": {"spec": {"stall": {"podTemplate": template}}},
    }
    return specs[kind]


GROUPS = {
    "apps/v1": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "batch/v1": ("CronJob", "Job"),
    "v1": ("PodTemplate", "ReplicationController"),
    "shop.example.com/v1": ("Stall", "Fair"),
}
VERSIONS = {kind: version for version, kinds in GROUPS.items() for kind in kinds}


def applied(kind: str, name: str, said: dict[str, str], **metadata: Any) -> dict[str, Any]:
    """An object whose template has these annotations."""
    head = {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": {"name": name, **metadata}}
    return {**head, **spec_of(kind, pod(said))}


def custom(plural: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.shop.example.com"},
        "spec": {"group": "shop.example.com", "names": names, "scope": "Namespaced", "versions": [version]},
    }


class Kubectl:
    """kubectl as whoever it is who applies things."""

    def __init__(self, assets: Path, api: Api) -> None:
        server = [f"--server=https://127.0.0.1:{api.port}", f"--certificate-authority={api.ca}", f"--token={api.token}"]
        self.command = [str(assets / "kubectl"), "--kubeconfig=/dev/null", *server]

    def __call__(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words], input=text, text=True, capture_output=True, check=False, timeout=120
        )

    def apply(self, *objects: dict[str, Any]) -> list[str]:
        """Apply, which must succeed; the warnings."""
        done = self("apply", "-f", "-", text=yaml.safe_dump_all(objects))
        assert done.returncode == 0, done.stderr
        return warnings(done)


def warnings(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What kubectl says in its words for it."""
    return [line.removeprefix("Warning: ") for line in done.stderr.splitlines() if line.startswith("Warning: ")]


def chart(name: str, **values: Any) -> dict[str, Any]:
    """The registration that the chart makes for a release of this name."""
    texts = helm_python.Chart.load(ROOT / "charts" / "loghook").render(values, name=name, namespace="logging")
    (text,) = [text for path, text in texts.items() if path.endswith("/workloads.yaml")]
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@contextmanager
def told(kubectl: Kubectl, api: Api, folder: Path, namespace: str, **values: Any) -> Iterator[Webhook]:
    """Our server, and what the chart registers with these values for one namespace, once the API server calls it."""
    workloads = {"kinds": KINDS, **values.get("workloads", {})}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    registration = chart(namespace, **{**values, "workloads": workloads, "webhook": where | values.get("webhook", {})})
    config = {key: workloads[key] for key in ("action", "kinds") if key in workloads}
    webhook = Webhook(folder, "127.0.0.1", yaml.safe_dump({"workloads": config}))
    for each in registration["webhooks"]:
        each["clientConfig"] = webhook.client_config("/validate")
    probe = applied("PodTemplate", "probe", MISSPELT, namespace=namespace)
    probe["template"]["metadata"]["labels"] |= {"logs": "wanted"}

    def is_called() -> bool:
        """The API server reads its registrations at its leisure."""
        done = kubectl("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(probe))
        return "LH" in done.stderr

    try:
        kubectl("create", "namespace", namespace)
        status, answer, _ = api.call("POST", REGISTRATIONS, registration)
        assert status == 201, answer
        wait_for("the API server calls the webhook", is_called)
        yield webhook
    finally:
        api.call("DELETE", f"{REGISTRATIONS}/{registration['metadata']['name']}")
        webhook.process.stop()


@pytest.fixture(scope="module")
def kubectl(assets: Path, api: Api) -> Kubectl:
    found = Kubectl(assets, api)
    crds = [custom("stalls", "Stall"), custom("fairs", "Fair")]
    found.apply(*crds)
    for crd in crds:
        name = crd["metadata"]["name"]
        wait_for(f"the kind {name}", lambda: not found("get", name).returncode)  # noqa: B023  # it ends before the next round
    return found


@pytest.fixture(scope="module")
def telling(kubectl: Kubectl, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with told(kubectl, api, tmp_path_factory.mktemp("told"), "default") as webhook:
        yield webhook


def reviews(webhook: Webhook) -> float:
    """How many reviews of workloads the server has answered."""
    with closing(http.client.HTTPConnection(webhook.address, webhook.health_port, timeout=120)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    ours = [each for each in lines if each.startswith("loghook_reviews_total{") and 'webhook="workloads"' in each]
    assert ours
    return sum(float(each.rsplit(" ", 1)[1]) for each in ours)


@pytest.mark.usefixtures("telling")
@pytest.mark.parametrize("kind", VERSIONS)
def test_says_what_is_wrong_with_the_template_of_each_kind(kubectl: Kubectl, kind: str) -> None:
    name = f"wrong-{kind.lower()}"
    assert kubectl.apply(applied(kind, name, MISSPELT)) == [
        f"LH603 loghook.dev/pahts: Pods of {kind.lower()}/{name} will be refused, see what follows, e.g. LH101",
        "LH101 loghook.dev/pahts: no such key, write loghook.dev/paths",
    ]
    assert kubectl.apply(applied(kind, f"right-{kind.lower()}", RIGHT)) == []


@pytest.mark.usefixtures("telling")
@pytest.mark.parametrize("kind", VERSIONS)
def test_says_where_an_annotation_belongs(kubectl: Kubectl, kind: str) -> None:
    said = kubectl.apply(applied(kind, f"beside-{kind.lower()}", {}, annotations=RIGHT))
    assert [each[:23] for each in said] == ["LH601 loghook.dev/paths"]
    assert said[0].endswith(".metadata.annotations")


@pytest.mark.usefixtures("telling")
def test_says_it_of_a_job_template_too(kubectl: Kubectl) -> None:
    nightly = applied("CronJob", "nightly", {})
    nightly["spec"]["jobTemplate"]["metadata"] = {"annotations": RIGHT}
    (said,) = kubectl.apply(nightly)
    assert said.endswith("e.g. spec.jobTemplate.spec.template.metadata.annotations")


@pytest.mark.usefixtures("telling")
def test_tells_each_of_two_objects_with_the_same_mistake(kubectl: Kubectl) -> None:
    """kubectl prints each text once."""
    said = kubectl.apply(applied("Deployment", "one", MISSPELT), applied("Deployment", "two", MISSPELT))
    assert [word for each in said for word in ("deployment/one", "deployment/two") if word in each] == [
        "deployment/one",
        "deployment/two",
    ]


def never_asked(webhook: Webhook, act: Callable[[], list[str]]) -> None:
    before = reviews(webhook)
    assert act() == []
    assert reviews(webhook) == before


def test_says_nothing_about_what_does_not_change_its_pods(kubectl: Kubectl, telling: Webhook) -> None:
    web = applied("Deployment", "scaled", MISSPELT)
    assert kubectl.apply(web)
    never_asked(telling, lambda: kubectl.apply(web))
    never_asked(telling, lambda: warnings(kubectl("scale", "deployment/scaled", "--replicas=3")))
    web["spec"]["replicas"] = 5
    never_asked(telling, lambda: kubectl.apply(web))
    never_asked(telling, lambda: warnings(kubectl("annotate", "deployment/scaled", "other=annotation")))
    never_asked(telling, lambda: warnings(kubectl("label", "deployment/scaled", "a=b")))
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/app:2"
    assert len(kubectl.apply(web)) == 2


def test_is_not_asked_about_what_does_not_mention_it(kubectl: Kubectl, telling: Webhook) -> None:
    never_asked(telling, lambda: kubectl.apply(applied("Deployment", "other", {"other.example.com/paths": "x"})))
    never_asked(telling, lambda: kubectl.apply(applied("Job", "none", {})))


def test_is_not_asked_about_what_a_controller_makes(kubectl: Kubectl, telling: Webhook) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1", "controller": True}
    of_deployment = applied("ReplicaSet", "web-1", MISSPELT, ownerReferences=[owner])
    never_asked(telling, lambda: kubectl.apply(of_deployment))
    of_nobody = applied("ReplicaSet", "web-2", MISSPELT, ownerReferences=[{**owner, "controller": False}])
    assert len(kubectl.apply(of_nobody)) == 2


def test_leaves_those_alone_who_opted_out(kubectl: Kubectl, telling: Webhook) -> None:
    out = applied("Deployment", "opted-out", MISSPELT)
    out["spec"]["template"]["metadata"]["labels"]["loghook.dev/inject"] = "false"
    never_asked(telling, lambda: kubectl.apply(out))
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quiet"}}
    space["metadata"]["labels"] = {"loghook.dev/inject": "false"}  # type: ignore[index]  # it is a map
    kubectl.apply(space)
    never_asked(telling, lambda: kubectl.apply(applied("Deployment", "quiet", MISSPELT, namespace="quiet")))


def test_tells_whoever_annotates_a_running_pod(kubectl: Kubectl, telling: Webhook) -> None:
    runs = {"apiVersion": "v1", "kind": "Pod", **pod({})}
    runs["metadata"] |= {"name": "runs"}
    never_asked(telling, lambda: kubectl.apply(runs))
    (said,) = warnings(kubectl("annotate", "pod/runs", "loghook.dev/paths=/var/log/app/*.log"))
    assert said.startswith("LH602 loghook.dev/paths: pod/runs runs as it is, this takes effect in a new Pod")
    never_asked(telling, lambda: warnings(kubectl("annotate", "pod/runs", "other=annotation")))
    never_asked(telling, lambda: warnings(kubectl("label", "pod/runs", "a=b")))
    status = {"status": {"phase": "Running"}}
    patch = ("patch", "pod/runs", "--subresource=status", "--type=merge", "--patch", json.dumps(status))
    never_asked(telling, lambda: warnings(kubectl(*patch)))
    (said,) = warnings(kubectl("annotate", "pod/runs", "loghook.dev/paths-"))
    assert said.startswith("LH602 loghook.dev/paths: ")


def test_costs_the_api_server_no_more_than_it_allows(kubectl: Kubectl, telling: Webhook) -> None:
    """Many annotations: CEL has a budget, and with Ignore what is beyond it is passed over in silence."""
    many = {f"k{number:x}": "" for number in range(5_000)}
    web = applied("Deployment", "many", {**many, **MISSPELT}, annotations=many)
    before = reviews(telling)
    done = kubectl("create", "-f", "-", text=json.dumps(web))
    assert done.returncode == 0, done.stderr[:2000]
    assert [each[:5] for each in warnings(done)] == ["LH603", "LH101"]
    web["spec"]["template"]["metadata"]["annotations"]["kx"] = ""
    done = kubectl("replace", "-f", "-", text=json.dumps(web))
    assert done.returncode == 0, done.stderr[:2000]
    assert [each[:5] for each in warnings(done)] == ["LH603", "LH101"]
    assert reviews(telling) == before + 2


def test_refuses_where_the_administrator_says_so(kubectl: Kubectl, api: Api, tmp_path: Path) -> None:
    with told(kubectl, api, tmp_path, "strict", workloads={"action": "Deny"}) as webhook:
        wrong = applied("Deployment", "denied", MISSPELT, namespace="strict")
        done = kubectl("apply", "-f", "-", text=yaml.safe_dump(wrong))
        assert done.returncode == 1
        assert 'admission webhook "workloads.loghook.dev" denied the request: LH101 loghook.dev/pahts' in done.stderr
        assert [each[:5] for each in warnings(done)] == ["LH603"]
        for kind in VERSIONS:
            lenient = {**MISSPELT, "loghook.dev/on-error": "warn"}
            assert len(kubectl.apply(applied(kind, "warned", lenient, namespace="strict"))) == 2
        assert len(kubectl.apply(applied("Deployment", "beside", RIGHT, namespace="strict", annotations=MISSPELT))) == 1
        webhook.process.stop()
        assert kubectl.apply(wrong) == [], "nobody answers, and apply works"
        done = kubectl("scale", "deployment/denied", "--namespace=strict", "--replicas=3")
        assert (done.returncode, warnings(done)) == (0, [])


def test_looks_at_those_whose_pods_are_looked_at(kubectl: Kubectl, api: Api, tmp_path: Path) -> None:
    """The Pods' selector, which the API server would hold against the Deployment's own labels."""
    expressions = [
        {"key": "tier", "operator": "NotIn", "values": ["test", "scratch"]},
        {"key": "app", "operator": "In", "values": ["web", "shop"]},
        {"key": "app", "operator": "Exists"},
        {"key": "nologs", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"logs": "wanted"}, "matchExpressions": expressions}
    with told(kubectl, api, tmp_path, "chosen", webhook={"objectSelector": selector}) as webhook:
        for number, (labels, lines) in enumerate(
            [
                ({"logs": "wanted"}, 2),
                ({"logs": "wanted", "tier": "prod"}, 2),
                ({"logs": "wanted", "tier": "test"}, 0),
                ({"logs": "wanted", "nologs": ""}, 0),
                ({"logs": "unwanted"}, 0),
                ({}, 0),
            ]
        ):
            chosen = applied("PodTemplate", f"chosen-{number}", MISSPELT, namespace="chosen")
            chosen["template"]["metadata"]["labels"] |= labels
            assert len(kubectl.apply(chosen)) == lines, labels
        chosen["template"]["metadata"]["labels"] = {"logs": "wanted"}
        chosen["metadata"]["name"] = "no-app"
        never_asked(webhook, lambda: kubectl.apply(chosen))
