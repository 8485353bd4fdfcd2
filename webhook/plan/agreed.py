"""The stage after the files are found: which sources go on, and what runs for them.

The configuration may ask of an agent what it cannot do, by a default that is older than this Pod: then the Pod starts
without that source. This is settled here, before a source could take a file or a directory from another.
"""

from collections.abc import Iterator, Sequence

import msgspec

from webhook.annotations.registry import KEYS, PREFIX
from webhook.annotations.request import Request, Source
from webhook.diagnostics import Diagnostic
from webhook.plan.asked import Asked
from webhook.plan.names import FLUSH_SECONDS, sidecar_name
from webhook.plan.orders import parsing, target
from webhook.plan.pod_level import within_pod
from webhook.plan.surroundings import Surroundings
from webhook.plan.volumes import Located
from webhook.sidecars import Agent, Engine, Problem, Shipment, Stream
from webhook.sidecars.programs import AGENTS, ENGINES, able

__all__ = ["Agreed", "agree"]


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, with the sources of `request` that go on, and the programs that are needed for them.

    They are in a Pod as it is `around`. `unable` says by source's name what the author asks of the agent that it cannot
    do: such a source is not shipped. `frees`: what the engine has written out is given back to the disk.
    """

    asked: Asked
    request: Request
    around: Surroundings
    engine: Engine | None
    agent: Agent | None
    frees: bool
    unable: tuple[tuple[str, Diagnostic], ...]
    diagnostics: tuple[Diagnostic, ...]


def agree(asked: Asked, located: Located) -> Agreed:
    """What goes on of what is `asked`, in files that are `located`."""
    sources = asked.request.sources
    modes = {source.mode for source in sources}
    left_out, unable = _objections(asked, located, sources) if "agent" in modes else ({}, ())
    if left_out:
        sources = tuple(source for source in sources if source.name not in left_out)
        modes = {source.mode for source in sources}
    engine = ENGINES[asked.request.engine] if "streaming" in modes else None
    agent = AGENTS[asked.request.agent] if "agent" in modes else None
    request, no_room = asked.request, list[Diagnostic]()
    if left_out:
        request = msgspec.structs.replace(request, sources=sources)
    if located.around.level is not None:
        request, no_room = within_pod(located.around.level, request, _number_of_sidecars(request, engine, agent))
    return Agreed(
        asked=asked,
        request=request,
        around=located.around,
        engine=engine,
        agent=agent,
        frees=asked.request.free and asked.config.policy.free and engine is not None and engine.can_free,
        unable=unable,
        diagnostics=(
            *left_out.values(),
            *no_room,
            *_against_the_programs(asked, engine),
            *_against_the_agent(asked, sources, agent),
            *_against_the_pod(asked, located.around, engine, agent),
        ),
    )


def _number_of_sidecars(request: Request, engine: Engine | None, agent: Agent | None) -> int:
    """How many there will be, the one that waits for others included."""
    is_waited_for = _waits(engine, agent) and request.native_sidecar and request.drain_seconds > 0
    return len(set(map(sidecar_name, request.sources))) + is_waited_for


def _waits(engine: Engine | None, agent: Agent | None) -> bool:
    """Whether a program is to be kept running until everything is read."""
    return agent is not None or (engine is not None and not engine.drains_itself)


# What the Pod and the programs make of the request.


def _against_the_programs(asked: Asked, engine: Engine | None) -> Iterator[Diagnostic]:
    """What is asked of a program that cannot do it."""
    if engine is None:
        return
    if asked.request.offsets and not engine.has_state:
        yield _unfit(asked, "offsets", "LH133")
    if engine.can_free and not asked.request.offsets and "offsets" in asked.request.said:
        yield Diagnostic("LH151", PREFIX + "offsets")
    if asked.request.free and not engine.can_free:
        yield _unfit(asked, "free", "LH152")
    elif asked.request.free and not asked.config.policy.free:
        yield Diagnostic("LH153" if asked.config.policy.enforce else "LH506", PREFIX + "free")


def _against_the_agent(asked: Asked, sources: Sequence[Source], agent: Agent | None) -> Iterator[Diagnostic]:
    """Records of several lines that are asked for in lines of a container runtime, in which this agent finds none."""
    if agent is None or agent.unwraps_first:
        return
    able_ = next(name for name, other in AGENTS.items() if other.unwraps_first)
    for source in sources:
        read = parsing(source, asked.config) if source.mode == "agent" else None
        if read is not None and read.format.is_partial and read.start is not None:
            key = source.said.get("multiline_start") or source.key("multiline-start")
            yield Diagnostic("LH148", key, None, {"agent": agent.name, "example": f"{PREFIX}agent: {able_}"})


def _unfit(asked: Asked, field: str, code: str) -> Diagnostic:
    """What is asked of a program that cannot do it, at the door of whoever asks."""
    if asked.is_authors(field):
        return Diagnostic(code, PREFIX + field)
    where = asked.config.where(asked.namespace, field.replace("_", "-"))
    return Diagnostic("LH501", PREFIX + field, None, {"inner": code, "where": where})


def _against_the_pod(
    asked: Asked, around: Surroundings, engine: Engine | None, agent: Agent | None
) -> Iterator[Diagnostic]:
    if around.ends and not asked.request.native_sidecar:
        is_authors = asked.is_authors("native_sidecar")
        yield Diagnostic("LH401" if is_authors else "LH502", PREFIX + "native-sidecar")
    waits = _waits(engine, agent)
    drain, flush = asked.request.drain_seconds, FLUSH_SECONDS if waits else 0
    # A native sidecar that drains itself is told to stop when nothing is written any more, and ends at once.
    is_bounded = waits or not asked.request.native_sidecar
    if is_bounded and drain + flush > around.grace_seconds:
        details = {"grace": str(around.grace_seconds), "example": str(max(around.grace_seconds - max(flush, 1), 0))}
        yield Diagnostic("LH404", PREFIX + "drain-seconds", str(drain), details)


# What the agent cannot do.

_Objections = tuple[dict[str, Diagnostic], tuple[tuple[str, Diagnostic], ...]]

# Every destination and each of its options works with one agent or another: it is the choice of this one that is wrong.
_BY_CHOICE_OF_AGENT = frozenset({"LH141", "LH142", "LH145", "LH146"})

# What every agent takes, where the key's own example is not that plain.
_PLAIN = {"multiline-start": "^[0-9]{4}-", "time-format": "%Y-%m-%d"}


def _objections(asked: Asked, located: Located, sources: Sequence[Source]) -> _Objections:
    """The sources that are left out, each with its warning; and those whose author is mistaken, by name.

    The agent is asked again about those that remain: what is left out is in nobody's way.
    """
    draft = _draft(asked, located, sources)
    if not draft.streams:
        return {}, ()
    found = tuple(_of_agent(AGENTS[asked.request.agent], draft, asked))
    left_out: dict[str, Diagnostic] = {}
    for name, diagnostic in found:
        if diagnostic.severity == "warning":
            left_out.setdefault(name, diagnostic)
    if not left_out:
        return {}, found
    more, unable = _objections(asked, located, [source for source in sources if source.name not in left_out])
    return left_out | more, unable


def _draft(asked: Asked, located: Located, sources: Sequence[Source]) -> Shipment:
    """What those of `sources` ask of their agent that have files of their own, whatever these are."""
    present = _with_files_of_their_own(sources, located)
    streams = tuple(_stream(source, asked, located) for source in present if source.mode == "agent")
    return Shipment(streams=streams, memory_bytes=0, state_bytes=0, grace_seconds=0)


def _with_files_of_their_own(sources: Sequence[Source], located: Located) -> Iterator[Source]:
    """The sources with a path that none before them has."""
    taken: set[object] = set()
    for source in sources:
        files = {each.file for each in located.found.get(source.name, ())}
        if not files <= taken:
            yield source
        taken |= files


def _stream(source: Source, asked: Asked, located: Located) -> Stream:
    writer = located.found[source.name][0].writer
    return Stream(
        name=source.name,
        paths=(),
        exclude=(),
        from_end=False,
        trees=(),
        parsing=parsing(source, asked.config),
        target=target(source, writer, located.around, asked.config),
        attributes={},
    )


def _of_agent(agent: Agent, draft: Shipment, asked: Asked) -> Iterator[tuple[str, Diagnostic]]:
    """Each problem of `agent` with `draft` as a diagnostic, after the name of its source.

    What the Pod's own annotations ask for is a mistake. What the configuration does is a warning, and the Pod starts
    without that source.
    """
    request, config = asked.request, asked.config
    sources = {source.name: source for source in request.sources}
    is_agent_configured = "agent" not in request.said and "agent" in config.defaults_for(asked.namespace)
    for problem in agent.problems(draft):
        source = sources[problem.source]
        by_agent = problem.code in _BY_CHOICE_OF_AGENT
        said = request.said.get("agent") if by_agent else source.said.get(problem.key.replace("-", "_"))
        key = said or source.key(problem.key)
        if config.policy.enforce or (said and not is_agent_configured):
            details = {"type": _type(problem, draft), **problem.details, "example": _example(problem, draft)}
            yield problem.source, Diagnostic(problem.code, key, None, details)
        else:
            where = config.where(asked.namespace, "agent" if by_agent else problem.key)
            yield problem.source, Diagnostic("LH501", key, None, {"inner": problem.code, "where": where})


def _type(problem: Problem, draft: Shipment) -> str:
    (settings,) = (stream.target.settings for stream in draft.streams if stream.name == problem.source)
    return settings.type


def _example(problem: Problem, draft: Shipment) -> str:
    """What helps: another agent, another destination where there is none, or a value that any agent takes."""
    if problem.code not in _BY_CHOICE_OF_AGENT:
        return _PLAIN.get(problem.key, KEYS[problem.key].example)
    agent = able(problem, draft)
    return f"{PREFIX}agent: {agent}" if agent else "another destination"
