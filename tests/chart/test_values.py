"""What particular values do."""

from typing import Any

import yaml

from .conftest import CHART, Release, component, of_every_release, render


def container(release: Release) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = release.injector["spec"]["template"]["spec"]["containers"]
    return found


def test_the_image_by_tag_digest_and_default(releases: dict[str, Release]) -> None:
    images = {name: container(releases[name])["image"] for name in ("default", "image-tag", "image-digest")}
    assert images == {
        "default": f"ghcr.io/loghook/loghook:{render({}).injector['metadata']['labels']['app.kubernetes.io/version']}",
        "image-tag": "registry.example/logs/loghook:1.2.3",
        "image-digest": "ghcr.io/loghook/loghook@sha256:" + 64 * "a",
    }


@of_every_release
def test_every_pod_runs_the_same_image(release: Release) -> None:
    assert len({each["image"] for _, spec in release.pods() for each in spec["containers"]}) == 1


def test_pull_secrets_pod_metadata_and_places_hold_for_every_pod(releases: dict[str, Release]) -> None:
    for _, spec in releases["image-pull-secrets"].pods():
        assert spec["imagePullSecrets"] == [{"name": "mirror"}, {"name": "other"}]
    for metadata, _ in releases["pod-metadata"].pods():
        assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"
        assert metadata["labels"]["team"] == "platform"
    for _, spec in releases["nodes"].pods():
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "system"}
        assert spec["tolerations"]


def test_pod_labels_never_select(releases: dict[str, Release]) -> None:
    for name in ("pod-metadata", "common-metadata"):
        assert "team" not in releases[name].injector["spec"]["selector"]["matchLabels"]


def test_the_configuration_is_passed_on_as_it_is(releases: dict[str, Release]) -> None:
    for name in ("config", "registry-of-sidecars", "default"):
        release = releases[name]
        text = release.one("ConfigMap", "loghook")["data"]["loghook.yaml"]
        there = yaml.safe_load(text)
        reader = there["images"].pop("reader")  # the chart's own image, where nothing is said
        assert reader == release.injector["spec"]["template"]["spec"]["containers"][0]["image"]
        assert {key: value for key, value in there.items() if value} == release.values.get("config", {})


def test_pods_are_replaced_when_the_configuration_changes() -> None:
    def digest(config: Any) -> Any:
        return render({"config": config}).injector["spec"]["template"]["metadata"]["annotations"]

    assert digest({}) == digest({})
    assert digest({}) != digest({"imagePullPolicy": "Always"})


def test_a_ca_is_taken_as_pem_or_base64(releases: dict[str, Release]) -> None:
    import base64

    for name in ("provided-pem", "provided-base64"):
        bundle = releases[name].webhook["clientConfig"]["caBundle"]
        assert base64.b64decode(bundle, validate=True).startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert "caBundle" not in releases["provided-injected"].webhook["clientConfig"]


def test_each_mode_has_a_secret_of_its_own() -> None:
    """Were it one name, the old mode's writer and the new one's would fight over it during an upgrade."""
    provided = {"mode": "provided", "provided": {"secretName": "mine", "caBundle": "aa"}}
    names = []
    for certificates in ({"mode": "selfManaged"}, {"mode": "certManager"}, provided):
        volumes = render({"certificates": certificates}).injector["spec"]["template"]["spec"]["volumes"]
        names.append(volumes[0]["secret"]["secretName"])
    assert names == ["loghook-tls", "loghook-serving", "mine"]


