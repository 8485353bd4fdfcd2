"""What is said of Pods before there is one, to whoever applies what brings them; or once it is too late for them."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import msgspec

from webhook.annotations import parser
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, Reason
from webhook.inject import Outcome, Refused, Skipped, inject
from webhook.pod.view import Pod
from webhook.pod.workloads import Workload

__all__ = ["NOTHING", "Advice", "Object", "beside", "of_change", "of_workload"]

_HEARD = frozenset({Reason.MISTAKES, Reason.ADMINISTRATOR, Reason.ALREADY_INJECTED})
"""Why a Pod is left alone that asked: there is something to say. The others are left alone on purpose."""

_REFUSED, _WITHOUT, _WITH = (
    "will be refused",
    "will start without a sidecar",
    "will have their sidecars, with warnings",
)
_FEW = 16  # annotations that are told one by one; more lines would not fit into an answer


class Advice(msgspec.Struct, frozen=True):
    """What is said, and the outcome of a Pod that would be refused."""

    diagnostics: tuple[Diagnostic, ...] = ()
    refused: Refused | None = None


NOTHING = Advice()


class Object(msgspec.Struct, frozen=True):
    """An object that brings Pods: what kubectl calls it, the Pod that would come of it, and what it says elsewhere.

    `elsewhere` are the annotations on the way from the object to its template, the object's own first.
    """

    name: str
    workload: Workload
    pod: Pod
    elsewhere: Sequence[Mapping[str, str]]


def of_workload(applied: Object, config: Config, namespace: str) -> Advice:
    """What there is to say of `applied` in `namespace`: the mistakes in its template, and annotations beside it.

    A pure function, as `inject` is. Nothing is said of Pods that are to be left alone.
    """
    misplaced = _misplaced(applied)
    outcome = _outcome(applied, misplaced, config, namespace)
    if _is_left_alone(outcome):
        return NOTHING
    told = tuple(_told(applied, misplaced))
    if not parser.asks(applied.pod.annotations):
        return Advice(told)
    headed = (*_head(applied.name, outcome), *outcome.diagnostics)
    return Advice((*headed, *told), outcome if isinstance(outcome, Refused) else None)


def beside(applied: Object, config: Config, namespace: str) -> tuple[Diagnostic, ...]:
    """What is said of the annotations beside the template alone, to who has the template's outcome already."""
    misplaced = _misplaced(applied)
    if not misplaced or _is_left_alone(_outcome(applied, misplaced, config, namespace)):
        return ()
    return tuple(_told(applied, misplaced))


def of_change(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Advice:
    """What there is to say of the running Pod `name`, whose annotations were changed."""
    old, new = dict(parser.said(before)), dict(parser.said(after))
    changed = heapq.nsmallest(_FEW, (key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))
    return Advice(tuple(Diagnostic("LH602", key, None, {"object": name}) for key in changed))


def _head(name: str, outcome: Outcome) -> Iterator[Diagnostic]:
    """Whose Pods it is about and what becomes of them, where there is anything to say."""
    if not outcome.diagnostics:
        return
    if isinstance(outcome, Refused):
        fate = _REFUSED
    elif isinstance(outcome, Skipped) and outcome.reason is not Reason.ALREADY_INJECTED:
        fate = _WITHOUT
    else:
        fate = _WITH
    first = outcome.diagnostics[0]
    yield Diagnostic("LH603", first.key, None, {"object": name, "fate": fate, "example": first.code})


def _outcome(applied: Object, misplaced: Mapping[str, str], config: Config, namespace: str) -> Outcome:
    """What becomes of the Pods; of such that ask for nothing, what would if the annotations stood where they belong."""
    pod = applied.pod
    return inject(pod if parser.asks(pod.annotations) else _annotated(pod, misplaced), config, namespace)


def _is_left_alone(outcome: Outcome) -> bool:
    return isinstance(outcome, Skipped) and outcome.reason not in _HEARD


def _told(applied: Object, misplaced: Iterable[str]) -> Iterator[Diagnostic]:
    place = ".".join((*applied.workload.template, "metadata", "annotations"))
    return (Diagnostic("LH601", key, None, {"object": applied.name, "place": place}) for key in misplaced)


def _misplaced(applied: Object) -> dict[str, str]:
    """The annotations for us that no Pod gets; what the template says as well is no mistake (kustomize writes both)."""
    there = applied.pod.annotations
    said = (pair for each in applied.elsewhere for pair in parser.said(each) if there.get(pair[0]) != pair[1])
    return dict(islice(said, _FEW))


def _annotated(pod: Pod, annotations: Mapping[str, str]) -> Pod:
    """`pod` as it would be with the annotations where they belong."""
    metadata = msgspec.structs.replace(pod.metadata, annotations={**pod.annotations, **annotations})
    return Pod(metadata, pod.spec)
