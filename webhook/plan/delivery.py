"""What an agent sidecar ships, and where to: sources with their destinations, as data for any agent.

Values that are only known in the Pod, and secrets, become environment variables of the sidecar. Their names tell them
apart: `LOGHOOK_<DESTINATION>__<FIELD>` for a secret, where no destination's name has `_`, and no field's `__`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.annotations.registry import KEYS, PREFIX
from webhook.annotations.request import Request, Source
from webhook.annotations.values import nearest
from webhook.config.destinations import PLACEHOLDER, Destination, SecretKey
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.layout import Files
from webhook.pod.view import Pod
from webhook.sidecars import CA_DIRECTORY, Agent, Parsing, Problem, Shipment, Stream, Target, Text, Tree, Variable
from webhook.sidecars.programs import able

__all__ = ["Delivery", "addressed", "objections", "parsing", "starts_at_end"]

UNNAMED = "default"
"""What records call the source without a name."""

_NAMESPACE = Variable("LOGHOOK_NAMESPACE")
_POD = Variable("LOGHOOK_POD_NAME")
_NODE = Variable("LOGHOOK_NODE_NAME")
_FIELDS = {_NAMESPACE: "metadata.namespace", _POD: "metadata.name", _NODE: "spec.nodeName"}
_IN_TEMPLATES = {"namespace": _NAMESPACE, "pod": _POD, "node": _NODE}

_FILE_ENDINGS = {"tls.ca": "crt", "credentials": "json"}
_LOWER_CASE = frozenset({"index"})  # Elasticsearch and Splunk refuse capitals there
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


# Which destination.


def addressed(sources: Iterable[Source], config: Config, namespace: str) -> tuple[tuple[Source, ...], list[Diagnostic]]:
    """The `sources` that a Pod of `namespace` can have, and what is wrong with the destinations of the others."""
    known = config.destinations_for(namespace)
    kept: list[Source] = []
    diagnostics: list[Diagnostic] = []
    for source in sources:
        found = _misaddressed(source, known, config) if source.mode == "agent" else None
        if found is None:
            kept.append(source)
        else:
            diagnostics.append(found)
    return tuple(kept), diagnostics


def _misaddressed(source: Source, known: Mapping[str, Destination], config: Config) -> Diagnostic | None:
    name = source.destination
    enforce = config.policy.enforce
    if name is None:
        asked = source.said.get("mode")
        key = source.key("destination")
        if asked is None and not enforce:
            return Diagnostic("LH501", key, None, {"inner": "LH132"})
        return Diagnostic("LH132", key, None, {"example": next(iter(known), "central")})
    if name in known:
        return None
    details = {"example": nearest(name, known) or next(iter(known), "central")}
    key = source.said.get("destination", source.key("destination"))
    return Diagnostic("LH136" if enforce else "LH503", key, name, details)


# What is shipped.


class Delivery(msgspec.Struct, frozen=True):
    """All that one agent sidecar is to do, and what it needs for it beside the files.

    `variables` are the entries of its environment by name, `secret_files` the files that come from Secrets.
    """

    shipment: Shipment
    variables: Mapping[str, dict[str, Any]]
    secret_files: Mapping[str, SecretKey]

    @classmethod
    def of(cls, pod: Pod, files: Iterable[Files], config: Config, bounds: Mapping[str, int]) -> "Delivery":
        """The delivery of `files`, whose sources have destinations; `bounds` are those of Shipment."""
        files = list(files)
        settings = {name: config.destinations[name] for name in dict.fromkeys(_destination(each) for each in files)}
        labels = {key: Variable(f"LOGHOOK_LABEL_{number}") for number, key in enumerate(config.labels, start=1)}
        labels = {key: variable for key, variable in labels.items() if key in pod.labels}
        streams = tuple(_stream(each, pod, config, labels) for each in files)
        return cls(
            Shipment(streams=streams, **bounds),
            {entry["name"]: entry for entry in _entries(settings, labels, required=config.secrets.required)},
            {
                _file(name, field): secret
                for name, destination in settings.items()
                for field, secret in destination.secret_files()
            },
        )

    @property
    def has_secrets(self) -> bool:
        """Whether a secret's value is in the environment."""
        return any("secretKeyRef" in entry["valueFrom"] for entry in self.variables.values())

    def environment(self, agent: Agent) -> list[dict[str, Any]]:
        """The variables, and those that `agent` wants besides, which may refer to them."""
        more = agent.env(self.shipment)
        return [*self.variables.values(), *(self._entry(name, text) for name, text in more.items())]

    def projections(self, config: Config) -> list[dict[str, Any]]:
        """The files as sources of a projected volume."""
        optional = {} if config.secrets.required else {"optional": True}
        return [
            {"secret": {"name": secret.secret, "items": [{"key": secret.key, "path": file}], **optional}}
            for file, secret in self.secret_files.items()
        ]

    def _entry(self, name: str, text: Text) -> dict[str, Any]:
        match text:
            case (Variable(same),):
                return {**self.variables[same], "name": name}
            case _:
                # Kubernetes expands `$(NAME)` and makes one dollar sign of two.
                parts = (f"$({part.name})" if isinstance(part, Variable) else part.replace("$", "$$") for part in text)
                return {"name": name, "value": "".join(parts)}


def _destination(files: Files) -> str:
    return files.source.destination or ""


