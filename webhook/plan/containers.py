"""The containers of ours, of three kinds: one that streams, one that ships, and one that waits for them to end."""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    is_added,
    sidecar_name,
)
from webhook.plan.readings import Reader
from webhook.plan.resources import of_drain, resources
from webhook.plan.security import User, security_context
from webhook.pod.refused_places import TOKEN_PATH
from webhook.pod.view import EnvVar
from webhook.sidecars import CA_DIRECTORY, CONFIG_DIRECTORY, STATE_DIRECTORY, Agent, Assignment, Command, Engine, Tree
from webhook.sidecars.drain import DRAIN, drain_command
from webhook.sidecars.streaming import BUSYBOX

__all__ = ["Sidecar", "sidecars", "written"]

_encode = msgspec.json.Encoder().encode

_STATE_MOUNT = {"name": STATE_VOLUME, "mountPath": STATE_DIRECTORY}
_CONFIG_MOUNT = {"name": CONFIG_VOLUME, "mountPath": CONFIG_DIRECTORY, "readOnly": True}
_CA_MOUNT = {"name": CA_VOLUME, "mountPath": CA_DIRECTORY, "readOnly": True}
_TOKEN_MOUNT = {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True}


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """One container of ours, by its `name`.

    `index` is its place among the Pod's init containers as received; None for a plain one. `sources` are those that it
    reads, or for which it waits. `mode` is theirs, or `drain`; `engine` is what runs in it, and `drains_itself` as
    Engine says. `reads` are volumes that it mounts read-only, as (volume, sub-path or expression): those of its files,
    or the token's where it has none. `written` is the container as JSON. `may_write`: those of them that we add may be
    mounted writable, for holes.
    """

    name: str
    sources: tuple[Source, ...]
    mode: str
    engine: str
    written: msgspec.Raw
    index: int | None
    drains_itself: bool = True
    reads: tuple[tuple[str, str | None], ...] = ((TOKEN_VOLUME, None),)
    may_write: bool = False


def sidecars(agreed: Agreed, laid_out: LaidOut, shipped: Shipped) -> tuple[Sidecar, ...]:
    """All sidecars in their order: those that stream, the agent, and the one that holds up their end."""
    sizes = [volume["emptyDir"].get("sizeLimit", "none") for volume in laid_out.empty_dirs]
    making = _Making(agreed, agreed.request, agreed.asked.config, sizes)
    made = [making.streaming(agreed.engine, *each) for each in enumerate(shipped.streamed) if agreed.engine]
    if shipped.delivery and agreed.agent:
        made.append(making.shipping(agreed.agent, shipped.shipped, shipped.delivery))
    waited_for = [sidecar for sidecar in made if not sidecar.drains_itself and sidecar.index is not None]
    if waited_for and agreed.request.drain_seconds:
        made.append(making.draining(waited_for, (shipped.shipped or shipped.streamed)[0].readers[0].user))
    return tuple(made)


def written(value: object) -> msgspec.Raw:
    """`value` as JSON, to be put into a patch again and again."""
    return msgspec.Raw(_encode(value))


@functools.lru_cache(maxsize=16)  # there are fewer: each program's own, without a word of a Pod's
def _written_once(command: tuple[str, ...]) -> msgspec.Raw:
    """A program's `command` as JSON: it may hold a whole script, in which each character is looked at."""
    return written(command)


class _Program(msgspec.Struct, frozen=True):
    """What a container runs. `waits`: it is to be kept running while the application stops."""

    image: str
    command: Command
    env: Sequence[Any] = ()
    waits: bool = False


