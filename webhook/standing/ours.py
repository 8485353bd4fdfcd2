"""What of ours a raw Pod has, and the Pod without it. Decided from the spec, never from annotations alone."""

import copy
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from webhook.plan.names import CONFIG, DEFAULT_CONTAINER, SAFE_TO_EVICT, STATUS, TOKEN_VOLUME

__all__ = ["Raw", "annotations_of", "every_container", "hints", "is_ours", "ours", "taken_out", "volumes_of_ours"]

Raw = Mapping[str, Any]

_VOLUME = re.compile(r"loghook-(logs(-[0-9]+)?|ca|config|state|token)")
_LISTS = ("initContainers", "containers")
_HINTS = ("fluentbit.io/parser_stdout-{}", "ad.datadoghq.com/{}.logs", "co.elastic.logs.{}/")
"""How the annotations for the node's agents begin: `webhook.plan.node_agents` writes them."""


def every_container(pod: Raw) -> Iterator[Raw]:
    """Init containers, then app containers, of a raw Pod or of a template."""
    spec = pod.get("spec") or {}
    for field in _LISTS:
        yield from spec.get(field) or ()


def annotations_of(pod: Raw) -> Mapping[str, str]:
    """The annotations of a raw Pod; none where the map is missing."""
    return (pod.get("metadata") or {}).get("annotations") or {}


def is_ours(container: Raw) -> bool:
    """Whether `container` is of ours: named so, and it hides the token, as every container of ours does."""
    named = str(container.get("name", "")).partition("-")[0] == "loghook"
    return named and any(mount.get("name") == TOKEN_VOLUME for mount in container.get("volumeMounts") or ())


def ours(pod: Raw) -> list[Raw]:
    """The containers of ours in a raw Pod, in its order."""
    return [container for container in every_container(pod) if is_ours(container)]


def volumes_of_ours(pod: Raw) -> list[str]:
    """The names of the volumes that were added with them."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return [each["name"] for each in volumes if _VOLUME.fullmatch(each.get("name", ""))]


def hints(pod: Raw) -> dict[str, str]:
    """The annotations of `pod` for the node's agents about containers of ours: we wrote them, or its author."""
    starts = [hint.format(container["name"]) for hint in _HINTS for container in ours(pod)]
    return {
        key: value
        for key, value in annotations_of(pod).items()
        if any(key.startswith(start) if start.endswith("/") else key == start for start in starts)
    }


def taken_out(pod: Raw) -> dict[str, Any]:
    """A copy of the raw `pod` without containers, volumes, mounts and annotations of ours; the same where it has none.

    A list that only we had something in is gone too. What was filled in of the Pod's own resources stays: the API
    server fills it in alike. So do `hints`, and Secrets to pull images with: perhaps the author named them too.
    """
    bare = copy.deepcopy(dict(pod))
    if not ours(pod):
        return bare
    spec, gone = bare["spec"], set(volumes_of_ours(pod))
    plain = any(is_ours(container) for container in spec.get("containers") or ())
    for field in _LISTS:
        _keep(spec, field, [each for each in spec.get(field) or () if not is_ours(each)])
    for container in every_container(bare):
        kept = [mount for mount in container.get("volumeMounts") or () if mount.get("name") not in gone]
        _keep(container, "volumeMounts", kept)
    _keep(spec, "volumes", [each for each in spec.get("volumes") or () if each.get("name") not in gone])
    _take_out_annotations(bare, gone, spec["containers"][0]["name"] if plain and spec["containers"] else "")
    return bare


def _keep(holder: Any, field: str, kept: list[Any]) -> None:
    """Make `field` of `holder` the list `kept`; where nothing is left of what was there, there is no field."""
    if not holder.get(field) or len(kept) == len(holder[field]):
        return
    if kept:
        holder[field] = kept
    else:
        del holder[field]


def _take_out_annotations(pod: dict[str, Any], volumes: Collection[str], first: str) -> None:
    said = annotations_of(pod)
    kept = {key: value for key, value in said.items() if key not in {CONFIG, STATUS}}
    if SAFE_TO_EVICT in kept:
        others = [name for name in kept[SAFE_TO_EVICT].split(",") if name not in volumes]
        kept[SAFE_TO_EVICT] = ",".join(others)
        if not others:
            del kept[SAFE_TO_EVICT]
    if first and kept.get(DEFAULT_CONTAINER) == first:
        del kept[DEFAULT_CONTAINER]
    if said:
        pod["metadata"]["annotations"] = kept
