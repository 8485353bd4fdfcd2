"""Kubernetes' recommendations for webhooks (G), and our own promises, held against every set of values.

G1 to G26 are the rows of "Admission Webhook Good Practices" and "Dynamic Admission Control"; those that are about the
server and not about its registration (G1, G9, G14, G15, G18 to G20, G24, G26) have their tests with the server.
"""

from datetime import UTC, datetime
from typing import Any

import helm_python
import pytest

from certs.__main__ import service_names
from certs.authority import Authority, issue_leaf, names_of, new_authority
from webhook.config.loghook_yaml import load
from webhook.pod.workloads import WORKLOADS

from .conftest import Release, chart, component, is_hook, of_every_release, render

HOOK = "helm.sh/hook"
SYSTEM = {"kube-system", "kube-public", "kube-node-lease"}
ASKS = "has(object.metadata.annotations) && object.metadata.annotations.exists(k, k.startsWith('loghook.dev/'))"


def requirement(selector: Any, key: str) -> list[str]:
    """The values of the selector's `NotIn` for `key`."""
    found: list[str]
    (found,) = [
        each["values"] for each in selector["matchExpressions"] if (each["key"], each["operator"]) == (key, "NotIn")
    ]
    return found


@of_every_release
def test_g2_the_api_server_waits_briefly(release: Release) -> None:
    assert 1 <= release.webhook["timeoutSeconds"] <= 30
    assert render({}).webhook["timeoutSeconds"] == 5


def least(release: Release) -> int:
    """How many injectors there are at least."""
    scaling = release.settings["autoscaling"]
    count: int = scaling["minReplicas"] if scaling["enabled"] else release.settings["replicaCount"]
    return count


