"""What a sink needs of the record besides: VRL, with `record` and its time `at` at hand."""

import json

from webhook.config.destinations import Datadog, Logscale, Syslog
from webhook.config.formats import Format
from webhook.sidecars import Target, levels
from webhook.sidecars.vector.literals import program_text
from webhook.sidecars.vector.remap import text

__all__ = ["shape"]

_OTLP_SHAPE = """severity = { "number": 0, "text": "" }
level = @LEVEL@
if is_string(level) {
  severity.text = string(level) ?? ""
  severity.number = get(@NUMBERS@, [downcase(severity.text)]) ?? 0
}
resource = []
attributes = []
for_each(record) -> |name, value| {
  typed = { "stringValue": to_string(value) ?? encode_json(value) }
  if is_integer(value) { typed = { "intValue": value } }
  if is_float(value) { typed = { "doubleValue": value } }
  if is_boolean(value) { typed = { "boolValue": value } }
  pair = { "key": name, "value": typed }
  if name == "@timestamp" || name == "message" {
    pair = null
  } else if starts_with(name, "k8s.") || starts_with(name, "service.") {
    resource = push(resource, pair)
  } else {
    attributes = push(attributes, pair)
  }
}
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


def shape(target: Target, format_: Format) -> str:
    """What a destination needs of its records of `format_`, in VRL; empty where it takes them as they are."""
    settings = target.settings
    if settings.type == "otlp" or (isinstance(settings, Logscale) and settings.via == "otlp"):
        return _otlp_shape(format_)
    if isinstance(settings, Syslog):
        limit = settings.max_bytes - settings.HEADER_BYTES
        return _SYSLOG_SHAPE.replace("LIMIT", str(limit))
    if settings.type == "kafka":
        return _KAFKA_SHAPE
    return _datadog_shape(target) if isinstance(settings, Datadog) else ""


def _otlp_shape(format_: Format) -> str:
    names = levels.fields(format_)
    level = "null"
    for name in reversed(names):
        level = f"(get(record, [{program_text(name)}]) ?? null) || {level}"
    if levels.PRIORITY in names:
        number = f"mod(to_int({level}) ?? 0, {len(levels.OF_SYSLOG)})"
        level = f"if is_string({level}) {{ get({json.dumps(levels.OF_SYSLOG)}, [{number}]) ?? null }} else {{ null }}"
    table = ", ".join(f"{program_text(name)}: {number}" for name, number in levels.NUMBERS.items()) if names else ""
    return _OTLP_SHAPE.replace("@LEVEL@", level).replace("@NUMBERS@", f"{{{table}}}")


def _datadog_shape(target: Target) -> str:
    tags = ", ".join(
        f"{program_text(name.removeprefix('tags.') + ':')} + {text(value)}"
        for name, value in target.templates.items()
        if name.startswith("tags.")
    )
    return _DATADOG_SHAPE.format(
        tags=f"[{tags}]", source=text(target.templates["source"]), service=text(target.templates["service"])
    )
