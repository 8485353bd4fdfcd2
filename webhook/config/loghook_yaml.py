"""The administrator's configuration: frozen models, loaded once at the edge, each mistake with its line.

`defaults` speaks the annotations' own language: the unprefixed keys, without `loghook.dev/`. Whether their values are
right is judged by `webhook.annotations`, which has the one table of keys.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, PrivateAttr, ValidationError

from webhook.config import plain_yaml
from webhook.config.destinations import DESTINATION_NAME, PLACEHOLDER, AnyDestination, Destination
from webhook.config.engines import EnginesResources, Images
from webhook.config.faults import Place, faults, line_of
from webhook.config.formats import FORMATS, Format
from webhook.config.own_formats import FormatName, OwnFormat
from webhook.config.replacements import BUILT_IN, OwnReplacement, Replacement, ReplacementName
from webhook.config.settings import Model, Quantity, Text
from webhook.pod.workloads import Workload
from webhook.remembered import Memory

__all__ = ["Config", "ConfigError", "load"]

_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


Defaults = dict[str, Text]


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
    free: bool = True
    """Whether Pods may say `free`, for which the reader mounts their files writable."""
    ceiling: Ceiling = Ceiling()
    excluded_namespaces: tuple[str, ...] = _SYSTEM_NAMESPACES


class Namespace(Model):
    """The configuration of one namespace."""

    defaults: Defaults = {}


DestinationName = Annotated[str, Field(pattern=rf"^{DESTINATION_NAME}$")]
# A label's key as the API has it: a name, in a domain or not. It becomes a field path and a field of each record.
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LabelKey = Annotated[Text, Field(pattern=LABEL_KEY)]


class Secrets(Model):
    """What a Pod does whose Secret is missing: start, with the agent complaining, or wait for it."""

    required: bool = False


class ReaderSettings(Model):
    """The engine `reader`: the port where the first one in a Pod answers Prometheus; further ones take the next."""

    port: Annotated[int, Field(ge=1024, le=65_000)] | None = None


class Kind(Model):
    """A custom kind that brings Pods, by its API group and the plural of its name; `template` leads to the template."""

    group: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    resource: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
    template: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}(\.[A-Za-z][A-Za-z0-9]{0,62}){0,7}$")] = (
        "spec.template"
    )


class Workloads(Model):
    """What is done at `kubectl apply` with an object whose Pods would be refused, and for which custom kinds."""

    action: Literal["Warn", "Deny"] = "Warn"
    kinds: tuple[Kind, ...] = ()


class Config(Model):
    """The whole of `loghook.yaml`; `Config()` is what holds without one."""

    defaults: Defaults = {}
    namespaces: dict[str, Namespace] = {}
    destinations: dict[DestinationName, AnyDestination] = {}
    formats: dict[FormatName, OwnFormat] = {}
    replacements: dict[ReplacementName, OwnReplacement] = {}
    """What `redact` may name besides what is built in."""
    labels: tuple[LabelKey, ...] = ()
    """The Pod's labels that agents put on each record."""
    secrets: Secrets = Secrets()
    state_size_limit: Quantity = "256Mi"
    """The size of the volume where agents keep offsets and buffers."""
    images: Images = Images()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    run_as: RunAs = RunAs()
    reader: ReaderSettings = ReaderSettings()
    resources: EnginesResources = EnginesResources()
    policy: Policy = Policy()
    workloads: Workloads = Workloads()

    @cached_property
    def _defaults_by_namespace(self) -> dict[str, Mapping[str, str]]:
        return {name: {**self.defaults, **space.defaults} for name, space in self.namespaces.items()}

    def defaults_for(self, namespace: str) -> Mapping[str, str]:
        """The defaults that hold in `namespace`, by unprefixed key: its own before the general ones."""
        return self._defaults_by_namespace.get(namespace, self.defaults)

    _lines: dict[Place, int] = PrivateAttr(default_factory=dict)

    def with_lines(self, lines: Mapping[Place, int]) -> Self:
        """The same, which knows the `lines` of its defaults by their places in the file."""
        self._lines.update(lines)
        return self

    def where(self, namespace: str, key: str) -> str:
        """Where the default of `key` for `namespace` is written: its place in the file, and the line if it is known."""
        own = self.namespaces.get(namespace, Namespace()).defaults
        place: Place = ("namespaces", namespace, "defaults", key) if key in own else ("defaults", key)
        line = self._lines.get(place)
        return f"line {line}, {'.'.join(map(str, place))}" if line else ".".join(map(str, place))

    @cached_property
    def kinds(self) -> Mapping[tuple[str, str], Workload]:
        """The custom kinds that bring Pods, by API group and resource."""
        return {(kind.group, kind.resource): Workload(tuple(kind.template.split("."))) for kind in self.workloads.kinds}

    @cached_property
    def memory(self) -> Memory:
        """What was made under this configuration for earlier Pods."""
        return Memory()

    @cached_property
    def labels_in_templates(self) -> frozenset[str]:
        """The labels whose values a destination puts into its index, topic or the like."""
        texts = (text for destination in self.destinations.values() for _, text in destination.texts())
        return frozenset(found["label"] for text in texts for found in PLACEHOLDER.finditer(text) if found["label"])

    @cached_property
    def tells_services(self) -> bool:
        """Whether any destination is told of the service that writes a record."""
        return any(destination.tells_service for destination in self.destinations.values())

    @cached_property
    def every_format(self) -> Mapping[str, Format]:
        """The built-in formats and the administrator's, by name."""
        return FORMATS | {name: own.format(name) for name, own in self.formats.items()}

    @cached_property
    def every_replacement(self) -> Mapping[str, Replacement]:
        """The built-in replacements and the administrator's, by name."""
        return {**BUILT_IN, **{name: own.replacement(name) for name, own in self.replacements.items()}}

    @cached_property
    def format_names(self) -> frozenset[str]:
        """The names of all formats."""
        return frozenset(self.every_format)

    def destinations_for(self, namespace: str) -> Mapping[str, Destination]:
        """The destinations that Pods of `namespace` may name."""
        return {
            name: destination
            for name, destination in self.destinations.items()
            if not destination.namespaces or any(fnmatchcase(namespace, glob) for glob in destination.namespaces)
        }

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
        root, raw = plain_yaml.read(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: {_yaml_problem(error)}") from None
    try:
        config = Config.model_validate({} if raw is None else raw)
    except ValidationError as error:
        raise _config_error(origin, faults(Config, root, error)) from None
    unnamed = [(line_of(root, place), f"{'.'.join(place)}: {problem}") for place, problem in _unnamed(config)]
    if unnamed:
        raise _config_error(origin, unnamed)
    places: list[Place] = [("defaults", key) for key in config.defaults]
    places += [("namespaces", name, "defaults", key) for name, of in config.namespaces.items() for key in of.defaults]
    return config.with_lines({place: line_of(root, place) for place in places})


def _config_error(origin: str, mistakes: Iterable[tuple[int, str]]) -> ConfigError:
    lines = (f"{origin}:{line}: {sentence}" for line, sentence in mistakes)
    return ConfigError("\n".join(dict.fromkeys(lines)))


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _unnamed(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """What names something that is not there, or a destination that Pods of that namespace may not name."""
    for called, destination in config.destinations.items():
        yield from ((("destinations", called, "redact"), each) for each in _irreplaceable(destination.redact, config))
    places = [("defaults",), *(("namespaces", name, "defaults") for name in config.namespaces)]
    for place, (_, defaults) in zip(places, config.every_default(), strict=True):
        asked = [each.strip() for each in defaults.get("redact", "").replace("\n", ",").split(",")]
        yield from (((*place, "redact"), each) for each in _irreplaceable(filter(None, asked), config))
        name = defaults.get("destination")
        if name is None:
            continue
        known = config.destinations if len(place) == 1 else config.destinations_for(place[1])
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            yield (*place, "destination"), f"no such destination: {name}; {there}"


def _irreplaceable(names: Iterable[str], config: Config) -> Iterator[str]:
    known = ", ".join(config.every_replacement)
    return (f"no such replacement: {name}; there are {known}" for name in names if name not in config.every_replacement)
