"""How each Pod that asked for loghook stands: injected, outdated, failing, missed, refused, or left alone."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from webhook.annotations.parser import asks
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import escape, printable
from webhook.inject import Injected, Outcome, Refused, Skipped
from webhook.plan.names import STATUS
from webhook.pod.view import PodError
from webhook.standing.ours import Raw, annotations_of, ours
from webhook.standing.registration import WEBHOOK, Place, judged
from webhook.standing.today import differences, today

__all__ = ["STATES", "Running", "Sidecar", "Standing", "State", "World", "refused", "running", "standing"]

State = Literal["injected", "outdated", "failing", "missed", "refused", "left alone"]

STATES: Mapping[State, str] = {
    "injected": "has what it would get today",
    "outdated": "has sidecars, and would get others today",
    "failing": "has sidecars, of which one does not run",
    "missed": "asked, would be injected today, and has none",
    "refused": "could not be created",
    "left alone": "asked, and gets nothing",
}
"""Every state, and what it means."""


class Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A container of ours in a Pod that is there. `problem` is empty where it runs, or has done its work."""

    name: str
    image: str
    restarts: int
    problem: str


class Running(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of ours runs in a Pod, and what `loghook.dev/status` says of who made it."""

    version: str
    phase: str
    sidecars: tuple[Sidecar, ...]


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one Pod stands, or whatever could not create one: `name` is `pod/web` or `replicaset/web-5d`.

    `is_outdated` may be true beside another state. `owner` is the controller's `kind/name`.
    """

    namespace: str
    name: str
    owner: str
    state: State
    is_outdated: bool
    why: str
    version: str
    sidecars: tuple[Sidecar, ...]


class World(msgspec.Struct, frozen=True):
    """What Pods are judged by: the configuration, the registrations of ours by name, and the labels of namespaces."""

    config: Config
    webhooks: tuple[tuple[str, Raw], ...]
    labels: Mapping[str, Mapping[str, str]]
    since: str = ""
    """When the oldest registration was made, as the API writes times."""


def running(pod: Raw) -> Running:
    """What of ours runs in the raw `pod`."""
    found = (pod.get("status") or {}) if isinstance(pod.get("status"), dict) else {}
    statuses = {
        each["name"]: each
        for field in ("initContainerStatuses", "containerStatuses")
        for each in found.get(field) or ()
    }
    is_over = found.get("phase") in {"Succeeded", "Failed"}
    sidecars = tuple(_sidecar(each, statuses.get(each["name"], {}), is_over=is_over) for each in ours(pod))
    return Running(_version(pod), str(found.get("phase", "")), sidecars)


def _version(pod: Raw) -> str:
    try:
        status = json.loads(annotations_of(pod).get(STATUS, "{}"))
    except (ValueError, RecursionError):  # anybody can write it
        return ""
    return escape(str(status.get("version", ""))) if isinstance(status, dict) else ""


def _sidecar(container: Raw, status: Raw, *, is_over: bool) -> Sidecar:
    restarts = int(status.get("restartCount") or 0)
    problem = "" if is_over else _problem(status)
    return Sidecar(str(container["name"]), str(container.get("image", "")), restarts, problem)


_PATIENT = {"", "ContainerCreating", "PodInitializing"}
"""Reasons to wait that pass by themselves."""


def _problem(status: Raw) -> str:
    """Why a container does not run; empty where it does, or will."""
    state = status.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting and waiting.get("reason", "") not in _PATIENT:
        last = (status.get("lastState") or {}).get("terminated") or {}
        code = f", exit code {last['exitCode']}" if "exitCode" in last else ""
        return f"{waiting['reason']}{code}"
    if ended and ended.get("exitCode"):
        return f"{ended.get('reason', 'ended')}, exit code {ended['exitCode']}"
    return ""


def standing(pod: Raw, world: World) -> Standing | None:
    """How the raw `pod` stands in `world`; None where it never asked."""
    metadata = pod["metadata"]
    if not asks(annotations_of(pod)):
        return None
    try:
        outcome, then = today(pod, world.config, metadata["namespace"])
    except PodError as error:  # the API server knows fields of another type than we do
        return _standing(pod, "left alone", printable(str(error), 200))
    if not ours(pod):
        return _standing(pod, *_without_ours(pod, outcome, world))
    would_be = _would_be(pod, outcome, then)
    failing = [f"{each.name}: {each.problem}" for each in running(pod).sidecars if each.problem]
    if failing:
        return _standing(pod, "failing", "; ".join(failing), is_outdated=bool(would_be))
    return _standing(pod, "outdated" if would_be else "injected", would_be, is_outdated=bool(would_be))


def _standing(pod: Raw, state: State, why: str, *, is_outdated: bool = False) -> Standing:
    there, metadata = running(pod), pod["metadata"]
    return Standing(
        namespace=metadata["namespace"],
        name=f"pod/{metadata['name']}",
        owner=_owner(pod),
        state=state,
        is_outdated=is_outdated,
        why=why,
        version=there.version,
        sidecars=there.sidecars,
    )


def _owner(there: Raw) -> str:
    """The controller of an object, as `kind/name`; empty where it has none."""
    owners = there["metadata"].get("ownerReferences") or ()
    return next((f"{each['kind'].lower()}/{each['name']}" for each in owners if each.get("controller")), "")


def _would_be(pod: Raw, outcome: Outcome, then: Raw) -> str:
    """What of the Pod would be another today; empty where nothing would."""
    if isinstance(outcome, Refused):
        return f"would be refused: {outcome.message}"
    if isinstance(outcome, Skipped):
        return f"would get none: {outcome.reason.sentence}"
    found = [f"{each.container} {each.what}".strip() for each in differences(pod, then)]
    return f"another {', '.join(found)}" if found else ""


def _without_ours(pod: Raw, outcome: Outcome, world: World) -> tuple[State, str]:
    """The state of a Pod that asked and has nothing of ours, and why."""
    metadata = pod["metadata"]
    if isinstance(outcome, Skipped):
        codes = ", ".join(dict.fromkeys(each.code for each in outcome.diagnostics))
        return "left alone", outcome.reason.sentence + (f" ({codes})" if codes else "")
    place = Place(metadata["namespace"], world.labels.get(metadata["namespace"]))
    met = [judged(name, webhook, pod, place) for name, webhook in world.webhooks]
    if met and all(each.is_called is False for each in met):
        first = next(each for each in met[0].conditions if each.met is False)
        return "left alone", f"{first.name}: {first.about}"
    if isinstance(outcome, Refused):
        return "missed", f"would be refused: {outcome.message}"
    assert isinstance(outcome, Injected)  # noqa: S101 - there are no others; for mypy
    return "missed", _why_missed(pod, world)


def _why_missed(pod: Raw, world: World) -> str:
    if not world.webhooks:
        return "no webhook of ours is registered"
    if world.since and str(pod["metadata"].get("creationTimestamp", "")) < world.since:
        return "older than the registration"
    if STATUS in annotations_of(pod):
        return f"its {STATUS} says why: {escape(annotations_of(pod)[STATUS], 200)}"
    return "the webhook was not reached when it was created"


# What could not be created.

_DENIED = re.compile(r'admission webhook "[^"]*" denied the request: ')


def refused(events: Iterable[Raw], owner: Callable[[str, str, str], Raw | None]) -> Iterator[Standing]:
    """Each controller whose Pods our webhook refused, by the `events` of a cluster, and that still lacks some.

    `owner` returns the raw object of a kind, namespace and name; None where it has gone.
    """
    latest: dict[tuple[str, str, str], Raw] = {}
    for event in events:
        about = event.get("involvedObject") or event.get("regarding") or {}
        message = str(event.get("message") or event.get("note") or "")
        if event.get("reason") != "FailedCreate" or f'"{WEBHOOK}"' not in message:
            continue
        key = str(about.get("kind", "")), str(about.get("namespace", "")), str(about.get("name", ""))
        if key not in latest or _time(event) >= _time(latest[key]):
            latest[key] = {**event, "message": message}
    for (kind, namespace, name), event in latest.items():
        there = owner(kind, namespace, name)
        if there is not None and _lacks_some(kind, there):
            yield Standing(
                namespace=namespace,
                name=f"{kind.lower()}/{name}",
                owner=_owner(there),
                state="refused",
                is_outdated=False,
                why=printable(_DENIED.sub("", event["message"].removeprefix("Error creating: ")), 1000),
                version="",
                sidecars=(),
            )


def _time(event: Raw) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def _lacks_some(kind: str, there: Raw) -> bool:
    """Whether a controller has fewer Pods than it wants; of a kind that we do not know, that it was refused one."""
    spec, status = there.get("spec") or {}, there.get("status") or {}
    counts: Mapping[str, tuple[Any, Any]] = {
        "ReplicaSet": (spec.get("replicas", 1), status.get("replicas", 0)),
        "ReplicationController": (spec.get("replicas", 1), status.get("replicas", 0)),
        "StatefulSet": (spec.get("replicas", 1), status.get("replicas", 0)),
        "DaemonSet": (status.get("desiredNumberScheduled", 1), status.get("currentNumberScheduled", 0)),
        "Job": (spec.get("completions", 1), status.get("active", 0) + status.get("succeeded", 0)),
    }
    wanted, there_are = counts.get(kind, (1, 0))
    return int(wanted if wanted is not None else 1) > int(there_are or 0)
