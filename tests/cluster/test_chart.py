"""The chart with the certificates that it makes itself, installed by Helm's own engine, and what it does for workloads.

The tests stand in the order in which a cluster lives through them: installed, used, upgraded, broken, uninstalled.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from webhook.cli import main

from .client import Creators
from .conftest import Cluster, wait_for
from .product import Product, is_vouched_for
from .second import Second
from .test_node import LAST_WORDS, container, numbered, pod, template

pytestmark = pytest.mark.cluster

SOAK = bool(os.environ.get("LOGHOOK_SOAK"))
# How long an old CA stays trusted: longer than the kubelet takes, which a test can hurry and a soak does not.
OVERLAP_SECONDS = 150 if SOAK else 40
QUOTA = {"requests.cpu": "50", "limits.cpu": "200", "requests.memory": "50Gi", "limits.memory": "50Gi", "pods": "500"}
LIMITS = {
    "type": "Container",
    "default": {"cpu": "200m", "memory": "64Mi"},
    "defaultRequest": {"cpu": "20m", "memory": "32Mi"},
    "max": {"cpu": "1", "memory": "512Mi"},
}
ASKS = {"paths": "/logs/app.log"}


@pytest.fixture(scope="module")
def product(cluster_address: str, product_image: None) -> Iterator[Product]:
    """The chart with shorter times, the guard, and Pods that ask for a sidecar themselves, which they must not get."""
    del cluster_address, product_image
    found = Product(
        "loghook",
        certificates={"selfManaged": {"settleSeconds": 5, "overlapSeconds": OVERLAP_SECONDS}},
        guard={"enabled": True},
        podAnnotations={"loghook.dev/paths": "/var/log/itself/*.log"},
    )
    with found.installed():
        yield found


@pytest.fixture(scope="module")
def shop(product: Product) -> Cluster:
    """A namespace of applications that enforces Pod Security `restricted`, a ResourceQuota and a LimitRange."""
    found = Cluster(product.shop)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": {"hard": QUOTA}}
    limits = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "limits"}, "spec": {"limits": [LIMITS]}}
    found.apply(quota, limits)
    return found


# Installed


def test_helm_test_is_green(product: Product) -> None:
    lines = product.test()
    assert "ok  loghook is registered, and its caBundle holds 1 CA" in lines
    assert "ok  https://loghook.loghook.svc is vouched for by the caBundle" in lines
    assert "ok  the API server gives a Pod in loghook-shop the sidecar loghook" in lines


def test_check_is_green_from_outside_of_the_cluster(
    product: Product, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(*_: Any, **__: Any) -> Any:
        raise OSError("this machine is outside of the cluster")

    monkeypatch.setattr("webhook.cluster.endpoint.socket.create_connection", unreached)
    code = main(["check", "--webhook-configuration", product.name, "-n", product.shop, "-o", "json"])
    found = {each["name"]: (each["status"], each["said"]) for each in json.loads(capfd.readouterr().out)["checks"]}
    assert found["answers"][0] == "ok", found
    assert (code, {status for status, _ in found.values()}) == (0, {"ok"}), found


def test_the_verification_can_create_nothing_for_good(product: Product, shop: Cluster) -> None:
    account = f"--as=system:serviceaccount:{product.name}:loghook-verify"
    made = json.dumps(pod("thief", "sleep 1", {}))
    assert shop.kubectl("create", "-f", "-", account, "--dry-run=server", text=made, check=False).returncode == 0
    done = shop.kubectl("create", "-f", "-", account, text=made, check=False)
    assert done.returncode == 1
    assert "the verification of loghook creates things as a dry run only" in done.stderr


def test_the_certificate_is_one_that_everybody_takes(product: Product) -> None:
    secret = product.secret("loghook-tls")
    assert product.bundle() == secret["ca.crt"]
    is_vouched_for(secret["ca.crt"], secret["tls.crt"], "loghook.loghook.svc")


def test_its_own_pods_get_no_sidecar_though_they_ask(product: Product) -> None:
    for each in product.injectors():
        assert "loghook.dev/paths" in each["metadata"]["annotations"]
        assert "initContainers" not in each["spec"]


def test_no_key_is_in_a_log_or_in_what_helm_keeps(product: Product) -> None:
    key = product.secret("loghook-tls")["tls.key"]
    pods = product.cluster.get("pods")["items"]
    logs = [product.cluster.kubectl("logs", each["metadata"]["name"]).stdout for each in pods]
    kept = json.dumps(product.helm.get_all(product.name))
    assert len(pods) == 3
    for text in (*logs, kept):
        assert key[:40] not in text
        assert "PRIVATE KEY" not in text


# Used


def test_streams_a_deployment_under_quota_and_limits(shop: Cluster) -> None:
    made = template(LAST_WORDS.replace("LOG", "/logs/$HOSTNAME.log"), {"paths": "/logs/*.log"})
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "app"}}, "template": made}
    shop.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    shop.kubectl("rollout", "status", "deployment/web", "--timeout=240s")
    pods = shop.get("pods", "-l", "app=app")["items"]
    assert len(pods) == 2
    for each in pods:
        with shop.follow(each["metadata"]["name"]) as stream:
            assert stream.stdout is not None
            assert [next(stream.stdout).split()[1] for _ in range(3)] == ["1", "2", "3"]
            stream.terminate()
    shop.kubectl("delete", "deployment", "web")


def test_streams_a_job_to_its_end(shop: Cluster) -> None:
    made = template("for n in $(seq 300); do echo line $n; done >/logs/app.log", ASKS, restartPolicy="Never")
    shop.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": made}})
    shop.kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=240s")
    (done,) = shop.get("pods", "-l", "job-name=job")["items"]
    assert numbered(shop.logs(done["metadata"]["name"], least=300), "line") == list(range(1, 301))


def test_refuses_a_mistake_with_its_fix(shop: Cluster) -> None:
    done = shop.apply(pod("wrong", "true", {"path": "/logs/app.log"}), check=False)
    assert done.returncode == 1
    assert 'admission webhook "pods.loghook.dev" denied the request' in done.stderr
    assert "LH101 loghook.dev/path: no such key, write loghook.dev/paths" in done.stderr


def test_a_pod_without_annotations_never_reaches_us(product: Product, shop: Cluster) -> None:
    before = product.reviews()
    plain = [pod(f"plain-{number}", "true", {}) for number in range(20)]
    shop.apply(*plain)
    shop.kubectl("delete", "pod", *(each["metadata"]["name"] for each in plain), "--wait=false")
    assert product.reviews() == before
    shop.kubectl("create", "-f", "-", "--dry-run=server", text=json.dumps(pod("counted", "true", ASKS)))
    assert product.reviews() == before + 1


def test_a_label_opts_out_before_we_are_asked(product: Product, shop: Cluster) -> None:
    before = product.reviews()
    made = pod("opted-out", "true", ASKS)
    made["metadata"]["labels"] = {"loghook.dev/inject": "false"}
    done = shop.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json", text=json.dumps(made))
    assert "initContainers" not in json.loads(done.stdout)["spec"]
    assert product.reviews() == before


def test_a_dry_run_shows_what_would_be_and_stores_nothing(shop: Cluster) -> None:
    text = json.dumps(pod("dry", "true", ASKS))
    done = shop.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json", text=text)
    assert [each["name"] for each in json.loads(done.stdout)["spec"]["initContainers"]] == ["loghook"]
    assert shop.kubectl("get", "pod", "dry", check=False).returncode == 1


def test_takes_an_exported_pod_again(shop: Cluster) -> None:
    shop.apply(pod("again", "sleep 60", ASKS))
    exported = shop.get("pod", "again")
    shop.kubectl("delete", "pod", "again", "--now")
    spec = {key: value for key, value in exported["spec"].items() if key != "nodeName"}
    metadata = {"name": "again", "annotations": exported["metadata"]["annotations"]}
    shop.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    there = shop.get("pod", "again")["spec"]
    shop.kubectl("delete", "pod", "again", "--now")
    assert [each["name"] for each in there["initContainers"]] == ["loghook"]
    assert there["volumes"] == exported["spec"]["volumes"]


def test_is_called_again_when_another_webhook_adds_a_container(
    product: Product, shop: Cluster, cluster_address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = product.reviews()
    with Second(shop, cluster_address, container("sleep 1", "other"), tmp_path_factory.mktemp("second")):
        shop.apply(pod("two", "sleep 60", ASKS))
    there = shop.get("pod", "two")["spec"]
    shop.kubectl("delete", "pod", "two", "--now")
    assert [each["name"] for each in there["containers"]] == ["app", "other"]
    assert [each["name"] for each in there["initContainers"]] == ["loghook"]
    names = [each["name"] for each in there["volumes"]]
    assert len(names) == len(set(names))
    assert product.reviews() == before + 2


# Rotated


def test_a_cron_job_begins(shop: Cluster) -> None:
    """Its minute comes while the next tests go on, but not while reviews are counted."""
    job = template("for n in $(seq 50); do echo line $n; done >/logs/app.log", ASKS, restartPolicy="Never")
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": job}}}
    shop.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "minutely"}, "spec": spec})


def test_no_caller_notices_a_rotation(product: Product) -> None:
    before = product.secret("loghook-tls")
    with product.proxy() as client, Creators(client, product.crowd, pause=0.3) as creators:
        rotate(product, "leaf")
        assert product.secret("loghook-tls")["ca.key"] == before["ca.key"]
        rotate(product, "ca")
        wait_for("the end of the overlap", lambda: is_at_rest(product), OVERLAP_SECONDS + 120)
        wait_for("callers all along", lambda: creators.created > 500 or creators.failures)
    after = product.secret("loghook-tls")
    assert after["ca.key"] != before["ca.key"]
    is_vouched_for(after["ca.crt"], after["tls.crt"], "loghook.loghook.svc")
    assert creators.failures == []


def is_at_rest(product: Product) -> bool:
    secret = product.secret("loghook-tls")
    return secret["ca.crt"] == product.bundle() and len(secret["ca.crt"]) < 1400  # base64 of one certificate


def rotate(product: Product, what: str) -> None:
    """Ask for a rotation, and wait until every injector has taken over the new certificate."""
    reloads = product.metric("loghook_certificate_reloads_total", 'result="success"')
    served = product.secret("loghook-tls")["tls.crt"]
    product.cluster.kubectl("annotate", "secret", "loghook-tls", f"loghook.dev/rotate={what}")
    wait_for("a new certificate", lambda: product.secret("loghook-tls")["tls.crt"] != served)
    if not SOAK:
        product.hurry_the_kubelet()
    count = reloads + len(product.injectors())
    wait_for(
        "the injectors' taking it over",
        lambda: product.metric("loghook_certificate_reloads_total", 'result="success"') >= count,
        OVERLAP_SECONDS,
    )


# Upgraded


def test_upgrades_and_rollbacks_keep_the_ca_bundle(product: Product) -> None:
    bundle = product.bundle()
    revision = product.helm.status(product.name)["revision"]
    product.upgrade(verified=True, config={"imagePullPolicy": "IfNotPresent"}, podLabels={"upgraded": "true"})
    assert {each["metadata"]["labels"]["upgraded"] for each in product.injectors()} == {"true"}
    assert product.bundle() == bundle
    product.helm.rollback(product.name, version=revision, timeout=120, wait="watcher")
    assert not any("upgraded" in each["metadata"]["labels"] for each in product.injectors())
    assert product.bundle() == bundle


# Broken


def test_both_servers_deleted_at_once_come_back(product: Product, shop: Cluster) -> None:
    """They ask for a sidecar, the policy is Fail and nobody answers: were they not excluded, they could not start."""
    gone = {each["metadata"]["name"] for each in product.injectors()}
    assert len(gone) == 2
    product.cluster.kubectl("delete", "pod", "--all", "--force", "--grace-period=0")
    for name in ("loghook", "loghook-certs"):
        product.cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=240s")
    assert gone.isdisjoint(each["metadata"]["name"] for each in product.injectors())
    text = json.dumps(pod("back", "true", ASKS))
    created = ["create", "-f", "-", "--dry-run=server"]
    wait_for("the webhook", lambda: not shop.kubectl(*created, text=text, check=False).returncode)


def test_a_wrong_configuration_is_a_failed_upgrade_and_no_outage(product: Product, shop: Cluster) -> None:
    """Most mistakes Helm tells; an expression that Go takes and Python does not is told by the new Pod."""
    revision = product.helm.status(product.name)["revision"]
    with pytest.raises(AssertionError, match="additional properties 'nonsense' not allowed"):
        product.upgrade(config={"nonsense": True})
    assert product.helm.status(product.name)["revision"] == revision
    serving = {each["metadata"]["name"] for each in product.injectors()}
    with pytest.raises(AssertionError, match="Deployment/loghook/loghook not ready"):
        product.upgrade(config={"formats": {"own": {"regex": "(?P<x>a)(?i)b"}}}, timeout=12)
    (new,) = {each["metadata"]["name"] for each in product.injectors()} - serving

    def logs() -> str:
        """Of its last run or, where it has just been started again, of the one before."""
        both = (product.cluster.kubectl("logs", new, *more, check=False).stdout for more in ((), ("--previous",)))
        return "".join(both)

    reason = "/loghook.yaml:3: formats.own.regex: not a regular expression"
    wait_for("the reason in its log", lambda: reason in logs())
    text = json.dumps(pod("meanwhile", "true", ASKS))
    done = shop.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json", text=text)
    assert "initContainers" in json.loads(done.stdout)["spec"]


def test_fail_refuses_annotated_pods_and_no_others_while_nobody_serves(product: Product, shop: Cluster) -> None:
    product.upgrade(replicaCount=0)
    assert not product.cluster.get("poddisruptionbudgets")["items"]
    refused = shop.apply(pod("refused", "true", ASKS), check=False)
    assert refused.returncode == 1
    assert 'failed calling webhook "pods.loghook.dev"' in refused.stderr
    shop.apply(pod("unaffected", "true", {}))


def test_ignore_starts_them_without_and_the_guard_says_so(product: Product, shop: Cluster) -> None:
    webhook = {**product.values["webhook"], "failurePolicy": "Ignore"}
    product.upgrade(replicaCount=0, webhook=webhook)
    done = shop.apply(pod("without", "true", ASKS))
    assert "Warning: Validation failed for ValidatingAdmissionPolicy 'loghook'" in done.stderr
    assert "loghook was not reached: the Pod has no sidecar" in done.stderr
    assert "initContainers" not in shop.get("pod", "without")["spec"]


def test_it_comes_back_with_the_bundle_that_it_had(product: Product) -> None:
    bundle = product.bundle()
    product.upgrade(verified=True)
    assert product.bundle() == bundle
    assert "the API server gives a Pod in loghook-shop the sidecar loghook" in product.test()


# Uninstalled


def test_a_cron_job_was_streamed_all_along(shop: Cluster) -> None:
    """Before the webhook goes: the minute may have taken until now."""

    def completed() -> list[Any]:
        found = shop.get("pods", "--field-selector=status.phase=Succeeded")["items"]
        mine = [each for each in found if each["metadata"]["name"].startswith("minutely-")]
        return [each for each in mine if "initContainers" in each["spec"]]

    (done, *_) = wait_for("a run of the CronJob", completed, 240)
    assert numbered(shop.logs(done["metadata"]["name"], least=50), "line") == list(range(1, 51))


def test_uninstalling_leaves_nothing_and_blocks_nobody(product: Product, shop: Cluster) -> None:
    product.helm.uninstall(product.name, timeout=180)
    shop.apply(pod("after", "true", ASKS))
    assert "initContainers" not in shop.get("pod", "after")["spec"]
    wait_for("nothing is left", lambda: product.everything() <= product.before)
