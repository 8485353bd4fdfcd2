"""Every program that can be a sidecar, by its name in annotations and in the configuration."""

from collections.abc import Mapping

from webhook.sidecars import Agent, Engine
from webhook.sidecars.fluent_bit import FLUENT_BIT, FLUENT_BIT_STREAM
from webhook.sidecars.fluentd import FLUENTD
from webhook.sidecars.otel_collector import OTEL_COLLECTOR
from webhook.sidecars.streaming import BUSYBOX
from webhook.sidecars.vector import VECTOR

__all__ = ["AGENTS", "ENGINES"]

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (BUSYBOX, FLUENT_BIT_STREAM)}
"""What streams."""

AGENTS: Mapping[str, Agent] = {agent.name: agent for agent in (FLUENT_BIT, FLUENTD, VECTOR, OTEL_COLLECTOR)}
"""What ships."""
