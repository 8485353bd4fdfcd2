"""The plan: everything that a Pod gets from loghook, as data, before any patch is written."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook import __version__
from webhook.annotations import PREFIX, Request, Source
from webhook.config import Config
from webhook.diagnostics import Diagnostic
from webhook.paths import is_under
from webhook.places import TOKEN_PATH
from webhook.pods import EnvVar, Pod
from webhook.resources import over_ceiling, resources
from webhook.security import effective_user, security_context
from webhook.sidecars import Assignment, Engine
from webhook.sidecars.streaming import BUSYBOX
from webhook.volumes import DEFAULT_CONTAINER, Addition, Reader, Reading, resolve

__all__ = ["Mount", "Plan", "Sidecar", "plan"]

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
STATUS = PREFIX + "status"
TOKEN_VOLUME = "loghook-token"  # noqa: S105 - a volume's name
OWN_ROOT = "/loghook"

_DEFAULT_GRACE_SECONDS = 30


class Mount(msgspec.Struct, frozen=True):
    """A volume mount that one of the user's containers gets."""

    container: str
    volume: str
    path: str


class Sidecar(msgspec.Struct, frozen=True):
    """One container of ours. `index` is its place among the Pod's init containers as received; None for a plain one.

    `reads` are the volumes that hold its files, as (volume, sub-path or expression).
    """

    source: Source
    container: dict[str, Any]
    index: int | None
    reads: tuple[tuple[str, str | None], ...]

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])


