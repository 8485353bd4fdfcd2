"""What the API server does with a Pod, told by a dry run: for what nobody else can tell, a condition in CEL."""

from typing import Any

import msgspec

from webhook.cluster.api import Api, ApiError
from webhook.config.loghook_yaml import Config
from webhook.standing.description import Description, Tried
from webhook.standing.ours import Raw, annotations_of, ours
from webhook.standing.today import bare

__all__ = ["tried"]


def tried(api: Api, told: Description, pod: Raw, config: Config) -> Description:
    """What is `told` of `pod`, with what the API server made of it in a dry run; an open question is answered by it."""
    try:
        made = api.try_pod(told.namespace, _anew(bare(pod, config, told.namespace)))
    except ApiError as error:
        if not error.status:
            raise
        return msgspec.structs.replace(told, tried=Tried(allowed=False, message=str(error)))
    names = tuple(str(each["name"]) for each in ours(made))
    answer = Tried(allowed=True, containers=names)
    if told.decision == "open":
        reason = told.reason if names else "a condition that only the API server can tell"
        return msgspec.structs.replace(
            told, tried=answer, decision="injected" if names else "not called", reason=reason
        )
    return msgspec.structs.replace(told, tried=answer)


def _anew(pod: Raw) -> dict[str, Any]:
    """The Pod as it would be created once more, under a name that is free."""
    metadata = pod.get("metadata") or {}
    stem = str(metadata.get("name") or metadata.get("generateName") or "loghook-describe").rstrip("-")
    spec = {key: value for key, value in pod["spec"].items() if key not in {"nodeName", "ephemeralContainers"}}
    labels = {"labels": metadata["labels"]} if metadata.get("labels") else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{stem[:50]}-", "annotations": dict(annotations_of(pod)), **labels},
        "spec": spec,
    }
