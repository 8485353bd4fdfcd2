"""What particular values do."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from .conftest import CHART, Release, component, of_every_release, render


def container(release: Release) -> dict[str, Any]:
    found: dict[str, Any]
    found = release.injector["spec"]["template"]["spec"]["containers"][0]
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
    assert len({spec["containers"][0]["image"] for _, spec in release.pods()}) == 1


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
    provided = {"mode": "provided", "provided": {"secretName": "mine", "caBundle": "-----BEGIN CERTIFICATE-----"}}
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
    assert "egress" not in injector  # with the policy type, none is allowed; an empty list is not stored
    assert injector["policyTypes"] == certs["policyTypes"] == ["Ingress", "Egress"]
    assert certs["egress"] == [{"ports": [{"port": 8443, "protocol": "TCP"}]}]
    assert {"ports": certs["egress"][0]["ports"]} in release.one("NetworkPolicy", "loghook-verify")["spec"]["egress"]
    names = [each["metadata"]["name"] for each in releases["network-policy-cert-manager"].all("NetworkPolicy")]
    assert names == ["loghook-cleanup", "loghook", "loghook-verify"]


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
    assert f"helm test {release.name} --namespace {release.home}" in release.notes
    stem = release.injector["metadata"]["name"]
    both = ",validatingwebhookconfiguration" * release.settings["workloads"]["enabled"]
    assert f"kubectl delete mutatingwebhookconfiguration{both} {stem}\n" in release.notes
    assert all(len(line) <= 180 for line in release.notes.splitlines())


def test_the_notes_warn_of_what_is_risky(releases: dict[str, Release]) -> None:
    assert "failurePolicy is Fail" in releases["failure-policy-fail"].notes
    assert "There is one replica" in releases["one-replica"].notes
    assert "failurePolicy is Fail" not in releases["default"].notes


# What people set in other charts


def specs(release: Release) -> dict[str, Any]:
    """The Pods' specs by component."""
    return {metadata["labels"]["app.kubernetes.io/component"]: spec for metadata, spec in release.pods()}


