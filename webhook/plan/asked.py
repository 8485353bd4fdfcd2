"""The first stage: what is asked of one Pod, with everything that all later stages look up in it."""

from collections.abc import Iterable, Mapping

import msgspec

from webhook.annotations.request import Request, Source
from webhook.annotations.values import nearest
from webhook.config.destinations import Destination
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.names import DRAIN_NAME, sidecar_name
from webhook.plan.resources import within_ceiling
from webhook.pod.view import Container, Pod

__all__ = ["Asked", "ask"]

_DEFAULT_GRACE_SECONDS = 30


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: `request`, within the ceiling, with the sources that have a destination where they need one.

    `others` are the Pod's containers but for those that are named like `ours`, by name.
    """

    pod: Pod
    request: Request
    config: Config
    namespace: str
    ours: frozenset[str]
    others: Mapping[str, Container]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def grace_seconds(self) -> int:
        """The Pod's grace period."""
        grace = self.pod.spec.termination_grace_period_seconds
        return _DEFAULT_GRACE_SECONDS if grace is None else grace

    @property
    def never_ends(self) -> bool:
        """Whether the sidecars that are asked for would keep the Pod from ending: plain ones, in a Pod that ends."""
        return not self.request.native_sidecar and self.pod.spec.restart_policy in {"OnFailure", "Never"}

    @property
    def is_left_alone(self) -> bool:
        """Whether it is the configuration's doing that the Pod would not end, so that it gets nothing."""
        return self.never_ends and not self.is_authors("native_sidecar")

    def is_authors(self, field: str) -> bool:
        """Whether the Pod's author answers for `field` of the request: who says it, or everybody who is to be told."""
        return field in self.request.said or self.config.policy.enforce


def ask(pod: Pod, request: Request, config: Config, namespace: str) -> Asked:
    """What `request` asks of `pod`, created in `namespace`."""
    sources, astray = _addressed(request.sources, config, namespace)
    within, cut = within_ceiling(request, config)
    ours = frozenset((DRAIN_NAME, *map(sidecar_name, sources)))
    return Asked(
        pod=pod,
        request=msgspec.structs.replace(within, sources=sources),
        config=config,
        namespace=namespace,
        ours=ours,
        others={found.name: found for found in pod.every_container() if found.name not in ours},
        diagnostics=(*astray, *cut),
    )


# Where each source goes.


def _addressed(
    sources: Iterable[Source], config: Config, namespace: str
) -> tuple[tuple[Source, ...], tuple[Diagnostic, ...]]:
    """The `sources` that a Pod of `namespace` can have, and what is wrong with the destinations of the others."""
    known = config.destinations_for(namespace)
    looked_at = [(source, _misaddressed(source, known, config)) for source in sources]
    return (
        tuple(source for source, problem in looked_at if problem is None),
        tuple(problem for _, problem in looked_at if problem is not None),
    )


def _misaddressed(source: Source, known: Mapping[str, Destination], config: Config) -> Diagnostic | None:
    if source.mode != "agent":
        return None
    name = source.destination
    enforce = config.policy.enforce
    if name is None:
        key = source.key("destination")
        if "mode" not in source.said and not enforce:
            return Diagnostic("LH501", key, None, {"inner": "LH132"})
        return Diagnostic("LH132", key, None, {"example": next(iter(known), "central")})
    if name in known:
        return None
    details = {"example": nearest(name, known) or next(iter(known), "central")}
    key = source.said.get("destination", source.key("destination"))
    return Diagnostic("LH136" if enforce else "LH503", key, name, details)
