"""`loghook check` and `loghook list` against a real API server that calls our real server through the chart's objects.

The chart is rendered by Helm's own engine, and what Helm would create is created. There is no node and no controller:
the EndpointSlice that leads to our server, and the status of a Deployment, are written as their controllers do.
"""

import base64
import contextlib
import copy
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml
from screen import ON_A_TERMINAL, hold

from certs.files import issue
from webhook import __version__
from webhook.reference.output import schema

from .conftest import Api, Said, Webhook, apiserver, issued, missing, wait_for, written_kubeconfig

pytestmark = pytest.mark.api

CHART = Path(__file__).resolve().parents[2] / "charts" / "loghook"
HOME, SHOP = "loghook", "shop"
HOST = f"loghook.{HOME}.svc"
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{HOME}/endpointslices"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{HOME}/deployments"
CORE = f"/api/v1/namespaces/{HOME}"
REPLICA_SETS = f"/apis/apps/v1/namespaces/{SHOP}/replicasets"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
PATHS = {
    "ValidatingWebhookConfiguration": VALIDATING,
    "MutatingWebhookConfiguration": REGISTRATIONS,
    "Service": f"{CORE}/services",
    "ConfigMap": f"{CORE}/configmaps",
    "Deployment": DEPLOYMENTS,
}
Loghook = Callable[..., Said]


def own_address() -> str:
    """An address of this machine that is no loopback: an EndpointSlice takes no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))  # nothing is sent
        except OSError:
            missing("an address of this machine that is no loopback")
        address: str = probe.getsockname()[0]
    return address


class World:
    """The API server, the chart's objects in it, and our server behind them."""

    def __init__(self, api: Api, webhook: Webhook) -> None:
        self.api, self.webhook = api, webhook
        self.good: dict[str, Any] = {}

    def must(self, method: str, path: str, body: Any = None) -> Any:
        status, answer, _ = self.api.call(method, path, body)
        assert status in {200, 201}, answer
        return answer

    def install(self) -> None:
        for name in (HOME, SHOP):
            self.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        texts = helm_python.Chart.load(CHART).render({}, name="loghook", namespace=HOME)
        for text in (text for path, text in texts.items() if path.endswith(".yaml")):
            for document in yaml.safe_load_all(text):
                if (
                    document
                    and document["kind"] in PATHS
                    and "helm.sh/hook" not in (document["metadata"].get("annotations") or {})
                ):
                    self.must("POST", PATHS[document["kind"]], document)
        for path in (REGISTRATIONS, VALIDATING):
            self.change(path, self.vouch)
        ports = [
            {"name": each.get("name"), "port": self.webhook.port}
            for each in self.read(f"{CORE}/services/loghook")["spec"]["ports"]
        ]
        self.must("POST", SLICES, {
            "metadata": {"name": "loghook-1", "labels": {"kubernetes.io/service-name": "loghook"}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [self.webhook.address], "conditions": {"ready": True}}],
        })  # fmt: skip
        self.available(1)

    def vouch(self, found: Any) -> None:
        """Write the caBundle of each entry, as the certificate controller does."""
        for entry in found["webhooks"]:
            entry["clientConfig"]["caBundle"] = self.bundle()

    def bundle(self) -> str:
        return base64.b64encode(self.webhook.ca).decode()

    def read(self, path: str) -> Any:
        return self.must("GET", path)

    def change(self, path: str, change: Callable[[Any], Any], name: str = "loghook") -> None:
        found = self.read(f"{path}/{name}")
        change(found)
        self.must("PUT", f"{path}/{name}", found)

    def available(self, count: int) -> None:
        """Write the status of the certificate controller, as the controller of Deployments does."""
        found = self.read(f"{DEPLOYMENTS}/loghook-certs")
        found["status"] = {"replicas": 1, "availableReplicas": count, "readyReplicas": count}
        self.must("PUT", f"{DEPLOYMENTS}/loghook-certs/status", found)

    def restore(self, path: str, name: str, before: Any) -> None:
        """Make the object what it was, whether it is still there or not."""
        status, found, _ = self.api.call("GET", f"{path}/{name}")
        body = copy.deepcopy(before)
        for field in ("resourceVersion", "uid"):
            body["metadata"].pop(field, None)
        if status == 200:
            body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
            self.must("PUT", f"{path}/{name}", body)
        else:
            self.must("POST", path, body)

    @contextlib.contextmanager
    def changed(self, path: str, change: Callable[[Any], Any], name: str = "loghook") -> Iterator[None]:
        """The object with a `change`, for a while."""
        before = self.read(f"{path}/{name}")
        self.change(path, change, name)
        try:
            yield
        finally:
            self.restore(path, name, before)

    @contextlib.contextmanager
    def without(self, path: str, name: str = "loghook") -> Iterator[None]:
        """Without the object, for a while."""
        before = self.read(f"{path}/{name}")
        self.must("DELETE", f"{path}/{name}")
        try:
            yield
        finally:
            self.restore(path, name, before)

    def entry(self, change: Callable[[Any], Any]) -> contextlib.AbstractContextManager[None]:
        """The registration with its entry changed, for a while."""
        return self.changed(REGISTRATIONS, lambda found: change(found["webhooks"][0]))


