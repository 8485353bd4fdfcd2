"""The containers of ours, of three kinds: one that streams, one that ships, and one that waits for them to end."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from webhook.annotations.request import Request, Source
from webhook.config.loghook_yaml import Config
from webhook.plan.agreed import Agreed
from webhook.plan.delivery import Delivery, Shipped, starts_at_end
from webhook.plan.layout import Files, LaidOut
from webhook.plan.names import (
    AGENT_NAME,
    CA_VOLUME,
    CONFIG_VOLUME,
    DRAIN_NAME,
    FLUSH_SECONDS,
    STATE_VOLUME,
    TOKEN_VOLUME,
    sidecar_name,
)
from webhook.plan.resources import of_drain, resources
from webhook.plan.security import security_context
from webhook.plan.volumes import Reader
from webhook.pod.places import TOKEN_PATH
from webhook.pod.view import Container, EnvVar, Pod
from webhook.sidecars import CA_DIRECTORY, CONFIG_DIRECTORY, STATE_DIRECTORY, Agent, Assignment, Command, Engine
from webhook.sidecars.drain import DRAIN, drain_command
from webhook.sidecars.streaming import BUSYBOX

__all__ = ["Sidecar", "sidecars"]

_STATE_MOUNT = {"name": STATE_VOLUME, "mountPath": STATE_DIRECTORY}
_CONFIG_MOUNT = {"name": CONFIG_VOLUME, "mountPath": CONFIG_DIRECTORY, "readOnly": True}
_CA_MOUNT = {"name": CA_VOLUME, "mountPath": CA_DIRECTORY, "readOnly": True}
_TOKEN_MOUNT = {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True}


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """One container of ours. `index` is its place among the Pod's init containers as received; None for a plain one.

    `sources` are those that it reads, or for which it waits. `mode` is theirs, or `drain`; `engine` is what runs in it,
    and `drains_itself` as Engine says. `reads` are volumes that it mounts read-only, as (volume, sub-path or
    expression): those of its files, or the token's where it has none.
    """

    sources: tuple[Source, ...]
    mode: str
    engine: str
    container: dict[str, Any]
    index: int | None
    drains_itself: bool = True
    reads: tuple[tuple[str, str | None], ...] = ((TOKEN_VOLUME, None),)

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])


def sidecars(agreed: Agreed, laid_out: LaidOut, shipped: Shipped) -> tuple[Sidecar, ...]:
    """All sidecars in their order: those that stream, the agent, and the one that holds up their end."""
    around = _Surroundings.of(agreed, laid_out)
    made = [around.streaming(agreed.engine, each) for each in shipped.streamed if agreed.engine]
    if shipped.delivery and agreed.agent:
        made.append(around.shipping(agreed.agent, shipped.shipped, shipped.delivery))
    waited_for = [sidecar for sidecar in made if not sidecar.drains_itself and sidecar.index is not None]
    if waited_for and agreed.request.drain_seconds:
        made.append(around.draining(waited_for, (shipped.shipped or shipped.streamed)[0].writers[0]))
    return tuple(made)


class _Program(msgspec.Struct, frozen=True):
    """What a container runs. `waits`: it is to be kept running while the application stops."""

    image: str
    command: Command
    env: Sequence[Any] = ()
    waits: bool = False


class _Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all sidecars of one Pod have in common.

    `others` are the Pod's containers but for ours, by name. `volume_sizes` are the size limits of the emptyDirs that we
    add. `grace_seconds` is the Pod's grace period.
    """

    pod: Pod
    request: Request
    config: Config
    others: Mapping[str, Container]
    volume_sizes: Sequence[str]
    grace_seconds: int

    @classmethod
    def of(cls, agreed: Agreed, laid_out: LaidOut) -> "_Surroundings":
        """What the sidecars that were `agreed` on share."""
        return cls(
            pod=agreed.asked.pod,
            request=agreed.request,
            config=agreed.asked.config,
            others=agreed.asked.others,
            volume_sizes=[volume["emptyDir"].get("sizeLimit", "none") for volume in laid_out.empty_dirs],
            grace_seconds=agreed.asked.grace_seconds,
        )

    def resources(self, engine: str, request: Request | None = None) -> dict[str, Any]:
        """The resources of a sidecar that runs `engine`, as the Pod's annotations and the configuration have them."""
        defaults = self.config.resources.of(engine)
        return resources(self.pod, request or self.request, defaults, self.others.values(), self.volume_sizes)

    def streaming(self, engine: Engine, files: Files) -> Sidecar:
        """The sidecar that writes the lines of `files` to its stdout."""
        assignment = Assignment(
            paths=files.paths,
            exclude=files.exclude,
            from_end=starts_at_end(files),
            is_native=self.request.native_sidecar,
            drain_seconds=self.request.drain_seconds,
            source=files.source.name,
        )
        container = self._container(
            sidecar_name(files.source),
            _Program(
                self.config.images.of(engine.name),
                engine.command(assignment),
                env=_sub_path_variables([files]),
                waits=not engine.drains_itself,
            ),
            self.resources(engine.name),
            files.writers[0],
            [*_mounts([files]), *([_STATE_MOUNT] if engine.has_state else [])],
        )
        return Sidecar(
            sources=(files.source,),
            mode="streaming",
            engine=engine.name,
            container=container,
            index=self._index(files.readers),
            drains_itself=engine.drains_itself,
            reads=_reads([files]),
        )

    def shipping(self, agent: Agent, files: Sequence[Files], delivery: Delivery) -> Sidecar:
        """The sidecar that ships all of `files`."""
        container = self._container(
            AGENT_NAME,
            _Program(
                self.config.images.of(agent.name, agent.image(delivery.shipment)),
                agent.command(delivery.shipment),
                env=[*_sub_path_variables(files), *delivery.environment(agent)],
                waits=True,
            ),
            self.resources(agent.name),
            files[0].writers[0],
            [*_mounts(files), _STATE_MOUNT, _CONFIG_MOUNT, *([_CA_MOUNT] if delivery.secret_files else [])],
        )
        readers = [reader for each in files for reader in each.readers]
        index = self._index(readers)
        return Sidecar(
            sources=tuple(each.source for each in files),
            mode="agent",
            engine=agent.name,
            container=container,
            index=None if index is None else max(index, _index_after_mesh(self.pod, readers)),
            drains_itself=False,
            reads=_reads(files),
        )

    def draining(self, others: Sequence[Sidecar], writer: str) -> Sidecar:
        """The sidecar that holds up the end of `others`, native ones that read what `writer` writes."""
        of = self.config.resources.of
        container = self._container(
            DRAIN_NAME,
            _Program(self.config.images.of(BUSYBOX.name), drain_command(self.request.drain_seconds)),
            self.resources(DRAIN, of_drain(self.request, of(DRAIN), of(others[-1].engine))),
            writer,
            [],
        )
        return Sidecar(
            sources=tuple(source for each in others for source in each.sources),
            mode="drain",
            engine=BUSYBOX.name,
            container=container,
            index=max(each.index or 0 for each in others),
        )

    def _container(
        self, name: str, program: _Program, resources: dict[str, Any], writer: str, mounts: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """A container that runs as the user of the container `writer`."""
        is_native = self.request.native_sidecar
        return {
            "name": name,
            "image": program.image,
            "imagePullPolicy": self.config.image_pull_policy,
            **({"command": program.command.command} if program.command.command else {}),
            "args": program.command.args,
            **({"env": program.env} if program.env else {}),
            "resources": resources,
            **(self._pause() if program.waits and not is_native else {}),
            "securityContext": security_context(self.pod, self.others.get(writer), self.config),
            "volumeMounts": [*mounts, _TOKEN_MOUNT],
            **({"restartPolicy": "Always"} if is_native else {}),
        }

    def _pause(self) -> dict[str, Any]:
        """Keep a plain container running while the application stops; the API server takes no longer than the grace."""
        seconds = min(self.request.drain_seconds, self.grace_seconds - FLUSH_SECONDS)
        return {"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}} if seconds > 0 else {}

    def _index(self, readers: Iterable[Reader]) -> int | None:
        return _index_after_preparation(self.pod, readers) if self.request.native_sidecar else None


# What it mounts.


def _trees(files: Iterable[Files]) -> dict[str, Reader]:
    """Each tree once, by its mount path."""
    return {path: reader for each in files for path, reader in zip(each.mount_paths, each.readers, strict=True)}


def _reads(files: Iterable[Files]) -> tuple[tuple[str, str | None], ...]:
    return tuple((reader.volume, reader.sub_path_expr or reader.sub_path) for reader in _trees(files).values())


def _mounts(files: Iterable[Files]) -> list[dict[str, Any]]:
    return [_mount(reader, path) for path, reader in _trees(files).items()]


def _mount(reader: Reader, path: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": reader.volume, "mountPath": path, "readOnly": True}
    if reader.sub_path_expr:
        mount["subPathExpr"] = reader.sub_path_expr
    elif reader.sub_path:
        mount["subPath"] = reader.sub_path
    return mount


def _sub_path_variables(files: Iterable[Files]) -> list[EnvVar]:
    variables = (variable for each in files for reader in each.readers for variable in reader.env)
    return list({variable.name: variable for variable in variables}.values())


# Where it stands.


def _index_after_preparation(pod: Pod, readers: Iterable[Reader]) -> int:
    """First of all, so that init containers' files are read too.

    A sub-path is the exception: the kubelet makes its directory, as root, for the first container that mounts it. That
    must stay the init container that prepared it before we came.
    """
    prepared = {reader.volume for reader in readers if reader.sub_path or reader.sub_path_expr}
    preparing = [
        index
        for index, container in enumerate(pod.init_containers, start=1)
        if container.restart_policy != "Always" and any(mount.name in prepared for mount in container.mounts)
    ]
    return max(preparing, default=0)


def _index_after_mesh(pod: Pod, readers: Iterable[Reader]) -> int:
    """After the native sidecars that stand in front, which are stopped after us then: one may be the network's proxy.

    Not after an ordinary init container, nor after one whose files are read.
    """
    writers = {reader.container for reader in readers}
    for index, container in enumerate(pod.init_containers):
        if container.restart_policy != "Always" or container.name in writers:
            return index
    return len(pod.init_containers)
