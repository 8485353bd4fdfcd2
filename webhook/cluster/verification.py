"""Proves from outside that a registered webhook works: what the API server does with a Pod, step by step."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import jsonpatch

from webhook.annotations.registry import PREFIX
from webhook.cluster.api import Api, ApiError
from webhook.cluster.endpoint import Answer, Endpoint, EndpointError, endpoint
from webhook.cluster.registration import Unproven, bundled, entry
from webhook.diagnostics import escape, printable
from webhook.inquiry import inquiry

__all__ = ["created", "probe", "sidecar_of", "verify", "version_of"]

WEBHOOK = "pods.loghook.dev"
_SIDECARS = "loghook"  # what their names begin with


def verify(
    api: Api, configuration: str, namespace: str, proven: Callable[[str], None], *, is_asked: bool = True
) -> None:
    """Tell `proven` each thing that is true of the webhook in `configuration`; raise Unproven at the first that is not.

    With a `namespace` a Pod is created there as a dry run; nothing is ever stored. Where the webhook takes reviews from
    the API server alone, it is not to be asked by us.
    """
    webhook = entry(api.mutating_configuration, "MutatingWebhookConfiguration", configuration, WEBHOOK)
    try:
        place = endpoint(api, webhook)
        proven(f"{configuration} is registered, and {bundled(place)}")
        if is_asked:
            answer = place.ask(inquiry(probe(), namespace or "default", str(uuid.uuid4()), "loghook verify"))
            proven(f"{place} is vouched for by the caBundle, until {answer.expires:%Y-%m-%d %H:%M} UTC")
            proven(f"it answers a review with the sidecar {sidecar_of(place, answer)}")
    except EndpointError as error:
        raise Unproven(str(error)) from None
    if namespace:
        try:
            name = created(api, namespace, webhook)
        except ApiError as error:
            raise Unproven(str(error)) from None
        proven(f"the API server gives a Pod in {namespace} the sidecar {name}")


def sidecar_of(place: Endpoint, answer: Answer) -> str:
    """Return the sidecar that the probe gets by `answer`. Raises Unproven where it gets none."""
    name = _sidecar(_patched(place, answer))
    if not name:
        warnings = "; ".join(printable(str(each), 300) for each in answer.response.get("warnings") or ())
        why = warnings or "is the namespace excluded in its configuration?"
        raise Unproven(f"{place} answers, but adds no sidecar: {why}")
    return name


def version_of(place: Endpoint, answer: Answer) -> str:
    """Return the version of the injector that gave `answer`, as it says in the status; empty where it does not."""
    text = (_patched(place, answer)["metadata"].get("annotations") or {}).get(f"{PREFIX}status", "{}")
    return escape(str(json.loads(text).get("version", "")))


def _patched(place: Endpoint, answer: Answer) -> dict[str, Any]:
    response = answer.response
    if not response["allowed"]:
        message = printable(str((response.get("status") or {}).get("message", "")), 1000)
        raise Unproven(f"{place} refuses the Pod of the verification: {message}")
    try:
        patched: dict[str, Any] = jsonpatch.apply_patch(probe(), answer.patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise Unproven(f"the patch of {place} does not apply: {escape(str(error))}") from None
    return patched


def created(api: Api, namespace: str, webhook: dict[str, Any]) -> str:
    """Return the sidecar that the API server gives a Pod in `namespace`. Raises Unproven, and ApiError."""
    pod = api.try_pod(namespace, probe())
    name = _sidecar(pod)
    if not name:
        raise Unproven(
            f"the API server would create a Pod in {namespace} without a sidecar: it does not call the webhook for "
            f"it, or does not reach it (failurePolicy is {webhook.get('failurePolicy')})"
        )
    return name


def _sidecar(pod: dict[str, Any]) -> str:
    """Return the name of a sidecar of ours in `pod`, "" where there is none."""
    spec = pod["spec"]
    names = [each["name"] for each in (*spec.get("initContainers", ()), *spec["containers"])]
    return next((name for name in names if name.split("-")[0] == _SIDECARS), "")


def probe() -> dict[str, Any]:
    """Return a Pod that asks for a sidecar, and that Pod Security `restricted` and quotas let pass."""
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    least = {"cpu": "10m", "memory": "16Mi"}
    app = {
        "name": "app",
        "image": "example.com/app",
        "securityContext": context,
        "resources": {"requests": least, "limits": least},
    }
    annotations = {"paths": "/var/log/loghook-verify/*.log", "inject": "true", "on-error": "reject"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"loghook-verify-{uuid.uuid4().hex[:8]}",
            "annotations": {PREFIX + key: value for key, value in annotations.items()},
        },
        "spec": {"containers": [app]},
    }
