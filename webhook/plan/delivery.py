"""What an agent sidecar ships, and where to: sources with their files and destinations, as data for any agent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook.annotations.request import Source
from webhook.config.destinations import Destination, SecretKey
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.agreed import Agreed
from webhook.plan.layout import Files, LaidOut
from webhook.plan.names import FLUSH_SECONDS
from webhook.plan.orders import (
    NAMESPACE,
    NODE,
    POD,
    UNNAMED,
    destination_of,
    file_of,
    parsing,
    redact,
    secret_of,
    target,
)
from webhook.plan.resources import usable_memory
from webhook.plan.surroundings import Surroundings
from webhook.pod import quantities
from webhook.sidecars import Agent, Shipment, Stream, Text, Tree, Variable
from webhook.sidecars.clashes import told_apart

__all__ = ["Delivery", "Shipped", "ship", "starts_at_end"]

_FIELDS = {NAMESPACE: "metadata.namespace", POD: "metadata.name", NODE: "spec.nodeName"}


class Delivery(msgspec.Struct, frozen=True):
    """All that one agent sidecar is to do, and what it needs for it beside the files.

    `variables` are the entries of its environment by name, `secret_files` the files that come from Secrets.
    """

    shipment: Shipment
    variables: Mapping[str, dict[str, Any]]
    secret_files: Mapping[str, SecretKey]

    @classmethod
    def of(cls, files: Sequence[Files], around: Surroundings, config: Config, bounds: Mapping[str, int]) -> "Delivery":
        """The delivery of `files`, whose sources have destinations; `bounds` are those of Shipment."""
        settings = {
            name: config.destinations[name] for name in dict.fromkeys(destination_of(each.source) for each in files)
        }
        labels = {key: Variable(f"LOGHOOK_LABEL_{number}") for number, key in enumerate(config.labels, start=1)}
        labels = {key: variable for key, variable in labels.items() if key in around.labels}
        streams = tuple(_stream(each, around, config, labels) for each in files)
        return cls(
            Shipment(streams=streams, **bounds),
            {entry["name"]: entry for entry in _entries(settings, labels, required=config.secrets.required)},
            {
                file_of(name, field): secret
                for name, destination in settings.items()
                for field, secret in destination.secret_files()
            },
        )

    def environment(self, agent: Agent) -> list[dict[str, Any]]:
        """The variables, and those that `agent` wants besides, which may refer to them."""
        more = agent.env(self.shipment)
        return [*self.variables.values(), *(self._entry(name, text) for name, text in more.items())]

    def projections(self, config: Config) -> list[dict[str, Any]]:
        """The files as sources of a projected volume."""
        optional = {} if config.secrets.required else {"optional": True}
        return [
            {"secret": {"name": secret.secret, "items": [{"key": secret.key, "path": file}], **optional}}
            for file, secret in self.secret_files.items()
        ]

    def _entry(self, name: str, text: Text) -> dict[str, Any]:
        match text:
            case (Variable(same),):
                return {**self.variables[same], "name": name}
            case _:
                # Kubernetes expands `$(NAME)` and makes one dollar sign of two.
                parts = (f"$({part.name})" if isinstance(part, Variable) else part.replace("$", "$$") for part in text)
                return {"name": name, "value": "".join(parts)}


class Shipped(msgspec.Struct, frozen=True):
    """The files whose lines are `streamed`, those that the agent has `shipped`, and its delivery of them."""

    streamed: tuple[Files, ...]
    shipped: tuple[Files, ...]
    delivery: Delivery | None
    diagnostics: tuple[Diagnostic, ...]


def ship(agreed: Agreed, laid_out: LaidOut) -> Shipped:
    """Divide the files that are `laid_out`, and give the agent those of which it can do all that is asked."""
    if agreed.agent is None:
        return Shipped(laid_out.files, (), None, ())
    unable = {name for name, _ in agreed.unable}
    wanted = tuple([each for each in laid_out.files if each.source.mode == "agent"])
    shipped = tuple([each for each in wanted if each.source.name not in unable])
    return Shipped(
        streamed=tuple([each for each in laid_out.files if each.source.mode != "agent"]),
        shipped=shipped,
        delivery=_delivery(agreed, agreed.agent, shipped) if shipped else None,
        diagnostics=(*_mistakes(agreed, wanted), *_about_secrets(agreed, wanted)),
    )


def _mistakes(agreed: Agreed, wanted: Iterable[Files]) -> Iterator[Diagnostic]:
    """What the agent cannot do for the sources that have files of their own."""
    names = {each.source.name for each in wanted}
    return (diagnostic for name, diagnostic in agreed.unable if name in names)


def _about_secrets(agreed: Agreed, wanted: Sequence[Files]) -> Iterator[Diagnostic]:
    """A warning where containers that share their processes may read a destination's secrets."""
    if agreed.around.shared_with is not None:
        destinations = (agreed.asked.config.destinations[destination_of(each.source)] for each in wanted)
        if any(any(destination.secrets()) for destination in destinations):
            yield Diagnostic("LH405", wanted[0].source.key("destination"), None, {"field": agreed.around.shared_by})


