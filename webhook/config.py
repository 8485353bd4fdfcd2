"""The administrator's configuration: frozen models, loaded once at the edge, each mistake with its line.

`defaults` speaks the annotations' own language: the unprefixed keys, without `loghook.dev/`. Whether their values are
right is judged by `webhook.annotations`, which has the one table of keys.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from webhook import quantities
from webhook.settings import Model, Quantity, Text

__all__ = ["Config", "ConfigError", "EngineResources", "load"]

_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


Defaults = dict[str, Text]


class EngineResources(Model):
    """What a sidecar of one engine asks for where no annotation says otherwise.

    One figure for memory is both request and limit: memory that was promised is never taken away.
    """

    cpu_request: Quantity = "10m"
    cpu_limit: Quantity | Literal["none"] = "100m"
    memory_request: Quantity = "32Mi"
    memory_limit: Quantity = "32Mi"

    @model_validator(mode="after")
    def _limits_cover_requests(self) -> Self:
        pairs = (("cpu", self.cpu_request, self.cpu_limit), ("memory", self.memory_request, self.memory_limit))
        for name, request, limit in pairs:
            if limit != "none" and quantities.parse(limit) < quantities.parse(request):
                raise ValueError(f"the {name} limit {limit} is below the request {request}")
        return self


class EnginesResources(Model):
    """Resources by engine."""

    busybox: EngineResources = EngineResources()


class Images(Model):
    """The one table of images. `registry` replaces the registry of each of them, for a mirror."""

    registry: str = ""
    busybox: str = "docker.io/library/busybox:1.37"

    def of(self, engine: str) -> str:
        """The image of `engine`, from the mirror where one is configured."""
        image: str = getattr(self, engine)
        return f"{self.registry.rstrip('/')}/{_without_registry(image)}" if self.registry else image


def _without_registry(image: str) -> str:
    """`image` without its registry: a first part is one where it has a dot or a port, or is localhost."""
    first, slash, rest = image.partition("/")
    return rest if slash and ("." in first or ":" in first or first == "localhost") else image


class RunAs(Model):
    """The user of sidecars whose application's user is root or unknown; `unset` leaves it to OpenShift."""

    user: Annotated[int, Field(gt=0, lt=2**31)] | Literal["unset"] = 65532
    group: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Ceiling(Model):
    """The most that a Pod's annotations may ask for."""

    cpu: Quantity | None = "1"
    memory: Quantity | None = "512Mi"
    volume_size: Quantity | None = None


class Policy(Model):
    """What the administrator allows."""

    enforce: bool = False
    ceiling: Ceiling = Ceiling()
    excluded_namespaces: tuple[str, ...] = _SYSTEM_NAMESPACES


class Namespace(Model):
    """The configuration of one namespace."""

    defaults: Defaults = {}


class Config(Model):
    """The whole of `loghook.yaml`; `Config()` is what holds without one."""

    defaults: Defaults = {}
    namespaces: dict[str, Namespace] = {}
    images: Images = Images()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    run_as: RunAs = RunAs()
    resources: EnginesResources = EnginesResources()
    policy: Policy = Policy()

    @cached_property
    def _defaults_by_namespace(self) -> dict[str, Mapping[str, str]]:
        return {name: {**self.defaults, **space.defaults} for name, space in self.namespaces.items()}

    def defaults_for(self, namespace: str) -> Mapping[str, str]:
        """The defaults that hold in `namespace`, by unprefixed key: its own before the general ones."""
        return self._defaults_by_namespace.get(namespace, self.defaults)

    def every_default(self) -> Iterator[tuple[str, Defaults]]:
        """Each mapping of defaults, with the place in the file where it stands."""
        yield "defaults", self.defaults
        for name, space in self.namespaces.items():
            yield f"namespaces.{name}.defaults", space.defaults


class ConfigError(ValueError):
    """The configuration cannot be used; one line for each mistake."""


def load(text: str, origin: str = "loghook.yaml") -> Config:
    """The configuration written in the YAML document `text`; an empty one is the built-in configuration.

    Raises ConfigError, whose lines name `origin` and the line of the mistake.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        raw = yaml.load(text, Loader=yaml.CSafeLoader)  # CSafeLoader: safe_load, in C
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: {_yaml_problem(error)}") from None
    try:
        return Config.model_validate({} if raw is None else raw)
    except ValidationError as error:
        lines = [f"{origin}:{_line(root, item['loc'])}: {_problem(item)}" for item in error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{place}: no such setting"
    return f"{place}: {item['msg'].removeprefix('Value error, ')}" if place else f"{item['msg']}"


def _line(node: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    """The line (from 1) of the deepest node on the way to `place`."""
    line = 1
    for part in place:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item.start_mark.line + 1, item
    return None
