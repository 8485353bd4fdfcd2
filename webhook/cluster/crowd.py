"""All Pods of a cluster that asked for loghook, and all that could not be created, judged one by one."""

from collections.abc import Iterator
from typing import Any

from webhook.cluster.api import Api, ApiError
from webhook.cluster.objects import controller, pods
from webhook.config.loghook_yaml import Config
from webhook.standing.labels import is_selected, selector_of
from webhook.standing.pods import Standing, World, refused, standing
from webhook.standing.registration import webhooks_of

__all__ = ["crowd", "world"]


def world(api: Api, config: Config, registrations: list[dict[str, Any]]) -> World:
    """What the Pods of a cluster are judged by. Namespaces whose labels may not be read have none. Raises ApiError."""
    try:
        spaces = list(api.listed("/api/v1/namespaces"))
    except ApiError as error:
        if not error.is_forbidden:
            raise
        spaces = []
    return World(
        config=config,
        webhooks=tuple(webhooks_of(registrations)),
        labels={each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in spaces},
        since=str(registrations[0]["metadata"].get("creationTimestamp", "")) if registrations else "",
    )


def crowd(api: Api, judged_by: World, namespace: str | None, selector: str = "") -> Iterator[Standing]:
    """How each Pod of `namespace` (or of all) stands that asked, and each controller that was refused its Pods.

    Raises ApiError, and SelectorError where `selector` is none.
    """
    wanted = selector_of(selector)
    for pod in pods(api, namespace, selector):
        found = standing(pod, judged_by)
        if found is not None:
            yield found

    def owner(kind: str, of: str, name: str) -> Any:
        there = controller(api, kind, of, name)
        template = ((there or {}).get("spec") or {}).get("template") or {}
        labels = (template.get("metadata") or {}).get("labels") or {}
        return there if is_selected(wanted, labels) else None

    path = f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events"
    yield from refused(api.listed(path, fieldSelector="reason=FailedCreate"), owner)