def test_an_autoscaler_scales_the_injector(releases: dict[str, Release]) -> None:
    spec = releases["autoscaling"].one("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "loghook"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 6)
    assert [each["resource"]["target"]["averageUtilization"] for each in spec["metrics"]] == [60]
    own = releases["autoscaling-metrics"]
    assert own.one("HorizontalPodAutoscaler")["spec"]["metrics"] == own.values["autoscaling"]["metrics"]
    assert own.one("HorizontalPodAutoscaler")["spec"]["behavior"] == own.values["autoscaling"]["behavior"]
    assert "There is one replica" in own.notes


def test_a_strategy_of_ones_own_replaces_ours(releases: dict[str, Release]) -> None:
    for name in ("strategy", "strategy-recreate"):
        assert releases[name].injector["spec"]["strategy"] == releases[name].values["strategy"]


def test_probes_keep_what_they_ask(releases: dict[str, Release]) -> None:
    found = container(releases["probes"])
    assert found["livenessProbe"]["periodSeconds"] == 20
    assert found["livenessProbe"]["timeoutSeconds"] == 5  # what is not said stays
    assert found["readinessProbe"]["initialDelaySeconds"] == 1
    assert found["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert found["startupProbe"]["failureThreshold"] == 60
    assert "startupProbe" not in container(releases["default"])


def test_the_level_of_logs_is_both_programs(releases: dict[str, Release]) -> None:
    for component_name in ("webhook", "certs"):
        assert "--log-level=error" in specs(releases["log-level"])[component_name]["containers"][0]["args"]


def test_deployments_carry_their_own_annotations(releases: dict[str, Release]) -> None:
    found = {
        component(each): each["metadata"]["annotations"]
        for each in releases["deployment-annotations"].all("Deployment")
    }
    assert found == {"webhook": {"reloader.stakater.com/auto": "true"}, "certs": {"example.com/of": "certs"}}


def test_the_controller_has_a_place_of_its_own(releases: dict[str, Release]) -> None:
    found = specs(releases["certs-scheduling"])
    said = releases["certs-scheduling"].values["certificates"]["selfManaged"]
    assert found["certs"]["nodeSelector"] == said["nodeSelector"]
    assert found["certs"]["tolerations"] == said["tolerations"]
    assert found["certs"]["affinity"] == said["affinity"]
    (spread,) = found["certs"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "certs"
    assert found["certs"]["priorityClassName"] == "system-node-critical"
    assert found["webhook"]["tolerations"] == [{"key": "injector", "operator": "Exists"}]
    assert found["webhook"]["priorityClassName"] == "system-cluster-critical"
    assert specs(releases["nodes"])["certs"]["nodeSelector"] == specs(releases["nodes"])["webhook"]["nodeSelector"]


def test_those_who_watch_have_everything_in_their_namespace(releases: dict[str, Release]) -> None:
    release = releases["monitors"]
    said = release.values["metrics"]["serviceMonitor"]
    monitor = release.one("ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint.items() >= {"scrapeTimeout": "10s", "relabelings": said["relabelings"]}.items()
    assert endpoint["metricRelabelings"] == said["metricRelabelings"]
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["loghook"]}
    for each in (monitor, release.one("PrometheusRule"), release.one("ConfigMap", "loghook-dashboard")):
        assert each["metadata"]["namespace"] == "watch"


def test_a_pod_monitor_selects_both_programs_and_no_job(releases: dict[str, Release]) -> None:
    for name in ("pod-monitor", "pod-monitor-elsewhere"):
        release = releases[name]
        monitor = release.one("PodMonitor")["spec"]
        (expression,) = monitor["selector"]["matchExpressions"]
        selected = {
            metadata["labels"]["app.kubernetes.io/component"]
            for metadata, spec in release.pods()
            if monitor["selector"]["matchLabels"].items() <= metadata["labels"].items()
            and metadata["labels"]["app.kubernetes.io/component"] in expression["values"]
        }
        assert selected == {"webhook", "certs"}
        (endpoint,) = monitor["podMetricsEndpoints"]
        for kind in selected:
            assert endpoint["port"] in {each["name"] for each in specs(release)[kind]["containers"][0]["ports"]}
    assert releases["pod-monitor"].one("PodMonitor")["metadata"]["labels"]["release"] == "prometheus"
    assert "namespaceSelector" not in releases["pod-monitor"].one("PodMonitor")["spec"]
    assert releases["pod-monitor-elsewhere"].one("PodMonitor")["spec"]["namespaceSelector"] == {
        "matchNames": ["loghook"]
    }


def test_dns_hosts_and_runtime_hold_for_every_pod(releases: dict[str, Release]) -> None:
    said = releases["dns-and-hosts"].values
    for spec in specs(releases["dns-and-hosts"]).values():
        for key in ("dnsConfig", "hostAliases", "runtimeClassName"):
            assert spec[key] == said[key]
    assert specs(releases["dns-and-hosts"])["webhook"]["dnsPolicy"] == "None"


def test_containers_of_ones_own_stand_beside_the_injector(releases: dict[str, Release]) -> None:
    spec = specs(releases["extra-containers"])["webhook"]
    assert [each["name"] for each in spec["containers"]] == ["webhook", "beside"]
    assert [each["name"] for each in spec["initContainers"]] == ["before"]
    assert "initContainers" not in specs(releases["extra-containers"])["certs"]


def test_another_namespace_is_everywhere(releases: dict[str, Release]) -> None:
    for name in ("namespace-override", "namespace-override-cert-manager"):
        release = releases[name]
        places = {each["metadata"]["namespace"] for each in release.documents if "namespace" in each["metadata"]}
        assert places - {release.settings["verify"]["namespace"]} == {"elsewhere"}
        assert "loghook.loghook" not in str(release.documents)
        assert "'loghook/loghook'" not in str(release.documents)
        assert release.webhook["clientConfig"]["service"]["namespace"] == "elsewhere"


def test_jobs_of_hooks_have_annotations_and_patience_of_ones_own(releases: dict[str, Release]) -> None:
    jobs = {component(each): each for each in releases["hook-jobs"].all("Job")}
    waves = {name: each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for name, each in jobs.items()}
    assert waves == {"verify": "5", "cleanup": "6"}
    assert {each["spec"]["backoffLimit"] for each in jobs.values()} == {1}
    assert jobs["verify"]["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"  # what makes it one


def sections(values: dict[str, Any], way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways to all maps of the chart's values that have something in them."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield (*way, key)
            yield from sections(value, (*way, key))


def nothing_at(way: Sequence[str]) -> dict[str, Any]:
    """Values that take the default at `way` away."""
    made: Any = None
    for key in reversed(way):
        made = {key: made}
    return dict(made)


SECTIONS = list(sections(yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))))
SWITCHES = ("workloads.enabled", "certificates.mode", "autoscaling.enabled", "priorityClassName", "hostNetwork")


@pytest.mark.parametrize("way", [*SECTIONS, *(each.split(".") for each in SWITCHES)], ids=".".join)
def test_a_section_that_is_empty_is_named_where_it_is_needed(way: Sequence[str]) -> None:
    """A key with nothing but comments below it is null, and Helm takes its default away."""
    modes = {"certManager", "provided"} & set(way) or {"selfManaged"}
    values = nothing_at(way)
    if len(way) > 1 and way[0] == "certificates" and way[1] != "mode":
        values["certificates"] |= {"mode": modes.pop()}
    try:
        render(values)
    except helm_python.HelmError as error:
        said = str(error)
        assert "nil pointer" not in said
        assert "wrong type" not in said
        assert way[0] in said


def settings(values: dict[str, Any], way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways to all of the chart's values that are no sections, and that something stands behind."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from settings(value, (*way, key))
        elif value not in ("", []):
            yield (*way, key)


SETTINGS = list(settings(yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))))


@pytest.mark.parametrize("way", SETTINGS, ids=".".join)
def test_a_value_that_is_empty_is_named_or_can_be_left_out(way: tuple[str, ...]) -> None:
    """A key with nothing behind its colon: what needs it would be refused later, or be a default of somebody else's."""
    values: dict[str, Any] = {"guard": {"enabled": True}, "autoscaling": {"enabled": True}}
    values |= {"certificates": {"mode": "certManager"}} if "certManager" in way else {}
    part = values
    for key in way[:-1]:
        part = part.setdefault(key, {})
    part[way[-1]] = None
    try:
        release = render(values)
    except helm_python.HelmError as error:
        assert f"{'.'.join(way)}: " in str(error)  # noqa: PT017  # either is right, and what is said then counts
        return
    if way[0] in {"podSecurityContext", "securityContext"}:
        return  # there null is what leaves a field out
    assert release.webhook["failurePolicy"]
    assert not [
        each for _, pod in release.pods() for c in pod["containers"] for each in c["args"] if each.endswith("=")
    ]
    for each in release.documents:
        if not each["apiVersion"].startswith("cert-manager.io/"):
            kubernetes_validate.validate(each, "1.37", strict=True)


@pytest.mark.parametrize("name", ["my.loghook", "a" * 48 + "--b", "a" * 53, "shop"])
def test_whatever_a_release_is_called_a_service_can_be(name: str) -> None:
    """Helm takes dots, and 53 characters; a Service's name has none, and 63 at most."""
    release = render({}, name=name)
    for each in release.all("Service"):
        assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", each["metadata"]["name"])
        assert "--" not in each["metadata"]["name"]
    assert release.webhook["clientConfig"]["service"]["name"] in {x["metadata"]["name"] for x in release.all("Service")}


def test_the_verification_may_call_injectors_on_the_nodes_network() -> None:
    """They have the nodes' addresses there, which no selector of Pods stands for."""
    values = {"hostNetwork": True, "webhook": {"port": 10260}, "networkPolicy": {"enabled": True}}
    policy = render(values).one("NetworkPolicy", "loghook-verify")
    assert {"ports": [{"port": 10260, "protocol": "TCP"}]} in policy["spec"]["egress"]


@of_every_release
def test_every_pod_that_calls_the_api_server_may(release: Release) -> None:
    """Also where a namespace lets nothing out that no NetworkPolicy lets out; those of hooks come before their Pods."""
    specs = [each["spec"] for each in release.all("NetworkPolicy")]
    chosen = [(each["podSelector"]["matchLabels"], each["egress"]) for each in specs if "egress" in each]
    for metadata, spec in release.pods() if chosen else ():
        if spec["automountServiceAccountToken"]:
            (egress,) = [each for labels, each in chosen if labels.items() <= metadata["labels"].items()]
            assert [each["port"] for each in egress[0]["ports"]] == release.settings["networkPolicy"]["apiServerPorts"]
