"""JSON Patch (RFC 6902) from a plan, built directly: `add` operations only.

Nothing of the user's is replaced, moved or removed, so a field that we do not know cannot be lost. A list that is
missing or null is added as a whole: `add` to `/-` of a list that is not there fails, and a patch that fails refuses the
Pod, whatever the failurePolicy.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.diagnostics import Diagnostic
from webhook.plan.containers import Sidecar
from webhook.plan.names import DEFAULT_CONTAINER, SAFE_TO_EVICT
from webhook.plan.plan import Plan
from webhook.pod.view import Container, Pod

__all__ = ["Op", "annotation_ops", "append_ops", "fits", "has_room", "mount_ops", "ops", "surface", "too_large"]

_BYTES_OF_CHARACTER = 4  # in UTF-8, at most
_ANNOTATIONS_LIMIT = 256 * 2**10  # bytes of keys and values (k8s.io/apimachinery/pkg/api/validation)


class Op(msgspec.Struct, frozen=True):
    """One operation: `add` the `value` (plain data, or JSON already) at the JSON Pointer `path`."""

    path: str
    value: Any
    op: Literal["add"] = "add"


def ops(pod: Pod, plan: Plan) -> list[Op]:
    """The operations that turn `pod` into the Pod of `plan`, in an order in which each finds its place."""
    spec = pod.spec
    found: list[Op] = []
    # Mounts first: sidecars that come before the user's init containers move them.
    if plan.mounts:
        found += mount_ops(pod, plan)
    found += append_ops("/spec/volumes", spec.volumes, plan.volumes)
    found += _insert("/spec/initContainers", spec.init_containers, plan.sidecars)
    if plan.has_plain_sidecars:
        found += append_ops("/spec/containers", spec.containers, [sidecar.written for sidecar in plan.sidecars])
    if plan.image_pull_secrets:
        there = {secret.name for secret in spec.image_pull_secrets or ()}
        missing = [{"name": name} for name in plan.image_pull_secrets if name not in there]
        found += append_ops("/spec/imagePullSecrets", spec.image_pull_secrets, missing)
    for kind, added in plan.resources.items():
        found += _member_ops(f"/spec/resources/{kind}", getattr(spec.resources, kind), added)
    found += annotation_ops(pod, annotations(pod, plan))
    return found


def surface(pod: Pod) -> Hashable:
    """All that `ops` looks at in `pod`, but for its resources: where these are equal one plan becomes one patch."""
    spec, there = pod.spec, pod.metadata.annotations
    return (
        _named(spec.containers),
        _named(spec.init_containers),
        spec.volumes is None,
        None if spec.image_pull_secrets is None else tuple([secret.name for secret in spec.image_pull_secrets]),
        None if there is None else (tuple(there), there.get(SAFE_TO_EVICT)),
    )


def _named(containers: Iterable[Container] | None) -> tuple[tuple[str, bool], ...] | None:
    """The names of `containers`, and which of them has no list of mounts."""
    return None if containers is None else tuple([(each.name, each.volume_mounts is None) for each in containers])


def mount_ops(pod: Pod, plan: Plan) -> list[Op]:
    """The operations that mount what `plan` adds in the user's containers."""
    added: dict[str, list[dict[str, str]]] = {}
    for mount in plan.mounts:
        added.setdefault(mount.container, []).append({"name": mount.volume, "mountPath": mount.path})
    found: list[Op] = []
    for field, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        for index, container in enumerate(containers or ()):
            if container.name not in added:
                continue
            path, mounts = f"/spec/{field}/{index}/volumeMounts", added[container.name]
            if container.volume_mounts is None:
                found.append(Op(path, mounts))
            else:
                found += [Op(path + "/-", each) for each in mounts]
    return found


def annotations(pod: Pod, plan: Plan) -> dict[str, str]:
    """The annotations that `pod` gets. What the user says of a stream holds, and then none of ours does."""
    there = pod.metadata.annotations or {}
    added = dict(plan.annotations)
    already = there.get(SAFE_TO_EVICT, "")
    evictable = [name for name in plan.evictable if name not in already.split(",")] if already else plan.evictable
    if evictable:
        added[SAFE_TO_EVICT] = ",".join([already, *evictable] if already else evictable)
    if plan.has_plain_sidecars and pod.containers and DEFAULT_CONTAINER not in there:
        added[DEFAULT_CONTAINER] = pod.containers[0].name
    for hint in plan.hints:
        if not hint.keys() & there.keys():
            added |= hint
    return added


def too_large(pod: Pod, plan: Plan) -> Iterator[Diagnostic]:
    """A mistake where `pod` has no room for the annotations of `plan`, an agent's configuration among them."""
    if not fits(pod, plan):
        yield Diagnostic("LH147", PREFIX + "paths")


def fits(pod: Pod, plan: Plan) -> bool:
    """Whether `pod` has room for all annotations of `plan`."""
    return has_room(pod, annotations(pod, plan))


def has_room(pod: Pod, added: Mapping[str, str]) -> bool:
    """Whether the API server takes the annotations of `pod` with those that are added."""
    every = {**pod.annotations, **added}
    characters = sum(map(len, every)) + sum(map(len, every.values()))
    if characters * _BYTES_OF_CHARACTER <= _ANNOTATIONS_LIMIT:
        return True
    return sum(len(key.encode()) + len(value.encode()) for key, value in every.items()) <= _ANNOTATIONS_LIMIT


def annotation_ops(pod: Pod, annotations: Mapping[str, str]) -> list[Op]:
    """The operations that set `annotations` on `pod`."""
    return _member_ops("/metadata/annotations", pod.metadata.annotations, annotations)


def _member_ops(path: str, there: Mapping[str, Any] | None, members: Mapping[str, Any]) -> list[Op]:
    if there is None:
        return [Op(path, dict(members))]
    # Each key is one segment of a JSON Pointer (RFC 6901).
    return [Op(f"{path}/{key.replace('~', '~0').replace('/', '~1')}", value) for key, value in members.items()]


def append_ops(path: str, there: Sequence[Any] | None, items: Sequence[Any]) -> list[Op]:
    """The operations that add `items` at the end of the list `there`, which may be missing or null."""
    if there is None:
        return [Op(path, list(items))] if items else []
    return [Op(f"{path}/-", item) for item in items]


def _insert(path: str, there: Sequence[Any] | None, sidecars: Iterable[Sidecar]) -> list[Op]:
    """Native sidecars, each before the init container at its index; those of one index keep their order."""
    placed = [(sidecar.index, sidecar.written) for sidecar in sidecars if sidecar.index is not None]
    if len(placed) > 1:
        placed.sort(key=itemgetter(0))
    if there is None:
        return [Op(path, [container for _, container in placed])] if placed else []
    return [Op(f"{path}/{index + before}", container) for before, (index, container) in enumerate(placed)]
