"""Every program that can be a sidecar, by its name in annotations and in the configuration."""

from collections.abc import Iterator, Mapping

import msgspec

from webhook.config.formats import FORMATS
from webhook.sidecars import Agent, Engine, Parsing, Problem, Shipment
from webhook.sidecars.fluent_bit import FLUENT_BIT, FLUENT_BIT_STREAM
from webhook.sidecars.fluentd import FLUENTD
from webhook.sidecars.otel_collector import OTEL_COLLECTOR
from webhook.sidecars.reader import READER
from webhook.sidecars.streaming import BUSYBOX
from webhook.sidecars.vector import VECTOR

__all__ = ["AGENTS", "ENGINES", "able"]

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (BUSYBOX, READER, FLUENT_BIT_STREAM)}
"""What streams."""

AGENTS: Mapping[str, Agent] = {agent.name: agent for agent in (FLUENT_BIT, FLUENTD, VECTOR, OTEL_COLLECTOR)}
"""What ships."""


def able(problem: Problem, shipment: Shipment) -> str | None:
    """The agent to take in place of the one that has `problem` with `shipment`; None where there is none.

    That is one that can do all of `shipment`, else all of the source, else at least its destination: what is wrong
    with a format is told beside.
    """
    for less in _ever_less(problem, shipment):
        for name, agent in AGENTS.items():
            if not any(agent.problems(less)):
                return name
    return None


def _ever_less(problem: Problem, shipment: Shipment) -> Iterator[Shipment]:
    yield shipment
    plain = Parsing(format=FORMATS["plain"])
    streams = [stream for stream in shipment.streams if stream.name == problem.source]
    if problem.code == "LH146":  # of several destinations together
        streams = list(shipment.streams)
    else:
        yield msgspec.structs.replace(shipment, streams=tuple(streams))
    unread = tuple(msgspec.structs.replace(stream, parsing=plain) for stream in streams)
    yield msgspec.structs.replace(shipment, streams=unread)
