"""What is right and wrong with registrations of ours, whatever Pod comes: rules, selectors and conditions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from webhook.annotations.registry import PREFIX
from webhook.standing.checks import Check
from webhook.standing.labels import is_selected
from webhook.standing.ours import Raw
from webhook.standing.registration import Place, is_for_pods, judged, webhooks_of

__all__ = ["overlap", "soundness", "workloads"]

Spaces = Mapping[str, Mapping[str, str]]
"""Labels by the name of the namespace."""

_ASKING: Raw = {"metadata": {"annotations": {f"{PREFIX}paths": "/var/log/app/*.log"}}}
_PLAIN: Raw = {"metadata": {}}
_NAME = "kubernetes.io/metadata.name"
_WORKLOADS = "workloads.loghook.dev"


def overlap(registrations: Sequence[Raw], spaces: Spaces) -> Check:
    """Whether two of `registrations` send the Pods of one namespace."""
    chosen = {name: _chosen(webhook, spaces) for name, webhook in webhooks_of(registrations)}
    for one, other in combinations(chosen, 2):
        both = sorted(chosen[one] & chosen[other])
        if both:
            said = f"{one} and {other} both send the Pods of {', '.join(both[:3])}{' …' if len(both) > 3 else ''}"  # noqa: PLR2004 - what is shown
            return Check.of("single", "error", said)
    return Check.of("single", "ok", "no two registrations send one Pod")


def _chosen(webhook: Raw, spaces: Spaces) -> set[str]:
    selector = webhook.get("namespaceSelector") or {}
    return {name for name, labels in spaces.items() if is_selected(selector, {**labels, _NAME: name})}


def soundness(name: str, webhook: Raw, spaces: Spaces | None) -> Iterator[Check]:
    """What there is to say of `webhook` in the configuration `name`; `spaces` is None where they may not be read."""
    yield _rules(webhook)
    yield _namespaces(webhook, spaces)
    yield _objects(webhook)
    yield _conditions(name, webhook)


def _rules(webhook: Raw) -> Check:
    if not any(is_for_pods(rule) for rule in webhook.get("rules") or ()):
        return Check.of("rules", "error", "no rule is for Pods that are created: no Pod is ever sent")
    policy, seconds = webhook.get("failurePolicy"), webhook.get("timeoutSeconds")
    return Check.of("rules", "ok", f"Pods that are created are sent (failurePolicy {policy}, {seconds} s)")


def _namespaces(webhook: Raw, spaces: Spaces | None) -> Check:
    if spaces is None:
        return Check.of("namespaces", "skipped", "the namespaces may not be listed")
    chosen = _chosen(webhook, spaces)
    if not chosen:
        return Check.of("namespaces", "error", f"namespaceSelector selects none of the {len(spaces)} namespaces")
    return Check.of("namespaces", "ok", f"{len(chosen)} of {len(spaces)} namespaces are selected")


def _objects(webhook: Raw) -> Check:
    selector = webhook.get("objectSelector") or {}
    if is_selected(selector, {}):
        return Check.of("objects", "ok", "a Pod needs no label to be selected")
    expressions = selector.get("matchExpressions") or ()
    wanted = [
        *(selector.get("matchLabels") or {}),
        *(each["key"] for each in expressions if each["operator"] in {"In", "Exists"}),
    ]
    return Check.of("objects", "warning", f"only Pods with labels of their own are selected: {', '.join(wanted)}")


def _conditions(name: str, webhook: Raw) -> Check:
    """The chart's condition lets those through that ask, and no others; further ones are the administrator's."""
    asking, plain = (
        [each for each in judged(name, webhook, pod, Place("default", {})).conditions if "matchCondition" in each.name]
        for pod in (_ASKING, _PLAIN)
    )
    if not any(each.met is False for each in plain):
        said = "none of the matchConditions is the chart's: Pods that do not ask may be sent too, or none at all"
        return Check.of("conditions", "warning", said)
    further = f"; {len(asking) - 1} more are the administrator's" if len(asking) > 1 else ""
    return Check.of("conditions", "ok", f"Pods that ask are sent, and no others{further}")


def workloads(configurations: Iterable[Raw], webhook: Raw) -> Check | None:
    """What there is to say of the registration of workloads beside `webhook`; None where there is none."""
    for configuration in configurations:
        for found in configuration.get("webhooks") or ():
            if found.get("name") == _WORKLOADS and _service(found) == _service(webhook):
                return _of_workloads(configuration["metadata"]["name"], found, webhook)
    return None


def _service(webhook: Raw) -> Any:
    service = webhook["clientConfig"].get("service") or {}
    return service.get("namespace"), service.get("name")


def _of_workloads(name: str, found: Raw, webhook: Raw) -> Check:
    bundles = [each["clientConfig"].get("caBundle") for each in (found, webhook)]
    if not bundles[0]:
        return Check.of("workloads", "error", f"{name}: {_WORKLOADS} has no caBundle: what it finds is never said")
    if bundles[0] != bundles[1]:
        return Check.of("workloads", "error", f"{name}: {_WORKLOADS} has another caBundle than the webhook for Pods")
    return Check.of("workloads", "ok", f"{name}: {_WORKLOADS} looks at Deployments and the like")
