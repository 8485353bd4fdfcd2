"""The plan: everything that a Pod gets from loghook, as data, before any patch is written."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook import __version__
from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request, Source
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.containers import (
    CA_VOLUME,
    CONFIG_VOLUME,
    DRAIN_NAME,
    FLUSH_SECONDS,
    STATE_VOLUME,
    TOKEN_VOLUME,
    Sidecar,
    Surroundings,
    sidecar_name,
)
from webhook.plan.delivery import Delivery, addressed, objections, parsing
from webhook.plan.layout import Files, lay_out
from webhook.plan.node_agents import NODE_AGENTS, Output
from webhook.plan.resources import within_ceiling
from webhook.plan.security import effective_user
from webhook.plan.volumes import DEFAULT_CONTAINER, Addition, resolve
from webhook.pod import quantities
from webhook.pod.view import Pod
from webhook.sidecars import CA_DIRECTORY, CONFIG_DIRECTORY, STATE_DIRECTORY, Agent, Engine
from webhook.sidecars.programs import AGENTS, ENGINES

__all__ = ["Mount", "Plan", "plan"]

CONFIG = PREFIX + "config"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
STATUS = PREFIX + "status"

_DEFAULT_GRACE_SECONDS = 30
_ANNOTATIONS_LIMIT = 256 * 2**10  # bytes of keys and values (k8s.io/apimachinery/pkg/api/validation)


class Mount(msgspec.Struct, frozen=True):
    """A volume mount that one of the user's containers gets."""

    container: str
    volume: str
    path: str


