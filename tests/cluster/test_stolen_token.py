"""A stolen token of the certificate controller, and a real API server with the chart's rights and policies.

RBAC lets it create a Secret and patch the registration. What may stand in them is for the policies to say.
"""

import base64
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from .client import Client
from .conftest import Api, wait_for

pytestmark = pytest.mark.api

CHART = Path(__file__).resolve().parents[2] / "charts" / "loghook"
NAME = "stolen"
SECRETS = f"/api/v1/namespaces/{NAME}/secrets"
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
OF_WHAT_IS_APPLIED = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
PLACES = {
    "ServiceAccount": f"/api/v1/namespaces/{NAME}/serviceaccounts",
    "Role": f"{RBAC}/namespaces/{NAME}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{NAME}/rolebindings",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "MutatingWebhookConfiguration": REGISTRATIONS,
    "ValidatingWebhookConfiguration": OF_WHAT_IS_APPLIED,
    "ValidatingAdmissionPolicy": POLICIES,
    "ValidatingAdmissionPolicyBinding": POLICIES.removesuffix("ies") + "ybindings",
}
JSON_PATCH, MERGE_PATCH, APPLY = "json-patch+json", "merge-patch+json", "apply-patch+yaml"
BUNDLE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode()

Answer = tuple[int, Any]


def certificate(**more: Any) -> dict[str, Any]:
    """The Secret as the controller makes it."""
    data = dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), base64.b64encode(b"x").decode())
    return {"metadata": {"name": f"{NAME}-loghook-tls"}, "type": "kubernetes.io/tls", "data": data, **more}


def second(registration: dict[str, Any]) -> None:
    """A second webhook in the registration, as further versions of the chart may have."""
    more = copy.deepcopy(registration["webhooks"][0]) | {"name": "further.loghook.dev"}
    registration["webhooks"].append(more)


class Thief:
    """Who has the token."""

    def __init__(self, admin: Client, client: Client) -> None:
        self.admin, self.client = admin, client
        self.path = f"{REGISTRATIONS}/{NAME}-loghook"

    def patch(self, body: Any, kind: str = JSON_PATCH, query: str = "", of: str = REGISTRATIONS) -> Answer:
        return self.client.call("PATCH", f"{of}/{NAME}-loghook{query}", body, f"application/{kind}")

    def webhooks(self, of: str = REGISTRATIONS) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.admin.must("GET", f"{of}/{NAME}-loghook")["webhooks"]
        return found


@pytest.fixture(scope="module", params=[True, False], ids=["confined", "control"])
def is_confined(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def thief(api: Api, *, is_confined: bool) -> Iterator[Thief]:
    """With the token of the release's controller; in the control the release has no policies."""
    admin = Client(api.port, api.context, api.token)
    values = {"certificates": {"selfManaged": {"policy": {"enabled": False}}}} if not is_confined else {}
    texts = helm_python.Chart.load(CHART).render(values, name=NAME, namespace=NAME)
    documents = [each for path, text in texts.items() if path.endswith(".yaml") for each in yaml.safe_load_all(text)]
    mine = [each for each in documents if each and each["kind"] in PLACES]
    admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAME}})  # stays: nobody here would empty it
    for each in mine:
        if each["kind"] == "MutatingWebhookConfiguration":
            second(each)
        admin.must("POST", PLACES[each["kind"]], each)
    account = f"{PLACES['ServiceAccount']}/{NAME}-loghook-certs/token"
    token = admin.must("POST", account, {"spec": {"audiences": [], "expirationSeconds": 3600}})["status"]["token"]
    found = Thief(admin, Client(api.port, api.context, token))

    def hold() -> bool:
        """Whether the policies, of which the API server learns by and by, are at work where they are to be."""
        opaque = certificate(type="Opaque")
        secret = found.client.call("POST", f"{SECRETS}?dryRun=All", opaque)[0]
        patch = [{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 1}]
        refused = [status == 403 for status in (secret, found.patch(patch, query="?dryRun=All")[0])]
        return refused == [is_confined, is_confined]

    try:
        wait_for("the policies, or their end", hold)
        yield found
    finally:
        for each in mine:
            admin.call("DELETE", f"{PLACES[each['kind']]}/{each['metadata']['name']}")
        admin.call("DELETE", f"{SECRETS}/{NAME}-loghook-tls")
        found.client.close()
        admin.close()


def holds(answer: Answer, *, is_confined: bool) -> None:
    """That a policy refuses it, and that nothing else would."""
    status, found = answer
    if is_confined:
        assert (status, "the certificate controller of loghook" in found["message"]) == (403, True), found
    else:
        assert status in {200, 201}, found


def of_a_token(type_: str = "kubernetes.io/service-account-token") -> dict[str, Any]:
    """A Secret that the API server fills in with the token of an account."""
    annotations = {"kubernetes.io/service-account.name": "default"}
    return {"metadata": {"name": f"{NAME}-loghook-tls", "annotations": annotations}, "type": type_}


@pytest.mark.parametrize(
    "secret",
    [
        of_a_token(),
        certificate(metadata=of_a_token()["metadata"]),
        certificate(type="Opaque"),
        certificate(metadata={"name": "another"}),
        certificate(metadata={"generateName": f"{NAME}-loghook-tls"}),
        certificate(metadata={"name": f"{NAME}-loghook-tls", "finalizers": ["thief.example/stays"]}),
    ],
    ids=["of-a-token", "with-the-annotation", "opaque", "of-another-name", "of-a-generated-name", "that-stays"],
)
def test_creates_no_secret_but_that_of_the_certificate(
    thief: Thief, secret: dict[str, Any], *, is_confined: bool
) -> None:
    holds(thief.client.call("POST", f"{SECRETS}?dryRun=All", secret), is_confined=is_confined)


