"""Whether a Pod already has what is planned. Decided from its spec, never from its annotations, which anyone can write.

A Pod comes here again when another webhook changes it (`reinvocationPolicy: IfNeeded`), or when an injected Pod was
exported and is created anew. Image, arguments and resources may be of an earlier version and are not compared.
"""

import re
from collections.abc import Iterator

from webhook.diagnostics import Diagnostic
from webhook.plan import TOKEN_VOLUME, Plan, Sidecar
from webhook.pods import Container, Pod

__all__ = ["is_injected", "remains"]

_VOLUME_OF_OURS = re.compile(r"loghook-(logs(-[0-9]+)?|config|state|token)")


def is_injected(pod: Pod, plan: Plan) -> bool:
    """Whether each planned sidecar is in `pod`, with a volume for each planned directory."""
    if plan.mounts:  # a directory that has no volume yet
        return False
    there = {container.name: container for container in pod.every_container()}
    return all(sidecar.name in there and _reads(there[sidecar.name], sidecar) for sidecar in plan.sidecars)


def remains(pod: Pod, plan: Plan) -> Iterator[Diagnostic]:
    """What in `pod` has a name of ours without `plan` being there as a whole: an older injection's, or the user's."""
    there = {container.name: container for container in pod.every_container()}
    for sidecar in plan.sidecars:
        container = there.get(sidecar.name)
        if container is not None:
            code = "LH301" if _is_ours(container) else "LH302"
            yield Diagnostic(code, sidecar.source.key("paths"), None, {"container": sidecar.name})
    if not any(sidecar.name in there for sidecar in plan.sidecars):
        for volume in pod.volumes:
            if _VOLUME_OF_OURS.fullmatch(volume.name):
                yield Diagnostic("LH303", plan.sidecars[0].source.key("paths"), None, {"volume": volume.name})


def _reads(container: Container, sidecar: Sidecar) -> bool:
    """Whether `container` mounts, read-only, each volume that `sidecar` is to read."""
    mounted = {
        (mount.name, mount.sub_path_expr or mount.sub_path or None) for mount in container.mounts if mount.read_only
    }
    return mounted.issuperset(sidecar.reads)


def _is_ours(container: Container) -> bool:
    """Whether `container` comes from an earlier injection: it hides the token as every container of ours does."""
    return any(mount.name == TOKEN_VOLUME for mount in container.mounts)