class Plan(msgspec.Struct, frozen=True):
    """What a Pod gets. Where a diagnostic is an error the rest is not to be used."""

    sidecars: tuple[Sidecar, ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[Mount, ...] = ()
    annotations: Mapping[str, str] = {}
    image_pull_secrets: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def plan(pod: Pod, request: Request, config: Config) -> Plan:
    """All that `request` needs in `pod`, with every mistake that only the Pod itself shows."""
    return _Planning(pod, request, config).run()


class _Planning:
    """One run over one Pod."""

    engine: Engine = BUSYBOX

    def __init__(self, pod: Pod, request: Request, config: Config) -> None:
        self.pod = pod
        self.request = request
        self.config = config
        self.ours = frozenset(_sidecar_name(source) for source in request.sources)
        self.containers = {found.name: found for found in pod.every_container() if found.name not in self.ours}

    def run(self) -> Plan:
        """The plan."""
        diagnostics = [*over_ceiling(self.request, self.config), *self._against_the_pod()]
        if any(diagnostic.code == "LH502" for diagnostic in diagnostics):
            return Plan(diagnostics=tuple(diagnostics))
        enforce = self.config.policy.enforce
        found = resolve(self.pod, self.request.sources, self.ours, enforce=enforce)
        readings, doubles = _without_doubles(self.request.sources, found.readings)
        places = _sidecar_places((r.reader for several in readings.values() for r in several), self.engine)
        sources = [source for source in self.request.sources if readings.get(source.name)]
        diagnostics += [*found.diagnostics, *doubles, *self._about_users(sources, readings)]
        sidecars = tuple(self._sidecar(source, sources, readings, places, found.additions) for source in sources)
        volumes = tuple(self._volumes(found.additions)) if sidecars else ()
        return Plan(
            sidecars=sidecars,
            volumes=volumes,
            mounts=tuple(Mount(each.container, each.volume, each.directory) for each in found.additions),
            annotations=self._annotations(sidecars, volumes, found.additions),
            image_pull_secrets=self._missing_pull_secrets(),
            diagnostics=tuple(diagnostics),
        )

    # What the Pod as a whole makes of the request.

    def _against_the_pod(self) -> Iterator[Diagnostic]:
        if self.request.native_sidecar:
            return
        key = PREFIX + "native-sidecar"
        if self.pod.spec.restart_policy in {"OnFailure", "Never"}:
            said = "native_sidecar" in self.request.said or self.config.policy.enforce
            yield Diagnostic("LH401" if said else "LH502", key)
        grace = self.pod.spec.termination_grace_period_seconds
        grace = _DEFAULT_GRACE_SECONDS if grace is None else grace
        if self.request.drain_seconds > grace:
            details = {"grace": str(grace), "example": str(max(grace - 1, 0))}
            yield Diagnostic("LH404", PREFIX + "drain-seconds", str(self.request.drain_seconds), details)

    def _about_users(
        self, sources: Iterable[Source], readings: Mapping[str, tuple[Reading, ...]]
    ) -> Iterator[Diagnostic]:
        for source in sources:
            names = dict.fromkeys(reading.reader.container for reading in readings[source.name])
            users = {name: effective_user(self.pod, self.containers.get(name)) for name in names}
            first = next(iter(users.values()))
            if 0 in users.values():
                yield Diagnostic("LH402", source.key("paths"))
            if len(set(users.values())) > 1:
                details = {"user": "the image's user" if first is None else str(first)}
                yield Diagnostic("LH403", source.key("container"), None, details)

    # The sidecars.

    def _sidecar(
        self,
        source: Source,
        sources: list[Source],
        readings: Mapping[str, tuple[Reading, ...]],
        places: "_Places",
        additions: tuple[Addition, ...],
    ) -> Sidecar:
        own = readings[source.name]
        readers = list({reading.reader.tree: reading.reader for reading in own}.values())
        command = self.engine.command(
            Assignment(
                paths=tuple(dict.fromkeys(places.path(reading) for reading in own)),
                exclude=source.exclude + tuple(_of_others(source, sources, readings, places)),
                from_end=_starts_at_end(source, readers),
                is_native=self.request.native_sidecar,
                drain_seconds=self.request.drain_seconds,
            )
        )
        writer = self.containers.get(readers[0].container)
        container = {
            "name": _sidecar_name(source),
            "image": self.config.images.of(self.engine.name),
            "imagePullPolicy": self.config.image_pull_policy,
            "command": command.command,
            "args": command.args,
            **_env(readers),
            "resources": self._resources(len(additions)),
            "securityContext": security_context(self.pod, writer, self.config),
            "volumeMounts": [*(_mount(reader, places) for reader in readers), _TOKEN_MOUNT],
        }
        if self.request.native_sidecar:
            container["restartPolicy"] = "Always"
        reads = tuple((reader.volume, reader.sub_path_expr or reader.sub_path) for reader in readers)
        return Sidecar(source, container, self._index(readers) if self.request.native_sidecar else None, reads)

    def _resources(self, volumes: int) -> dict[str, Any]:
        defaults = getattr(self.config.resources, self.engine.name)
        sizes = [self.request.volume_size_limit] * volumes
        return resources(self.pod, self.request, defaults, self.containers.values(), sizes)

    def _index(self, readers: Iterable[Reader]) -> int:
        """First of all, so that init containers' files are read too.

        A sub-path is the exception: the kubelet makes its directory, as root, for the first container that mounts it. That
        must stay the init container that prepared it before we came.
        """
        prepared = {reader.volume for reader in readers if reader.sub_path or reader.sub_path_expr}
        preparing = [
            index
            for index, container in enumerate(self.pod.init_containers, start=1)
            if container.restart_policy != "Always" and any(mount.name in prepared for mount in container.mounts)
        ]
        return max(preparing, default=0)

    # What belongs to the Pod.

    def _volumes(self, additions: Iterable[Addition]) -> Iterator[dict[str, Any]]:
        limit = self.request.volume_size_limit
        for addition in additions:
            yield {"name": addition.volume, "emptyDir": {} if limit == "none" else {"sizeLimit": limit}}
        # A token that is not there cannot be read by whoever swaps a log for a link to it. The API server also looks for
        # a mount at this path before it adds the token of the service account.
        yield {"name": TOKEN_VOLUME, "projected": {"sources": []}}

    def _annotations(
        self, sidecars: tuple[Sidecar, ...], volumes: Iterable[dict[str, Any]], additions: Iterable[Addition]
    ) -> dict[str, str]:
        annotations = {STATUS: _status(sidecars, [volume["name"] for volume in volumes])}
        evictable = [addition.volume for addition in additions]
        if evictable:
            already = self.pod.annotations.get(SAFE_TO_EVICT)
            annotations[SAFE_TO_EVICT] = ",".join([already, *evictable] if already else evictable)
        if not self.request.native_sidecar and self.pod.containers and DEFAULT_CONTAINER not in self.pod.annotations:
            annotations[DEFAULT_CONTAINER] = self.pod.containers[0].name
        return annotations

    def _missing_pull_secrets(self) -> tuple[str, ...]:
        there = {secret.name for secret in self.pod.spec.image_pull_secrets or ()}
        return tuple(name for name in self.config.image_pull_secrets if name not in there)


_TOKEN_MOUNT = {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True}


def _sidecar_name(source: Source) -> str:
    return f"loghook-{source.name}" if source.name else "loghook"


def _status(sidecars: Iterable[Sidecar], volumes: list[str]) -> str:
    """What `kubectl describe` shows of us. Nothing is ever decided from it."""
    sidecars = list(sidecars)
    sources = [
        {"name": each.source.name, "mode": each.source.mode, "paths": [path.text for path in each.source.paths]}
        for each in sidecars
    ]
    status = {
        "version": __version__,
        "injected": True,
        "containers": [each.name for each in sidecars],
        "volumes": volumes,
        "sources": sources,
    }
    return json.dumps(status, separators=(",", ":"), ensure_ascii=False)


# Files that several sources match.


def _without_doubles(
    sources: Iterable[Source], readings: Mapping[str, tuple[Reading, ...]]
) -> tuple[dict[str, tuple[Reading, ...]], list[Diagnostic]]:
    """`readings` without the paths that an earlier source has as well, and a warning for each."""
    owner: dict[tuple[Any, str], Source] = {}
    kept: dict[str, list[Reading]] = {}
    warnings = []
    for source in sources:
        for reading in readings.get(source.name, ()):
            first = owner.setdefault((reading.reader.tree, reading.path.text), source)
            if first is source:
                kept.setdefault(source.name, []).append(reading)
            else:
                details = {"source": first.key("paths"), "other": source.key("paths").removeprefix(PREFIX)}
                warnings.append(Diagnostic("LH210", source.key("paths"), reading.path.text, details))
    return {name: tuple(several) for name, several in kept.items()}, warnings


def _of_others(
    source: Source, sources: Iterable[Source], readings: Mapping[str, tuple[Reading, ...]], places: "_Places"
) -> Iterator[str]:
    """Patterns of the files that the globs of `source` match too, but that belong to another source.

    Those that another one names literally, and those that globs of a source before it match. Only patterns of as many
    segments can match the same file, which also keeps a `*` of the shell's `case` from crossing a slash.
    """
    globs = [reading for reading in readings[source.name] if reading.path.is_glob]
    for other in sources:
        for reading in readings[other.name] if other.name != source.name else ():
            is_stronger = not reading.path.is_glob or other.name < source.name
            if is_stronger and any(_may_overlap(reading, glob) for glob in globs):
                yield places.path(reading)


def _may_overlap(one: Reading, other: Reading) -> bool:
    return one.reader.tree == other.reader.tree and one.path.text.count("/") == other.path.text.count("/")


def _starts_at_end(source: Source, readers: Iterable[Reader]) -> bool:
    """Whether the files that are there at the start are old: those of a volume that outlives the Pod."""
    if source.read_from is not None:
        return source.read_from == "end"
    return all(reader.is_lasting for reader in readers)


# Where a sidecar has the files.


class _Places:
    """The mount path of each tree in the sidecars, the same in all of them."""

    def __init__(self, mount_paths: Mapping[Any, str]) -> None:
        self.mount_paths = mount_paths

    def mount_path(self, reader: Reader) -> str:
        """Where a sidecar mounts the reader's tree."""
        return self.mount_paths[reader.tree]

    def path(self, reading: Reading) -> str:
        """The reading's path or glob as a sidecar sees it."""
        return self.mount_path(reading.reader) + reading.path.text[len(reading.reader.mount_path.rstrip("/")) :]


def _sidecar_places(readers: Iterable[Reader], engine: Engine) -> _Places:
    """The application's own path where that is free in a sidecar, else a directory of ours.

    Not free is what another tree needs too (two containers may use one path for different files), and what would hide
    the engine's own files or the mount that hides the token.
    """
    trees = {reader.tree: reader for reader in readers}
    taken: dict[str, None] = {}
    places = {}
    for tree, reader in trees.items():
        others = (other.mount_path for key, other in trees.items() if key != tree)
        needed = (*engine.files, TOKEN_PATH, OWN_ROOT, *others)
        is_free = not any(_clash(reader.mount_path, path) for path in needed)
        places[tree] = reader.mount_path if is_free else _place_of_ours(reader, taken)
    return _Places(places)


def _clash(one: str, other: str) -> bool:
    return is_under(one, other) or is_under(other, one)


def _place_of_ours(reader: Reader, taken: dict[str, None]) -> str:
    """`/loghook/<container>/<volume>`, with a number where several parts of one volume are mounted."""
    base = f"{OWN_ROOT}/{reader.container}/{reader.volume}"
    number = 1
    place = base
    while place in taken:
        number += 1
        place = f"{base}-{number}"
    taken[place] = None
    return place


def _mount(reader: Reader, places: _Places) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": reader.volume, "mountPath": places.mount_path(reader), "readOnly": True}
    if reader.sub_path_expr:
        mount["subPathExpr"] = reader.sub_path_expr
    elif reader.sub_path:
        mount["subPath"] = reader.sub_path
    return mount


def _env(readers: Iterable[Reader]) -> dict[str, list[EnvVar]]:
    """The variables that sub-paths need; nothing where none does."""
    variables = {variable.name: variable for reader in readers for variable in reader.env}
    return {"env": list(variables.values())} if variables else {}
