"""What each agent makes of a type of destination, found out by injecting a Pod for it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from pydantic.fields import FieldInfo

from webhook.annotations.registry import PREFIX
from webhook.config.destinations import TYPES
from webhook.config.destinations.option import option_of
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, inject
from webhook.pod.view import view
from webhook.reference.examples import example
from webhook.sidecars.programs import AGENTS

__all__ = ["Ability", "abilities", "choices", "configuration", "least_of", "reads_time", "tries", "variations"]


class Ability(msgspec.Struct, frozen=True):
    """How an agent ships to a type: its plugin, its image, and the options that it cannot do."""

    plugin: str
    image: str
    cannot: tuple[str, ...]


@cache
def abilities(type_: str) -> Mapping[str, Ability | None]:
    """Each agent's way to `type_`, by the agent's name; None where it has none."""
    return {agent: _ability(type_, agent) for agent in AGENTS}


def _ability(type_: str, agent: str) -> Ability | None:
    least = least_of(type_)
    shipped = _sidecar(least, agent)
    if shipped is None:
        return None
    cannot = [name for name, option in variations(type_) if _sidecar({**least, **option}, agent) is None]
    plugin, image = _PLUGINS[agent](shipped.config), shipped.image.partition("/")[2].partition("@")[0]
    return Ability(plugin, image, tuple(cannot))


def configuration(type_: str, agent: str) -> Any:
    """What `agent` is told for the example of `type_`, which it can do, as data."""
    shipped = _sidecar(example(type_), agent)
    if shipped is None:
        raise ValueError(f"{agent} cannot do the example of {type_}")
    return json.loads(shipped.config)


class _Sidecar(msgspec.Struct, frozen=True):
    config: str
    image: str


def reads_time(time_format: str) -> set[str]:
    """The agents that can read times in `time_format`."""
    read = {"format": "json", "time-format": time_format}
    return {agent for agent in AGENTS if _sidecar({"type": "stdout"}, agent, read) is not None}


def _sidecar(settings: Mapping[str, Any], agent: str, more: Mapping[str, str] | None = None) -> _Sidecar | None:
    """What is injected into a Pod that ships to `settings` by `agent`, and says `more`; None where it is refused."""
    config = Config.model_validate({"destinations": {"central": settings}})
    said = {
        "paths": "/var/log/app/*.log",
        "destination": "central",
        "agent": agent,
        "fields": "team=web",
        **(more or {}),
    }
    metadata = {"labels": {"app.kubernetes.io/name": "shop"}, "annotations": {PREFIX + k: v for k, v in said.items()}}
    outcome = inject(view({"metadata": metadata, "spec": {"containers": [{"name": "shop"}]}}), config, "shop")
    if not isinstance(outcome, Injected):
        return None
    values = {op.path: op.value for op in outcome.ops}
    (container,) = (each for each in values["/spec/initContainers"] if each["name"] == "loghook-agent")
    return _Sidecar(values[f"/metadata/annotations/{PREFIX.replace('/', '~1')}config"], container["image"])


_PLUGINS: Mapping[str, Callable[[str], str]] = {
    "fluent-bit": lambda config: str(json.loads(config)["pipeline"]["outputs"][0]["name"]),
    "fluentd": lambda config: re.findall(r'<match .*?@type "([^"]+)"', config, re.DOTALL)[0],
    "vector": lambda config: str(next(iter(json.loads(config)["sinks"].values()))["type"]),
    "otel-collector": lambda config: next(iter(json.loads(config)["exporters"])).partition("/")[0],
}
"""The name of the plugin that ships, out of an agent's configuration."""


# Every option, by itself.


def least_of(type_: str) -> dict[str, Any]:
    """The settings of the example without which the type does not go."""
    required = {field.alias or name for name, field in TYPES[type_].model_fields.items() if field.is_required()}
    return {name: value for name, value in example(type_).items() if name in required}


def variations(type_: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each option of a type that may be left out, as it is said to users, with settings in which it is used."""
    for name, field in TYPES[type_].model_fields.items():
        if not field.is_required() and name != "namespaces":
            alias = field.alias or name
            yield from ((said, {alias: value}) for said, value in tries(alias, field))


def tries(alias: str, field: FieldInfo) -> Iterator[tuple[str, Any]]:
    """What an option that is called `alias` is tried with, by what is said of it; nothing where nobody says it."""
    option = option_of(field)
    if option and option.tries:
        yield from option.tries.items()
    elif option and option.tried is not None:
        yield alias, option.tried
    elif field.annotation is bool:
        yield f"{alias}: true", True
    else:
        yield from ((f"{alias}: {choice}", choice) for choice in choices(field.annotation))


def choices(annotation: Any) -> Iterator[str]:
    """The values that an option may have, where these are counted."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in {Union, UnionType, Annotated}:
        for each in get_args(annotation):
            yield from choices(each)