@of_every_release
def test_g3_it_is_highly_available(release: Release) -> None:
    spec, settings = release.injector["spec"], release.settings
    scalers = release.all("HorizontalPodAutoscaler")
    assert len(scalers) == settings["autoscaling"]["enabled"]
    assert spec.get("replicas") == (None if scalers else settings["replicaCount"])  # of two who count one is wrong
    pod = spec["template"]["spec"]
    assert pod.get("priorityClassName", "") == settings["priorityClassName"]
    assert len(pod.get("topologySpreadConstraints", [])) == len(settings["topologySpreadConstraints"])
    budgets = release.all("PodDisruptionBudget")
    assert len(budgets) == (least(release) > 1 and settings["podDisruptionBudget"]["enabled"])
    for budget in budgets:
        assert budget["spec"]["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        said = settings["podDisruptionBudget"]
        expected = (
            {"minAvailable": said["minAvailable"]}
            if said["minAvailable"]
            else {"maxUnavailable": said["maxUnavailable"]}
        )
        assert {key: budget["spec"].get(key) for key in expected} == expected
        assert len(budget["spec"].keys() & {"minAvailable", "maxUnavailable"}) == 1


def test_g3_by_default() -> None:
    release = render({})
    pod = release.injector["spec"]["template"]["spec"]
    assert release.injector["spec"]["replicas"] == 2
    assert pod["priorityClassName"] == "system-cluster-critical"
    keys = {each["topologyKey"] for each in pod["topologySpreadConstraints"]}
    assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    for each in pod["topologySpreadConstraints"]:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["labelSelector"] == release.injector["spec"]["selector"]
    (quota,) = release.all("ResourceQuota")
    (scope,) = quota["spec"]["scopeSelector"]["matchExpressions"]
    assert quota["spec"]["hard"] == {"pods": "100"}  # a quantity, and the API server stores it as a text
    assert (scope["scopeName"], scope["values"]) == ("PriorityClass", ["system-cluster-critical"])


@of_every_release
def test_g4_only_new_pods_are_sent(release: Release) -> None:
    (rule,) = release.webhook["rules"]
    expected = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    assert rule == {**expected, "scope": "Namespaced"}


@of_every_release
def test_g5_g11_nothing_of_the_system_or_our_own_is_sent(release: Release) -> None:
    excluded = set(requirement(release.webhook["namespaceSelector"], "kubernetes.io/metadata.name"))
    assert excluded == SYSTEM | {release.namespace} | set(release.settings["webhook"]["excludedNamespaces"])


@of_every_release
def test_g6_anybody_can_opt_out_by_a_label(release: Release) -> None:
    for selector in ("namespaceSelector", "objectSelector"):
        assert requirement(release.webhook[selector], "loghook.dev/inject") == ["false"]


def test_g6_selectors_of_the_users_come_beside_our_own() -> None:
    labels = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    webhook = render({"webhook": {"namespaceSelector": labels, "objectSelector": labels}}).webhook
    for selector, ours in ((webhook["namespaceSelector"], 2), (webhook["objectSelector"], 1)):
        assert selector["matchLabels"] == {"a": "b"}
        assert selector["matchExpressions"][ours:] == labels["matchExpressions"]


@of_every_release
def test_g7_other_pods_never_cause_a_call(release: Release) -> None:
    first, *others = release.webhook["matchConditions"]
    assert (first["name"], first["expression"]) == ("asks-for-loghook", ASKS)
    assert others == release.settings["webhook"]["matchConditions"]


def test_g7_the_oldest_kubernetes_is_said() -> None:
    assert chart().metadata["kubeVersion"] == ">=1.30.0-0"


@of_every_release
def test_g8_g10_g17_the_registration_is_that_of_the_design(release: Release) -> None:
    webhook = release.webhook
    assert webhook["name"] == "pods.loghook.dev"
    assert webhook["matchPolicy"] == "Equivalent"
    assert webhook["sideEffects"] == "None"
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert webhook["admissionReviewVersions"] == ["v1"]


@of_every_release
def test_g12_the_injector_needs_nothing_that_is_injected(release: Release) -> None:
    """Its Pods stand in an excluded namespace and mount what exists without a webhook."""
    assert all(
        release.namespace == each["metadata"]["namespace"]
        for each in release.documents
        if each["kind"] in {"Deployment", "Job", "Pod"}
    )
    kinds = {next(iter(volume.keys() - {"name"})) for volume in release.injector["spec"]["template"]["spec"]["volumes"]}
    assert kinds <= {"secret", "configMap", "emptyDir"}


def test_g12_the_nodes_network_is_taken_whole() -> None:
    release = render({"hostNetwork": True, "webhook": {"port": 10260}})
    pod = release.injector["spec"]["template"]["spec"]
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert release.injector["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    (container,) = pod["containers"]
    assert "--port=10260" in container["args"]


@of_every_release
def test_g13_it_fails_open_unless_told_otherwise(release: Release) -> None:
    assert release.webhook["failurePolicy"] == release.settings["webhook"]["failurePolicy"]
    assert render({}).webhook["failurePolicy"] == "Ignore"


def test_g13_the_guard_looks_where_the_webhook_does() -> None:
    release = render({"guard": {"enabled": True}})
    policy = release.one("ValidatingAdmissionPolicy", "loghook")["spec"]
    assert policy["failurePolicy"] == "Ignore"
    assert policy["matchConstraints"]["namespaceSelector"] == release.webhook["namespaceSelector"]
    assert policy["matchConstraints"]["objectSelector"] == release.webhook["objectSelector"]
    assert policy["matchConstraints"]["resourceRules"] == release.webhook["rules"]
    binding = release.one("ValidatingAdmissionPolicyBinding", "loghook")
    assert binding["spec"] == {"policyName": "loghook", "validationActions": ["Warn", "Audit"]}
    assert "loghook" not in {each["metadata"]["name"] for each in render({}).all("ValidatingAdmissionPolicy")}


def test_g16_mirror_pods_are_left_to_the_core() -> None:
    """The API server sends them (the golden case mirror-pod says what becomes of them); the guard must not ask them."""
    (condition,) = [
        each
        for each in render({"guard": {"enabled": True}}).one("ValidatingAdmissionPolicy", "loghook")["spec"][
            "matchConditions"
        ]
        if each["name"] == "is-no-static-or-windows-pod"
    ]
    assert "kubernetes.io/config.mirror" in condition["expression"]


@of_every_release
def test_what_is_applied_has_a_registration_of_its_own(release: Release) -> None:
    registrations = release.all("ValidatingWebhookConfiguration")
    settings = release.settings["workloads"]
    assert len(registrations) == settings["enabled"]
    for registration in registrations:
        mutating = release.one("MutatingWebhookConfiguration")["metadata"]
        assert registration["metadata"] == mutating, "whoever writes the caBundle finds both by the same name"
        for webhook in registration["webhooks"]:
            called, mutate = webhook["clientConfig"], release.webhook["clientConfig"]
            assert called == {**mutate, "service": {**mutate["service"], "path": "/validate"}}
            assert webhook["namespaceSelector"] == release.webhook["namespaceSelector"]
            fixed = ("failurePolicy", "sideEffects", "timeoutSeconds", "matchPolicy", "admissionReviewVersions")
            assert [webhook[key] for key in fixed] == ["Ignore", "None", 3, "Equivalent", ["v1"]]
            assert len(webhook["matchConditions"]) <= 64


@of_every_release
def test_of_pods_only_changed_words_to_loghook_are_sent(release: Release) -> None:
    for registration in release.all("ValidatingWebhookConfiguration"):
        (webhook,) = [each for each in registration["webhooks"] if each["name"] == "pod-updates.loghook.dev"]
        (rule,) = webhook["rules"]
        assert (rule["resources"], rule["operations"]) == (["pods"], ["UPDATE"]), "no status, no creation"
        assert webhook["objectSelector"] == release.webhook["objectSelector"]
        assert webhook["matchConditions"][0]["name"] == "changes-what-loghook-is-told"
        assert webhook["matchConditions"][1:] == release.webhook["matchConditions"][1:]


def test_every_kind_that_brings_pods_is_sent() -> None:
    """The table of the program and the rules of the chart; where the templates are is tried at a real API server."""
    (workloads,) = [
        each
        for each in render({}).one("ValidatingWebhookConfiguration")["webhooks"]
        if each["name"] == "workloads.loghook.dev"
    ]
    sent = {(group, name) for rule in workloads["rules"] for group in rule["apiGroups"] for name in rule["resources"]}
    assert sent == {(group, f"{kind.lower()}s") for group, kind in WORKLOADS if kind != "Pod"}


def test_what_the_webhook_does_with_what_is_applied_is_said_once() -> None:
    release = render({"workloads": {"action": "Deny", "kinds": [{"group": "a.example", "resource": "stalls"}]}})
    loaded = load(release.one("ConfigMap", "loghook")["data"]["loghook.yaml"])
    assert loaded.workloads.action == "Deny"
    assert list(loaded.kinds) == [("a.example", "stalls")]
    rules = release.one("ValidatingWebhookConfiguration")["webhooks"][0]["rules"]
    assert (rules[-1]["apiGroups"], rules[-1]["resources"]) == (["a.example"], ["stalls"])
    with pytest.raises(helm_python.HelmError, match=r"config\.workloads: say it in `workloads`"):
        render({"config": {"workloads": {"action": "Deny"}}})


@of_every_release
def test_whoever_writes_and_proves_one_registration_does_so_with_both(release: Release) -> None:
    name = release.injector["metadata"]["name"]
    containers = [each for _, spec in release.pods() for each in spec["containers"]]
    for container in containers:
        if f"--webhook-configuration={name}" in container.get("args", []):
            both = f"--validating-webhook-configuration={name}" in container["args"]
            assert both == release.settings["workloads"]["enabled"]


def test_g21_it_can_be_tried_in_one_namespace() -> None:
    trial = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "trial"}}}
    webhook = render({"webhook": trial}).webhook
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "trial"}


