"""Every change of the certificate mode, forth by an upgrade and back by a rollback, by each Helm, on a real API server.

No node is needed: what counts is who may write the caBundle, and that is the API server's to say. The certificate
controller is our own program; cert-manager's CA injector is one patch under its name, which is all that it does there.
"""

import base64
import itertools
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ports import free_port

from certs.authority import new_authority

from .client import Client
from .conftest import ROOT, Api, Process, missing, wait_for
from .helms import TOOLS, CommandLine, Helm, Refusal, helm
from .test_certs import write_kubeconfig

pytestmark = pytest.mark.api

REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1"
REGISTRATION = f"{REGISTRATIONS}/mutatingwebhookconfigurations"
BOTH = (REGISTRATION, f"{REGISTRATIONS}/validatingwebhookconfigurations")
INJECTOR = "cert-manager-cainjector"
MODES = ("selfManaged", "certManager", "provided")
CHANGES = [(before, after) for before in MODES for after in MODES if before != after]
CRDS = Path(os.environ.get("ENVTEST_DIR", ROOT.parent / "shared" / "envtest")) / "cert-manager-crds.yaml"


def authority() -> str:
    return new_authority(datetime.now(UTC)).certificate_pem().decode()


NUMBERS = itertools.count()
INJECTED, OWN = authority(), authority()

