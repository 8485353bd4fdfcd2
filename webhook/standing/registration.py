"""Whether a registration sends a Pod to us: rules, selectors and conditions, as the API server goes through them.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/generic (`ShouldCallHook`), and matchconditions beside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.standing.labels import unmet
from webhook.standing.ours import Raw, annotations_of

__all__ = ["ASKS", "WEBHOOK", "Condition", "Place", "Registered", "is_for_pods", "judged", "webhooks_of"]

WEBHOOK = "pods.loghook.dev"
"""What the entry of a registration is called that gets Pods."""

ASKS = (
    "has(object.metadata.annotations) && "
    f"object.metadata.annotations.exists(k, k.startsWith('{PREFIX}'))"
)  # fmt: skip
"""The condition of the chart's own: without `has`, a Pod without annotations would be an error."""

_KNOWN: Mapping[str, Callable[[Raw], bool]] = {
    ASKS: lambda pod: any(key.startswith(PREFIX) for key in annotations_of(pod)),
}
"""The conditions whose outcome we can tell; those of others are CEL, which only the API server evaluates."""


class Place(msgspec.Struct, frozen=True):
    """A namespace by its name, with its labels; None where nobody could read them."""

    namespace: str
    labels: Mapping[str, str] | None = None


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a Pod must meet to be sent: `met` is null where only the API server can tell."""

    name: str
    met: bool | None
    about: str


class Registered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of a registration, and what a Pod meets of it."""

    configuration: str
    webhook: str
    failure_policy: str
    conditions: tuple[Condition, ...]

    @property
    def is_called(self) -> bool | None:
        """Whether the Pod is sent; None where that hangs on what only the API server can tell."""
        if any(each.met is False for each in self.conditions):
            return False
        return None if any(each.met is None for each in self.conditions) else True


def webhooks_of(configurations: Iterable[Raw]) -> Iterator[tuple[str, Raw]]:
    """Each entry of ours that gets Pods, with its configuration's name."""
    for configuration in configurations:
        for webhook in configuration.get("webhooks") or ():
            if webhook.get("name") == WEBHOOK:
                yield configuration["metadata"]["name"], webhook


def judged(name: str, webhook: Raw, pod: Raw, place: Place) -> Registered:
    """What `pod`, created at `place`, meets of `webhook` in the configuration `name`."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    space = None if place.labels is None else {**place.labels, "kubernetes.io/metadata.name": place.namespace}
    conditions = (
        _rules(webhook),
        _selector("namespaceSelector", webhook, space, f"the namespace {place.namespace}"),
        _selector("objectSelector", webhook, labels, "the Pod"),
        *(_condition(each, pod) for each in webhook.get("matchConditions") or ()),
    )
    return Registered(name, str(webhook["name"]), str(webhook.get("failurePolicy", "Fail")), conditions)


def _rules(webhook: Raw) -> Condition:
    met = any(is_for_pods(rule) for rule in webhook.get("rules") or ())
    return Condition("rules", met, "Pods that are created are sent" if met else "no rule is for Pods that are created")


def is_for_pods(rule: Raw) -> bool:
    """Whether the `rule` of a registration is for Pods that are created."""

    def has(field: str, *wanted: str) -> bool:
        return bool({"*", *wanted} & set(rule.get(field) or ()))

    is_namespaced = rule.get("scope", "*") in {"*", "Namespaced"}
    return is_namespaced and has("apiGroups", "") and has("resources", "pods", "*/*") and has("operations", "CREATE")


def _selector(name: str, webhook: Raw, labels: Mapping[str, str] | None, whose: str) -> Condition:
    selector = webhook.get(name) or {}
    if labels is None:
        met = None if selector else True
        return Condition(name, met, f"the labels of {whose} could not be read" if selector else "selects all")
    lacking = next(unmet(selector, labels), None)
    if lacking is None:
        return Condition(name, met=True, about=f"selects {whose}")
    return Condition(name, met=False, about=f"{whose} has {lacking}")


def _condition(condition: Raw, pod: Raw) -> Condition:
    name, expression = f"matchCondition {condition['name']}", " ".join(condition["expression"].split())
    known = _KNOWN.get(expression)
    if known is None:
        return Condition(name, None, f"only the API server can tell: {expression}")
    met = known(pod)
    return Condition(name, met, f"an annotation begins with {PREFIX}" if met else f"no annotation begins with {PREFIX}")