REGISTRATIONS = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
ADVICE = {"validatingwebhookconfigurations", "podtemplates"}
"""What nobody has anything to do with where nobody is told at `kubectl apply`."""

# What each program may do, and to what: every rule of every role. `create` cannot be bound to a name.
ALLOWED: dict[tuple[str, str], list[tuple[list[str], set[str], str | None]]] = {
    ("certs", "Role"): [
        (["secrets"], {"create"}, None),
        (["secrets"], {"get", "list", "watch", "patch", "delete"}, "-tls"),
        (["deployments"], {"get"}, ""),
    ],
    ("certs", "ClusterRole"): [(REGISTRATIONS, {"get", "list", "watch", "patch"}, "")],
    ("verify", "ClusterRole"): [(REGISTRATIONS, {"get"}, "")],
    ("verify", "Role"): [(["services"], {"get"}, ""), (["pods", "podtemplates"], {"create"}, None)],
    ("cleanup", "Role"): [(["secrets"], {"get", "delete"}, "-serving")],
}


@of_every_release
def test_g22_rights_are_few_and_bound_to_names(release: Release) -> None:
    stem = release.injector["metadata"]["name"]
    for role in [*release.all("Role"), *release.all("ClusterRole")]:
        allowed = [
            ([name for name in names if release.settings["workloads"]["enabled"] or name not in ADVICE], verbs, suffix)
            for names, verbs, suffix in ALLOWED[component(role), role["kind"]]
        ]
        for rule in role["rules"]:
            (expected,) = [each for each in allowed if (each[0], each[1]) == (rule["resources"], set(rule["verbs"]))]
            suffix = expected[2]
            assert ("resourceNames" in rule) == (suffix is not None), rule
            if suffix is not None:
                assert f"{stem}{suffix}" in rule["resourceNames"]
                assert all(name.startswith(stem) for name in rule["resourceNames"])
            assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]


