"""Which objects of a manifest bring Pods.

Kubernetes' own kinds are in a table. Any other kind that has a Pod template where nearly all have it, under
`spec.template`, is taken for a workload too: Argo's Rollout, OpenKruise's CloneSet, Knative's Service.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.annotations.registry import PREFIX
from webhook.pod.workloads import SPEC_TEMPLATE, WORKLOADS, Workload

__all__ = ["NO_POD", "is_listed", "without_pod", "workload"]


def is_listed(group: str, kind: str) -> bool:
    """Whether `kind` of the API group `group` is one of Kubernetes' own."""
    return (group, kind) in WORKLOADS


def workload(group: str, kind: str, raw: Mapping[str, Any]) -> Workload | None:
    """Where `raw`, an object of that kind, has its Pod template; None where it has none that is found."""
    known = WORKLOADS.get((group, kind))
    if known is not None:
        return known
    spec = raw.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    return Workload(SPEC_TEMPLATE, kind) if _is_template(template) else None


NO_POD = "it brings no Pod"
"""Why nothing is done for an object that has nothing to do with Pods."""


def without_pod(raw: Mapping[str, Any]) -> str:
    """Why nothing is done for `raw`, in which no Pod template was found: one may lie deeper, of whatever shape."""
    inner = [value for key, value in raw.items() if key != "metadata"]
    if any(_has_annotations(each) for place in inner for each in _objects(place)):
        return "kind not known, but a template in it has our annotations"
    if any(_is_template(each) for place in inner for each in _objects(place)):
        return "kind not known"
    return NO_POD


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every map in `value`. Aliases of YAML cannot make a circle here: a document that has one is not read."""
    waiting = [value]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _is_template(value: Any) -> bool:
    spec = value.get("spec") if isinstance(value, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and bool(containers)


def _has_annotations(value: Mapping[str, Any]) -> bool:
    said = value.get("annotations")
    return isinstance(said, dict) and any(str(key).startswith(PREFIX) for key in said)
