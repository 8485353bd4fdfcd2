"""What `loghook describe` tells of a Pod: whether it is injected and why, what is added, and how it differs now."""

from typing import Literal

import msgspec

from webhook import __version__
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.inject import Injected, Outcome, Refused, Skipped
from webhook.plan.asked import ask
from webhook.pod.view import view
from webhook.standing.origins import Sidecars, Value, of_asked
from webhook.standing.ours import Raw, annotations_of, every_container, is_ours, ours
from webhook.standing.pods import Running, running
from webhook.standing.registration import Registered
from webhook.standing.today import Difference, bare, differences, made

__all__ = ["Added", "Description", "Said", "Subject", "Tried", "describe"]

Decision = Literal["injected", "skipped", "refused", "not called", "open"]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is said to whoever creates the Pod."""

    code: str
    severity: str
    key: str
    message: str


class Mounted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mount that a container of the user's gets."""

    container: str
    volume: str
    path: str


class Container(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A container that is added. `place` is `initContainers` for a native sidecar, else `containers`."""

    name: str
    mode: str
    engine: str
    image: str
    place: str


class Added(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is added to a Pod."""

    containers: tuple[Container, ...] = ()
    volumes: tuple[str, ...] = ()
    mounts: tuple[Mounted, ...] = ()
    annotations: tuple[str, ...] = ()


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the API server did with the Pod in a dry run: the containers of ours that it has then, or its sentence."""

    allowed: bool
    containers: tuple[str, ...] = ()
    message: str = ""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is told of one object.

    `decision` is what becomes of it when it is created: `open` hangs on a condition that only the API server can tell.
    `running` and `differences` are about a Pod that is there; `tried` is there where the API server was asked.
    """

    version: str
    object: str
    namespace: str
    decision: Decision
    reason: str
    registrations: tuple[Registered, ...]
    added: Added
    values: tuple[Value, ...]
    diagnostics: tuple[Said, ...]
    running: Running | None = None
    differences: tuple[Difference, ...] = ()
    tried: Tried | None = None


class Subject(msgspec.Struct, frozen=True):
    """A raw Pod, or what a template becomes, as it is called, in its namespace. `is_live`: it is one that is there."""

    name: str
    pod: Raw
    namespace: str
    is_live: bool


def describe(subject: Subject, config: Config, registrations: tuple[Registered, ...] | None) -> Description:
    """What there is to tell of `subject`; of one that is live, what would be made of it anew.

    `registrations` are all that there are for Pods, as this one meets them; None where nobody asked a cluster. Raises
    PodError where it is no Pod.
    """
    pod, namespace, is_live = subject.pod, subject.namespace, subject.is_live
    before = bare(pod, config, namespace) if is_live else pod
    outcome, then = made(before, config, namespace)
    decision, reason = _decision(outcome, registrations)
    is_made = decision in {"injected", "open"}
    return Description(
        version=__version__,
        object=subject.name,
        namespace=namespace,
        decision=decision,
        reason=reason,
        registrations=registrations or (),
        added=_added(before, then, outcome) if is_made and isinstance(outcome, Injected) else Added(),
        values=_values(before, then, outcome, config, namespace) if isinstance(outcome, Injected) else (),
        diagnostics=tuple(map(_said, outcome.diagnostics)) if decision != "not called" else (),
        running=running(pod) if is_live else None,
        differences=tuple(differences(pod, then)) if is_live and ours(pod) else (),
    )


def _decision(outcome: Outcome, registrations: tuple[Registered, ...] | None) -> tuple[Decision, str]:
    """What becomes of the Pod, and why."""
    if registrations is not None:
        called = [each.is_called for each in registrations]
        if not called:
            return "not called", "no registration in the cluster has a webhook for Pods of ours"
        if not any(each is None or each for each in called):
            first = next(each for each in registrations[0].conditions if each.met is False)
            return "not called", f"{registrations[0].configuration}: {first.name}: {first.about}"
        if not any(called):
            return "open", "the API server does not send every such Pod: see the conditions"
    if isinstance(outcome, Refused):
        return "refused", outcome.message
    if isinstance(outcome, Skipped):
        return "skipped", outcome.reason.sentence
    return "injected", ""


def _added(before: Raw, after: Raw, outcome: Injected) -> Added:
    volumes = [set(_names(pod, "volumes")) for pod in (before, after)]
    return Added(
        containers=tuple(
            Container(each.name, each.mode, each.agent, str(found["image"]), field)
            for each in outcome.sidecars
            for field in ("initContainers", "containers")
            for found in after["spec"].get(field) or ()
            if found["name"] == each.name
        ),
        volumes=tuple(name for name in _names(after, "volumes") if name in volumes[1] - volumes[0]),
        mounts=tuple(_mounts(before, after)),
        annotations=tuple(key for key in annotations_of(after) if key not in annotations_of(before)),
    )


def _names(pod: Raw, field: str) -> list[str]:
    return [each["name"] for each in (pod.get("spec") or {}).get(field) or ()]


def _mounts(before: Raw, after: Raw) -> list[Mounted]:
    there = {each["name"]: each.get("volumeMounts") or [] for each in every_container(before)}
    return [
        Mounted(each["name"], mount["name"], mount["mountPath"])
        for each in every_container(after)
        if each["name"] in there and not is_ours(each)
        for mount in (each.get("volumeMounts") or [])[len(there[each["name"]]) :]
    ]


def _values(before: Raw, then: Raw, outcome: Injected, config: Config, namespace: str) -> tuple[Value, ...]:
    pod = view(before)
    made = Sidecars(outcome.sidecars, ask(pod.annotations, config, namespace).request, config)
    return (*of_asked(pod, config, namespace), *(each for found in ours(then) for each in made.values(found)))


def _said(diagnostic: Diagnostic) -> Said:
    return Said(diagnostic.code, diagnostic.severity, diagnostic.key, str(diagnostic))
