"""The chart with cert-manager's certificates, by cert-manager's own controllers, and with certificates of one's own."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from .client import Creators
from .conftest import missing, wait_for
from .product import Product, is_vouched_for
from .test_node import pod

pytestmark = pytest.mark.cluster


def is_injected(product: Product) -> bool:
    text = json.dumps(pod("probe", "true", {"paths": "/logs/app.log"}))
    created = ["create", "-f", "-", "--dry-run=server", "-o", "json", "--namespace", product.shop]
    done = product.cluster.kubectl(*created, text=text, check=False)
    return done.returncode == 0 and "initContainers" in json.loads(done.stdout)["spec"]


# cert-manager


@pytest.fixture(scope="module")
def managed(cluster_address: str, product_image: None) -> Iterator[Product]:
    del cluster_address, product_image
    found = Product("loghook-cm", certificates={"mode": "certManager"})
    if found.cluster.kubectl("get", "crd", "certificates.cert-manager.io", check=False).returncode:
        missing("cert-manager (`cluster --cert-manager`)")
    with found.installed():
        yield found


def test_cert_manager_makes_what_everybody_takes(managed: Product) -> None:
    secret = managed.secret("loghook-cm-serving")
    assert managed.bundle() == secret["ca.crt"] == managed.secret("loghook-cm-ca")["tls.crt"]
    is_vouched_for(secret["ca.crt"], secret["tls.crt"], "loghook-cm.loghook-cm.svc")
    assert "the API server gives a Pod in loghook-cm-shop the sidecar loghook" in managed.test()


def renew(product: Product, certificate: str, secret: str) -> None:
    """What `cmctl renew` does: say in the Certificate's status that it is to be issued."""
    before = product.secret(secret)["tls.crt"]
    status = product.cluster.get("certificate", certificate)["status"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by a test"}
    conditions = [each for each in status["conditions"] if each["type"] != "Issuing"]
    conditions.append({**issuing, "lastTransitionTime": now})
    patch = json.dumps({"status": {"conditions": conditions}})
    product.cluster.kubectl("patch", "certificate", certificate, "--subresource=status", "--type=merge", "-p", patch)
    wait_for(f"a new {certificate}", lambda: product.secret(secret)["tls.crt"] != before)


def is_trusted(product: Product, authority: str) -> bool:
    """Whether the caBundle has this CA; newer CA injectors keep the old one beside it."""
    return base64.b64decode(authority) in base64.b64decode(product.bundle())


def taken_over(product: Product) -> float:
    return product.metric("loghook_certificate_reloads_total", 'result="success"')


def test_no_caller_notices_cert_managers_rotations(managed: Product) -> None:
    before = managed.secret("loghook-cm-serving")
    with managed.proxy() as client, Creators(client, managed.crowd, pause=0.3) as creators:
        for certificate, secret in (("loghook-cm-ca", "loghook-cm-ca"), ("loghook-cm", "loghook-cm-serving")):
            reloads = taken_over(managed)
            renew(managed, certificate, secret)
        wait_for("the new caBundle", lambda: is_trusted(managed, managed.secret("loghook-cm-serving")["ca.crt"]))
        managed.hurry_the_kubelet()
        wait_for("the injectors' taking it over", lambda: taken_over(managed) >= reloads + 2, 150)
        wait_for("callers after it", lambda: creators.created > 300 or creators.failures)
    after = managed.secret("loghook-cm-serving")
    assert after["tls.key"] != before["tls.key"]
    assert after["ca.crt"] != before["ca.crt"]
    is_vouched_for(after["ca.crt"], before["tls.crt"], "loghook-cm.loghook-cm.svc")  # the CA has kept its key
    is_vouched_for(after["ca.crt"], after["tls.crt"], "loghook-cm.loghook-cm.svc")
    assert creators.failures == []


def test_upgrades_keep_what_cert_manager_has_written(managed: Product) -> None:
    bundle, serving = managed.bundle(), managed.secret("loghook-cm-serving")
    managed.upgrade(podLabels={"upgraded": "true"})
    assert managed.bundle() == bundle
    assert managed.secret("loghook-cm-serving") == serving
    assert is_injected(managed)


def test_uninstalling_takes_the_secrets_of_cert_manager_along(managed: Product) -> None:
    managed.helm.uninstall(managed.name, timeout=180)
    assert managed.secret("loghook-cm-serving") == managed.secret("loghook-cm-ca") == {}
    wait_for("nothing is left", lambda: managed.everything() <= managed.before)


# One's own


def issue(folder: Path, product: Product) -> tuple[dict[str, Any], str]:
    """A Secret with a certificate for the release's Service, and the CA's certificate in PEM."""
    name = f"{product.name}.{product.name}.svc"
    command: list[str | Path] = [sys.executable, "-m", "certs", "issue", "--out", folder, "--name", name]
    subprocess.run(command, check=True, capture_output=True)
    data = {file: base64.b64encode((folder / file).read_bytes()).decode() for file in ("tls.crt", "tls.key")}
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
    return {**kind, "metadata": {"name": "mine"}, "data": data}, (folder / "ca.crt").read_text()


@pytest.fixture(scope="module")
def own(
    cluster_address: str, product_image: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, Path]]:
    del cluster_address, product_image
    found, folder = Product("loghook-own"), tmp_path_factory.mktemp("own")
    secret, authority = issue(folder, found)
    found.values["certificates"] = {"mode": "provided", "provided": {"secretName": "mine", "caBundle": authority}}
    with found.installed(secret):
        yield found, folder


def test_a_certificate_of_ones_own_is_served(own: tuple[Product, Path]) -> None:
    product, _ = own
    assert "https://loghook-own.loghook-own.svc is vouched for by the caBundle" in product.test()
    assert not product.cluster.get("deployments", "-l", "app.kubernetes.io/component=certs")["items"]


def test_an_upgrade_that_nobody_reaches_is_a_failed_one(own: tuple[Product, Path]) -> None:
    product, _ = own
    nowhere = {"namespaceSelector": {"matchLabels": {"of": "nobody"}}}
    verify = {**product.values["verify"], "timeoutSeconds": 20}
    with pytest.raises(AssertionError) as caught:
        product.upgrade(webhook=nowhere, verify=verify)
    assert "post-upgrade hooks failed: resource Job/loghook-own/loghook-own-verify not ready" in str(caught.value)
    said = product.cluster.kubectl("logs", "job/loghook-own-verify").stdout
    assert "ok  it answers a review with the sidecar loghook" in said
    assert "Error: the API server would create a Pod in loghook-own-shop without a sidecar" in said
    product.upgrade(verified=True)
    assert not product.cluster.get("jobs")["items"]


def test_a_new_certificate_of_ones_own_is_taken_over(own: tuple[Product, Path]) -> None:
    product, folder = own
    secret, _ = issue(folder, product)
    reloads = taken_over(product)
    product.cluster.apply(secret)
    product.hurry_the_kubelet()
    wait_for("the injectors' taking it over", lambda: taken_over(product) >= reloads + 2, 150)
    assert is_injected(product)


def test_uninstalling_leaves_the_users_secret(own: tuple[Product, Path]) -> None:
    product, _ = own
    product.helm.uninstall(product.name, timeout=180)
    assert product.secret("mine")
    wait_for("nothing is left", lambda: product.everything() <= product.before)