# All kinds of objects, but for the Jobs of hooks, for which somebody would have to run Pods, and others' kinds.
EVERYTHING: list[dict[str, Any]] = [
    {"replicaCount": 0, "verify": {"namespace": "default"}, "guard": {"enabled": True}},
    {"autoscaling": {"enabled": True}, "networkPolicy": {"enabled": True}, "metrics": {"dashboard": {"enabled": True}}},
    {"replicaCount": 3, "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}], "service": {"type": "NodePort"}},
]

# What each change needs besides Helm, for each tool and direction. What is not here needs nothing.
#   command: Helm fails before anything is changed, and says the command after which it works
#   forced:  a rollback renders nothing, so nobody can ask first; it fails, and works with --force-conflicts or, where
#            there is no such option, after the command
NEEDS = {
    ("helm4", "certManager", "provided", "upgrade"): "command",
    ("sdk", "certManager", "provided", "upgrade"): "command",
    ("helm4", "certManager", "provided", "rollback"): "forced",
    ("sdk", "certManager", "provided", "rollback"): "forced",
}


class Release:
    """A release, and beside it those who write the caBundles of both its registrations."""

    def __init__(self, client: Client, name: str, kubeconfig: Path, folder: Path) -> None:
        self.client, self.name, self.kubeconfig, self.folder = client, name, kubeconfig, folder
        self.controller: Process | None = None

    def values(self, mode: str) -> dict[str, Any]:
        certificates = {
            "mode": mode,
            "certManager": {"cleanup": False},
            "provided": {"secretName": "mine", "caBundle": OWN},
        }
        return {"certificates": certificates, "verify": {"enabled": False}}

    def configuration(self) -> Any:
        return self.client.must("GET", f"{REGISTRATION}/{self.name}")

    def configurations(self) -> list[Any]:
        return [self.client.must("GET", f"{each}/{self.name}") for each in BOTH]

    def bundle(self) -> str:
        """The one that all webhooks have; empty while they have several."""
        webhooks = [webhook for each in self.configurations() for webhook in each["webhooks"]]
        bundles = {webhook["clientConfig"].get("caBundle", "") for webhook in webhooks}
        return base64.b64decode(bundles.pop()).decode() if len(bundles) == 1 else ""

    def served(self) -> str:
        """The name of the Secret that the injectors mount."""
        path = f"/apis/apps/v1/namespaces/{self.name}/deployments/{self.name}"
        volumes = self.client.must("GET", path)["spec"]["template"]["spec"]["volumes"]
        name: str = next(each["secret"]["secretName"] for each in volumes if "secret" in each)
        return name

    def generations(self) -> list[int]:
        deployments = self.client.must("GET", f"/apis/apps/v1/namespaces/{self.name}/deployments")["items"]
        return [each["metadata"]["generation"] for each in (*deployments, *self.configurations())]

    def settle(self, mode: str) -> None:
        """Let who writes the caBundle in `mode` do it, and check that it is as it should be."""
        if mode == "selfManaged":
            self.start()
        if mode == "certManager":
            self.inject()
        secrets = {"selfManaged": f"{self.name}-tls", "certManager": f"{self.name}-serving", "provided": "mine"}
        assert self.served() == secrets[mode]
        if mode == "selfManaged":
            wait_for("the controller's CA", lambda: self.bundle() not in ("", INJECTED, OWN))
            wait_for("nobody owns it", lambda: "loghook-certs" not in self.owners())
        else:
            assert self.bundle() == {"certManager": INJECTED, "provided": OWN}[mode]

    def owners(self) -> list[str]:
        managed = [entry for each in self.configurations() for entry in each["metadata"]["managedFields"]]
        return [each["manager"] for each in managed if "f:caBundle" in json.dumps(each["fieldsV1"])]

    def inject(self) -> None:
        """What cert-manager's CA injector does to what has its annotation."""
        for place, found in zip(BOTH, self.configurations(), strict=True):
            assert found["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == f"{self.name}/{self.name}"
            for webhook in found["webhooks"]:
                webhook["clientConfig"]["caBundle"] = base64.b64encode(INJECTED.encode()).decode()
            self.client.must("PUT", f"{place}/{self.name}?fieldManager={INJECTOR}", found)

    def start(self) -> None:
        """Run the certificate controller as the chart's Deployment does, with its account's rights; `stop` ends it."""
        if self.controller is None:
            account = f"/api/v1/namespaces/{self.name}/serviceaccounts/{self.name}-certs/token"
            token = self.client.must("POST", account, {"spec": {"audiences": [], "expirationSeconds": 3600}})
            admins = yaml.safe_load(self.kubeconfig.read_text())
            (cluster,) = admins["clusters"]
            kubeconfig = write_kubeconfig(self.folder / "controller", cluster["cluster"], token["status"]["token"])
            words = f"certs run --namespace {self.name} --secret {self.name}-tls --service {self.name}"
            words += f" --webhook-configuration {self.name} --validating-webhook-configuration {self.name}"
            words += f" --owner-deployment {self.name}"
            words += f" --settle-seconds 0 --overlap-seconds 0 --health-port {free_port()}"
            log = self.folder / f"{self.name}.log"
            self.controller = Process(log, sys.executable, "-m", *words.split(), KUBECONFIG=str(kubeconfig))

    def stop(self) -> None:
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    def free(self, sentence: str) -> None:
        """Run the commands that a failure names, one for each registration."""
        commands = re.findall(r"^ *(kubectl patch .*)$", sentence, re.MULTILINE)
        assert len(commands) == len(BOTH)
        environment = {"KUBECONFIG": str(self.kubeconfig), "PATH": os.environ["KUBEBUILDER_ASSETS"]}
        environment["HOME"] = str(self.folder)
        for command in commands:
            subprocess.run(shlex.split(command), env=environment, check=True, capture_output=True)


@pytest.fixture(scope="module")
def kubeconfig(api: Api, assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of an administrator of the API server, which knows cert-manager's kinds."""
    if not CRDS.exists():
        missing(f"cert-manager's CRDs in {CRDS}")
    pem = "".join(ssl.DER_cert_to_PEM_cert(der) for der in api.context.get_ca_certs(binary_form=True))
    cluster = {"server": f"https://127.0.0.1:{api.port}"}
    cluster["certificate-authority-data"] = base64.b64encode(pem.encode()).decode()
    file = write_kubeconfig(tmp_path_factory.mktemp("modes") / "kubeconfig", cluster, api.token)
    command: list[str | Path] = [assets / "kubectl", "apply", "--server-side", "-f", CRDS]
    subprocess.run(command, env={"KUBECONFIG": str(file), "HOME": str(file.parent)}, check=True, capture_output=True)
    return file


@pytest.fixture
def release(api: Api, kubeconfig: Path, tmp_path: Path) -> Iterator[Release]:
    client = Client(api.port, api.context, api.token)
    name = f"loghook-{next(NUMBERS)}"
    client.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    found = Release(client, name, kubeconfig, tmp_path)
    yield found
    found.stop()
    for each in BOTH:
        client.call("DELETE", f"{each}/{name}")
    client.close()


def upgrade(tool: str, done: Helm, release: Release, before: str, after: str) -> None:
    """Change the mode by an upgrade, with what it needs."""
    if NEEDS.get((tool, before, after, "upgrade")) == "command":
        untouched, bundle = release.generations(), release.bundle()
        with pytest.raises(Refusal, match=f"the caBundle belongs to {INJECTOR}, and Helm 4 takes no field") as caught:
            done.upgrade(release.values(after))
        assert (release.generations(), release.bundle()) == (untouched, bundle)
        release.free(str(caught.value))
    done.upgrade(release.values(after))


def rollback(tool: str, done: Helm, release: Release, before: str, after: str) -> None:
    """Change the mode back by a rollback to the first revision, with what it needs."""
    if NEEDS.get((tool, before, after, "rollback")) != "forced":
        done.rollback(1)
        return
    with pytest.raises(Refusal, match=f'conflict with "{INJECTOR}"'):
        done.rollback(1)
    if isinstance(done, CommandLine):
        done.rollback(1, "--force-conflicts")
        return
    with pytest.raises(Refusal, match="the caBundle belongs to") as caught:
        done.upgrade(release.values("provided"))
    release.free(str(caught.value))
    done.rollback(1)


@pytest.mark.parametrize(("before", "after"), CHANGES)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_change_of_the_mode_and_back(tool: str, before: str, after: str, release: Release) -> None:
    done = helm(tool, release.name, release.kubeconfig, release.folder)
    done.install(release.values(before))
    release.settle(before)
    upgrade(tool, done, release, before, after)
    release.stop()  # as late as the Deployment of the mode that is left goes: after everything has been applied
    release.settle(after)
    done.upgrade(release.values(after))  # the next one is an ordinary one
    release.stop()
    rollback(tool, done, release, after, before)
    release.settle(before)
    done.upgrade(release.values(before))
    release.settle(before)


def test_a_release_of_helm_3_goes_on_to_be_applied_as_it_was(release: Release) -> None:
    """Helm 4 keeps to the way of the release, in which nobody owns anything against others: nothing is asked first."""
    before, after = (helm(each, release.name, release.kubeconfig, release.folder) for each in ("helm3", "helm4"))
    before.install(release.values("certManager"))
    release.settle("certManager")
    after.upgrade(release.values("provided"))
    release.settle("provided")


def test_what_kubectl_has_changed_conflicts_as_the_page_says(release: Release) -> None:
    page = (ROOT / "docs" / "upgrading.md").read_text("utf-8")
    done = CommandLine(4, release.name, release.kubeconfig, release.folder)
    done.install(release.values("provided"))
    policy = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]
    url = f"{REGISTRATION}/{release.name}?fieldManager=kubectl-patch"
    release.client.must("PATCH", url, policy, "application/json-patch+json")
    deployment = f"/apis/apps/v1/namespaces/{release.name}/deployments/{release.name}"
    scale = {"spec": {"replicas": 4}}
    release.client.must("PATCH", f"{deployment}/scale?fieldManager=kubectl", scale, "application/merge-patch+json")
    for values, said in (
        ({}, 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'),
        ({"replicaCount": 4}, 'conflict with "kubectl-patch" using admissionregistration.k8s.io/v1: .webhooks[name='),
    ):
        assert said in page
        with pytest.raises(Refusal) as caught:
            done.upgrade(release.values("provided") | values)
        assert said in str(caught.value)
    there = {"replicaCount": 4, "webhook": {"failurePolicy": "Fail"}}
    done.upgrade(release.values("provided") | there)  # what is there now is no conflict
    done.upgrade(release.values("provided"), "--force-conflicts")
    assert release.configuration()["webhooks"][0]["failurePolicy"] == "Ignore"
    assert release.client.must("GET", deployment)["spec"]["replicas"] == 2


@pytest.mark.parametrize("more", EVERYTHING, ids="-".join)
def test_two_appliers_of_the_same_values_never_disagree(release: Release, more: dict[str, Any]) -> None:
    """What is rendered is what the API server stores: a number that it turns into a text would be another one's."""
    first, then = (helm(each, release.name, release.kubeconfig, release.folder) for each in ("sdk", "helm4"))
    first.install(release.values("selfManaged") | more)
    then.upgrade(release.values("selfManaged") | more)
