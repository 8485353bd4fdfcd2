"""What of ours another webhook took away or changed in an injected Pod, put back by `add` alone.

Webhooks that come after us may write the whole Pod anew, by a client that does not know each of its fields: without
`restartPolicy: Always` a native sidecar holds up its Pod for ever. So does whoever edits an exported Pod. Decided from
the spec, never from annotations, which anyone can write. Put back is what makes a container ours: what it runs, when it
ends, the variables, mounts and volumes that it needs. Its image, resources and what was put beside are others' right.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook.diagnostics import Diagnostic
from webhook.plan.already_injected import is_ours, mounted, plain, remains_of
from webhook.plan.containers import Sidecar
from webhook.plan.names import CONFIG, STATUS, is_added
from webhook.plan.patch import Op, annotation_ops, append_ops, mount_ops
from webhook.plan.plan import Plan
from webhook.pod.view import Container, EnvVar, Pod, Volume, VolumeMount, absolute

__all__ = ["Mended", "mend"]


class Mended(msgspec.Struct, frozen=True):
    """What puts a Pod in order that has everything of ours, and a warning for what was changed; both mostly empty."""

    ops: tuple[Op, ...]
    diagnostics: tuple[Diagnostic, ...]


class _There(msgspec.Struct, frozen=True):
    """A container of ours in the Pod, with its place in it."""

    path: str
    container: Container
    sidecar: Sidecar

    @property
    def is_of_this_version(self) -> bool:
        """Whether its image is the planned one, by name and tag: mirrors change the registry, others pin a digest.

        What runs in another image is what was made for that one.
        """
        there, planned = _name_and_tag(self.container.image or ""), _name_and_tag(self.planned["image"])
        return there in {planned, planned.partition(":")[0]} and not self._has_other_names()

    def _has_other_names(self) -> bool:
        """Whether it has its sub-paths over variables that another version has named."""
        expressions = {mount.get("subPathExpr") for mount in self.planned["volumeMounts"]}
        others = any(mount.sub_path_expr and mount.sub_path_expr not in expressions for mount in self.container.mounts)
        return others and self.reads_what_is_planned

    @property
    def reads_what_is_planned(self) -> bool:
        """Whether it mounts all that it is to read, wherever that is."""
        return set(mounted(self.container, self.sidecar)).issuperset(self.sidecar.reads)

    @property
    def planned(self) -> dict[str, Any]:
        """The container as it is planned."""
        return plain(self.sidecar.written)


def mend(pod: Pod, plan: Plan) -> Mended | None:
    """What `pod` lacks of `plan`; None where it does not have the plan's containers, or has them for other files."""
    found = _found(pod, plan)
    if len(found) < len(plan.sidecars) or any(_is_for_other_files(each, pod, plan) for each in found):
        return None
    exact = not any(True for each in found for _ in _mount_changes(each))
    if plan.mounts and not exact:  # a directory that has no volume yet
        return None
    changes = [(each.sidecar.name, *change) for each in found for change in _changes(each)]
    is_current = all(each.is_of_this_version for each in found)
    changes += [("the Pod", *change) for change in _changes_of_the_pod(pod, plan, is_current=is_current)]
    ops = [op for _, _, several in changes for op in several]
    return Mended((*ops, *(_status_ops(pod, plan) if ops else ())), tuple(_warnings(plan, changes)))


def _found(pod: Pod, plan: Plan) -> list[_There]:
    """The planned sidecars that are there."""
    named = {sidecar.name: sidecar for sidecar in plan.sidecars}
    return [
        _There(f"/spec/{field}/{index}", container, named[container.name])
        for field, several in (("initContainers", pod.init_containers), ("containers", pod.containers))
        for index, container in enumerate(several)
        if container.name in named and is_ours(container, named[container.name])
    ]


def _is_for_other_files(there: _There, pod: Pod, plan: Plan) -> bool:
    """Whether the container does not read what is planned but something else, as the annotations once had it."""
    if there.reads_what_is_planned:
        return False
    planned = {mount["name"] for mount in there.planned["volumeMounts"]}
    return bool(remains_of(there.container, pod, {sidecar.name for sidecar in plan.sidecars}) - planned)


def _warnings(plan: Plan, changes: Iterable[tuple[str, str, Sequence[Op]]]) -> Iterator[Diagnostic]:
    """One for each container, with the names of all its fields that were put back."""
    key = plan.sidecars[0].sources[0].key("paths")
    fields: dict[str, dict[str, None]] = {}
    for name, field, _ in changes:
        fields.setdefault(name, {})[field] = None
    for name, each in fields.items():
        yield Diagnostic("LH304", key, None, {"container": name, "fields": ", ".join(each)})


def _status_ops(pod: Pod, plan: Plan) -> Iterator[Op]:
    """The status anew. The plan has not counted the volumes that are there already."""
    status = json.loads(plan.annotations[STATUS])
    read = [volume for sidecar in plan.sidecars for volume, _ in sidecar.reads if is_added(volume)]
    status["volumes"] = list(dict.fromkeys((*read, *(plain(volume)["name"] for volume in plan.volumes))))
    text = msgspec.json.encode(status).decode()
    if text != pod.annotations.get(STATUS):
        yield from annotation_ops(pod, {STATUS: text})


# The containers.

Change = tuple[str, Sequence[Op]]
"""A field's name, and what puts it back."""


def _name_and_tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2]