def _delivery(agreed: Agreed, agent: Agent, shipped: Sequence[Files]) -> Delivery:
    asked = agreed.asked
    defaults = asked.config.resources.of(agent.name)
    bounds = {
        "memory_bytes": usable_memory(agreed.around, agreed.request, defaults),
        "state_bytes": int(quantities.parse(asked.config.state_size_limit)),
        "grace_seconds": FLUSH_SECONDS,
    }
    return Delivery.of(shipped, agreed.around, asked.config, bounds)


def _entries(
    settings: Mapping[str, Destination], labels: Mapping[str, Variable], *, required: bool
) -> Iterator[dict[str, Any]]:
    for variable, path in _FIELDS.items():
        yield {"name": variable.name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
    for key, variable in labels.items():
        yield {"name": variable.name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{key}']"}}}
    for name, destination in settings.items():
        for field, secret in destination.secrets():
            reference = {"name": secret.secret, "key": secret.key, **({} if required else {"optional": True})}
            yield {"name": secret_of(name, field).name, "valueFrom": {"secretKeyRef": reference}}


def _stream(files: Files, around: Surroundings, config: Config, labels: Mapping[str, Variable]) -> Stream:
    source = files.source
    return Stream(
        name=source.name,
        paths=files.paths,
        exclude=files.exclude,
        from_end=starts_at_end(files),
        trees=tuple(
            [Tree(path, reader.mount_path) for path, reader in zip(files.mount_paths, files.readers, strict=True)]
        ),
        parsing=parsing(source, config),
        target=target(source, files.writers[0], around, config),
        attributes=told_apart(
            {
                "k8s.namespace.name": (NAMESPACE,),
                "k8s.pod.name": (POD,),
                "k8s.node.name": (NODE,),
                "k8s.container.name": (files.writers[0],),
                "loghook.source": (source.name or UNNAMED,),
                **_service(files.writers[0], source, around, config),
                **{f"k8s.pod.label.{key}": (variable,) for key, variable in labels.items()},
                **{key: (value,) for key, value in source.fields},
            }
        ),
        keep=source.keep,
        drop=source.drop,
        redact=redact(source, config),
    )


def _service(writer: str, source: Source, around: Surroundings, config: Config) -> Mapping[str, Text]:
    """Which service the container `writer` is of, for a destination that is told."""
    told = config.destinations[destination_of(source)].tells_service
    return dict(dict(around.services).get(writer, ())) if told else {}


def starts_at_end(files: Files) -> bool:
    """Whether the files that are there at the start are old: those of volumes that outlive the Pod."""
    if files.source.read_from is not None:
        return files.source.read_from == "end"
    return False not in [reader.is_lasting for reader in files.readers]
