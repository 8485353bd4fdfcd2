"""Where the files are: which volume of the Pod holds each path, and which emptyDirs must be added.

For each path of a source and each container that writes it there is one answer, by the mount of the container that
covers the path (the longest by segment), or by the lack of one.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from webhook.annotations.request import Source
from webhook.annotations.values import nearest
from webhook.diagnostics import Diagnostic, Mistake
from webhook.plan.asked import Asked
from webhook.plan.names import AGENT_NAME, DEFAULT_CONTAINER, is_added
from webhook.plan.readings import Missing, Reader, Reading
from webhook.plan.security import user_of
from webhook.plan.surroundings import Surroundings
from webhook.plan.variables import SubPath, Variables
from webhook.pod import paths
from webhook.pod.paths import LogPath
from webhook.pod.refused_places import hidden_by, is_doubtful, is_never_read
from webhook.pod.view import Container, Pod, Volume, VolumeMount, absolute

__all__ = ["Located", "locate"]


class Located(msgspec.Struct, frozen=True):
    """Where the paths of each source are, by its name, in a Pod as it is `around`.

    A source with mistakes is not there, but what is wrong is.
    """

    found: Mapping[str, tuple[Reading | Missing, ...]]
    around: Surroundings
    diagnostics: tuple[Diagnostic, ...]


def locate(pod: Pod, asked: Asked) -> Located:
    """Find the volume of every path of what is `asked`, in the containers of `pod` that are not ours.

    Nothing is looked for where it is the configuration's doing that the sidecars would keep the Pod from ending.
    """
    spec, ours = pod.spec, asked.ours
    apps = [container for container in spec.containers or () if container.name not in ours]
    inits = (
        [container for container in spec.init_containers if container.name not in ours] if spec.init_containers else []
    )
    others = {container.name: container for container in (*apps, *inits)}
    around = Surroundings.of(pod, apps, tuple(others.values()), asked.config, ships=AGENT_NAME in asked.ours)
    if around.ends and not asked.request.native_sidecar and not asked.is_authors("native_sidecar"):
        return Located({}, around, ())
    locating = _Locating(pod, apps, others, asked)
    found: dict[str, tuple[Reading | Missing, ...]] = {}
    for source in asked.request.sources:
        places = locating.locate_all(source)
        if places:
            found[source.name] = places
    return Located(found, around, tuple(locating.diagnostics))


class _Locating:
    """The look at one Pod."""

    def __init__(self, pod: Pod, apps: Sequence[Container], containers: Mapping[str, Container], asked: Asked) -> None:
        self.pod = pod
        self.asked = asked
        self.app_containers = apps
        self.containers = containers
        self.diagnostics: list[Diagnostic] = []
        self.variables: dict[str, Variables] = {}  # by container, of those whose sub-paths have any
        # By container (two may have one name), the mounts by their normal paths.
        self.mounts: dict[int, dict[str, VolumeMount]] = {}
        self.above: dict[str, tuple[str, ...]] = {}  # by the anchor of a path: it and the directories that hold it

    @functools.cached_property
    def volumes(self) -> dict[str, Volume]:
        """The volumes by name: most paths are on none of them."""
        return {volume.name: volume for volume in self.pod.volumes}

    @functools.cached_property
    def is_injected(self) -> bool:
        """Whether some of the containers are ours."""
        return len(self.containers) < len(self.pod.every_container())

    def locate_all(self, source: Source) -> tuple[Reading | Missing, ...]:
        """Where each path of `source` is; nothing where any of them has a mistake."""
        named, unknown = list[Container](), list[str]()
        for name in source.container:
            container = self.containers.get(name)
            if container is None:
                unknown.append(name)
            else:
                named.append(container)
        for name in unknown:
            meant = nearest(name, self.containers) if len(self.diagnostics) < _GUESSES else None
            example = meant or next(iter(self.containers), "app")
            few = ", ".join(_first_few(self.containers))
            self._report(source, Mistake("LH201", name, containers=few, example=example))
        failed = bool(unknown)
        found: list[Reading | Missing] = []
        for path in source.paths:
            try:
                # Those that are named, else the one that is meant by none or by names that are wrong.
                for container in named or (self._default_writer(path),):
                    found.append(self._locate(source, path, container))  # noqa: PERF401 - a comprehension is a call more
            except Mistake as mistake:
                failed = True
                # Whatever container was meant, these are mistakes of the path.
                if not unknown or mistake.code in _OF_THE_PATH_ALONE:
                    self._report(source, mistake, path)
        return () if failed else tuple(found)

    def _report(self, source: Source, mistake: Mistake, path: LogPath | None = None) -> None:
        """Lay `mistake` at the door of the Pod's author, or of the administrator whose default it is."""
        name = _KEY_TO_MEND.get(mistake.code, "paths")
        cause = "container" if mistake.code == "LH201" else "paths"
        text = path.text if path else None
        if cause not in source.said and not self.asked.config.policy.enforce:
            value = ", ".join(source.container) if cause == "container" else text
            where = self.asked.config.where(self.asked.namespace, cause)
            self._add(Diagnostic("LH501", source.key(cause), value, {"inner": mistake.code, "where": where}))
            return
        value = mistake.value or (text if name == "paths" else None)
        self._add(Diagnostic(mistake.code, source.said.get(name, source.key(name)), value, mistake.details))

    def _warn(self, code: str, key: str, value: str, **details: str) -> None:
        self._add(Diagnostic(code, key, value, details))

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self.diagnostics:
            self.diagnostics.append(diagnostic)

    def _default_writer(self, path: LogPath) -> Container:
        """The one container whose writable mount covers `path`, else the Pod's default container, else the first.

        What we added earlier only counts where nothing of the user's does, not even a read-only mount of the default
        container, so that an injected Pod is read as it was before, also where another webhook has put a container in
        front.
        """
        covering: dict[object, Container] = {}
        added: list[Container] = []
        for container in self.app_containers:
            mount = self._covering(container, path)
            if mount is None or not self._is_writable(mount):
                continue
            if is_added(mount.name):
                added.append(container)
            else:
                covering.setdefault((mount.name, mount.path, mount.sub_path, mount.sub_path_expr), container)
        if len(covering) > 1:
            names = [container.name for container in covering.values()]
            raise Mistake("LH202", containers=" or ".join(_first_few(names[1:])), example=names[0])
        if covering:
            return next(iter(covering.values()))
        default = self._default_container()
        return default if not added or self._covering(default, path) else added[0]

    def _default_container(self) -> Container:
        named = self.pod.annotations.get(DEFAULT_CONTAINER)
        for container in self.app_containers:
            if container.name == named:
                return container
        if not self.app_containers:
            raise Mistake("LH201", containers="none", example="app")
        return self.app_containers[0]

    def _locate(self, source: Source, path: LogPath, container: Container) -> Reading | Missing:
        if is_never_read(path.directory if path.is_glob else path.text):
            raise Mistake("LH207", example=self._example(container))
        mount = self._covering(container, path)
        if mount is None:
            what = hidden_by(path.directory, container, self.mounts.get(id(container), ()))
            if what:
                raise Mistake("LH206", what=what, example=self._example(container))
            if is_doubtful(path):
                self._warn("LH213", source.key("paths"), path.text, example=_directory_of_its_own(path))
            return Missing(path, container.name, user_of(self.pod, container))
        self._check(source, path, container, mount)
        return Reading(path, self._reader(container, mount))

    def _check(self, source: Source, path: LogPath, container: Container, mount: VolumeMount) -> None:
        """Refuse a mount that nobody can log to, and warn of one that surprises."""
        volume = self.volumes.get(mount.name)
        if volume is not None and volume.immutable_kind:
            raise Mistake("LH203", kind=volume.immutable_kind, example=self._example(container))
        if not self._is_writable(mount):
            writer = self._first_writers.get(mount.name)
            if writer is None:
                raise Mistake("LH204", example=self._example(container))
            self._warn("LH205", source.key("paths"), path.text, example=f"{source.key('container')}: {writer}")
        if volume is not None and self._is_shared_by_replicas(volume) and not mount.sub_path_expr:
            self._warn("LH209", source.key("paths"), path.text)

    def _example(self, container: Container) -> str:
        """A path that would be right for `container`; the last one is merely well written."""
        name = container.name if _SHORT_NAME.fullmatch(container.name) else "app"
        examples = [f"{directory}/{name}/{name}.log" for directory in ("/var/log", "/logs", "/data")]
        for example in examples[:-1]:
            path = paths.parse(example)
            is_free = self._covering(container, path) is None
            if is_free and not hidden_by(path.directory, container, self.mounts.get(id(container), ())):
                return example
        return examples[-1]

    def _is_writable(self, mount: VolumeMount) -> bool:
        volume = self.volumes.get(mount.name)
        return not mount.read_only and not (volume and (volume.is_read_only or volume.immutable_kind))

    @functools.cached_property
    def _first_writers(self) -> dict[str, str]:
        """By volume, the first container that can write it."""
        writers: dict[str, str] = {}
        for container in self.containers.values():
            for mount in container.mounts:
                if self._is_writable(mount):
                    writers.setdefault(mount.name, container.name)
        return writers

    def _is_shared_by_replicas(self, volume: Volume) -> bool:
        """Whether other Pods of the owner have the claim as well; a StatefulSet's own claims end in the Pod's name."""
        claim = volume.persistent_volume_claim
        owners = {owner.kind for owner in self.pod.metadata.owner_references or () if owner.controller}
        if claim is None or not owners & _REPLICATING:
            return False
        return not claim.claim_name.endswith(f"-{self.pod.metadata.name}")

    def _reader(self, container: Container, mount: VolumeMount) -> Reader:
        volume = self.volumes.get(mount.name)
        part = self._sub_path(container, mount.sub_path_expr) if mount.sub_path_expr else None
        is_lost = volume is None and self.is_injected and is_added(mount.name)
        return Reader(
            volume=mount.name,
            mount_path=mount.path,
            container=container.name,
            sub_path=mount.sub_path or None,
            sub_path_expr=part.expression if part else None,
            env=part.env if part else (),
            # A volume that is in no `volumes` is a StatefulSet's claim, before its controller has filled it in.
            is_lasting=not is_lost and (volume is None or bool(volume.persistent_volume_claim or volume.host_path)),
            is_lost=is_lost,
            user=user_of(self.pod, container),
            not_before=self._prepared_at.get(mount.name, 0) if mount.sub_path or part else 0,
        )

    @functools.cached_property
    def _prepared_at(self) -> dict[str, int]:
        """By volume, the place behind the last ordinary init container that mounts it."""
        return {
            mount.name: index
            for index, container in enumerate(self.pod.init_containers, start=1)
            if container.restart_policy != "Always"
            for mount in container.mounts
        }

    def _covering(self, container: Container, path: LogPath) -> VolumeMount | None:
        """The mount of `container` that holds `path`: the longest that covers it, of several at one place the first.

        As many looks as the path has segments, however many mounts there are.
        """
        if not container.volume_mounts:
            return None
        mounts = self.mounts.get(id(container))
        if mounts is None:
            there = reversed(container.volume_mounts)
            self.mounts[id(container)] = mounts = {absolute(mount.mount_path): mount for mount in there}
        anchor = path.directory if path.is_glob else path.text
        above = self.above.get(anchor)
        if above is None:
            self.above[anchor] = above = (anchor, *paths.ancestors(anchor))
        for place in above:
            if place in mounts:
                return mounts[place]
        return None

    def _sub_path(self, container: Container, expression: str) -> SubPath:
        if container.name not in self.variables:
            self.variables[container.name] = Variables(container)
        return self.variables[container.name].sub_path(expression)


_LONGEST_EXAMPLE = 40  # characters; the message is seen whole in its first 120
_SHORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,14}[a-z0-9])?")
_OF_THE_PATH_ALONE = frozenset({"LH206", "LH207"})
_GUESSES = 4  # mistakes for which it is looked up what may be meant: each takes milliseconds among many containers
_SHOWN, _SHOWN_LENGTH = 40, 81  # a message has room for 80 characters of them all
_KEY_TO_MEND = {"LH201": "container", "LH202": "container"}
_REPLICATING = frozenset({"ReplicaSet", "ReplicationController", "DaemonSet", "StatefulSet", "Job"})


def _directory_of_its_own(path: LogPath) -> str:
    """`path` in a directory that holds nothing else."""
    example = f"{path.directory}/{'app' if path.directory == '/var/log' else 'logs'}/{path.text.rpartition('/')[2]}"
    return example if len(example) < _LONGEST_EXAMPLE else "/var/log/app/*.log"


def _first_few(names: Iterable[str]) -> Iterator[str]:
    """As many of `names` as a message shows, which cuts what is longer than this."""
    return (name[:_SHOWN_LENGTH] for name in itertools.islice(names, _SHOWN))