@of_every_release
def test_g22_the_right_to_create_pods_is_one_to_dry_runs(release: Release) -> None:
    namespace = release.settings["verify"]["namespace"]
    creators = [each for each in release.all("Role") if any("pods" in rule["resources"] for rule in each["rules"])]
    assert len(creators) == bool(namespace and release.settings["verify"]["enabled"])
    for role in creators:
        assert role["metadata"]["namespace"] == namespace
        policy = release.one("ValidatingAdmissionPolicy", role["metadata"]["name"])["spec"]
        assert policy["failurePolicy"] == "Fail"
        assert policy["matchConstraints"]["namespaceSelector"] == {
            "matchLabels": {"kubernetes.io/metadata.name": namespace}
        }
        account = f"system:serviceaccount:{release.namespace}:{role['metadata']['name']}"
        (condition,) = policy["matchConditions"]
        assert condition["expression"] == f"request.userInfo.username == '{account}'"
        binding = release.one("ValidatingAdmissionPolicyBinding", role["metadata"]["name"])["spec"]
        assert binding == {"policyName": role["metadata"]["name"], "validationActions": ["Deny"]}


@of_every_release
def test_g22_a_policy_holds_the_certificate_controller(release: Release) -> None:
    """What it refuses is tried with its token, in tests/cluster/test_stolen_token.py."""
    policies = [each for each in release.all("ValidatingAdmissionPolicy") if component(each) == "certs"]
    certificates = release.settings["certificates"]
    is_held = certificates["mode"] == "selfManaged" and certificates["selfManaged"]["policy"]["enabled"]
    assert len(policies) == is_held
    for policy in policies:
        name = policy["metadata"]["name"]
        assert policy["spec"]["failurePolicy"] == "Fail"
        (controller,) = [each for each in release.all("Deployment") if component(each) == "certs"]
        account = controller["spec"]["template"]["spec"]["serviceAccountName"]
        (condition,) = policy["spec"]["matchConditions"]
        whole = f"system:serviceaccount:{release.namespace}:{account}"
        assert condition["expression"] == f"request.userInfo.username == '{whole}'"
        binding = release.one("ValidatingAdmissionPolicyBinding", name)["spec"]
        assert binding == {"policyName": name, "validationActions": ["Deny"]}


