"""Whether a Pod already has what is planned. Decided from its spec, never from its annotations, which anyone can write.

A Pod comes here again when another webhook changes it (`reinvocationPolicy: IfNeeded`), or when an injected Pod was
exported and is created anew. Image, arguments and resources may be of an earlier version and are not compared.
"""

import re
from collections.abc import Iterator

from webhook.diagnostics import Diagnostic, Mistake
from webhook.plan.containers import Sidecar
from webhook.plan.names import TOKEN_VOLUME, is_added
from webhook.plan.plan import Plan
from webhook.plan.variables import Variables
from webhook.pod.view import Container, Pod

__all__ = ["is_injected", "remains"]

_VOLUME_OF_OURS = re.compile(r"loghook-(logs(-[0-9]+)?|ca|config|state|token)")


def is_injected(pod: Pod, plan: Plan) -> bool:
    """Whether each planned sidecar is in `pod`, with a volume for each planned directory."""
    if plan.mounts:  # a directory that has no volume yet
        return False
    there = {container.name: container for container in pod.every_container()}
    return all(sidecar.name in there and _reads(there[sidecar.name], sidecar) for sidecar in plan.sidecars)


def remains(pod: Pod, plan: Plan) -> Iterator[Diagnostic]:
    """What in `pod` has a name of ours without `plan` being there as a whole: an older injection's, or the user's."""
    keys = {sidecar.name: sidecar.sources[0].key("paths") for sidecar in plan.sidecars}
    first = next(iter(keys.values()))
    found = [container for container in pod.every_container() if container.name in keys or _is_left_over(container)]
    for container in found:
        code = "LH301" if _is_ours(container) else "LH302"
        yield Diagnostic(code, keys.get(container.name, first), None, {"container": container.name})
    for volume in pod.volumes if not found else ():
        if _VOLUME_OF_OURS.fullmatch(volume.name):
            yield Diagnostic("LH303", first, None, {"volume": volume.name})


def _reads(container: Container, sidecar: Sidecar) -> bool:
    """Whether `container` mounts, read-only, each volume that `sidecar` is to read; or as that may mount it."""
    return set(_mounted(container, sidecar)).issuperset(sidecar.reads)


def _mounted(container: Container, sidecar: Sidecar) -> Iterator[tuple[str, str | None]]:
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
    return container.name.partition("-")[0] == "loghook" and _is_ours(container)


def _is_ours(container: Container) -> bool:
    """Whether `container` comes from an earlier injection: it hides the token as every container of ours does."""
    return any(mount.name == TOKEN_VOLUME for mount in container.mounts)