@pytest.fixture(scope="module")
def api(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API server that calls webhooks by the endpoints of their Services: nobody serves a cluster IP here."""
    with apiserver(assets, tmp_path_factory.mktemp("apiserver"), "--enable-aggregator-routing=true") as found:
        yield found


@pytest.fixture(scope="module")
def world(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    webhook = Webhook(tmp_path_factory.mktemp("webhook"), own_address(), "", HOST)
    try:
        made = World(api, webhook)
        made.install()
        yield made
    finally:
        webhook.stop()


def report(loghook: Loghook, *words: str) -> dict[str, Any]:
    said = loghook("check", "-n", SHOP, "-o", "json", *words)
    found: dict[str, Any] = json.loads(said.out)
    jsonschema.validate(found, schema("check"))
    assert said.code == (0 if found["ok"] else 1)
    return found


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["status"] for each in found["checks"]}


@pytest.mark.usefixtures("world")
def test_a_good_installation_is_green(loghook: Loghook) -> None:
    wait_for("the API server asks", lambda: report(loghook)["ok"])
    found = report(loghook)
    assert set(statuses(found).values()) == {"ok"}, found
    said = loghook("check", "-n", SHOP)
    assert said.code == 0
    assert "\x1b" not in said.out
    assert "  ok    round-trip: the API server gives a Pod in shop the sidecar loghook\n" in said.out
    assert f"  ok    versions: program and injectors are version {__version__}\n" in said.out


def nothing_selected(webhook: Any) -> None:
    webhook["namespaceSelector"] = {"matchLabels": {"team": "nobody"}}


def no_rule_for_pods(webhook: Any) -> None:
    webhook["rules"][0]["resources"] = ["configmaps"]


def only_updates(webhook: Any) -> None:
    webhook["rules"][0]["operations"] = ["UPDATE"]


def a_label_is_wanted(webhook: Any) -> None:
    webhook["objectSelector"] = {"matchLabels": {"logs": "please"}}


def no_condition(webhook: Any) -> None:
    webhook["matchConditions"] = []


def a_condition_that_nothing_meets(webhook: Any) -> None:
    webhook["matchConditions"].append({"name": "never", "expression": "false"})


def no_bundle(webhook: Any) -> None:
    webhook["clientConfig"].pop("caBundle")


def a_strange_bundle(webhook: Any) -> None:
    webhook["clientConfig"]["caBundle"] = STRANGE["ca"]


def another_service(webhook: Any) -> None:
    webhook["clientConfig"]["service"]["name"] = "elsewhere"


def another_port(webhook: Any) -> None:
    webhook["clientConfig"]["service"]["port"] = 8443


def another_path(webhook: Any) -> None:
    webhook["clientConfig"]["service"]["path"] = "/elsewhere"


STRANGE: dict[str, str] = {}

ENTRIES: list[tuple[Callable[[Any], None], str, str]] = [
    (nothing_selected, "namespaces", "error"),
    (no_rule_for_pods, "rules", "error"),
    (only_updates, "rules", "error"),
    (a_label_is_wanted, "objects", "warning"),
    (no_condition, "conditions", "warning"),
    (no_bundle, "ca-bundle", "error"),
    (a_strange_bundle, "chain", "error"),
    (another_service, "service", "error"),
    (another_port, "service", "error"),
    (another_path, "answers", "error"),
    (a_condition_that_nothing_meets, "round-trip", "error"),
]


@pytest.mark.parametrize("fault", ENTRIES, ids=lambda each: each[0].__name__)
def test_it_names_what_is_wrong_with_the_registration(
    world: World, loghook: Loghook, tmp_path: Path, fault: tuple[Callable[[Any], None], str, str]
) -> None:
    change, name, status = fault
    STRANGE["ca"] = base64.b64encode((issued(tmp_path / "strange") / "ca.crt").read_bytes()).decode()
    with world.entry(change):
        is_named(loghook, name, status)


def is_named(loghook: Loghook, name: str, status: str) -> dict[str, Any]:
    """`check` comes to say `status` of the check `name`, with what to do. An API server takes a change in a while."""
    wait_for(f"{name} is {status}", lambda: statuses(report(loghook)).get(name) == status)
    found = report(loghook)
    check: dict[str, Any] = next(each for each in found["checks"] if each["name"] == name)
    assert check["fix"]
    assert check["page"].startswith("https://")
    assert found["ok"] == (status != "error")
    return check


def of_workloads(webhook: Any) -> Any:
    (found,) = [each for each in webhook["webhooks"] if each["name"] == "workloads.loghook.dev"]
    return found


def test_it_names_what_is_wrong_with_the_registration_of_workloads(world: World, loghook: Loghook) -> None:
    assert statuses(report(loghook))["workloads"] == "ok"
    with world.changed(VALIDATING, lambda found: of_workloads(found)["clientConfig"].pop("caBundle")):
        assert "has no caBundle" in is_named(loghook, "workloads", "error")["said"]
    strange = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    with world.changed(VALIDATING, lambda found: of_workloads(found)["clientConfig"].update(caBundle=strange)):
        assert "has another caBundle" in is_named(loghook, "workloads", "error")["said"]


def test_it_names_that_nothing_is_installed(world: World, loghook: Loghook) -> None:
    with world.without(REGISTRATIONS):
        is_named(loghook, "registered", "error")
        assert statuses(report(loghook, "--pre"))["vacancy"] == "ok"
    assert statuses(report(loghook, "--pre"))["vacancy"] == "warning"


def test_it_names_two_that_send_the_same_pods(world: World, loghook: Loghook) -> None:
    second = copy.deepcopy(world.read(f"{REGISTRATIONS}/loghook"))
    second["metadata"] = {"name": "second"}
    world.must("POST", REGISTRATIONS, second)
    try:
        check = is_named(loghook, "single", "error")
        assert "loghook and second both send the Pods of " in check["said"]
    finally:
        world.must("DELETE", f"{REGISTRATIONS}/second")


def unready(found: Any) -> None:
    found["endpoints"][0]["conditions"]["ready"] = False


def nobody_listens(found: Any) -> None:
    for port in found["ports"]:
        port["port"] = 9


def no_endpoints(found: Any) -> None:
    found["endpoints"] = []


def broken_configuration(found: Any) -> None:
    found["data"]["loghook.yaml"] = "defaults: {format: jsn}\n"


@pytest.mark.parametrize(
    ("change", "name"), [(unready, "endpoints"), (no_endpoints, "endpoints"), (nobody_listens, "answers")]
)
def test_it_names_what_is_wrong_with_the_injectors(
    world: World, loghook: Loghook, change: Callable[[Any], None], name: str
) -> None:
    with world.changed(SLICES, change, "loghook-1"):
        is_named(loghook, name, "error")


@contextlib.contextmanager
def served(world: World, folder: Path, host: str, age: timedelta) -> Iterator[None]:
    """Another injector in the place of ours, with a certificate for `host` and 90 days that was issued `age` ago."""
    issue(folder / "pki", [world.webhook.address, host], datetime.now(UTC) - age, timedelta(days=90))
    other = Webhook(folder, world.webhook.address, "")
    bundle = base64.b64encode(other.ca).decode()

    def lead_there(found: Any) -> None:
        for port in found["ports"]:
            port["port"] = other.port

    def vouch(found: Any) -> None:
        for entry in found["webhooks"]:
            entry["clientConfig"]["caBundle"] = bundle

    try:
        with (
            world.changed(REGISTRATIONS, vouch),
            world.changed(VALIDATING, vouch),
            world.changed(SLICES, lead_there, "loghook-1"),
        ):
            yield
    finally:
        other.stop()


@pytest.mark.parametrize(
    "served_as",
    [(HOST, 70, "expiry", "warning"), (HOST, 85, "expiry", "error"), ("other.loghook.svc", 1, "chain", "error")],
    ids=["ages", "expires", "another-name"],
)
def test_it_names_what_is_wrong_with_what_is_served(
    world: World, loghook: Loghook, tmp_path: Path, served_as: tuple[str, int, str, str]
) -> None:
    host, days, name, status = served_as
    with served(world, tmp_path, host, timedelta(days=days)):
        is_named(loghook, name, status)


def test_it_names_a_configuration_that_cannot_be_used(world: World, loghook: Loghook) -> None:
    with world.changed(f"{CORE}/configmaps", broken_configuration):
        assert "ConfigMap loghook/loghook: LH129 defaults.format" in is_named(loghook, "configuration", "error")["said"]


def test_it_names_a_controller_that_does_not_run(world: World, loghook: Loghook) -> None:
    world.available(0)
    try:
        is_named(loghook, "controller", "error")
    finally:
        world.available(1)


def test_it_names_a_service_that_is_gone(world: World, loghook: Loghook) -> None:
    with world.without(f"{CORE}/services"):
        is_named(loghook, "service", "error")


@pytest.mark.usefixtures("world")
def test_says_it_as_json_by_its_schema_and_before_an_installation_too(loghook: Loghook) -> None:
    found = report(loghook, "--pre")
    assert found["version"] == __version__
    assert statuses(found)["rights"] == "ok"


# Pods.


def pod(name: str, **said: str) -> dict[str, Any]:
    annotations = {f"loghook.dev/{key}": value for key, value in ({"paths": "/var/log/app/*.log"} | said).items()}
    metadata = {"name": name, "labels": {"app": name}, "annotations": annotations}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "app", "image": "a"}]},
    }


def standing(loghook: Loghook, *words: str | Path) -> dict[str, dict[str, Any]]:
    said = loghook("list", "-n", SHOP, "-o", "json", *words)
    found = json.loads(said.out)
    jsonschema.validate(found, schema("list"))
    return {each["name"]: each for each in found}


@pytest.fixture
def pods(world: World) -> Iterator[str]:
    """The path of the shop's Pods, all of which are gone in the end, and those who were refused some."""
    path = f"/api/v1/namespaces/{SHOP}/pods"
    yield path
    for kind in (path, REPLICA_SETS):
        for each in world.read(kind)["items"]:
            world.api.call("DELETE", f"{kind}/{each['metadata']['name']}?gracePeriodSeconds=0")


def make_missed(world: World, loghook: Loghook, pods: str, name: str) -> None:
    """Make a Pod while the webhook is away, and wait until it is asked again."""
    with world.changed(SLICES, no_endpoints, "loghook-1"):

        def is_missed() -> bool:
            world.api.call("DELETE", f"{pods}/{name}?gracePeriodSeconds=0")
            made = world.must("POST", pods, pod(name))
            return not made["spec"].get("initContainers")

        wait_for("a Pod is missed", is_missed)
    wait_for(
        "the API server asks again",
        lambda: report(loghook)["ok"] or statuses(report(loghook))["round-trip"] == "ok",
        60,
    )


def make_failing(world: World, pods: str, name: str) -> None:
    """Make a Pod with the status of its sidecar that the kubelet writes where it cannot pull the image."""
    failing = world.must("POST", pods, pod(name))
    waiting = {"waiting": {"reason": "ImagePullBackOff"}}
    status = {"name": "loghook", "ready": False, "restartCount": 0, "image": "", "imageID": "", "state": waiting}
    failing["status"] = {"phase": "Pending", "initContainerStatuses": [status]}
    world.must("PUT", f"{pods}/{name}/status", failing)


def make_refused(world: World, pods: str, name: str) -> None:
    """Make a ReplicaSet `name` of a Pod that is refused, and the event that its controller writes of it."""
    wrong = pod("web", pahts="/x")
    status, answer, _ = world.api.call("POST", pods, wrong)
    assert status == 422
    template = {"metadata": {key: wrong["metadata"][key] for key in ("labels", "annotations")}, "spec": wrong["spec"]}
    made = world.must("POST", REPLICA_SETS, {
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    })  # fmt: skip
    about = {"kind": "ReplicaSet", "namespace": SHOP, "name": name, "uid": made["metadata"]["uid"]}
    world.must("POST", f"/api/v1/namespaces/{SHOP}/events", {
        "metadata": {"name": f"{name}.1", "namespace": SHOP},
        "involvedObject": {**about, "apiVersion": "apps/v1"},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": f"Error creating: {answer['message']}",
    })  # fmt: skip


def test_list_finds_what_was_missed_while_the_webhook_was_away(world: World, loghook: Loghook, pods: str) -> None:
    make_missed(world, loghook, pods, "missed")
    world.must("POST", pods, pod("injected"))
    found = standing(loghook)
    assert {name: each["state"] for name, each in found.items()} == {"pod/missed": "missed", "pod/injected": "injected"}
    assert found["pod/missed"]["why"] == "the webhook was not reached when it was created"
    said = loghook("list", "-n", SHOP, "--missed", "-o", "name")
    assert (said.code, said.out) == (1, "pod/missed\n")
    assert loghook("list", "-n", SHOP, "-l", "app=injected").code == 0
    assert loghook("list", "-n", SHOP, "-l", "app in (").code == 2
    is_named(loghook, "pods", "error")
    table = loghook("list", "-n", SHOP).out.splitlines()
    assert table[0].split() == ["NAME", "STATE", "VERSION", "WHY"]
    assert table[1].split()[:3] == ["pod/injected", "injected", __version__]


def test_list_finds_what_is_outdated_and_what_fails(world: World, loghook: Loghook, pods: str, tmp_path: Path) -> None:
    wait_for("the API server asks", lambda: statuses(report(loghook))["round-trip"] == "ok")
    world.must("POST", pods, pod("web"))
    make_failing(world, pods, "failing")
    found = standing(loghook)
    assert {name: each["state"] for name, each in found.items()} == {"pod/failing": "failing", "pod/web": "injected"}
    assert found["pod/failing"]["why"] == "loghook: ImagePullBackOff"
    (tmp_path / "other.yaml").write_text("images: {busybox: example.com/busybox:2}\n")
    found = standing(loghook, "--config", tmp_path / "other.yaml", "--outdated")
    assert {name: each["state"] for name, each in found.items()} == {"pod/failing": "failing", "pod/web": "outdated"}
    assert found["pod/web"]["why"] == "another loghook image"
    assert loghook("list", "-n", SHOP, "--outdated").code == 0


def test_list_finds_what_was_refused_at_the_replica_set(world: World, loghook: Loghook, pods: str) -> None:
    wait_for("the API server asks", lambda: statuses(report(loghook))["round-trip"] == "ok")
    make_refused(world, pods, "web-5d")
    found = standing(loghook)
    assert found["replicaset/web-5d"]["state"] == "refused"
    assert found["replicaset/web-5d"]["why"].startswith("LH101 loghook.dev/pahts: no such key")
    assert standing(loghook, "-l", "app=other") == {}
    assert list(standing(loghook, "-l", "app=web")) == ["replicaset/web-5d"]
    assert is_named(loghook, "pods", "warning")["said"] == "1 refused"


# Pictures.


def on_a_terminal(kubeconfig: Path, *words: str) -> str:
    """What the command says to a terminal, on stdout and stderr as they come, but for what is another each time."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), **ON_A_TERMINAL}
    command = [sys.executable, "-m", "webhook", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)  # noqa: PLW1510 - 1 where something is to be done
    assert done.returncode in {0, 1}, done.stdout
    said = re.sub(
        r"for \d+ more days, until [-\d]+ [:\d]+ UTC", "for 89 more days, until 2027-02-26 09:41 UTC", done.stdout
    )
    said = re.sub(r"Kubernetes v[.\d]+\S*", "Kubernetes v1.34.0", said)
    return re.sub(r"\d+ of \d+ namespaces", "2 of 6 namespaces", said)  # what other tests made


def make_outdated(world: World, pods: str, name: str) -> None:
    """Make a Pod whose sidecar is of another image, as one of an earlier version is."""
    found = world.must("POST", pods, pod(name))
    found["spec"]["initContainers"][0]["image"] = "docker.io/library/busybox:1.36"
    world.must("PUT", f"{pods}/{name}", found)


def test_the_pictures_in_the_docs_are_what_is_said(
    world: World, kubeconfig: Path, loghook: Loghook, pods: str, *, updating: bool
) -> None:
    make_missed(world, loghook, pods, "search")
    make_refused(world, pods, "pay-7d9f4")
    make_failing(world, pods, "cart")
    make_outdated(world, pods, "orders")
    world.must("POST", pods, pod("web"))
    for name, *words in (("check", "check"), ("list", "list"), ("describe", "describe", "pod/orders")):
        said = on_a_terminal(kubeconfig, *words, "-n", SHOP)
        hold(name, shlex.join(["loghook", *words, "-n", SHOP]), said, updating=updating)


def test_a_user_without_rights_is_told_which(
    world: World, loghook: Loghook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written_kubeconfig(tmp_path / "config", world.api, "nobody-knows-it")))
    said = loghook("list")
    assert said.code == 1
    assert "HTTP 401" in said.err
    assert loghook("check").code == 1
