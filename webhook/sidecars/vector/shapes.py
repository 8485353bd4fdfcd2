"""What a sink needs of the record besides: VRL, with `record` and its time `at` at hand."""

from webhook.config.destinations import Datadog, Logscale
from webhook.sidecars import Target
from webhook.sidecars.vector.literals import program_text
from webhook.sidecars.vector.remap import text

__all__ = ["shape"]

_OTLP_SHAPE = """resource = []
attributes = []
for_each(record) -> |name, value| {
  typed = { "stringValue": to_string(value) ?? encode_json(value) }
  if is_integer(value) { typed = { "intValue": value } }
  if is_float(value) { typed = { "doubleValue": value } }
  if is_boolean(value) { typed = { "boolValue": value } }
  pair = { "key": name, "value": typed }
  if name == "@timestamp" || (name == "message" && is_string(value)) {
    pair = null
  } else if starts_with(name, "k8s.") {
    resource = push(resource, pair)
  } else {
    attributes = push(attributes, pair)
  }
}
nanoseconds = to_unix_timestamp(timestamp(at) ?? now(), unit: "nanoseconds")
observed = to_unix_timestamp(now(), unit: "nanoseconds")
body = { "timeUnixNano": nanoseconds, "observedTimeUnixNano": observed, "attributes": attributes }
if is_string(record.message) { body.body = { "stringValue": record.message } }
record = { "resourceLogs": [{ "resource": { "attributes": resource }, "scopeLogs": [{ "logRecords": [body] }] }] }"""

# The line as it was written; a syslog server takes a message for what stands in one line.
_SYSLOG_SHAPE = """pod = to_string(get(record, ["k8s.pod.name"]) ?? null) ?? ""
app = to_string(get(record, ["k8s.container.name"]) ?? null) ?? ""
source = to_string(get(record, ["loghook.source"]) ?? null) ?? ""
line = replace(text, "\\n", "#012")
record = { "@timestamp": at, "host": pod, "app": app, "source": source, "message": line }"""

_DATADOG_SHAPE = """tags = {tags}
record.timestamp = at
del(record."@timestamp")
record.ddsource = {source}
record.service = {service}
record.ddtags = tags"""


def shape(target: Target) -> str:
    """What a destination needs of its records, in VRL; empty where it takes them as they are."""
    settings = target.settings
    if settings.type == "otlp" or (isinstance(settings, Logscale) and settings.via == "otlp"):
        return _OTLP_SHAPE
    if settings.type == "syslog":
        return _SYSLOG_SHAPE
    return _datadog_shape(target) if isinstance(settings, Datadog) else ""


def _datadog_shape(target: Target) -> str:
    tags = ", ".join(
        f"{program_text(name.removeprefix('tags.') + ':')} + {text(value)}"
        for name, value in target.templates.items()
        if name.startswith("tags.")
    )
    return _DATADOG_SHAPE.format(
        tags=f"[{tags}]", source=text(target.templates["source"]), service=text(target.templates["service"])
    )
