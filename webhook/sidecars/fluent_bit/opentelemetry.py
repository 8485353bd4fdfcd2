"""What a record of OTLP needs of Fluent Bit besides: its resource, its severity, and a message.

A record's severity is in its metadata, since what Lua gives back has no exact numbers. Source: the plugins
`opentelemetry`, `opentelemetry_envelope` and `content_modifier` of Fluent Bit 5.1.1.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from webhook.config.destinations import Logscale
from webhook.config.formats import Format
from webhook.sidecars import Stream, Target, levels
from webhook.sidecars.fluent_bit.literals import literal, value

__all__ = ["SEVERITY", "has_resource", "is_of_resource", "level_of", "steps"]

Definition = dict[str, Any]

SEVERITY = "severity_number"
"""The key of the metadata that holds the number."""


def has_resource(target: Target) -> bool:
    """Whether the records go out as OTLP."""
    settings = target.settings
    return settings.type == "otlp" or (isinstance(settings, Logscale) and settings.via == "otlp")


def is_of_resource(name: str) -> bool:
    """Whether an attribute is said of what writes the records, not of a record."""
    return name.startswith(("k8s.", "service."))


def level_of(format_: Format) -> str | None:
    """The field of a record that is the severity's text; none for syslog, whose severity is in a number."""
    return next((name for name in levels.fields(format_) if name != levels.PRIORITY), None)


def steps(stream: Stream) -> Iterator[Definition]:
    """What is done to each record, last of all: what makes a group of them holds the resource."""
    yield _modifier("body", "insert", "message", "")  # where there is none, the whole record would be the body
    yield from _severity(stream.parsing.format)
    yield {"name": "opentelemetry_envelope"}
    for key, text in stream.attributes.items():
        if is_of_resource(key):
            yield _modifier("otel_resource_attributes", "upsert", literal(key), value(text))


def _severity(format_: Format) -> Iterator[Definition]:
    names = levels.fields(format_)
    if not names:
        return
    known = _OF_PRIORITIES if levels.PRIORITY in names else levels.SEVERITIES
    for number, texts in known.items():
        yield _modifier("metadata", "insert", SEVERITY, str(number)) | _where(names, texts)
    every = [text for texts in known.values() for text in texts]
    yield _modifier("metadata", "convert", SEVERITY, None) | {"converted_type": "int"} | _where(names, every)


_PRIORITIES = range(24 * 8)  # a facility times eight, and a severity
_OF_PRIORITIES = {
    levels.NUMBERS[name]: [str(each) for each in _PRIORITIES if each % 8 == number]
    for number, name in enumerate(levels.OF_SYSLOG)
}


def _where(names: tuple[str, ...], known: Iterable[str]) -> Definition:
    """The condition that any of the fields `names` is one of `known`, whatever the case of its letters."""
    pattern = rf"\A(?i:{'|'.join(known)})\z"
    return {"condition": {"op": "or", "rules": [_is(f"${name}", pattern) for name in names]}}


def _is(field: str, pattern: str) -> Definition:
    return {"field": field, "op": "regex", "value": pattern}


def _modifier(context: str, action: str, key: str, text: str | None) -> Definition:
    own = {"name": "content_modifier", "context": context, "action": action, "key": key}
    return own if text is None else {**own, "value": text}
