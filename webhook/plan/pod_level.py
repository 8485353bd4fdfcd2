"""The resources of a Pod as a whole (`spec.resources`), which stay what they would be without us.

What is not said there the API server fills in from the containers. Up to Kubernetes 1.36 it does so when it reads the
Pod, before any webhook; from 1.37 on (feature gate PodLevelResourcesFixDefaulting) after all of them, so that a
container of ours counts, even one that requests "0". So what it would have filled in without us is added, where both
agree; and where only the newer one does so (limits), ours counts for nothing: its limit is "0".

Sources: https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2837-pod-level-resource-spec,
`DefaultPodLevelResources` of k8s.io/kubernetes/pkg/api/pod 1.37.2, `defaultPodRequests` of pkg/apis/core/v1 1.36.3.
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request
from webhook.diagnostics import Diagnostic
from webhook.pod import quantities
from webhook.pod.view import Container, Pod, Quantities, Quantity, Resources

__all__ = ["NOTHING", "PodLevel", "filled_in", "is_said", "within_pod"]

_SHARED = ("cpu", "memory")
"""The resources that a Pod as a whole may have and that a container of ours has too; the third kind is huge pages."""

NOTHING: Quantity = "0"


class PodLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What `spec.resources` of a Pod says, and what its containers but for ours come to.

    `requests` and `limits` are as they are written. `asked` is what the containers request together, at the time at
    which that is most, and `limited` what they are limited to, of the resources of which every container has a limit.
    """

    requests: Mapping[str, Quantity]
    limits: Mapping[str, Quantity]
    asked: Mapping[str, Decimal]
    limited: Mapping[str, Decimal]

    @classmethod
    def of(cls, pod: Pod, others: Iterable[Container]) -> "PodLevel | None":
        """That of `pod`, whose containers but for ours are `others`; None where it has no resources of its own.

        Also None where it has a quantity that is none: the API server refuses that Pod.
        """
        said = pod.spec.resources
        if said is None or not (said.requests or said.limits):
            return None
        others = list(others)
        try:
            asked = _together(pod, [(each, _requests(each)) for each in others])
            limited = _together(pod, [(each, _values((each.resources or Resources()).limits)) for each in others])
            _values(said.requests), _values(said.limits)
        except ValueError:
            return None
        everywhere = {name for name in limited if all(name in _limits(each) for each in others)}
        return cls(
            requests=said.requests or {},
            limits=said.limits or {},
            asked=asked,
            limited={name: value for name, value in limited.items() if name in everywhere},
        )

    def is_filled_in_later(self, name: str) -> bool:
        """Whether a newer API server derives the Pod's limit of `name` from those of its containers."""
        return name not in self.limits and name in self.limited

    def limit(self, name: str, ours: Quantity | None, *, is_said: bool) -> Quantity | None:
        """What a container of ours is limited to of `name`, which would else be `ours`; None for no limit.

        `is_said`: the Pod's author asks for it. An ordinary container's limit must not be above the Pod's.
        """
        if self.is_filled_in_later(name):
            return ours if is_said and ours is not None else NOTHING
        theirs = self.limits.get(name)
        if ours is None or theirs is None:
            return ours
        return theirs if quantities.as_read(theirs) < quantities.parse(ours) else ours

    def room(self, name: str) -> Decimal | None:
        """How much of `name` our containers may request; None where the Pod as a whole does not bound it."""
        bound = self.requests.get(name, self.limits.get(name))
        return None if bound is None else quantities.as_read(bound) - self.asked.get(name, Decimal(0))


def filled_in(level: PodLevel, request: Request) -> dict[str, Quantities]:
    """The members of `spec.resources` that are to be added: `requests` and `limits`, by the resource's name."""
    requests = {name: _request(level, name) for name in _SHARED if _is_missing(level, request, name)}
    limits = {name: _limit(level, name) for name in _SHARED if _is_limit_missing(level, request, name)}
    return {kind: added for kind, added in (("requests", requests), ("limits", limits)) if added}


def _is_missing(level: PodLevel, request: Request, name: str) -> bool:
    """Whether the request of `name` is to be added: every API server fills it in, where the Pod has any limit.

    Not where it is the sum of the containers' requests and the author asks for ours to be in it.
    """
    if not level.limits or name in level.requests:
        return False
    if name in level.asked:
        return getattr(request, f"{name}_request") is None
    return name in level.limits


def _request(level: PodLevel, name: str) -> Quantity:
    return quantities.text(level.asked[name]) if name in level.asked else level.limits[name]


def _is_limit_missing(level: PodLevel, request: Request, name: str) -> bool:
    """Whether the limit of `name` is to be added: the author gives a container of ours one, which would count."""
    is_bound = name in level.requests or getattr(request, f"{name}_request") is None
    return level.is_filled_in_later(name) and is_said(request, name) and is_bound


def _limit(level: PodLevel, name: str) -> Quantity:
    """What a newer API server makes it: the sum of the containers' limits, or the Pod's request if that is more."""
    requested = level.requests.get(name, 0)
    return quantities.text(max(level.limited[name], quantities.as_read(requested)))


def is_said(request: Request, name: str) -> bool:
    """Whether the Pod's author, or the configuration for its namespace, says what ours are to have of `name`."""
    return getattr(request, f"{name}_request") is not None or getattr(request, f"{name}_limit") is not None


def within_pod(level: PodLevel | None, request: Request, sidecars: int) -> tuple[Request, list[Diagnostic]]:
    """`request` without what `sidecars` containers cannot request within the Pod's own resources, and a warning."""
    found = []
    for name in _SHARED if level else ():
        field = f"{name}_request"
        asked, room = getattr(request, field), level.room(name) if level else None
        if asked is None or room is None or quantities.parse(asked) * sidecars <= room:
            continue
        if field in request.said:
            needed = quantities.text(quantities.parse(asked) * sidecars - room)
            found.append(Diagnostic("LH407", f"{PREFIX}{name}-request", asked, {"resource": name, "example": needed}))
        request = msgspec.structs.replace(request, **{field: None})
    return request, found


# What containers come to (AggregateContainerRequests of k8s.io/component-helpers/resource).


def _together(pod: Pod, containers: Collection[tuple[Container, Mapping[str, Decimal]]]) -> dict[str, Decimal]:
    """The sum over app containers and native sidecars, or what an init container needs beside the latter, if more."""
    initial = {container.name for container in pod.init_containers}
    running: dict[str, Decimal] = {}
    for container, values in containers:
        if container.name not in initial or container.restart_policy == "Always":
            running = _sum(running, values)
    started: dict[str, Decimal] = {}
    most = running
    for container, values in containers:
        if container.name in initial:
            at_the_time = _sum(started, values)
            started = at_the_time if container.restart_policy == "Always" else started
            most = {name: max(most.get(name, Decimal(0)), value) for name, value in (most | at_the_time).items()}
    return most


def _sum(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in {**one, **other}}


def _requests(container: Container) -> dict[str, Decimal]:
    """What `container` requests: what it does not say is its limit."""
    said = container.resources or Resources()
    return {**_values(said.limits), **_values(said.requests)}


def _limits(container: Container) -> Mapping[str, Quantity]:
    return (container.resources or Resources()).limits or {}


def _values(said: Quantities | None) -> dict[str, Decimal]:
    return {name: quantities.as_read(value) for name, value in (said or {}).items()}
