"""What a sink needs of the record besides: VRL, with `record` and its time `at` at hand."""

import json
import re
from collections.abc import Sequence

from webhook.config.destinations import Datadog, Syslog
from webhook.sidecars import Stream, Target, levels
from webhook.sidecars.otlp import MESSAGE, has_resource, is_of_resource, messages
from webhook.sidecars.vector.literals import program_text
from webhook.sidecars.vector.remap import members, text

__all__ = ["shape"]

_SEVERITY = """first = @LEVEL@
level = get([first], [0]) ?? null
if level != null {
  level = strip_whitespace(to_string(level) ?? "")
  if match(level, r'^[0-9]{1,3}$') { level = string(get(@NUMBERS@, [level]) ?? null) ?? level }
  severity.text = level
  place = int(find(@NAMES@, "\\n" + downcase(level) + ":")) ?? -1
  if place >= 0 && level != "" {
    at_number = place + length(level) + 2
    severity.number = to_int(slice(@NAMES@, at_number, at_number + 2) ?? "0") ?? 0
  }
}"""

_OTLP_SHAPE = """severity = { "number": 0, "text": "" }
@SEVERITY@
@MESSAGE@
attributes = []
for_each(record) -> |name, value| {
  typed = { "stringValue": to_string(value) ?? encode_json(value) }
  if is_integer(value) { typed = { "intValue": value } }
  if is_float(value) { typed = { "doubleValue": value } }
  if is_boolean(value) { typed = { "boolValue": value } }
  if name != "@timestamp" && name != "message" { attributes = push(attributes, { "key": name, "value": typed }) }
}
resource = []
for_each(@RESOURCE@) -> |name, value| { resource = push(resource, { "key": name, "value": { "stringValue": value } }) }
nanoseconds = parse_int(format_timestamp(timestamp(at) ?? now(), "%s%9f") ?? "0") ?? 0
observed = parse_int(format_timestamp(now(), "%s%9f") ?? "0") ?? 0
body = { "timeUnixNano": nanoseconds, "observedTimeUnixNano": observed, "attributes": attributes }
message = get(record, ["message"]) ?? null
body.body = { "stringValue": to_string(message) ?? encode_json(message) }
if is_integer(severity.number) && severity.number != 0 { body.severityNumber = severity.number }
if severity.text != "" { body.severityText = severity.text }
record = { "resourceLogs": [{ "resource": { "attributes": resource }, "scopeLogs": [{ "logRecords": [body] }] }] }"""

# The line as it was written; a syslog server takes a message for what stands in one line. RFC 5424 has six digits of a
# second's fraction.
_SYSLOG_SHAPE = """pod = to_string(get(record, ["k8s.pod.name"]) ?? null) ?? ""
app = to_string(get(record, ["k8s.container.name"]) ?? null) ?? ""
source = to_string(get(record, ["loghook.source"]) ?? null) ?? ""
line = slice(replace(text, "\\n", "#012"), 0, LIMIT) ?? text
at = from_unix_timestamp(to_unix_timestamp(timestamp(at) ?? now(), unit: "microseconds"), unit: "microseconds") ?? at
record = { "@timestamp": at, "host": pod, "app": app, "source": source, "message": line }"""

# A time that is text is not made that of the message: Kafka refuses messages whose time is more than an hour ahead.
_KAFKA_SHAPE = 'record."@timestamp" = to_string(at) ?? null'

_DATADOG_SHAPE = """tags = {tags}
record.timestamp = at
del(record."@timestamp")
record.ddsource = {source}
record.service = {service}
record.ddtags = tags"""


def shape(stream: Stream) -> str:
    """What a destination needs of its records of `stream`, in VRL; empty where it takes them as they are."""
    settings = stream.target.settings
    if has_resource(stream.target):
        return _otlp_shape(stream)
    if isinstance(settings, Syslog):
        limit = settings.max_bytes - settings.HEADER_BYTES
        return _SYSLOG_SHAPE.replace("LIMIT", str(limit))
    if settings.type == "kafka":
        return _KAFKA_SHAPE
    return _datadog_shape(stream.target) if isinstance(settings, Datadog) else ""


def _otlp_shape(stream: Stream) -> str:
    format_ = stream.parsing.format
    names = levels.fields(format_)
    resource = {name: each for name, each in stream.attributes.items() if is_of_resource(name)}
    parts = {
        "@LEVEL@": _level(names),
        "@NUMBERS@": json.dumps(levels.NAMES_OF_NUMBERS),
        "@NAMES@": program_text("\n" + "".join(f"{name}:{number:02}\n" for name, number in levels.NUMBERS.items())),
        "@MESSAGE@": _message(messages(format_)),
        "@RESOURCE@": members(resource),
    }
    whole = _OTLP_SHAPE.replace("@SEVERITY@\n", f"{_SEVERITY}\n" if names else "")
    return re.sub("|".join(parts), lambda found: parts[found[0]], whole)


def _level(names: Sequence[str]) -> str:
    """An expression for the text of the level, or null."""
    if levels.PRIORITY in names:
        number = f'to_int(record."{levels.PRIORITY}") ?? {levels.PRIORITIES}'
        return (
            f'if is_string(record."{levels.PRIORITY}") && ({number}) < {levels.PRIORITIES} {{ get('
            f"{json.dumps(levels.OF_SYSLOG)}, "
            f"[mod({number}, {len(levels.OF_SYSLOG)})]) ?? null }} else {{ null }}"
        )
    level = "null"
    for name in reversed(names):
        place = f"record.{program_text(name)}"
        level = f"if is_string({place}) || is_integer({place}) {{ {place} }} else {{ {level} }}"
    return level


def _message(names: Sequence[str]) -> str:
    """Statements by which the first of the fields `names` becomes the message, where there is none."""
    moves = []
    for name in names:
        place = f"record.{program_text(name)}"
        moves.append(f"if record.{MESSAGE} == null && exists({place}) {{ record.{MESSAGE} = del({place}) }}")
    return "\n".join(moves)


def _datadog_shape(target: Target) -> str:
    tags = ", ".join(
        f"{program_text(name.removeprefix('tags.') + ':')} + {text(value)}"
        for name, value in target.templates.items()
        if name.startswith("tags.")
    )
    return _DATADOG_SHAPE.format(
        tags=f"[{tags}]", source=text(target.templates["source"]), service=text(target.templates["service"])
    )
