"""Which nodes a Pod may run on, as far as that says their operating system."""

import msgspec

from webhook.pod.partial import Partial

__all__ = ["Affinity", "NodeRequirement", "Os"]


class Os(Partial, frozen=True):
    """The operating system that the Pod is for."""

    name: str = ""


class NodeRequirement(Partial, frozen=True):
    """What a node's label is to be."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class NodeTerm(Partial, frozen=True):
    """Requirements that a node is to meet together."""

    match_expressions: list[NodeRequirement] | None = None


class NodeTerms(Partial, frozen=True):
    """Terms of which a node is to meet one."""

    node_selector_terms: list[NodeTerm] | None = None


class NodeAffinity(Partial, frozen=True):
    """Which nodes the Pod may run on."""

    required: NodeTerms | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Partial, frozen=True):
    """Where the Pod may run; only nodes are looked at."""

    node_affinity: NodeAffinity | None = None