class _Making(msgspec.Struct, frozen=True):
    """What all sidecars of one Pod are made from: what is agreed, the `request` and the `config` of it.

    `volume_sizes` are the limits of the emptyDirs that we add.
    """

    agreed: Agreed
    request: Request
    config: Config
    volume_sizes: Sequence[str]

    def resources(self, engine: str, request: Request | None = None) -> dict[str, Any]:
        """The resources of a sidecar that runs `engine`, as the Pod's annotations and the configuration have them."""
        defaults = self.config.resources.of(engine)
        return resources(self.agreed.around, request or self.request, defaults, self.volume_sizes)

    def streaming(self, engine: Engine, number: int, files: Files) -> Sidecar:
        """The sidecar that writes the lines of `files` to its stdout, which is that of its kind with this number."""
        trees = dict(zip(files.mount_paths, files.readers, strict=True))
        freed: frozenset[str] = frozenset()
        if self.agreed.frees:
            freed = frozenset(path for path, reader in trees.items() if is_added(reader.volume))
        name = sidecar_name(files.source)
        port = self.config.reader.port
        assignment = Assignment(
            paths=files.paths,
            exclude=files.exclude,
            from_end=starts_at_end(files),
            is_native=self.request.native_sidecar,
            drain_seconds=self.request.drain_seconds,
            source=files.source.name,
            trees=tuple([Tree(path, reader.mount_path) for path, reader in trees.items()]),
            freed=freed,
            port=port + number if port else 0,
        )
        container = self._container(
            name,
            _Program(
                self.config.images.of(engine.name),
                engine.command(assignment),
                env=_sub_path_variables(trees.values()),
                waits=not engine.drains_itself,
            ),
            self.resources(engine.name),
            files.readers[0].user,
            [*_mounts(trees, freed), *([_STATE_MOUNT] if engine.has_state else [])],
        )
        return Sidecar(
            name=name,
            sources=(files.source,),
            mode="streaming",
            engine=engine.name,
            written=written(container),
            index=self._index(files.readers),
            drains_itself=engine.drains_itself,
            reads=_reads(trees),
            may_write=engine.can_free,
        )

    def shipping(self, agent: Agent, files: Sequence[Files], delivery: Delivery) -> Sidecar:
        """The sidecar that ships all of `files`."""
        trees = _trees(files)
        container = self._container(
            AGENT_NAME,
            _Program(
                self.config.images.of(agent.name, agent.image(delivery.shipment)),
                agent.command(delivery.shipment),
                env=[*_sub_path_variables(trees.values()), *delivery.environment(agent)],
                waits=True,
            ),
            self.resources(agent.name),
            files[0].readers[0].user,
            [*_mounts(trees), _STATE_MOUNT, _CONFIG_MOUNT, *([_CA_MOUNT] if delivery.secret_files else [])],
        )
        readers = [reader for each in files for reader in each.readers]
        index = self._index(readers)
        return Sidecar(
            name=AGENT_NAME,
            sources=tuple(each.source for each in files),
            mode="agent",
            engine=agent.name,
            written=written(container),
            index=None if index is None else max(index, _index_after_mesh(self.agreed.around.in_front, readers)),
            drains_itself=False,
            reads=_reads(trees),
        )

    def draining(self, others: Sequence[Sidecar], writer: User) -> Sidecar:
        """The sidecar that holds up the end of `others`, native ones which read what `writer` writes."""
        of = self.config.resources.of
        container = self._container(
            DRAIN_NAME,
            _Program(self.config.images.of(BUSYBOX.name), drain_command(self.request.drain_seconds)),
            self.resources(DRAIN, of_drain(self.request, of(DRAIN), of(others[-1].engine))),
            writer,
            [],
        )
        return Sidecar(
            name=DRAIN_NAME,
            sources=tuple(source for each in others for source in each.sources),
            mode="drain",
            engine=BUSYBOX.name,
            written=written(container),
            index=max(each.index or 0 for each in others),
        )

    def _container(
        self, name: str, program: _Program, resources: dict[str, Any], writer: User, mounts: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """A container that runs as `writer`, the user of the first container whose files it reads."""
        is_native = self.request.native_sidecar
        return {
            "name": name,
            "image": program.image,
            "imagePullPolicy": self.config.image_pull_policy,
            **({"command": _written_once(tuple(program.command.command))} if program.command.command else {}),
            "args": program.command.args,
            **({"env": program.env} if program.env else {}),
            "resources": resources,
            **(self._pause() if program.waits and not is_native else {}),
            "securityContext": security_context(writer, self.agreed.around.shared_with, self.config),
            "volumeMounts": [*mounts, _TOKEN_MOUNT],
            **({"restartPolicy": "Always"} if is_native else {}),
        }

    def _pause(self) -> dict[str, Any]:
        """Keep a plain container running while the application stops; the API server takes no longer than the grace."""
        seconds = min(self.request.drain_seconds, self.agreed.around.grace_seconds - FLUSH_SECONDS)
        return {"lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}} if seconds > 0 else {}

    def _index(self, readers: Iterable[Reader]) -> int | None:
        """First of all, so that init containers' files are read too, but not before one that prepares a sub-path."""
        return max([0, *[reader.not_before for reader in readers]]) if self.request.native_sidecar else None


# What it mounts.


def _trees(files: Iterable[Files]) -> dict[str, Reader]:
    """Each tree once, by its mount path."""
    return {path: reader for each in files for path, reader in zip(each.mount_paths, each.readers, strict=True)}


def _reads(trees: Mapping[str, Reader]) -> tuple[tuple[str, str | None], ...]:
    return tuple([(reader.volume, reader.sub_path_expr or reader.sub_path) for reader in trees.values()])


def _mounts(trees: Mapping[str, Reader], freed: Collection[str] = ()) -> list[dict[str, Any]]:
    """The mounts of `trees`, read-only but for those at paths that are `freed`: holes are written."""
    mounts = []
    for path, reader in trees.items():
        mount: dict[str, Any] = {"name": reader.volume, "mountPath": path}
        if path not in freed:
            mount["readOnly"] = True
        if reader.sub_path_expr:
            mount["subPathExpr"] = reader.sub_path_expr
        elif reader.sub_path:
            mount["subPath"] = reader.sub_path
        mounts.append(mount)
    return mounts


def _sub_path_variables(readers: Iterable[Reader]) -> list[EnvVar]:
    return list({variable.name: variable for reader in readers for variable in reader.env}.values())


# Where it stands.


def _index_after_mesh(in_front: Sequence[str], readers: Iterable[Reader]) -> int:
    """After the native sidecars that stand in front, which are stopped after us then: one may be the network's proxy.

    Not after one whose files are read.
    """
    writers = {reader.container for reader in readers}
    return next((index for index, name in enumerate(in_front) if name in writers), len(in_front))