def test_ports_are_the_same_wherever_they_stand(releases: dict[str, Release]) -> None:
    release = releases["ports"]
    assert {"--port=8443", "--health-port=9090"} <= set(container(release)["args"])
    assert [each["containerPort"] for each in container(release)["ports"]] == [8443, 9090]
    certs = next(each for each in release.all("Deployment") if component(each) == "certs")
    assert "--health-port=9091" in certs["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_default_port_is_one_that_private_gke_clusters_reach() -> None:
    assert "--port=10250" in container(render({}))["args"]


def test_client_certificates_are_asked_for(releases: dict[str, Release]) -> None:
    release = releases["client-certificates"]
    assert {"--client-ca=/etc/loghook/client/ca.crt", "--client-name=kube-apiserver"} <= set(container(release)["args"])
    volumes = {each["name"]: each for each in release.injector["spec"]["template"]["spec"]["volumes"]}
    assert volumes["client-ca"]["configMap"]["name"] == "api-server-ca"
    assert "--indirect" in release.one("Pod")["spec"]["containers"][0]["args"]
    assert not [each for each in container(render({}))["args"] if "client" in each]


def test_a_class_of_ones_own_needs_no_quota(releases: dict[str, Release]) -> None:
    for name in ("priority-own", "priority-none", "priority-no-quota"):
        assert releases[name].all("ResourceQuota") == []


def test_monitoring_objects_select_and_carry_what_they_should(releases: dict[str, Release]) -> None:
    release = releases["monitoring"]
    monitor = release.one("ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s"}]
    selector = monitor["spec"]["selector"]
    (expression,) = selector["matchExpressions"]
    selected = [
        each["metadata"]["name"]
        for each in release.all("Service")
        if selector["matchLabels"].items() <= each["metadata"]["labels"].items()
        and component(each) in expression["values"]
    ]
    assert selected == ["loghook-certs", "loghook-metrics"]
    rules = release.one("PrometheusRule")["spec"]
    assert rules == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))
    dashboard = release.one("ConfigMap", "loghook-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "Logs"}
    original = yaml.safe_load((CHART / "files" / "dashboard.json").read_text("utf-8"))
    assert yaml.safe_load(dashboard["data"]["loghook.json"]) == original
    assert original["title"]


def test_network_policies_let_in_reviews_and_metrics_and_nothing_out(releases: dict[str, Release]) -> None:
    release = releases["network-policy-from"]
    injector, certs = (release.one("NetworkPolicy", name)["spec"] for name in ("loghook", "loghook-certs"))
    reviews, metrics = injector["ingress"]
    assert reviews == {"ports": [{"port": "https", "protocol": "TCP"}]}
    assert metrics["from"] == release.settings["networkPolicy"]["metricsFrom"]
    assert injector["egress"] == []
    assert injector["policyTypes"] == certs["policyTypes"] == ["Ingress", "Egress"]
    assert certs["egress"] == [{"ports": [{"port": 8443, "protocol": "TCP"}]}]
    assert {"ports": certs["egress"][0]["ports"]} in release.one("NetworkPolicy", "loghook-verify")["spec"]["egress"]
    names = [each["metadata"]["name"] for each in releases["network-policy-cert-manager"].all("NetworkPolicy")]
    assert names == ["loghook", "loghook-verify"]


def test_the_verification_does_a_dry_run_where_a_namespace_is_given(releases: dict[str, Release]) -> None:
    release = releases["verify-namespace"]
    for spec in (release.one("Job")["spec"]["template"]["spec"], release.one("Pod")["spec"]):
        assert {"--namespace=shop", "--timeout-seconds=60"} <= set(spec["containers"][0]["args"])
    assert {each["metadata"]["namespace"] for each in release.all("Role") if component(each) == "verify"} == {
        "loghook",
        "shop",
    }


def test_extra_objects_are_yaml_or_templates(releases: dict[str, Release]) -> None:
    release = releases["extra-objects"]
    assert release.one("ConfigMap", "more")["data"] == {"release": "loghook"}
    assert release.one("ConfigMap", "loghook-text")


def test_names_are_cut_before_what_comes_behind_them(releases: dict[str, Release]) -> None:
    names = {each["metadata"]["name"] for each in releases["long-names"].documents}
    stem = "a-name-that-goes-on-and-on-and-on-until-nobody-rea"
    assert names == {stem, *(f"{stem}-{suffix}" for suffix in ("certs", "metrics", "critical", "verify", "test"))}


@of_every_release
def test_the_notes_are_the_first_five_minutes(release: Release) -> None:
    assert "loghook.dev/paths: /var/log/app/*.log" in release.notes
    assert f"helm test {release.name} --namespace {release.namespace}" in release.notes
    stem = release.injector["metadata"]["name"]
    assert f"kubectl delete mutatingwebhookconfiguration {stem}\n" in release.notes
    assert all(len(line) <= 180 for line in release.notes.splitlines())


def test_the_notes_warn_of_what_is_risky(releases: dict[str, Release]) -> None:
    assert "failurePolicy is Fail" in releases["failure-policy-fail"].notes
    assert "There is one replica" in releases["one-replica"].notes
    assert "failurePolicy is Fail" not in releases["default"].notes
