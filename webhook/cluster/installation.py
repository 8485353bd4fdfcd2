"""What is installed in a cluster: the registrations of ours, and where the injectors have their configuration."""

from typing import Any

from webhook.cluster.api import Api, ApiError
from webhook.standing.registration import Place, webhooks_of

__all__ = ["configured", "place", "registered"]

MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_FILE = "loghook.yaml"


def registered(api: Api) -> list[dict[str, Any]]:
    """The MutatingWebhookConfigurations that have a webhook for Pods of ours, the oldest first. Raises ApiError."""
    found = [each for each in api.listed(MUTATING) if any(True for _ in webhooks_of([each]))]
    return sorted(found, key=lambda each: str(each["metadata"].get("creationTimestamp")))


def place(api: Api, namespace: str) -> Place:
    """The namespace with its labels; without, where they may not be read, or where it does not exist yet."""
    try:
        return Place(namespace, api.read(f"/api/v1/namespaces/{namespace}")["metadata"].get("labels") or {})
    except ApiError as error:
        if error.is_missing:
            return Place(namespace, {})
        if error.is_forbidden:
            return Place(namespace)
        raise


def configured(api: Api, registration: dict[str, Any]) -> tuple[str, str]:
    """Text and place of the configuration of the injectors behind `registration`: the ConfigMap named like its Service.

    Raises ApiError where it is not there, or may not be read.
    """
    _, webhook = next(webhooks_of([registration]))
    service = webhook["clientConfig"].get("service")
    if not service:
        raise ApiError("the webhook is called by a URL, so nothing says which ConfigMap is its configuration's")
    name = f"{service['namespace']}/{service['name']}"
    found = api.read(f"/api/v1/namespaces/{service['namespace']}/configmaps/{service['name']}")
    if _FILE not in (found.get("data") or {}):
        raise ApiError(f"the ConfigMap {name} has no {_FILE}")
    return found["data"][_FILE], f"ConfigMap {name}"
