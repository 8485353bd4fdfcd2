"""Whose is what has a name of ours in a Pod. Decided from its spec, never from its annotations, which anyone can write.

A Pod comes here again when another webhook changes it (`reinvocationPolicy: IfNeeded`), or when an injected Pod was
exported and is created anew.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from webhook.diagnostics import Diagnostic, Mistake
from webhook.plan.containers import Sidecar
from webhook.plan.names import TOKEN_VOLUME, is_added
from webhook.plan.plan import Plan
from webhook.plan.variables import Variables
from webhook.pod.view import Container, Pod

__all__ = ["intruders", "is_ours", "mounted", "plain", "remains", "remains_of"]

_VOLUME_OF_OURS = re.compile(r"loghook-(logs(-[0-9]+)?|ca|config|state|token)")


def is_ours(container: Container, sidecar: Sidecar) -> bool:
    """Whether `container` is `sidecar`, of this or of an earlier injection: by what it hides, or by what it runs."""
    planned = plain(sidecar.written)
    runs = [*planned.get("command", ()), *planned["args"]]
    return _hides_the_token(container) or [*(container.command or ()), *(container.args or ())] == runs


def plain(container: Any) -> dict[str, Any]:
    """`container` as the API server gets it."""
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(container))
    return built


def remains_of(container: Container, pod: Pod, ours: Collection[str]) -> set[str]:
    """The volumes of log files that `container` mounts: those that we add, and those of containers not named `ours`."""
    others = {mount.name for other in pod.every_container() if other.name not in ours for mount in other.mounts}
    return {mount.name for mount in container.mounts if mount.name in others or is_added(mount.name)}


def remains(pod: Pod, plan: Plan) -> Iterator[Diagnostic]:
    """What in `pod` has a name of ours without `plan` being there as a whole: an older injection's, or the user's."""
    keys = {sidecar.name: sidecar.sources[0].key("paths") for sidecar in plan.sidecars}
    first = next(iter(keys.values()))
    found = [container for container in pod.every_container() if container.name in keys or _is_left_over(container)]
    for container in found:
        code = "LH301" if _hides_the_token(container) else "LH302"
        yield Diagnostic(code, keys.get(container.name, first), None, {"container": container.name})
    for name in _volumes(pod) if not found else ():
        if _VOLUME_OF_OURS.fullmatch(name):
            yield Diagnostic("LH303", first, None, {"volume": name})


def intruders(pod: Pod, plan: Plan) -> Iterator[Diagnostic]:
    """What in `pod`, which has all of `plan`, has anything of a volume that is for containers of ours alone."""
    sidecars = {sidecar.name for sidecar in plan.sidecars}
    first = plan.sidecars[0].sources[0].key("paths")
    for container in pod.every_container():
        if container.name in sidecars or _is_left_over(container):
            continue
        for name in dict.fromkeys(container.volume_names()):
            if _VOLUME_OF_OURS.fullmatch(name) and not is_added(name):
                yield Diagnostic("LH303", first, None, {"volume": name})


def _volumes(pod: Pod) -> Iterable[str]:
    """The names of all volumes, those that are only referred to so far too."""
    used = [name for container in pod.every_container() for name in container.volume_names()]
    return dict.fromkeys([*[volume.name for volume in pod.spec.volumes or ()], *used])


def mounted(container: Container, sidecar: Sidecar) -> Iterator[tuple[str, str | None]]:
    """What `container` mounts read-only, as Sidecar has it; the variables of an older version have other names.

    Whether a reader frees may be the configuration's default, which may be another one by now.
    """
    variables = Variables(container) if any(mount.sub_path_expr for mount in container.mounts) else None
    for mount in container.mounts:
        if not mount.read_only and not (sidecar.may_write and is_added(mount.name)):
            continue
        if variables is None or not mount.sub_path_expr:
            yield mount.name, mount.sub_path or None
            continue
        try:
            yield mount.name, variables.sub_path(mount.sub_path_expr).expression
        except Mistake:  # a sidecar of ours never needs what cannot be had
            continue


def _is_left_over(container: Container) -> bool:
    """Whether `container` comes from an injection with other annotations: in another mode, or with other sources."""
    return container.name.partition("-")[0] == "loghook" and _hides_the_token(container)


def _hides_the_token(container: Container) -> bool:
    """Whether `container` comes from an earlier injection: it hides the token as every container of ours does."""
    return any(mount.name == TOKEN_VOLUME for mount in container.mounts)
