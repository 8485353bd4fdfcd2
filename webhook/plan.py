"""The plan: everything that a Pod gets from loghook, as data, before any patch is written."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook import __version__
from webhook.annotations import PREFIX, Request, Source
from webhook.config import Config
from webhook.diagnostics import Diagnostic
from webhook.layout import Files, lay_out
from webhook.places import TOKEN_PATH
from webhook.pods import EnvVar, Pod
from webhook.resources import over_ceiling, resources
from webhook.security import effective_user, security_context
from webhook.sidecars import Assignment, Engine
from webhook.sidecars.streaming import BUSYBOX
from webhook.volumes import DEFAULT_CONTAINER, Addition, Reader, resolve

__all__ = ["Mount", "Plan", "Sidecar", "plan"]

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
STATUS = PREFIX + "status"
TOKEN_VOLUME = "loghook-token"  # noqa: S105 - a volume's name

_DEFAULT_GRACE_SECONDS = 30


class Mount(msgspec.Struct, frozen=True):
    """A volume mount that one of the user's containers gets."""

    container: str
    volume: str
    path: str


class Sidecar(msgspec.Struct, frozen=True):
    """One container of ours. `index` is its place among the Pod's init containers as received; None for a plain one.

    `reads` are the volumes that hold its files, as (volume, sub-path or expression). `engine` is what runs in it.
    """

    source: Source
    container: dict[str, Any]
    index: int | None
    reads: tuple[tuple[str, str | None], ...]
    engine: str

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
        found = resolve(self.pod, self.request.sources, self.ours, enforce=self.config.policy.enforce)
        files, doubles = lay_out(self.request.sources, found.readings, self.engine.files)
        diagnostics += [*found.diagnostics, *doubles, *self._about_users(files)]
        resources = self._resources(len(found.additions))
        sidecars = tuple(self._sidecar(each, resources) for each in files)
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

    def _about_users(self, files: Iterable[Files]) -> Iterator[Diagnostic]:
        for each in files:
            users = [effective_user(self.pod, self.containers.get(name)) for name in each.writers]
            if 0 in users:
                yield Diagnostic("LH402", each.source.key("paths"))
            if len(set(users)) > 1:
                details = {"user": "the image's user" if users[0] is None else str(users[0])}
                yield Diagnostic("LH403", each.source.key("container"), None, details)

    # The sidecars.

    def _sidecar(self, files: Files, resources: dict[str, Any]) -> Sidecar:
        is_native = self.request.native_sidecar
        command = self.engine.command(
            Assignment(
                paths=files.paths,
                exclude=files.exclude,
                from_end=_starts_at_end(files),
                is_native=is_native,
                drain_seconds=self.request.drain_seconds,
            )
        )
        container = {
            "name": _sidecar_name(files.source),
            "image": self.config.images.of(self.engine.name),
            "imagePullPolicy": self.config.image_pull_policy,
            "command": command.command,
            "args": command.args,
            **_env(files.readers),
            "resources": resources,
            "securityContext": security_context(self.pod, self.containers.get(files.writers[0]), self.config),
            "volumeMounts": [*map(_mount, files.readers, files.mount_paths), _TOKEN_MOUNT],
        }
        if is_native:
            container["restartPolicy"] = "Always"
        reads = tuple((reader.volume, reader.sub_path_expr or reader.sub_path) for reader in files.readers)
        index = self._index(files.readers) if is_native else None
        return Sidecar(files.source, container, index, reads, self.engine.name)

    def _resources(self, added_volumes: int) -> dict[str, Any]:
        defaults = getattr(self.config.resources, self.engine.name)
        sizes = [self.request.volume_size_limit] * added_volumes
        return resources(self.pod, self.request, defaults, self.containers.values(), sizes)

    def _index(self, readers: Iterable[Reader]) -> int:
        """First of all, so that init containers' files are read too.

        A sub-path is the exception: the kubelet makes its directory, as root, for the first container that mounts
        it. That
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
        # A token that is not there cannot be read by whoever swaps a log for a link to it. The API server also
        # looks for
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
    return msgspec.json.encode(status).decode()


def _starts_at_end(files: Files) -> bool:
    """Whether the files that are there at the start are old: those of volumes that outlive the Pod."""
    if files.source.read_from is not None:
        return files.source.read_from == "end"
    return all(reader.is_lasting for reader in files.readers)


def _mount(reader: Reader, path: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": reader.volume, "mountPath": path, "readOnly": True}
    if reader.sub_path_expr:
        mount["subPathExpr"] = reader.sub_path_expr
    elif reader.sub_path:
        mount["subPath"] = reader.sub_path
    return mount


def _env(readers: Iterable[Reader]) -> dict[str, list[EnvVar]]:
    """The variables that sub-paths need; nothing where none does."""
    variables = {variable.name: variable for reader in readers for variable in reader.env}
    return {"env": list(variables.values())} if variables else {}
