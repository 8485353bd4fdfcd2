"""The plan: everything that a Pod gets from loghook, as data, before any patch is written.

It is made along a line of stages. Each makes one frozen value out of those before it, for the sources that are sound,
and says what is wrong with the others; none asks back, and none stops the line.

    asked      what is asked of this Pod, and where each source's records go
    located    which volume of the Pod holds each path
    agreed     which sources go on, and which programs run for them
    laid out   how the sidecars see the files, and which volumes are added
    shipped    which files are streamed, and what the agent is given
    sidecars   our containers
    plan       all of this together, as the Pod gets it
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook import __version__
from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request, Source
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.agreed import Agreed, agree
from webhook.plan.asked import Asked, ask
from webhook.plan.containers import Sidecar, sidecars
from webhook.plan.delivery import Delivery, Shipped, ship
from webhook.plan.layout import Files, LaidOut, lay_out
from webhook.plan.names import (
    CA_VOLUME,
    CONFIG,
    CONFIG_VOLUME,
    DEFAULT_CONTAINER,
    SAFE_TO_EVICT,
    STATUS,
    TOKEN_VOLUME,
    sidecar_name,
)
from webhook.plan.node_agents import NODE_AGENTS, Output
from webhook.plan.orders import parsing
from webhook.plan.pod_level import filled_in
from webhook.plan.volumes import locate
from webhook.pod.view import Pod, Quantities
from webhook.sidecars import Agent

__all__ = ["Mount", "Plan", "plan"]

_ANNOTATIONS_LIMIT = 256 * 2**10  # bytes of keys and values (k8s.io/apimachinery/pkg/api/validation)


class Mount(msgspec.Struct, frozen=True):
    """A volume mount that one of the user's containers gets."""

    container: str
    volume: str
    path: str


