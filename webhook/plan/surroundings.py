"""What all sidecars of a Pod have around them: everything that is looked up in the Pod once its files are found."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from webhook.config.loghook_yaml import Config
from webhook.plan.pod_level import PodLevel
from webhook.plan.security import user_of
from webhook.plan.services import Services, services
from webhook.pod import quantities
from webhook.pod.view import Container, Pod, Quantity

__all__ = ["EPHEMERAL", "Surroundings"]

EPHEMERAL = "ephemeral-storage"

_DEFAULT_GRACE_SECONDS = 30


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is looked up in one Pod. Pods with equal surroundings, files and requests get the same.

    `ends`: it is to end by itself. `is_guaranteed` and `bounds_storage` are said of its containers but for ours, and
    `level` of the Pod as a whole, where it has resources. `shared_with` are the users of its containers where these see
    one another's processes, by the field `shared_by`. `in_front` are the native sidecars before the first ordinary init
    container. `labels` are those that go on records, `label_values` those that name an index or the like: agents alone
    ask for either. `services` are what each container is of, where some destination is told.
    """

    ends: bool
    grace_seconds: int
    is_guaranteed: bool
    bounds_storage: bool
    level: PodLevel | None
    shared_with: frozenset[int | None] | None
    shared_by: str
    in_front: tuple[str, ...]
    labels: tuple[str, ...]
    label_values: tuple[tuple[str, str], ...]
    services: Services

    @classmethod
    def of(
        cls, pod: Pod, apps: Sequence[Container], others: Sequence[Container], config: Config, *, ships: bool
    ) -> "Surroundings":
        """Those in `pod`, whose containers but for ours are `others`, the app containers `apps` among them.

        `ships`: an agent is asked for.
        """
        spec, labels = pod.spec, pod.metadata.labels if ships else None
        grace = spec.termination_grace_period_seconds
        shared_by = "shareProcessNamespace" if spec.share_process_namespace else "hostPID" if spec.host_pid else ""
        return cls(
            ends=spec.restart_policy in {"OnFailure", "Never"},
            grace_seconds=_DEFAULT_GRACE_SECONDS if grace is None else grace,
            is_guaranteed=bool(others) and all(map(_is_guaranteed, others)),
            bounds_storage=_all_bound_storage(apps),
            level=PodLevel.of(pod, others) if spec.resources else None,
            shared_with=frozenset(user_of(pod, each).uid for each in pod.every_container()) if shared_by else None,
            shared_by=shared_by,
            in_front=_in_front(spec.init_containers) if spec.init_containers else (),
            labels=tuple([key for key in config.labels if key in labels]) if labels else (),
            label_values=tuple([(key, labels[key]) for key in config.labels_in_templates if key in labels])
            if labels
            else (),
            services=services(pod) if ships and config.tells_services else (),
        )


def _in_front(init_containers: Sequence[Container]) -> tuple[str, ...]:
    names = []
    for container in init_containers:
        if container.restart_policy != "Always":
            break
        names.append(container.name)
    return tuple(names)


def _all_bound_storage(apps: Sequence[Container]) -> bool:
    for container in apps:
        limits = container.resources.limits if container.resources is not None else None
        if not limits or EPHEMERAL not in limits or _value(limits[EPHEMERAL]) is None:
            return False
    return bool(apps)


def _is_guaranteed(container: Container) -> bool:
    """Whether `container` has limits for CPU and memory, and requests (where there are any) equal to them.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/#guaranteed
    """
    resources = container.resources
    if resources is None or not resources.limits:
        return False
    limits, requests = resources.limits, resources.requests or resources.limits
    try:
        for name in ("cpu", "memory"):
            said = limits[name]
            limit, asked = quantities.as_read(said), requests.get(name, said)
            if asked != said and quantities.as_read(asked) != limit:
                return False
    except (KeyError, ValueError):
        return False
    return True


def _value(quantity: Quantity) -> Decimal | None:
    """The value of a quantity of the user's, which nobody has validated yet; None where it is none."""
    try:
        return quantities.as_read(quantity)
    except ValueError:
        return None
