"""The chart's objects are valid: by Helm's linter, by Kubernetes' schemas, by cert-manager's; and so are its values."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from webhook import __version__
from webhook.annotations.defaults import check_defaults
from webhook.config import loghook_yaml

from .conftest import CHART, FOUND, ROOT, Release, chart, digest, of_every_release

MINORS = ("1.34", "1.35", "1.36", "1.37")
CRDS = Path(os.environ.get("ENVTEST_DIR", ROOT.parent / "shared" / "envtest")) / "cert-manager-crds.yaml"
FOREIGN = {"cert-manager.io/v1", "monitoring.coreos.com/v1"}


def test_there_are_enough_sets_of_values_and_each_says_what_it_shows() -> None:
    assert len(FOUND) >= 50
    assert [file.name for file in FOUND if not file.read_text("utf-8").startswith("# ")] == []


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
def test_lints(file: Path) -> None:
    report = helm_python.lint(CHART, yaml.safe_load(file.read_text("utf-8")) or {}, strict=True, kube_version="v1.37.0")
    assert report["errors"] == []
    assert [each for each in report["messages"] if each["severity"] > 1] == []


@pytest.fixture(autouse=True, scope="module")
def remembered_schemas() -> Any:
    """The library reads a file of megabytes for each object, which is the same every time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.mark.parametrize("minor", MINORS)
