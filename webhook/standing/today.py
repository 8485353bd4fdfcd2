"""What would be made of a Pod today, and how that differs from what is there.

A Pod is outdated where images, arguments, mounts or the agent's configuration would be others: that is what another
version or another configuration comes to. What a quota, a LimitRange or an autoscaler sets is not looked at.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import jsonpatch
import msgspec

from webhook.config.loghook_yaml import Config
from webhook.inject import Outcome, Refused, inject
from webhook.plan.names import CONFIG
from webhook.pod.view import view
from webhook.standing.ours import Raw, annotations_of, every_container, hints, is_ours, ours, taken_out

__all__ = ["Difference", "bare", "differences", "made", "today"]


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that would be another today: `what` of which container, as it is `now`, and as it would be `today`."""

    container: str
    what: str
    now: str | None
    today: str | None


def made(pod: Raw, config: Config, namespace: str) -> tuple[Outcome, dict[str, Any]]:
    """What becomes of the raw `pod` as it is, and the Pod that comes of it. Raises PodError where it is none."""
    outcome = inject(view(pod), config, namespace)
    if isinstance(outcome, Refused) or not outcome.patch:
        return outcome, dict(pod)
    patched: dict[str, Any] = jsonpatch.apply_patch(json.loads(json.dumps(pod)), json.loads(outcome.patch))
    return outcome, patched


def bare(pod: Raw, config: Config, namespace: str) -> dict[str, Any]:
    """The raw `pod` as it was before anything of ours was added, as far as that can be told.

    An annotation for the node's agent is ours where we would write the same again.
    """
    found = taken_out(pod)
    said = hints(pod)
    if not said:
        return found
    others = {key: value for key, value in annotations_of(found).items() if key not in said}
    without = {**found, "metadata": {**found["metadata"], "annotations": others}}
    then = annotations_of(made(without, config, namespace)[1])
    kept = {key: value for key, value in said.items() if then.get(key) != value}
    return {**without, "metadata": {**without["metadata"], "annotations": {**others, **kept}}}


def today(pod: Raw, config: Config, namespace: str) -> tuple[Outcome, dict[str, Any]]:
    """The same for the raw `pod` as it was before anything of ours was added."""
    return made(bare(pod, config, namespace), config, namespace)


def differences(now: Raw, then: Raw) -> list[Difference]:
    """How what is there of ours in the raw Pod `now` differs from what is in `then`."""
    found = [*_of_containers(now, then), *_of_mounts(now, then)]
    before, after = annotations_of(now).get(CONFIG), annotations_of(then).get(CONFIG)
    if after is not None and before != after and ours(now):
        found.append(Difference("", "the agent's configuration", *_changed(before, after)))
    return found


def _of_containers(now: Raw, then: Raw) -> Iterator[Difference]:
    there = {each["name"]: each for each in ours(now)}
    wanted = {each["name"]: each for each in ours(then)}
    for name in sorted(there.keys() - wanted.keys()):
        yield Difference(name, "container", str(there[name].get("image")), None)
    for name, planned in wanted.items():
        if name not in there:
            yield Difference(name, "container", None, str(planned.get("image")))
            continue
        container = there[name]
        if not _is_same_image(str(container.get("image")), str(planned.get("image"))):
            yield Difference(name, "image", str(container.get("image")), str(planned.get("image")))
        for what in ("command", "args"):
            if (container.get(what) or []) != (planned.get(what) or []):
                yield Difference(name, what, _short(container.get(what)), _short(planned.get(what)))
        yield from _mounts_of(container, planned)


def _is_same_image(there: str, planned: str) -> bool:
    """Whether it is the planned image, which somebody may have pinned by its digest besides."""
    return there == planned or there.partition("@")[0] == planned


def _of_mounts(now: Raw, then: Raw) -> Iterator[Difference]:
    """What the user's containers have mounted of ours."""
    wanted = {each["name"]: each for each in every_container(then) if not is_ours(each)}
    for container in every_container(now):
        if container["name"] in wanted and not is_ours(container):
            yield from _mounts_of(container, wanted[container["name"]], only_ours=True)


def _mounts_of(container: Raw, planned: Raw, *, only_ours: bool = False) -> Iterator[Difference]:
    there, wanted = (_mounts(each, only_ours=only_ours) for each in (container, planned))
    for path in sorted(there.keys() | wanted.keys()):
        if there.get(path) != wanted.get(path):
            yield Difference(container["name"], f"mount at {path}", there.get(path), wanted.get(path))


def _mounts(container: Raw, *, only_ours: bool) -> dict[str, str]:
    """What is mounted, by its place: the volume, the part of it, and whether it is only read."""
    found = {}
    for mount in container.get("volumeMounts") or ():
        name = mount["name"]
        if only_ours and not name.startswith("loghook-"):
            continue
        part = mount.get("subPath") or mount.get("subPathExpr")
        words: Iterable[str] = (name, *([part] if part else []), *(["read-only"] if mount.get("readOnly") else []))
        found[mount["mountPath"]] = " ".join(words)
    return found


_SHOWN = 120


def _short(words: Any) -> str:
    text = " ".join(" ".join(str(word).split()) for word in words or ())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _changed(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """The first line in which two texts differ, of each; None for a text that is not there."""
    lines = itertools.zip_longest((before or "").splitlines(), (after or "").splitlines(), fillvalue="")
    one, other = next(((one, other) for one, other in lines if one != other), ("", ""))
    return None if before is None else one.strip(), None if after is None else other.strip()
