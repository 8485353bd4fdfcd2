"""The first stage: what annotations ask for under a configuration, whatever the Pod."""

from collections.abc import Mapping

import msgspec

from webhook.annotations import parser
from webhook.annotations.request import Request, Source
from webhook.annotations.values import nearest
from webhook.config.destinations import Destination
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.names import AGENT_NAME, DRAIN_NAME, sidecar_name
from webhook.plan.resources import within_ceiling
from webhook.remembered import size_of

__all__ = ["Asked", "Said", "ask", "ask_said"]

Said = tuple[tuple[str, str], ...]

_FACTOR = 4  # what is parsed holds its texts again, and as much for itself


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: `request`, within the ceiling, with the sources that have a destination where they need one.

    `ours` are the names that our containers can have for it. `key` is what it is all made from, under `config`: the
    namespace, and what is said.
    """

    request: Request
    config: Config
    namespace: str
    ours: frozenset[str]
    diagnostics: tuple[Diagnostic, ...]
    key: tuple[str, Said]

    @property
    def size(self) -> int:
        """About how many bytes this and its key hold."""
        return _FACTOR * size_of(text for pair in self.key[1] for text in pair)

    @property
    def ships(self) -> bool:
        """Whether an agent is asked for."""
        return AGENT_NAME in self.ours

    def is_authors(self, field: str) -> bool:
        """Whether the Pod's author answers for `field` of the request: who says it, or everybody who is to be told."""
        return field in self.request.said or self.config.policy.enforce


def ask(annotations: Mapping[str, str], config: Config, namespace: str) -> Asked:
    """What `annotations` (all of the Pod's) ask for in a Pod that is created in `namespace`."""
    return ask_said(parser.said(annotations), config, namespace)


def ask_said(said: Said, config: Config, namespace: str) -> Asked:
    """As `ask`, of those annotations by which a user speaks to loghook.

    The steps of a workflow ask for the same again and again, so this is remembered.
    """
    key = namespace, said
    found: Asked | None = config.memory.asked.find(key)
    if found is None:
        found = _asked(key, config)
        if not config.memory.asked.is_new(key):
            config.memory.asked.keep(key, found, found.size)
    return found


def _asked(key: tuple[str, Said], config: Config) -> Asked:
    namespace, said = key
    parsed = parser.parse_said(said, config.defaults_for(namespace), config.format_names)
    sources = parsed.request.sources
    astray: tuple[Diagnostic, ...] = ()
    unknown: tuple[Diagnostic, ...] = ()
    if "agent" in [source.mode for source in sources]:
        sources, astray = _addressed(sources, config, namespace)
        sources, unknown = _known(sources, config)
    request, cut = within_ceiling(parsed.request, config)
    if sources is not request.sources:
        request = msgspec.structs.replace(request, sources=sources)
    return Asked(
        request=request,
        config=config,
        namespace=namespace,
        ours=frozenset((DRAIN_NAME, *map(sidecar_name, sources))),
        diagnostics=(*parsed.diagnostics, *astray, *unknown, *cut),
        key=key,
    )


# Where each source goes.


def _addressed(
    sources: tuple[Source, ...], config: Config, namespace: str
) -> tuple[tuple[Source, ...], tuple[Diagnostic, ...]]:
    """The `sources` that a Pod of `namespace` can have, and what is wrong with the destinations of the others."""
    known = config.destinations_for(namespace)
    looked_at = [(source, _misaddressed(source, known, config, namespace)) for source in sources]
    return (
        tuple(source for source, problem in looked_at if problem is None),
        tuple(problem for _, problem in looked_at if problem is not None),
    )


def _misaddressed(
    source: Source, known: Mapping[str, Destination], config: Config, namespace: str
) -> Diagnostic | None:
    if source.mode != "agent":
        return None
    name = source.destination
    enforce = config.policy.enforce
    if name is None:
        key = source.key("destination")
        if "mode" not in source.said and not enforce:
            return Diagnostic("LH501", key, None, {"inner": "LH132", "where": config.where(namespace, "mode")})
        return Diagnostic("LH132", key, None, {"advice": _advice(key, next(iter(known), None))})
    if name in known:
        return None
    key = source.said.get("destination", source.key("destination"))
    advice = _advice(key, nearest(name, known) or next(iter(known), None))
    return Diagnostic("LH136" if enforce else "LH503", key, name, {"advice": advice})


def _advice(key: str, destination: str | None) -> str:
    """What to write for `key`, where there is any `destination`."""
    return f"write e.g. {key}: {destination}" if destination else "and none is configured: stream instead"


# What is replaced.


def _known(sources: tuple[Source, ...], config: Config) -> tuple[tuple[Source, ...], tuple[Diagnostic, ...]]:
    """The `sources` of which each replacement is there, and what is wrong with the others.

    One that is gone is a mistake of the Pod's, whoever took it away: its records must not be shipped as they are.
    """
    unknown = {
        source.said.get("redact", source.key("redact")): name
        for source in sources
        for name in source.redact
        if source.mode == "agent" and name not in config.every_replacement
    }
    if not unknown:
        return sources, ()
    advice = {key: nearest(name, config.every_replacement) or "email" for key, name in unknown.items()}
    return (
        tuple(source for source in sources if source.said.get("redact", source.key("redact")) not in unknown),
        tuple(Diagnostic("LH138", key, name, {"example": advice[key]}) for key, name in unknown.items()),
    )