def test_objects_are_valid_strictly(releases: dict[str, Release], minor: str) -> None:
    seen = set()
    for name, release in releases.items():
        for document in release.documents:
            if digest(document) in seen or document["apiVersion"] in FOREIGN:
                continue
            seen.add(digest(document))
            try:
                kubernetes_validate.validate(document, minor, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = "/".join(map(str, error.path))
                pytest.fail(f"{name}: {document['kind']} {document['metadata']['name']} {where}: {error.message}")
    assert len(seen) > 100


def test_a_misspelt_field_is_not_valid() -> None:
    """The control of the test above."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, MINORS[-1], strict=True)


def closed(schema: Any) -> Any:
    """A CRD's schema without room for what it does not name, as the API server warns of it."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [closed(each) for each in schema]
    return schema


@cache
def cert_manager_schemas() -> dict[str, Any]:
    if not CRDS.exists():
        text = f"cert-manager's CRDs in {CRDS}"
        if os.environ.get("LOGHOOK_CI"):
            pytest.fail(f"CI lacks {text}")
        pytest.skip(f"NOT TESTED: this needs {text}")
    found: dict[str, Any] = {}
    for crd in yaml.load_all(CRDS.read_text("utf-8"), Loader=yaml.CSafeLoader):
        schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        found[crd["spec"]["names"]["kind"]] = jsonschema.Draft202012Validator(schema)
    return found


def test_cert_manager_knows_every_field(releases: dict[str, Release]) -> None:
    every = [each for release in releases.values() for each in release.documents]
    theirs = {digest(each): each for each in every if each["apiVersion"] == "cert-manager.io/v1"}
    assert len(theirs) >= 8
    for document in theirs.values():
        cert_manager_schemas()[document["kind"]].validate(document)


# Values


def keys_of(values: Any, place: str = "") -> set[str]:
    """The places of all maps' keys that the chart, not its user, decides on."""
    found = set()
    for key, value in values.items():
        found.add(f"{place}{key}")
        if isinstance(value, dict):
            found |= keys_of(value, f"{place}{key}.")
    return found


def keys_of_schema(schema: Any, place: str = "") -> set[str]:
    found = set()
    for key, value in schema.get("properties", {}).items():
        found.add(f"{place}{key}")
        found |= keys_of_schema(value, f"{place}{key}.")
    return found


def test_the_schema_lists_the_values_and_no_others() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    listed = keys_of_schema(schema) - {"enabled"}  # it is a parent chart's, and changes nothing here
    there = keys_of(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")))
    assert listed <= there
    opened = {place for place in there - listed if not any(place.startswith(f"{root}.") for root in listed)}
    assert opened == set()


def test_every_map_of_the_schema_is_closed_or_kubernetes_own() -> None:
    """But for what only asks for a type, which opens the schema of that type, a closed one; and for conditions."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    opened = []

    def walk(node: Any, place: str) -> None:
        if isinstance(node, dict):
            asks = node.get("properties", {}).keys() <= {"type"} and "$ref" not in node
            if "properties" in node and node.get("additionalProperties") is not False and not asks:
                opened.append(place)
            for key, value in node.items():
                if key not in {"if", "then", "else", "not"}:
                    walk(value, f"{place}/{key}")
        elif isinstance(node, list):
            for each in node:
                walk(each, place)

    walk(schema, "")
    assert opened == ["/properties/global"]  # other charts' as well


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imag: {}", "'imag' not allowed"),
        ("image: {tags: 1}", "'tags' not allowed"),
        ("webhook: {failurePolicy: ignore}", "/webhook/failurePolicy"),
        ("webhook: {timeoutSeconds: 31}", "maximum: got 31, want 30"),
        ("webhook: {timeoutSeconds: 0}", "minimum: got 0, want 1"),
        ("webhook: {excludedNamespaces: [Kube-System]}", "/webhook/excludedNamespaces/0"),
        ("certificates: {mode: self-managed}", "/certificates/mode"),
        ("certificates: {selfManaged: {leafDays: 825}}", "maximum: got 825, want 824"),
        ("certificates: {certManager: {duration: 90d}}", "/certificates/certManager/duration"),
        ("certificates: {selfManaged: {caDays: 89}}", "certificates.selfManaged.caDays: must not be below leafDays"),
        (
            "certificates: {mode: certManager, certManager: {duration: 720h}}",
            "certificates.certManager.renewBefore: must be below duration",
        ),
        (
            "certificates: {mode: certManager, certManager: {duration: 1h30m, renewBefore: 5400s}}",
            "certificates.certManager.renewBefore: must be below duration",
        ),
        (
            "certificates: {mode: provided, provided: {secretName: a, caBundle: c29tZXRoaW5nCg==}}",
            "certificates.provided.caBundle: there is no certificate in it",
        ),
        (
            "certificates: {mode: provided, provided: {secretName: a, caBundle: '-----BEGIN PUBLIC KEY-----'}}",
            "certificates.provided.caBundle: there is no certificate in it",
        ),
        (
            "certificates: {mode: provided, provided: {secretName: a, caBundle: ca.crt}}",
            "certificates.provided.caBundle: there is no certificate in it",
        ),
        ("commonLabels: {team: a b}", "/commonLabels/team"),
        ("podLabels: {'team:': a}", "'team:' not allowed"),
        ("metrics: {serviceMonitor: {labels: {release: -a}}}", "/metrics/serviceMonitor/labels/release"),
        ("certificates: {certManager: {issuerRef: {kind: Issuer}}}", "missing property 'name'"),
        ("replicaCount: two", "/replicaCount"),
        ("guard: {actions: [Deny, Warn]}", "/guard/actions"),
        ("podAnnotations: {a: 1}", "got number, want string"),
        ("config: text", "/config"),
        ("certificates: {mode: provided}", "certificates.provided.caBundle: give the CA"),
        ("certificates: {mode: provided, provided: {caBundle: aa}}", "certificates.provided.secretName: name the"),
        ("hostNetwork: true", "webhook.port: the kubelet has 10250"),
        ("drainSeconds: 115", "terminationGracePeriodSeconds: must be at least 10 more"),
        ("metrics: {port: 10250}", "metrics.port: must not be webhook.port"),
        (
            "{autoscaling: {enabled: true, minReplicas: 3, maxReplicas: 2}}",
            "autoscaling.maxReplicas: must not be below",
        ),
        ("podDisruptionBudget: {minAvailable: 2}", "podDisruptionBudget.minAvailable: must be below the number"),
        ("podDisruptionBudget: {minAvailable: 100%}", "/podDisruptionBudget/minAvailable"),
        ("dnsPolicy: None", "dnsConfig.nameservers: with dnsPolicy None"),
        ("{hostNetwork: true, webhook: {port: 1}, strategy: {type: RollingUpdate}}", "strategy.rollingUpdate.maxSurge"),
        ("livenessProbe: {httpGet: {path: /}}", "'httpGet' not allowed"),
        ("logLevel: debug", "/logLevel"),
        ("service: {type: ExternalName}", "/service/type"),
        ("clientCertificates: {configMap: a}", "verify.namespace: with clientCertificates only the API server"),
        ("verify: {namespace: kube-system}", "verify.namespace: Pods of this namespace get no sidecars"),
        ("verify: {namespace: loghook}", "verify.namespace: Pods of this namespace get no sidecars"),
        (
            "certificates: {selfManaged: {serviceAccount: {create: false}}}",
            "certificates.selfManaged.serviceAccount.name: name the account",
        ),
    ],
)
def test_wrong_values_are_refused_with_their_place(text: str, said: str) -> None:
    with pytest.raises(helm_python.HelmError) as caught:
        chart().render(yaml.safe_load(text), name="loghook", namespace="loghook")
    assert said in str(caught.value)


@of_every_release
def test_the_configuration_is_one_that_the_server_loads(release: Release) -> None:
    loaded = loghook_yaml.load(release.one("ConfigMap", release.injector["metadata"]["name"])["data"]["loghook.yaml"])
    for place, defaults in loaded.every_default():
        assert not list(check_defaults(defaults, place))


def test_the_chart_has_the_version_of_the_program() -> None:
    assert (chart().metadata["version"], chart().metadata["appVersion"]) == (__version__, __version__)
    assert f"image: ghcr.io/loghook/loghook:{__version__}" in chart().metadata["annotations"]["artifacthub.io/images"]


def test_artifact_hub_can_read_its_annotations() -> None:
    found = chart().metadata["annotations"]
    for key in ("changes", "images", "links"):
        assert yaml.safe_load(found[f"artifacthub.io/{key}"])
    kinds = {each["kind"] for each in yaml.safe_load(found["artifacthub.io/changes"])}
    assert kinds <= {"added", "changed", "deprecated", "removed", "fixed", "security"}


def open_ended(values: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The places of maps and lists that are empty by default: what a user fills, or empties with null."""
    if values in ({}, []):
        return [place]
    if not isinstance(values, dict):
        return []
    return [found for key, value in values.items() for found in open_ended(value, (*place, key))]


EMPTY = open_ended(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")))


@pytest.mark.parametrize("place", EMPTY, ids=".".join)
def test_null_empties_what_may_be_empty(place: tuple[str, ...]) -> None:
    """As Helm has it: null takes a default away, and with it what a file of values further left has said."""
    values: Any = None
    for key in reversed(place):
        values = {key: values}
    if "certManager" in place:
        values["certificates"]["mode"] = "certManager"
    for monitor in ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard"):
        values.setdefault("metrics", {}).setdefault(monitor, {})["enabled"] = True
    chart().render(values, name="a", namespace="b")