@of_every_release
def test_a_hook_of_the_test_is_a_pod(release: Release) -> None:
    """`helm test --logs` takes every object that is one for a Pod, and fails where there is none of its name."""
    hooks = [each for each in release.documents if "test" in each["metadata"].get("annotations", {}).get(HOOK, "")]
    is_proven = release.settings["verify"]["enabled"] and least(release) > 0
    assert [each["kind"] for each in hooks] == ["Pod"] * is_proven


@of_every_release
def test_g22_every_binding_leads_from_a_role_to_an_account_that_is_there(release: Release) -> None:
    roles = {(each["kind"], each["metadata"]["name"]) for each in (*release.all("Role"), *release.all("ClusterRole"))}
    accounts = {each["metadata"]["name"] for each in release.all("ServiceAccount")}
    accounts.add(release.settings["certificates"]["selfManaged"]["serviceAccount"]["name"])
    for binding in [*release.all("RoleBinding"), *release.all("ClusterRoleBinding")]:
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles
        (subject,) = binding["subjects"]
        assert subject["name"] in accounts
        assert subject["namespace"] == release.namespace


@of_every_release
def test_g22_the_injector_has_no_rights_and_no_token(release: Release) -> None:
    pod = release.injector["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    bound = [each["subjects"][0]["name"] for each in (*release.all("RoleBinding"), *release.all("ClusterRoleBinding"))]
    assert pod["serviceAccountName"] not in bound
    assert all(each["automountServiceAccountToken"] is False for each in release.all("ServiceAccount"))


NAMES = ["a", "loghook", "my-loghook-of-the-shop", "x" * 53, "loghook-" + "x" * 45]  # 53 is the most that Helm takes
NAMESPACES = ["n", "loghook", "kube-logging", "y" * 63]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(datetime.now(UTC))


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("name", NAMES)
def test_g25_the_certificate_is_for_the_name_that_is_called(name: str, namespace: str, authority: Authority) -> None:
    for mode in ("selfManaged", "certManager"):
        release = render({"certificates": {"mode": mode}}, name, namespace)
        service = release.webhook["clientConfig"]["service"]
        called = f"{service['name']}.{service['namespace']}.svc"
        assert release.one("Service", service["name"])["spec"]["ports"][0]["port"] == service["port"]
        assert len(service["name"]) <= 63
        if mode == "certManager":
            certificate = release.one("Certificate", service["name"])
            assert called in certificate["spec"]["dnsNames"]
            assert certificate["spec"]["dnsNames"] == list(service_names(service["name"], namespace))
        else:
            options = arguments(release, "certs")
            assert (options["--service"], options["--namespace"]) == (service["name"], namespace)
            assert called in service_names(options["--service"], options["--namespace"])
            leaf = issue_leaf(authority, service_names(service["name"], namespace), datetime.now(UTC))
            assert called in names_of(leaf.certificate)


def arguments(release: Release, of: str) -> dict[str, str]:
    """The options of the program of one component."""
    (deployment,) = [each for each in release.all("Deployment") if component(each) == of]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return dict(each.split("=", 1) for each in container["args"] if "=" in each)


@of_every_release
def test_every_name_is_as_short_as_its_kind_asks(release: Release) -> None:
    for each in release.documents:
        limit = 63 if each["kind"] in {"Service", "Pod", "Job"} else 253
        assert len(each["metadata"]["name"]) <= limit
        assert all(len(value) <= 63 for value in each["metadata"].get("labels", {}).values())


# T20 to T23, and what the issue asks of the chart beyond them


@of_every_release
def test_t20_what_is_left_behind_blocks_nobody(release: Release) -> None:
    """Helm deletes a webhook configuration before what it calls; it must be an ordinary object for that."""
    assert not is_hook(release.one("MutatingWebhookConfiguration"))


@of_every_release
def test_t20_no_disruption_budget_that_blocks_a_drain(release: Release) -> None:
    for budget in release.all("PodDisruptionBudget"):
        assert least(release) > 1
        assert str(budget["spec"].get("maxUnavailable")) not in {"0", "0%"}
        assert str(budget["spec"].get("minAvailable")) not in {"100%", str(least(release))}


@of_every_release
def test_t21_a_certificate_that_nobody_renews_is_seen(release: Release) -> None:
    """Readiness asks the server, which knows its certificate's end; liveness does not: a restart renews nothing."""
    container = release.injector["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}


@of_every_release
def test_t22_no_secret_and_no_key_is_rendered(release: Release) -> None:
    assert release.all("Secret") == []
    assert "PRIVATE KEY" not in str(release.documents)
    assert "PRIVATE KEY" not in release.notes


@of_every_release
def test_t22_the_injector_gets_its_key_and_not_the_authoritys(release: Release) -> None:
    pod = release.injector["spec"]["template"]["spec"]
    (secret,) = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert {each["key"] for each in secret["items"]} == {"tls.crt", "tls.key"}
    assert secret["defaultMode"] == 0o440
    mounts = {each["name"]: each for each in pod["containers"][0]["volumeMounts"]}
    assert mounts["tls"]["readOnly"] is True
    assert not any("subPath" in each for each in mounts.values())


@of_every_release
def test_t22_cert_manager_signs_with_an_authority_of_its_own(release: Release) -> None:
    """Self-signed root, then a CA issuer, then the leaf: a self-signed leaf would be a new root at each renewal."""
    if release.settings["certificates"]["mode"] != "certManager":
        assert not release.all("Certificate")
        return
    stem = release.injector["metadata"]["name"]
    leaf = release.one("Certificate", stem)["spec"]
    annotations = release.one("MutatingWebhookConfiguration")["metadata"]["annotations"]
    assert annotations["cert-manager.io/inject-ca-from"] == f"{release.namespace}/{stem}"
    assert leaf["privateKey"]["rotationPolicy"] == "Always"
    assert leaf["secretName"] == release.injector["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]
    if given := release.settings["certificates"]["certManager"]["issuerRef"]:
        assert leaf["issuerRef"] == given
        assert not release.all("Issuer")
        return
    issuer = release.one("Issuer", leaf["issuerRef"]["name"])
    authority = next(each for each in release.all("Certificate") if each["spec"].get("isCA"))
    assert issuer["spec"]["ca"]["secretName"] == authority["spec"]["secretName"]
    root = release.one("Issuer", authority["spec"]["issuerRef"]["name"])
    assert root["spec"] == {"selfSigned": {}}
    assert authority["spec"]["privateKey"]["rotationPolicy"] == "Never"


@of_every_release
def test_t22_the_ca_bundle_is_written_by_one(release: Release) -> None:
    """What the controller or cert-manager writes is not in the chart, or an upgrade would take it away."""
    given = release.settings["certificates"]["provided"]["caBundle"]
    is_ours = release.settings["certificates"]["mode"] == "provided" and bool(given)
    assert ("caBundle" in release.webhook["clientConfig"]) == is_ours


@of_every_release
def test_t23_nothing_but_reviews_can_be_asked_of_the_service(release: Release) -> None:
    service = release.one("Service", release.injector["metadata"]["name"])
    assert [(each["port"], each["targetPort"]) for each in service["spec"]["ports"]] == [(443, "https")]
    others = {each["spec"]["type"] for each in release.all("Service") if each is not service}
    assert (service["spec"]["type"], others) == (release.settings["service"]["type"], {"ClusterIP"})
    assert release.webhook["clientConfig"]["service"]["path"] == "/mutate"


@of_every_release
def test_services_select_the_pods_that_are_meant(release: Release) -> None:
    pods = [metadata["labels"] for metadata, _ in release.pods()]
    for service in release.all("Service"):
        selector = service["spec"]["selector"]
        assert sum(selector.items() <= labels.items() for labels in pods) == 1


def ours(spec: Any) -> list[Any]:
    """The containers of a Pod that are not the user's."""
    return [each for each in spec["containers"] if "loghook" in each["image"]]


@of_every_release
def test_every_pod_is_restricted(release: Release) -> None:
    for _, spec in release.pods():
        assert not spec.keys() & {"hostPID", "hostIPC"}
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in ours(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_a_null_leaves_a_field_of_the_security_context_out() -> None:
    values = {"podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}
    for _, spec in render(values).pods():
        assert spec["securityContext"].keys() == {"runAsNonRoot", "seccompProfile"}


@of_every_release
def test_a_server_has_the_time_to_drain(release: Release) -> None:
    pod = release.injector["spec"]["template"]["spec"]
    drain = float(arguments(release, "webhook")["--drain-seconds"])
    assert pod["terminationGracePeriodSeconds"] >= drain + 10
    assert "lifecycle" not in pod["containers"][0]  # the server itself waits; a preStop sleep would only add to it


def test_an_upgrade_never_leaves_fewer_servers() -> None:
    assert render({}).injector["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


HOOKS = {HOOK, "helm.sh/hook-weight", "helm.sh/hook-delete-policy"}


@of_every_release
def test_hooks_are_bounded_and_clean_up_behind_themselves(release: Release) -> None:
    for each in release.documents:
        if not is_hook(each):
            continue
        annotations = each["metadata"]["annotations"]
        assert annotations.keys() >= HOOKS
        assert {"before-hook-creation", "hook-succeeded"} <= set(annotations["helm.sh/hook-delete-policy"].split(","))
        if each["kind"] == "Job":
            spec = each["spec"]
            assert spec["backoffLimit"] <= 2
            assert 0 < spec["activeDeadlineSeconds"] <= 3660
            assert spec["ttlSecondsAfterFinished"] > 0
        elif each["kind"] == "Pod":
            assert 0 < each["spec"]["activeDeadlineSeconds"] <= 3660


def test_hooks_can_be_switched_off(releases: dict[str, Release]) -> None:
    for name in ("no-verify", "no-replica"):
        assert [each["kind"] for each in releases[name].documents if is_hook(each)] == []
    hooks = [each for each in releases["cert-manager-no-cleanup"].documents if is_hook(each)]
    assert {component(each) for each in hooks} == {"verify"}


@of_every_release
def test_an_account_is_there_before_the_pod_that_has_it(release: Release) -> None:
    weights: dict[str, list[int]] = {}
    for each in release.documents:
        if is_hook(each):
            kind = "pods" if each["kind"] in {"Job", "Pod"} else "others"
            weights.setdefault(kind, []).append(int(each["metadata"]["annotations"]["helm.sh/hook-weight"]))
    if "others" in weights:
        assert max(weights["others"]) < min(weights["pods"])


@of_every_release
def test_every_object_says_whose_it_is(release: Release) -> None:
    mine = [each for each in release.documents if each["metadata"].get("labels")]
    for each in mine:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == release.name
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert release.settings["commonLabels"].items() <= labels.items()
    assert len(release.documents) - len(mine) == len(release.settings["extraObjects"])


@of_every_release
def test_the_controller_owns_what_the_injector_reads(release: Release) -> None:
    if release.settings["certificates"]["mode"] != "selfManaged":
        assert not [each for each in release.all("Deployment") if component(each) == "certs"]
        return
    options = arguments(release, "certs")
    stem = release.injector["metadata"]["name"]
    (secret,) = [each["secret"] for each in release.injector["spec"]["template"]["spec"]["volumes"] if "secret" in each]
    assert options["--secret"] == secret["secretName"]
    assert options["--webhook-configuration"] == release.one("MutatingWebhookConfiguration")["metadata"]["name"]
    assert options["--owner-deployment"] == stem
    (deployment,) = [each for each in release.all("Deployment") if component(each) == "certs"]
    assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is True
