"""The plan: everything that a Pod gets from loghook, as data, before any patch is written.

It is made along a line of stages. Each makes one frozen value out of those before it, for the sources that are sound,
and says what is wrong with the others; none asks back, and none stops the line.

    asked      what the annotations ask for, and where each source's records go
    located    which volume of the Pod holds each path, and all else that matters of the Pod
    agreed     which sources go on, and which programs run for them
    laid out   how the sidecars see the files, and which volumes are added
    shipped    which files are streamed, and what the agent is given
    sidecars   our containers
    plan       all of this together
    ops        the JSON Patch that makes it of this Pod (`webhook.plan.patch`)

Only `located` reads the Pod, and only `ops` writes to it: what lies between is the same for all Pods that look the same
to the first.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from webhook import __version__
from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Source
from webhook.diagnostics import Diagnostic
from webhook.plan.agreed import Agreed, agree
from webhook.plan.asked import Asked
from webhook.plan.containers import Sidecar, sidecars, written
from webhook.plan.delivery import Delivery, Shipped, ship
from webhook.plan.layout import LaidOut, lay_out
from webhook.plan.names import CA_VOLUME, CONFIG, CONFIG_VOLUME, STATUS, TOKEN_VOLUME, sidecar_name
from webhook.plan.node_agents import NODE_AGENTS, Output
from webhook.plan.orders import parsing
from webhook.plan.pod_level import filled_in
from webhook.plan.volumes import Located
from webhook.pod.view import Quantities
from webhook.remembered import size_of
from webhook.sidecars import Agent

__all__ = ["Mount", "Plan", "plan"]

_encode = msgspec.json.Encoder().encode

_FACTOR = 3  # what JSON takes as objects: its texts, and as much again for the objects themselves


class Mount(msgspec.Struct, frozen=True):
    """A volume mount that one of the user's containers gets."""

    container: str
    volume: str
    path: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a Pod gets. Where a diagnostic is an error the rest is not to be used.

    Containers and volumes are JSON already. `annotations` are ours, `hints` those of each stream for the node's agent.
    `resources` are members of the Pod's own `spec.resources` that are absent, by `requests` and `limits`. `about_pod`
    and `about_files` is what is wrong.
    """

    sidecars: tuple[Sidecar, ...]
    volumes: tuple[msgspec.Raw, ...]
    mounts: tuple[Mount, ...]
    annotations: Mapping[str, str]
    hints: tuple[Mapping[str, str], ...]
    evictable: tuple[str, ...]
    has_plain_sidecars: bool
    image_pull_secrets: tuple[str, ...]
    resources: Mapping[str, Quantities]
    sources: tuple[Source, ...]
    about_pod: tuple[Diagnostic, ...]
    about_files: tuple[Diagnostic, ...]


def plan(asked: Asked, located: Located) -> tuple[Plan, int]:
    """All that is needed for what is `asked` in a Pod whose files are `located`, and what is wrong with either.

    From here on little is looked at in the Pod, so what was planned for one is remembered for all that look the same so
    far. With it comes a number that no other plan has that is remembered under this configuration; 0 where it is not.
    """
    memory = asked.config.memory
    key = (asked.key, tuple(located.found.items()), located.around) if located.around.level is None else None
    found: tuple[Plan, int] | None = memory.planned.find(key) if key else None
    if found is None:
        made = _planned(asked, located)
        is_kept = key is not None and not memory.planned.is_new(key)
        found = made, next(memory.numbers) if is_kept else 0
        if is_kept:
            memory.planned.keep(key, found, _size(asked, located, made))
    return found


def _planned(asked: Asked, located: Located) -> Plan:
    agreed = agree(asked, located)
    laid_out = lay_out(agreed, located)
    shipped = ship(agreed, laid_out)
    made = sidecars(agreed, laid_out, shipped)
    volumes = [*laid_out.empty_dirs, *_read_volumes(agreed, shipped.delivery)] if made else []
    hints, unsaid = _hints(agreed, shipped)
    return Plan(
        sidecars=made,
        volumes=tuple([_TOKEN_WRITTEN if volume is _TOKEN else written(volume) for volume in volumes]),
        mounts=tuple([Mount(each.container, each.volume, each.directory) for each in laid_out.additions]),
        annotations=_annotations(agreed, laid_out, shipped, made, volumes),
        hints=hints,
        evictable=tuple([volume["name"] for volume in laid_out.empty_dirs]) if made else (),
        has_plain_sidecars=not agreed.request.native_sidecar,
        image_pull_secrets=asked.config.image_pull_secrets,
        resources=filled_in(agreed.around.level, agreed.request) if agreed.around.level else {},
        sources=tuple([each.source for each in laid_out.files]),
        about_pod=agreed.diagnostics,
        about_files=(*laid_out.diagnostics, *shipped.diagnostics, *unsaid),
    )


# A token that is not there cannot be read by whoever swaps a log for a link to it. The API server also looks for a
# mount at this path before it adds the token of the service account.
_TOKEN: dict[str, Any] = {"name": TOKEN_VOLUME, "projected": {"sources": []}}
_TOKEN_WRITTEN = written(_TOKEN)


def _read_volumes(agreed: Agreed, delivery: Delivery | None) -> list[dict[str, Any]]:
    """The volumes that are only read."""
    if not delivery or not agreed.agent:
        return [_TOKEN]
    volumes = [_config_volume(agreed.agent)]
    if delivery.secret_files:
        volumes.append({"name": CA_VOLUME, "projected": {"sources": delivery.projections(agreed.asked.config)}})
    return [*volumes, _TOKEN]


def _config_volume(agent: Agent) -> dict[str, Any]:
    reference = {"fieldPath": f"metadata.annotations['{CONFIG}']"}
    return {"name": CONFIG_VOLUME, "downwardAPI": {"items": [{"path": agent.config_file, "fieldRef": reference}]}}


# Annotations.


def _annotations(
    agreed: Agreed, laid_out: LaidOut, shipped: Shipped, made: Iterable[Sidecar], volumes: Iterable[dict[str, Any]]
) -> dict[str, str]:
    """What `kubectl describe` shows of us, of which nothing is ever decided; and the agent's configuration."""
    status = {
        "version": __version__,
        "injected": True,
        "containers": [each.name for each in made],
        "volumes": [volume["name"] for volume in volumes],
        "sources": [_status_of(each.source) for each in laid_out.files],
    }
    config = agreed.agent.config(shipped.delivery.shipment) if shipped.delivery and agreed.agent else None
    if config is None:
        return {STATUS: _encode(status).decode()}
    digest = hashlib.sha256(config.encode()).hexdigest()
    status |= {"agent": agreed.request.agent, "config": f"sha256:{digest}"}
    return {STATUS: _encode(status).decode(), CONFIG: config}


