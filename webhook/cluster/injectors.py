"""The injectors behind a Service, and the ways to ask one: by its own address, or by a port-forward to its Pod."""

import os
from dataclasses import dataclass, replace
from typing import Any

from webhook.cluster.api import Api, ApiError
from webhook.cluster.endpoint import Answer, Endpoint, UnreachedError
from webhook.standing.ours import Raw

__all__ = ["Injector", "ask", "injectors", "takes_others"]


@dataclass(frozen=True)
class Injector:
    """One that the Service leads to. `pod` is empty where it is no Pod."""

    namespace: str
    pod: str
    address: str
    port: int
    is_ready: bool


def injectors(api: Api, service: Raw) -> list[Injector]:
    """Those behind `service` (a clientConfig's), by EndpointSlices; an ExternalName leads to one. Raises ApiError."""
    namespace, name = service["namespace"], service["name"]
    spec = api.service(namespace, name)["spec"]
    if spec.get("type") == "ExternalName":
        return [Injector(namespace, "", spec["externalName"], service.get("port", 443), is_ready=True)]
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    names = {each.get("name") for each in spec.get("ports") or () if each["port"] == service.get("port", 443)}
    return [
        Injector(
            namespace, _pod(endpoint), address, port["port"], (endpoint.get("conditions") or {}).get("ready", True)
        )
        for found in api.listed(path, labelSelector=f"kubernetes.io/service-name={name}")
        for port in found.get("ports") or ()
        if (port.get("name") or None) in {each or None for each in names}
        for endpoint in found.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
    ]


def _pod(endpoint: Raw) -> str:
    target = endpoint.get("targetRef") or {}
    return str(target.get("name", "")) if target.get("kind") == "Pod" else ""


def takes_others(api: Api, service: Raw) -> bool:
    """Whether the injectors take reviews from others than the API server, by what their Deployment tells them.

    Raises ApiError.
    """
    try:
        found = api.read(f"/apis/apps/v1/namespaces/{service['namespace']}/deployments/{service['name']}")
    except ApiError as error:
        if error.is_missing or error.is_forbidden:
            return True
        raise
    containers = found["spec"]["template"]["spec"]["containers"]
    return not any(str(word).startswith("--client-ca") for each in containers for word in each.get("args") or ())


def ask(api: Api, place: Endpoint, injector: Injector | None, review: dict[str, Any]) -> Answer:
    """What `injector` answers to `review`, with the name and the trust of `place`; without one, what is there.

    From outside of the cluster a Pod's port is forwarded, where that may be done. Raises EndpointError.
    """
    if injector is None:
        return place.ask(review)
    own = replace(place, address=injector.address, port=injector.port)
    if not injector.pod or "KUBERNETES_SERVICE_HOST" in os.environ:
        return own.ask(review)
    try:
        connection = api.forwarded(injector.namespace, injector.pod, injector.port)
    except ApiError:
        return own.ask(review)
    try:
        return replace(own, dial=lambda: connection).ask(review)
    except UnreachedError as error:  # the Pod is reached, and nothing listens there
        raise UnreachedError(str(error), is_refused=True) from None
