"""What a record of OTLP needs of Fluent Bit besides: its resource, its severity, and a message.

A record's severity is in its metadata. It is found by Lua before JSON is parsed, since what Lua gives back has no exact
numbers, and since conditions are for fields that are texts. Source: the plugins `opentelemetry`,
`opentelemetry_envelope`, `content_modifier`, `modify` and `lua` of Fluent Bit 5.1.1.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.config.formats import Format
from webhook.sidecars import Stream, levels
from webhook.sidecars.fluent_bit.literals import literal, lua_text, value
from webhook.sidecars.otlp import MESSAGE, is_of_resource, messages

__all__ = ["NUMBER", "constants", "steps"]

Definition = dict[str, Any]

NUMBER = "severity_number"
"""The key of the metadata that Lua is to write as a whole number."""


def constants(format_: Format) -> str:
    """The constants of the script that finds the severity of a record of `format_`; empty where it has none."""
    names = levels.fields(format_)
    if not names:
        return ""
    is_syslog = levels.PRIORITY in names
    texts = (
        {str(each): levels.OF_SYSLOG[each % len(levels.OF_SYSLOG)] for each in range(levels.PRIORITIES)}
        if is_syslog
        else levels.NAMES_OF_NUMBERS
    )
    return "\n".join(
        (
            f"levels = {{ {', '.join(map(lua_text, names))} }}",
            f"texts = {_table(texts)}",
            f"numbers = {_table(levels.NUMBERS)}",
            f"is_syslog = {str(is_syslog).lower()}",
        )
    )


def _table(texts: Mapping[str, str | int]) -> str:
    members = (f"[{lua_text(key)}]={lua_text(to) if isinstance(to, str) else to}" for key, to in texts.items())
    return f"{{{','.join(members)}}}"


def steps(stream: Stream) -> Iterator[Definition]:
    """What is done to each record, last of all: what makes a group of them holds the resource."""
    for name in messages(stream.parsing.format):  # it renames nothing to what is there already
        yield {"name": "modify", "rename": f"{literal(name)} {MESSAGE}"}
    yield _modifier("body", "insert", MESSAGE, "")  # where there is none, the whole record would be the body
    yield {"name": "opentelemetry_envelope"}
    for key, text in stream.attributes.items():
        if is_of_resource(key):
            yield _modifier("otel_resource_attributes", "upsert", literal(key), value(text))


def _modifier(context: str, action: str, key: str, text: str) -> Definition:
    return {"name": "content_modifier", "context": context, "action": action, "key": key, "value": text}
