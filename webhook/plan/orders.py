"""What a source in agent mode asks of its agent, whatever the files: how records are read, and where they go.

Values that are only known in the Pod, and secrets, become environment variables of the sidecar. Their names tell them
apart: `LOGHOOK_<DESTINATION>__<FIELD>` for a secret, where no destination's name has `_`, and no field's `__`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from webhook.annotations.request import Source
from webhook.config.destinations import PLACEHOLDER
from webhook.config.loghook_yaml import Config
from webhook.config.replacements import Replacement
from webhook.plan.names import NAMESPACE, NODE, POD
from webhook.plan.surroundings import Surroundings
from webhook.sidecars import CA_DIRECTORY, Parsing, Target, Text, Variable

__all__ = [
    "NAMESPACE",
    "NODE",
    "POD",
    "UNNAMED",
    "destination_of",
    "file_of",
    "parsing",
    "redact",
    "secret_of",
    "target",
]

UNNAMED = "default"
"""What records call the source without a name."""

_IN_TEMPLATES = {"namespace": NAMESPACE, "pod": POD, "node": NODE}

_FILES = {
    "tls.ca": "{}.crt",
    "credentials": "{}.json",
    "tls.cert": "client/{}.crt",
    "tls.key": "client/{}.key",
}
"""Files by the field whose secret they hold. Certificates beside the CAs would be taken for such by the collector."""

_LOWER_CASE = frozenset({"index"})  # Elasticsearch and Splunk refuse capitals there
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def destination_of(source: Source) -> str:
    """The name of the destination of `source`, which has one."""
    return source.destination or ""


def secret_of(destination: str, field: str) -> Variable:
    """The variable that holds the secret `field` of `destination`."""
    return Variable(f"LOGHOOK_{_upper(destination)}__{_upper(field)}")


def file_of(destination: str, field: str) -> str:
    """The name of the file that holds the secret `field` of `destination`, from CA_DIRECTORY on."""
    return _FILES[field].format(destination)


def _upper(name: str) -> str:
    return re.sub(r"[.-]", "_", name).upper()


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


def redact(source: Source, config: Config) -> tuple[Replacement, ...]:
    """What is replaced in the records of `source`: what its destination demands, then what is asked for."""
    demanded = config.destinations[destination_of(source)].redact
    return tuple(config.every_replacement[name] for name in dict.fromkeys((*demanded, *source.redact)))


def target(source: Source, writer: str, around: Surroundings, config: Config) -> Target:
    """Where the records of `source` go, whose files the container `writer` writes."""
    name = destination_of(source)
    settings = config.destinations[name]
    labels = dict(around.label_values)
    return Target(
        name=name,
        settings=settings,
        secrets={field: secret_of(name, field) for field, _ in settings.secrets()},
        templates={field: _resolved(field, template, source, writer, labels) for field, template in settings.texts()},
        files={field: f"{CA_DIRECTORY}/{file_of(name, field)}" for field, _ in settings.secret_files()},
    )


def _resolved(field: str, template: str, source: Source, writer: str, labels: Mapping[str, str]) -> Text:
    """`template` with what is known of its placeholders, and variables for the rest; adjoining literals are one."""
    parts: list[str | Variable] = []
    end = 0
    for found in PLACEHOLDER.finditer(template):
        parts += [template[end : found.start()], _placeholder(found, source, writer, labels)]
        end = found.end()
    parts.append(template[end:])
    return tuple(_joined(part.lower() if isinstance(part, str) and field in _LOWER_CASE else part for part in parts))


def _placeholder(found: re.Match[str], source: Source, writer: str, labels: Mapping[str, str]) -> str | Variable:
    what = found["what"]
    if what in _IN_TEMPLATES:
        return _IN_TEMPLATES[what]
    if what == "source":
        return source.name or UNNAMED
    if what == "container":
        return writer
    value = labels.get(found["label"]) if found["label"] else dict(source.fields).get(found["field"])
    return _safe(value) if value else "unknown"


def _safe(value: str) -> str:
    """What `value`, which its Pod's author has chosen, is in a name: one part of it, that leads nowhere else."""
    return _UNSAFE.sub("_", value) if value.strip(".") else "_" * len(value)


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
