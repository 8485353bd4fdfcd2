"""What there is to say of the certificates of an installation: the caBundle, what is served, and who renews them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from cryptography import x509

from webhook.cluster.api import Api, ApiError
from webhook.cluster.endpoint import Answer, EndpointError, bundle_of
from webhook.standing.checks import Check
from webhook.standing.ours import Raw

__all__ = ["of_bundle", "of_controller", "of_leaf"]

_LATE, _LAST = 1 / 4, 1 / 10
"""Parts of a certificate's life that are left: it is renewed when a third is, so below these nobody renews it."""


def of_bundle(webhook: dict[str, Any], now: datetime) -> Iterator[Check]:
    """Whether the caBundle can vouch for anybody at `now`."""
    try:
        bundle = bundle_of(webhook)
        authorities = x509.load_pem_x509_certificates(bundle.encode())
    except EndpointError as error:
        yield Check.of("ca-bundle", "error", str(error))
        return
    except ValueError:
        yield Check.of("ca-bundle", "error", "the caBundle holds no certificate that can be read")
        return
    several = f"{len(authorities)} CAs" if len(authorities) > 1 else "1 CA"
    yield Check.of("ca-bundle", "ok", f"the caBundle holds {several}")
    last = max(each.not_valid_after_utc for each in authorities)
    yield _of_life("ca-expiry", "the CA", last, max(each.not_valid_before_utc for each in authorities), now)


def of_leaf(answers: Iterable[Answer], now: datetime) -> Check:
    """How long the certificates are valid that came with `answers`, at `now`."""
    first = min(answers, key=lambda each: each.expires)
    return _of_life("expiry", "the served certificate", first.expires, first.begins, now)


def _of_life(name: str, whose: str, end: datetime, begin: datetime, now: datetime) -> Check:
    left = (end - now) / (end - begin)
    days = (end - now).days
    if end <= now:
        return Check.of(name, "error", f"{whose} expired on {end:%Y-%m-%d}")
    said = f"{whose} is valid for {days} more days, until {end:%Y-%m-%d %H:%M} UTC"
    return Check.of(name, "error" if left < _LAST else "warning" if left < _LATE else "ok", said)


def of_controller(api: Api, registration: Raw, service: Raw) -> Iterator[Check]:
    """Whether who renews the certificates runs: our controller, or cert-manager, by what the registration says."""
    annotations = (registration.get("metadata") or {}).get("annotations") or {}
    named = annotations.get("cert-manager.io/inject-ca-from")
    try:
        if named:
            yield _of_cert_manager(api, named)
        elif annotations.get("loghook.dev/ca-bundle") != "provided":
            yield from _of_our_own(api, f"{service['name']}-certs", service["namespace"])
        else:
            yield Check.of("controller", "ok", "the certificates are provided: renewing them is yours")
    except ApiError as error:
        yield Check.of("controller", "skipped", str(error))


def _of_our_own(api: Api, name: str, namespace: str) -> Iterator[Check]:
    try:
        status = api.read(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}").get("status") or {}
    except ApiError as error:
        if not error.is_missing:
            raise
        yield Check.of("controller", "warning", f"there is no Deployment {namespace}/{name} to renew the certificates")
        return
    available = int(status.get("availableReplicas") or 0)
    said = f"the certificate controller {'runs' if available else 'does not run'}"
    yield Check.of("controller", "ok" if available else "error", said)


def _of_cert_manager(api: Api, named: str) -> Check:
    namespace, _, name = named.partition("/")
    found = api.read(f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates/{name}")
    conditions = (found.get("status") or {}).get("conditions") or ()
    ready: dict[str, Any] = next((each for each in conditions if each.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return Check.of("controller", "ok", f"cert-manager's Certificate {named} is ready")
    why = ready.get("message") or "it has no condition yet"
    return Check.of("controller", "error", f"cert-manager's Certificate {named} is not ready: {why}")