def test_makes_no_token_of_the_secret_that_is_there(thief: Thief, *, is_confined: bool) -> None:
    assert thief.client.call("POST", SECRETS, certificate())[0] == 201, "what the controller does"
    body: dict[str, Any] = {"metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}}}
    path = f"{SECRETS}/{NAME}-loghook-tls?dryRun=All"
    holds(thief.client.call("PATCH", path, body, f"application/{MERGE_PATCH}"), is_confined=is_confined)
    body = {"metadata": {"finalizers": ["thief.example/stays"]}}
    holds(thief.client.call("PATCH", path, body, f"application/{MERGE_PATCH}"), is_confined=is_confined)
    body = {"metadata": {"annotations": {"loghook.dev/rotate": "ca"}}, "data": {"ca.crt": BUNDLE}}
    assert thief.client.call("PATCH", path, body, f"application/{MERGE_PATCH}")[0] == 200


def replaced(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


RULE = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}
CHANGES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "rules": lambda: replaced("/webhooks/0/rules", [RULE]),
    "rules-of-the-second": lambda: replaced("/webhooks/1/rules", [RULE]),
    "url": lambda: [
        {"op": "remove", "path": "/webhooks/0/clientConfig/service"},
        *replaced("/webhooks/0/clientConfig/url", "https://thief.example/"),
    ],
    "service": lambda: replaced("/webhooks/0/clientConfig/service/namespace", "default"),
    "path": lambda: [{"op": "remove", "path": "/webhooks/0/clientConfig/service/path"}],
    "failure-policy": lambda: replaced("/webhooks/0/failurePolicy", "Fail"),
    "match-conditions": lambda: [{"op": "remove", "path": "/webhooks/0/matchConditions"}],
    "namespace-selector": lambda: replaced("/webhooks/0/namespaceSelector", {}),
    "object-selector": lambda: replaced("/webhooks/0/objectSelector", {"matchLabels": {"a": "b"}}),
    "side-effects": lambda: replaced("/webhooks/0/sideEffects", "NoneOnDryRun"),
    "timeout": lambda: replaced("/webhooks/0/timeoutSeconds", 30),
    "reinvocation": lambda: replaced("/webhooks/0/reinvocationPolicy", "Never"),
    "match-policy": lambda: replaced("/webhooks/0/matchPolicy", "Exact"),
    "one-more": lambda: replaced(
        "/webhooks/-",
        {
            "name": "x.thief.example",
            "clientConfig": {"url": "https://thief.example/", "caBundle": BUNDLE},
            "rules": [RULE],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        },
    ),
    "one-less": lambda: [{"op": "remove", "path": "/webhooks/1"}],
    "order": lambda: [{"op": "move", "from": "/webhooks/0", "path": "/webhooks/1"}],
    "labels": lambda: replaced("/metadata/labels/x", "y"),
    "annotations": lambda: replaced("/metadata/annotations", {"cert-manager.io/inject-ca-from": "thief/thief"}),
    "owner": lambda: replaced(
        "/metadata/ownerReferences", [{"apiVersion": "v1", "kind": "Namespace", "name": "gone", "uid": "gone"}]
    ),
    "finalizers": lambda: replaced("/metadata/finalizers", ["thief.example/stays"]),
}


both = pytest.mark.parametrize("of", [REGISTRATIONS, OF_WHAT_IS_APPLIED], ids=["mutating", "validating"])


@both
@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_changes_nothing_of_a_registration(
    thief: Thief, change: Callable[[], list[dict[str, Any]]], of: str, *, is_confined: bool
) -> None:
    if of == OF_WHAT_IS_APPLIED and change is CHANGES["reinvocation"]:
        return  # nobody is called again about what is only validated
    holds(thief.patch(change(), query="?dryRun=All", of=of), is_confined=is_confined)


def test_applies_nothing_to_a_registration(thief: Thief, *, is_confined: bool) -> None:
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"{NAME}-loghook"},
        "webhooks": [{"name": thief.webhooks()[0]["name"], "timeoutSeconds": 30}],
    }
    holds(thief.patch(body, APPLY, "?fieldManager=thief&force=true&dryRun=All"), is_confined=is_confined)


@both
def test_writes_every_ca_bundle(thief: Thief, of: str) -> None:
    """Also where there was none yet, and in the second webhook."""
    before = thief.webhooks(of)
    ops = [op for number in (0, 1) for op in replaced(f"/webhooks/{number}/clientConfig/caBundle", BUNDLE)]
    status, found = thief.patch(ops, of=of)
    assert status == 200, found
    assert [each["clientConfig"].pop("caBundle") for each in found["webhooks"]] == [BUNDLE, BUNDLE]
    assert found["webhooks"] == before
    removed = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
    assert thief.patch(removed, query="?dryRun=All", of=of)[0] == 200


def test_leaves_everybody_else_alone(thief: Thief) -> None:
    """The policies are about one account."""
    patch = [{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 7}]
    assert thief.admin.call("PATCH", f"{thief.path}?dryRun=All", patch, f"application/{JSON_PATCH}")[0] == 200
    assert (
        thief.admin.call("POST", f"{SECRETS}?dryRun=All", certificate(metadata={"name": "x"}, type="Opaque"))[0] == 201
    )