class Plan(msgspec.Struct, frozen=True):
    """What a Pod gets. Where a diagnostic is an error the rest is not to be used.

    `resources` are members of the Pod's own `spec.resources` that are absent, by `requests` and `limits`.
    """

    sidecars: tuple[Sidecar, ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[Mount, ...] = ()
    annotations: Mapping[str, str] = {}
    image_pull_secrets: tuple[str, ...] = ()
    resources: Mapping[str, Quantities] = {}
    sources: tuple[Source, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def plan(pod: Pod, request: Request, config: Config, namespace: str) -> Plan:
    """All that `request` needs in `pod`, created in `namespace`, with every mistake that only the Pod itself shows."""
    asked = ask(pod, request, config, namespace)
    located = locate(asked)
    agreed = agree(asked, located)
    laid_out = lay_out(agreed, located)
    shipped = ship(agreed, laid_out)
    made = sidecars(agreed, laid_out, shipped)
    planned = _planned(agreed, laid_out, shipped, made)
    # What is about the whole Pod comes before what is about one path.
    stages = (asked, agreed, located, laid_out, shipped, planned)
    return msgspec.structs.replace(planned, diagnostics=tuple(found for each in stages for found in each.diagnostics))


def _planned(agreed: Agreed, laid_out: LaidOut, shipped: Shipped, made: tuple[Sidecar, ...]) -> Plan:
    """The last stage, with what is wrong with the Pod as a whole."""
    asked = agreed.asked
    volumes = (*laid_out.empty_dirs, *_read_volumes(agreed, shipped.delivery)) if made else ()
    hints, unsaid = _hints(agreed, shipped)
    annotations = {**_annotations(agreed, laid_out, shipped, made, volumes), **hints}
    return Plan(
        sidecars=made,
        volumes=volumes,
        mounts=tuple(Mount(each.container, each.volume, each.directory) for each in laid_out.additions),
        annotations=annotations,
        image_pull_secrets=_missing_pull_secrets(asked),
        resources=filled_in(agreed.level, agreed.request) if agreed.level else {},
        sources=tuple(each.source for each in laid_out.files),
        diagnostics=(*unsaid, *_about_size(asked.pod, annotations)),
    )


def _read_volumes(agreed: Agreed, delivery: Delivery | None) -> Iterator[dict[str, Any]]:
    """The volumes that are only read."""
    if delivery and agreed.agent:
        yield _config_volume(agreed.agent)
        if delivery.secret_files:
            yield {"name": CA_VOLUME, "projected": {"sources": delivery.projections(agreed.asked.config)}}
    # A token that is not there cannot be read by whoever swaps a log for a link to it. The API server also looks
    # for a mount at this path before it adds the token of the service account.
    yield {"name": TOKEN_VOLUME, "projected": {"sources": []}}


def _config_volume(agent: Agent) -> dict[str, Any]:
    reference = {"fieldPath": f"metadata.annotations['{CONFIG}']"}
    return {"name": CONFIG_VOLUME, "downwardAPI": {"items": [{"path": agent.config_file, "fieldRef": reference}]}}


# Annotations.


def _annotations(
    agreed: Agreed, laid_out: LaidOut, shipped: Shipped, made: Iterable[Sidecar], volumes: Sequence[dict[str, Any]]
) -> dict[str, str]:
    pod = agreed.asked.pod
    annotations = {STATUS: ""}
    if shipped.delivery and agreed.agent:
        annotations[CONFIG] = agreed.agent.config(shipped.delivery.shipment)
    annotations[STATUS] = _status(agreed.request, laid_out.files, made, volumes, annotations.get(CONFIG))
    already = pod.annotations.get(SAFE_TO_EVICT, "")
    empty_dirs = [volume["name"] for volume in volumes if "emptyDir" in volume]
    evictable = [name for name in empty_dirs if name not in already.split(",")]
    if evictable:
        annotations[SAFE_TO_EVICT] = ",".join([already, *evictable] if already else evictable)
    if not agreed.request.native_sidecar and pod.containers and DEFAULT_CONTAINER not in pod.annotations:
        annotations[DEFAULT_CONTAINER] = pod.containers[0].name
    return annotations


def _status(
    request: Request,
    files: Iterable[Files],
    made: Iterable[Sidecar],
    volumes: Iterable[dict[str, Any]],
    config: str | None,
) -> str:
    """What `kubectl describe` shows of us. Nothing is ever decided from it."""
    status = {
        "version": __version__,
        "injected": True,
        "containers": [each.name for each in made],
        "volumes": [volume["name"] for volume in volumes],
        "sources": [_status_of(each.source) for each in files],
    }
    if config is not None:
        digest = hashlib.sha256(config.encode()).hexdigest()
        status |= {"agent": request.agent, "config": f"sha256:{digest}"}
    return msgspec.json.encode(status).decode()


def _status_of(source: Source) -> dict[str, Any]:
    status = {"name": source.name, "mode": source.mode, "paths": [path.text for path in source.paths]}
    return {**status, "destination": source.destination} if source.mode == "agent" else status


def _hints(agreed: Agreed, shipped: Shipped) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
    """How the node's agent is to read each stream, and what cannot be said of it.

    What the user says of a stream holds, and then nothing of ours.
    """
    agent, config = agreed.request.node_agent_hints, agreed.asked.config
    hints: dict[str, str] = {}
    unsaid: dict[str, Diagnostic] = {}
    for each in shipped.streamed if agent in NODE_AGENTS else ():
        read_as = parsing(each.source, config)
        hint = NODE_AGENTS[agent](Output(sidecar_name(each.source), each.writers[0], read_as, each.source.fields))
        if not hint.annotations.keys() & agreed.asked.pod.annotations.keys():
            hints |= hint.annotations
        for what in hint.left_unsaid:
            unsaid[what] = Diagnostic("LH406", PREFIX + "node-agent-hints", None, {"agent": agent, "what": what})
    return hints, tuple(unsaid.values())


def _about_size(pod: Pod, annotations: Mapping[str, str]) -> Iterator[Diagnostic]:
    """A mistake where the agent's configuration is too large for an annotation."""
    if CONFIG not in annotations:
        return
    every = {**pod.annotations, **annotations}
    if sum(len(key.encode()) + len(value.encode()) for key, value in every.items()) > _ANNOTATIONS_LIMIT:
        yield Diagnostic("LH147", PREFIX + "paths")


def _missing_pull_secrets(asked: Asked) -> tuple[str, ...]:
    there = {secret.name for secret in asked.pod.spec.image_pull_secrets or ()}
    return tuple(name for name in asked.config.image_pull_secrets if name not in there)