def _entries(
    settings: Mapping[str, Destination], labels: Mapping[str, Variable], *, required: bool
) -> Iterator[dict[str, Any]]:
    for variable, path in _FIELDS.items():
        yield {"name": variable.name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
    for key, variable in labels.items():
        yield {"name": variable.name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{key}']"}}}
    for name, destination in settings.items():
        for field, secret in destination.secrets():
            reference = {"name": secret.secret, "key": secret.key, **({} if required else {"optional": True})}
            yield {"name": _secret(name, field).name, "valueFrom": {"secretKeyRef": reference}}


def _secret(destination: str, field: str) -> Variable:
    return Variable(f"LOGHOOK_{_upper(destination)}__{_upper(field)}")


def _upper(name: str) -> str:
    return re.sub(r"[.-]", "_", name).upper()


def _file(destination: str, field: str) -> str:
    return f"{destination}.{_FILE_ENDINGS[field]}"


def _stream(files: Files, pod: Pod, config: Config, labels: Mapping[str, Variable]) -> Stream:
    source = files.source
    return Stream(
        name=source.name,
        paths=files.paths,
        exclude=files.exclude,
        from_end=starts_at_end(files),
        trees=tuple(
            Tree(path, reader.mount_path) for path, reader in zip(files.mount_paths, files.readers, strict=True)
        ),
        parsing=parsing(source, config),
        target=_target(files, pod, config),
        attributes={
            "k8s.namespace.name": (_NAMESPACE,),
            "k8s.pod.name": (_POD,),
            "k8s.node.name": (_NODE,),
            "k8s.container.name": (files.writers[0],),
            "loghook.source": (source.name or UNNAMED,),
            **{f"k8s.pod.label.{key}": (variable,) for key, variable in labels.items()},
            **{key: (value,) for key, value in source.fields},
        },
    )


def starts_at_end(files: Files) -> bool:
    """Whether the files that are there at the start are old: those of volumes that outlive the Pod."""
    if files.source.read_from is not None:
        return files.source.read_from == "end"
    return all(reader.is_lasting for reader in files.readers)


def parsing(source: Source, config: Config) -> Parsing:
    """How the records of `source` are read."""
    format_ = config.every_format[source.format]
    return Parsing(
        format=format_,
        start=source.multiline_start or format_.start,
        time_key=source.time_key or format_.time_key,
        time_format=source.time_format or format_.time_format,
        time_zone=source.time_zone,
    )


def _target(files: Files, pod: Pod, config: Config) -> Target:
    name = _destination(files)
    settings = config.destinations[name]
    return Target(
        name=name,
        settings=settings,
        secrets={field: _secret(name, field) for field, _ in settings.secrets()},
        templates={field: _resolved(field, template, files, pod) for field, template in settings.texts()},
        files={field: f"{CA_DIRECTORY}/{_file(name, field)}" for field, _ in settings.secret_files()},
    )


def _resolved(field: str, template: str, files: Files, pod: Pod) -> Text:
    """`template` with what is known of its placeholders, and variables for the rest; adjoining literals are one."""
    parts: list[str | Variable] = []
    end = 0
    for found in PLACEHOLDER.finditer(template):
        parts += [template[end : found.start()], _placeholder(found, files, pod)]
        end = found.end()
    parts.append(template[end:])
    return tuple(_joined(part.lower() if isinstance(part, str) and field in _LOWER_CASE else part for part in parts))


def _placeholder(found: re.Match[str], files: Files, pod: Pod) -> str | Variable:
    what = found["what"]
    if what in _IN_TEMPLATES:
        return _IN_TEMPLATES[what]
    if what == "source":
        return files.source.name or UNNAMED
    if what == "container":
        return files.writers[0]
    value = pod.labels.get(found["label"]) if found["label"] else dict(files.source.fields).get(found["field"])
    return _UNSAFE.sub("_", value) if value else "unknown"


def _joined(parts: Iterable[str | Variable]) -> Iterator[str | Variable]:
    literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
        literal = ""
        yield part
    if literal:
        yield literal


# What the agent cannot do.

# Every destination and each of its options works with one agent or another: it is the choice of this one that is wrong.
_BY_CHOICE_OF_AGENT = frozenset({"LH141", "LH142", "LH145", "LH146"})


# What every agent takes, where the key's own example is not that plain.
_PLAIN = {"multiline-start": "^[0-9]{4}-", "time-format": "%Y-%m-%d"}


def objections(
    agent: Agent, shipment: Shipment, request: Request, config: Config, namespace: str
) -> Iterator[tuple[str, Diagnostic]]:
    """Each problem of `agent` with `shipment` as a diagnostic, after the name of its source.

    What the Pod's own annotations ask for is a mistake. What the configuration does is a warning, and the Pod starts
    without that source.
    """
    sources = {source.name: source for source in request.sources}
    is_agent_configured = "agent" not in request.said and "agent" in config.defaults_for(namespace)
    for problem in agent.problems(shipment):
        source = sources[problem.source]
        by_agent = problem.code in _BY_CHOICE_OF_AGENT
        said = request.said.get("agent") if by_agent else source.said.get(problem.key.replace("-", "_"))
        key = said or source.key(problem.key)
        if config.policy.enforce or (said and not is_agent_configured):
            details = {"type": _type(problem, shipment), **problem.details, "example": _example(problem, shipment)}
            yield problem.source, Diagnostic(problem.code, key, None, details)
        else:
            yield problem.source, Diagnostic("LH501", key, None, {"inner": problem.code})


def _type(problem: Problem, shipment: Shipment) -> str:
    (settings,) = (stream.target.settings for stream in shipment.streams if stream.name == problem.source)
    return settings.type


def _example(problem: Problem, shipment: Shipment) -> str:
    """What helps: another agent, another destination where there is none, or a value that any agent takes."""
    if problem.code not in _BY_CHOICE_OF_AGENT:
        return _PLAIN.get(problem.key, KEYS[problem.key].example)
    agent = able(problem, shipment)
    return f"{PREFIX}agent: {agent}" if agent else "another destination"