def _changes(there: _There) -> Iterator[Change]:
    planned, container, path = there.planned, there.container, there.path
    wanted = planned.get("restartPolicy")
    if wanted and path.startswith("/spec/init") and container.restart_policy != wanted:
        yield "restartPolicy", [Op(f"{path}/restartPolicy", wanted)]
    # Another version may have mounted its files in another place, which is where what it runs looks for them.
    if there.is_of_this_version or not there.reads_what_is_planned:
        yield from _mount_changes(there)
    if not there.is_of_this_version:
        return
    for field, has in (("command", container.command), ("args", container.args)):
        if (has or []) != planned.get(field, []):
            yield field, [Op(f"{path}/{field}", planned.get(field))]
    if not _has(container.lifecycle, planned.get("lifecycle")):
        yield "lifecycle", [Op(f"{path}/lifecycle", planned["lifecycle"])]
    yield from _variable_changes(there)


def _variable_changes(there: _There) -> Iterator[Change]:
    """Variables of ours that are missing, each after the one before it, or that say something else."""
    wanted = there.planned.get("env", [])
    if wanted and there.container.env is None:
        yield "env", [Op(f"{there.path}/env", wanted)]
        return
    names = [variable.name for variable in there.container.env or ()]
    variables = {variable.name: variable for variable in there.container.env or ()}
    place = 0
    for entry in wanted:
        name = entry["name"]
        if name not in variables:
            yield "env", [Op(f"{there.path}/env/{place}", entry)]
            names.insert(place, name)
        elif not _is_same(variables[name], msgspec.convert(entry, EnvVar)):
            index = len(names) - 1 - names[::-1].index(name)  # the last one of a name is the one that holds
            path = f"{there.path}/env/{index}"
            yield "env", [Op(f"{path}/{member}", entry.get(member)) for member in ("value", "valueFrom")]
        place = names.index(name) + 1


def _is_same(one: EnvVar, other: EnvVar) -> bool:
    def essence(variable: EnvVar) -> object:
        source = variable.value_from
        field = source.field_ref.field_path if source and source.field_ref else None
        return variable.value or "", source is None, field, source and source.secret_key_ref

    return essence(one) == essence(other)


_MOUNT_MEMBERS = {"name": "name", "readOnly": "read_only", "subPath": "sub_path", "subPathExpr": "sub_path_expr"}


def _mount_changes(there: _There) -> Iterator[Change]:
    """Mounts of ours that are missing, or that mount something else."""
    path = f"{there.path}/volumeMounts"
    places = {mount.path: (index, mount) for index, mount in enumerate(there.container.mounts)}
    missing = [each for each in there.planned["volumeMounts"] if absolute(each["mountPath"]) not in places]
    if missing:
        yield "volumeMounts", list(append_ops(path, there.container.volume_mounts, missing))
    for planned in there.planned["volumeMounts"]:
        index, mount = places.get(absolute(planned["mountPath"]), (0, None))
        may_write = there.sidecar.may_write and is_added(planned["name"])  # as the configuration has it by now
        members = {**_MOUNT_MEMBERS, "readOnly": ""} if may_write else _MOUNT_MEMBERS
        changed = list(_mount_members(f"{path}/{index}", mount, planned, members)) if mount else []
        if changed:
            yield "volumeMounts", changed


def _mount_members(path: str, mount: VolumeMount, planned: dict[str, Any], members: Mapping[str, str]) -> Iterator[Op]:
    for member, field in members.items():
        if field and (getattr(mount, field) or None) != (planned.get(member) or None):
            yield Op(f"{path}/{member}", planned.get(member))


# What they need of the Pod.


def _changes_of_the_pod(pod: Pod, plan: Plan, *, is_current: bool) -> Iterator[Change]:
    if plan.mounts:
        yield "volumeMounts", list(mount_ops(pod, plan))
    there = {volume.name: (index, volume) for index, volume in enumerate(pod.volumes)}
    wanted = [plain(volume) for volume in plan.volumes]
    missing = [volume for volume in wanted if volume["name"] not in there]
    if missing:
        yield "volumes", list(append_ops("/spec/volumes", pod.spec.volumes, missing))
    if not is_current:
        return
    for planned in wanted:
        index, volume = there.get(planned["name"], (0, None))
        changed = list(_volume_members(f"/spec/volumes/{index}", volume, planned)) if volume else []
        if changed:
            yield "volumes", changed
    config = plan.annotations.get(CONFIG)
    if config is not None and config != pod.annotations.get(CONFIG):
        yield CONFIG, list(annotation_ops(pod, {CONFIG: config}))


def _volume_members(path: str, volume: Volume, planned: dict[str, Any]) -> Iterator[Op]:
    """What makes `volume` the planned one: its source, and none of another kind. How large it is, is others' right."""
    sources = {kind: source for kind, source in volume.sources() if source is not None}
    (kind,) = planned.keys() - {"name"}
    if kind not in sources or (kind != "emptyDir" and not _has(sources[kind], planned[kind])):
        yield Op(f"{path}/{kind}", planned[kind])
    for other in sources.keys() - {kind}:
        yield Op(f"{path}/{other}", None)


def _has(there: Any, planned: Any) -> bool:
    """Whether all of `planned` is in `there`, which the API server has filled in: nothing is as good as empty."""
    if not planned:
        return True
    if isinstance(planned, dict):
        return isinstance(there, dict) and all(_has(there.get(key), value) for key, value in planned.items())
    if isinstance(planned, list):
        return isinstance(there, list) and len(there) == len(planned) and all(map(_has, there, planned))
    return bool(there == planned)