class Plan(msgspec.Struct, frozen=True):
    """What a Pod gets. Where a diagnostic is an error the rest is not to be used."""

    sidecars: tuple[Sidecar, ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[Mount, ...] = ()
    annotations: Mapping[str, str] = {}
    image_pull_secrets: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def plan(pod: Pod, request: Request, config: Config, namespace: str) -> Plan:
    """All that `request` needs in `pod`, created in `namespace`, with every mistake that only the Pod itself shows."""
    sources, diagnostics = addressed(request.sources, config, namespace)
    request, cut = within_ceiling(request, config)
    diagnostics += cut
    while True:  # each time around, there are fewer sources
        planning = _Planning(pod, msgspec.structs.replace(request, sources=sources), config, namespace)
        planned = planning.run()
        diagnostics += planning.left_out.values()
        if not planning.left_out:
            return msgspec.structs.replace(planned, diagnostics=(*diagnostics, *planned.diagnostics))
        sources = tuple(source for source in sources if source.name not in planning.left_out)


class _Planning:
    """One run over one Pod, for sources that have their destinations.

    `left_out` are those which the configuration makes impossible here, each with its warning: the plan is then to be
    made anew without them.
    """

    def __init__(self, pod: Pod, request: Request, config: Config, namespace: str) -> None:
        self.pod = pod
        self.request = request
        self.config = config
        self.namespace = namespace
        self.left_out: dict[str, Diagnostic] = {}
        self.diagnostics: list[Diagnostic] = []
        modes = {source.mode for source in request.sources}
        self.engine: Engine | None = ENGINES[request.engine] if "streaming" in modes else None
        self.agent: Agent | None = AGENTS[request.agent] if "agent" in modes else None
        ours = {DRAIN_NAME, *map(sidecar_name, request.sources)}
        self.containers = {found.name: found for found in pod.every_container() if found.name not in ours}
        self.ours = frozenset(ours)
        grace = pod.spec.termination_grace_period_seconds
        self.grace_seconds = _DEFAULT_GRACE_SECONDS if grace is None else grace

    def run(self) -> Plan:
        """The plan."""
        self.diagnostics += [*self._against_the_programs(), *self._against_the_pod()]
        if any(diagnostic.code == "LH502" for diagnostic in self.diagnostics):
            return Plan(diagnostics=tuple(self.diagnostics))
        found = resolve(self.pod, self.request.sources, self.ours, enforce=self.config.policy.enforce)
        files, doubles = lay_out(self.request.sources, found.readings, self._directories_of_programs())
        self.diagnostics += [*found.diagnostics, *doubles, *self._about_users(files)]
        empty_dirs = self._empty_dirs(found.additions)
        delivery, sidecars = self._sidecars(files, self._surroundings(empty_dirs))
        volumes = (*empty_dirs, *self._volumes(delivery)) if sidecars else ()
        annotations = {**self._annotations(files, sidecars, volumes, delivery), **self._hints(files)}
        self.diagnostics += self._about_size(annotations)
        return Plan(
            sidecars=tuple(sidecars),
            volumes=volumes,
            mounts=tuple(Mount(each.container, each.volume, each.directory) for each in found.additions),
            annotations=annotations,
            image_pull_secrets=self._missing_pull_secrets(),
            sources=tuple(each.source for each in files),
            diagnostics=tuple(self.diagnostics),
        )

    # What the Pod as a whole makes of the request.

    def _against_the_programs(self) -> Iterator[Diagnostic]:
        """What is asked of a program that cannot do it."""
        if self.request.offsets and self.engine is not None and not self.engine.has_state:
            said = "offsets" in self.request.said or self.config.policy.enforce
            yield Diagnostic("LH133" if said else "LH501", PREFIX + "offsets", None, {} if said else {"inner": "LH133"})

    def _against_the_pod(self) -> Iterator[Diagnostic]:
        key = PREFIX + "native-sidecar"
        if not self.request.native_sidecar and self.pod.spec.restart_policy in {"OnFailure", "Never"}:
            said = "native_sidecar" in self.request.said or self.config.policy.enforce
            yield Diagnostic("LH401" if said else "LH502", key)
        drain, flush = self.request.drain_seconds, FLUSH_SECONDS if self._waits else 0
        # A native sidecar that drains itself is told to stop when nothing is written any more, and ends at once.
        is_bounded = self._waits or not self.request.native_sidecar
        if is_bounded and drain + flush > self.grace_seconds:
            details = {"grace": str(self.grace_seconds), "example": str(max(self.grace_seconds - max(flush, 1), 0))}
            yield Diagnostic("LH404", PREFIX + "drain-seconds", str(drain), details)

    @property
    def _waits(self) -> bool:
        """Whether a program is to be kept running until everything is read."""
        return self.agent is not None or (self.engine is not None and not self.engine.drains_itself)

    def _about_users(self, files: Iterable[Files]) -> Iterator[Diagnostic]:
        together: dict[str, list[Files]] = {}
        for each in files:
            together.setdefault(sidecar_name(each.source), []).append(each)
        for several in together.values():
            users = [effective_user(self.pod, self.containers.get(name)) for each in several for name in each.writers]
            if 0 in users:
                yield Diagnostic("LH402", several[0].source.key("paths"))
            if len(set(users)) > 1:
                user = "the image's user" if users[0] is None else str(users[0])
                example = "a source for each" if len(several) == 1 else "mode: streaming"
                yield Diagnostic("LH403", several[0].source.key("container"), None, {"user": user, "example": example})

    def _about_size(self, annotations: Mapping[str, str]) -> Iterator[Diagnostic]:
        if CONFIG not in annotations:
            return
        every = {**self.pod.annotations, **annotations}
        if sum(len(key.encode()) + len(value.encode()) for key, value in every.items()) > _ANNOTATIONS_LIMIT:
            yield Diagnostic("LH147", PREFIX + "paths")

    # The sidecars.

    def _directories_of_programs(self) -> frozenset[str]:
        """Where no file of the application's may be mounted in a sidecar."""
        if self.agent is None:
            return self.engine.files if self.engine else frozenset()
        ours = {STATE_DIRECTORY, CONFIG_DIRECTORY, CA_DIRECTORY}
        return self.agent.files | ours | (self.engine.files if self.engine else frozenset())

    def _surroundings(self, empty_dirs: Iterable[dict[str, Any]]) -> Surroundings:
        return Surroundings(
            pod=self.pod,
            request=self.request,
            config=self.config,
            others=self.containers,
            volume_sizes=[volume["emptyDir"].get("sizeLimit", "none") for volume in empty_dirs],
            grace_seconds=self.grace_seconds,
        )

    def _sidecars(self, files: Sequence[Files], around: Surroundings) -> tuple[Delivery | None, list[Sidecar]]:
        """All sidecars in their order, and what the agent among them ships."""
        shipped = [each for each in files if each.source.mode == "agent"]
        sidecars = [around.streaming(self.engine, each) for each in files if self.engine and each not in shipped]
        delivery = self._delivery(self.agent, shipped, around) if self.agent and shipped else None
        if delivery and self.agent:
            sidecars.append(around.shipping(self.agent, shipped, delivery))
        waited_for = [sidecar for sidecar in sidecars if not sidecar.drains_itself and sidecar.index is not None]
        if waited_for and self.request.drain_seconds:
            sidecars.append(around.draining(waited_for, (shipped or files)[0].writers[0]))
        return delivery, sidecars

    def _delivery(self, agent: Agent, files: Sequence[Files], around: Surroundings) -> Delivery | None:
        """What `agent` ships; None where it cannot."""
        bounds = {
            "memory_bytes": int(quantities.parse(around.resources(agent.name)["limits"]["memory"])),
            "state_bytes": int(quantities.parse(self.config.state_size_limit)),
            "grace_seconds": FLUSH_SECONDS,
        }
        delivery = Delivery.of(self.pod, files, self.config, bounds)
        problems = list(objections(agent, delivery.shipment, self.request, self.config, self.namespace))
        for name, diagnostic in problems:
            if diagnostic.severity == "warning":
                self.left_out.setdefault(name, diagnostic)
            else:
                self.diagnostics.append(diagnostic)
        if delivery.has_secrets and self.pod.spec.share_process_namespace:
            self.diagnostics.append(Diagnostic("LH405", files[0].source.key("destination")))
        return None if problems else delivery

    # What belongs to the Pod.

    def _empty_dirs(self, additions: Iterable[Addition]) -> list[dict[str, Any]]:
        """The volumes that are written to."""
        volumes = [_empty_dir(addition.volume, self.request.volume_size_limit) for addition in additions]
        if self.agent or (self.engine and self.engine.has_state):
            volumes.append(_empty_dir(STATE_VOLUME, self.config.state_size_limit))
        return volumes

    def _volumes(self, delivery: Delivery | None) -> Iterator[dict[str, Any]]:
        """The volumes that are only read."""
        if delivery and self.agent:
            reference = {"fieldPath": f"metadata.annotations['{CONFIG}']"}
            yield {
                "name": CONFIG_VOLUME,
                "downwardAPI": {"items": [{"path": self.agent.config_file, "fieldRef": reference}]},
            }
            if delivery.secret_files:
                yield {"name": CA_VOLUME, "projected": {"sources": delivery.projections(self.config)}}
        # A token that is not there cannot be read by whoever swaps a log for a link to it. The API server also looks
        # for a mount at this path before it adds the token of the service account.
        yield {"name": TOKEN_VOLUME, "projected": {"sources": []}}

    def _annotations(
        self,
        files: Iterable[Files],
        sidecars: Iterable[Sidecar],
        volumes: Sequence[dict[str, Any]],
        delivery: Delivery | None,
    ) -> dict[str, str]:
        annotations = {STATUS: ""}
        if delivery and self.agent:
            annotations[CONFIG] = self.agent.config(delivery.shipment)
        annotations[STATUS] = self._status(
            files, [each.name for each in sidecars], [volume["name"] for volume in volumes], annotations.get(CONFIG)
        )
        already = self.pod.annotations.get(SAFE_TO_EVICT, "")
        empty_dirs = [volume["name"] for volume in volumes if "emptyDir" in volume]
        evictable = [name for name in empty_dirs if name not in already.split(",")]
        if evictable:
            annotations[SAFE_TO_EVICT] = ",".join([already, *evictable] if already else evictable)
        if not self.request.native_sidecar and self.pod.containers and DEFAULT_CONTAINER not in self.pod.annotations:
            annotations[DEFAULT_CONTAINER] = self.pod.containers[0].name
        return annotations

    def _status(self, files: Iterable[Files], containers: list[str], volumes: list[str], config: str | None) -> str:
        """What `kubectl describe` shows of us. Nothing is ever decided from it."""
        sources = [
            {
                "name": each.source.name,
                "mode": each.source.mode,
                "paths": [path.text for path in each.source.paths],
                **({"destination": each.source.destination} if each.source.mode == "agent" else {}),
            }
            for each in files
        ]
        status = {
            "version": __version__,
            "injected": True,
            "containers": containers,
            "volumes": volumes,
            "sources": sources,
        }
        if config is not None:
            digest = hashlib.sha256(config.encode()).hexdigest()
            status |= {"agent": self.request.agent, "config": f"sha256:{digest}"}
        return msgspec.json.encode(status).decode()

    def _hints(self, files: Iterable[Files]) -> dict[str, str]:
        """How the node's agent is to read each stream. What the user says of one holds, and then nothing of ours."""
        agent = self.request.node_agent_hints
        hints: dict[str, str] = {}
        for each in files if agent in NODE_AGENTS else ():
            if each.source.mode != "streaming":
                continue
            read_as = parsing(each.source, self.config)
            output = Output(sidecar_name(each.source), each.writers[0], read_as, each.source.fields)
            hint = NODE_AGENTS[agent](output)
            if not hint.annotations.keys() & self.pod.annotations.keys():
                hints |= hint.annotations
            for what in hint.left_unsaid:
                unsaid = Diagnostic("LH406", PREFIX + "node-agent-hints", None, {"agent": agent, "what": what})
                self.diagnostics += [] if unsaid in self.diagnostics else [unsaid]
        return hints

    def _missing_pull_secrets(self) -> tuple[str, ...]:
        there = {secret.name for secret in self.pod.spec.image_pull_secrets or ()}
        return tuple(name for name in self.config.image_pull_secrets if name not in there)


def _empty_dir(name: str, limit: str) -> dict[str, Any]:
    return {"name": name, "emptyDir": {} if limit == "none" else {"sizeLimit": limit}}