def _status_of(source: Source) -> dict[str, Any]:
    status = {"name": source.name, "mode": source.mode, "paths": [path.text for path in source.paths]}
    return {**status, "destination": source.destination} if source.mode == "agent" else status


def _hints(agreed: Agreed, shipped: Shipped) -> tuple[tuple[Mapping[str, str], ...], tuple[Diagnostic, ...]]:
    """How the node's agent is to read each stream, and what cannot be said of it."""
    agent, config = agreed.request.node_agent_hints, agreed.asked.config
    if agent not in NODE_AGENTS:
        return (), ()
    hints: list[Mapping[str, str]] = []
    unsaid: dict[str, Diagnostic] = {}
    for each in shipped.streamed:
        read_as = parsing(each.source, config)
        hint = NODE_AGENTS[agent](Output(sidecar_name(each.source), each.writers[0], read_as, each.source.fields))
        hints.append(hint.annotations)
        for what in hint.left_unsaid:
            unsaid[what] = Diagnostic("LH406", PREFIX + "node-agent-hints", None, {"agent": agent, "what": what})
    return tuple(hints), tuple(unsaid.values())


def _size(asked: Asked, located: Located, plan: Plan) -> int:
    """About how many bytes `plan` holds, with all that it was made from: some times as much as it has as JSON."""
    texts = (bytes(each) for each in (*plan.volumes, *(sidecar.written for sidecar in plan.sidecars)))
    made_from = msgspec.json.encode((located.found, located.around))
    return asked.size + _FACTOR * size_of((made_from, *texts, *plan.annotations.values()))
