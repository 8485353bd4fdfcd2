"""The pages of formats: an overview, and a page for each family of them."""

import json
import string
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import msgspec
from pydantic.fields import FieldInfo

from webhook.config.formats import FORMATS, Format
from webhook.config.own_formats import OwnFormat
from webhook.plan.node_agents import NODE_AGENTS, Hint, Output
from webhook.reference.abilities import reads_time
from webhook.reference.records import record
from webhook.reference.words import of_formats
from webhook.sidecars import Parsing
from webhook.sidecars.programs import AGENTS

__all__ = ["FAMILIES", "PAGES", "facts"]


class Family(msgspec.Struct, frozen=True):
    """Formats that are explained together."""

    title: str
    formats: tuple[str, ...]


FAMILIES: Mapping[str, Family] = {
    "plain": Family("Plain text", ("plain",)),
    "json": Family("JSON", ("json",)),
    "logfmt": Family("logfmt", ("logfmt",)),
    "access-logs": Family("Web servers", ("nginx", "apache", "apache-error")),
    "syslog": Family("Syslog", ("syslog-rfc3164", "syslog-rfc5424")),
    "containers": Family("Containers and Kubernetes", ("cri", "klog")),
    "csv": Family("Comma-separated values", ("csv",)),
    "stack-traces": Family(
        "Stack traces and other records of several lines", ("log4j", "java", "python", "go", "ruby")
    ),
}
"""Every format, with those of its kind."""

_OVERVIEW = """# Formats

```yaml
metadata:
  annotations:
    loghook.dev/paths: /var/log/app/*.log
    loghook.dev/format: json
```

A format says how an application writes its records. An agent reads fields and the time out of each; a line that does
not match is shipped as it is, in the field `message`. A streaming sidecar passes every line on as it is, and can tell
the node's agent the format ([`node-agent-hints`](annotations.md)). All agents read all formats, and make the same
record of the same line: [line by line](lines.md).

| format | | its record |
| --- | --- | --- |"""

_COMMON = """
**Ours.** Each record also has `k8s.namespace.name`, `k8s.pod.name`, `k8s.node.name`, `k8s.container.name`,
`loghook.source`, `log.file.path`, the labels that the administrator names (`k8s.pod.label.KEY`) and the Pod's
[`fields`](annotations.md). By OTLP some of them are attributes of the resource.

Elasticsearch and OpenSearch make objects of the dots in these names, and take no record with a text in an object's
place. So a field of the application's that stands there (`log`, `log.file`, `k8s`, `k8s.pod`, `loghook`) is called
`log.value` and so on, if it is no object itself: Docker's `{"log":"hello"}` becomes `log.value: hello`. The same holds
for `fields` and for labels: `k8s.pod.label.app.value` beside `k8s.pod.label.app.kubernetes.io/name`. Give no field of
`fields` a name that begins one of the application's own, `service` beside its `service.name`.

`@timestamp` is the record's time. What the application has there becomes it, if `time-key` says so and it can be read,
and is in `@timestamp_original` if not. To Datadog by Fluent Bit and Vector the same holds for `timestamp`, and to Azure
Monitor by Fluent Bit for `TimeGenerated`.

**Times** without a format of their own are ISO-8601 (`T` or a space, with a fraction or without, `Z`, `+02:00`,
`+0200`, `+02` or no zone; also in its basic form) or seconds or milliseconds since 1970. `time-key`, `time-format` and
`time-zone` say otherwise; the field with the time stays in the record. Where no time is found a record's time is that
of its reading.

What is a time is the same for every agent. Its year is one from 1971 to 2099 (as a number: from March 1973 to September
2096), so the nothing of a language (`0001-01-01T00:00:00Z`) is none, nor is what a clock says that was not set. A day
or an hour that there is not (29 February 2026, 24:00) is no time; a leap second is the second after it, but for the
collector where a `time-format` is said, which reads none. An hour that a zone has twice is the first of them, and one
that it leaves out is read as if the clock had not been changed. There the collector takes the second one in zones east
of Greenwich, and an hour less in spring in those west of it, and Fluent Bit an hour less in spring in those east of it.

**Records of several lines** begin with a line that matches the format's start, or `multiline-start`; stack traces go on
with the lines that belong to them. [More about it](formats/stack-traces.md).

**Your own** formats go into the configuration, [under a name](formats/own.md).
"""


def _overview() -> Iterator[str]:
    """docs/formats.md: every format in a line, and what holds for all."""
    yield _OVERVIEW
    for family, each in FAMILIES.items():
        for name in each.formats:
            fields = ", ".join(f"`{field}`" for field in list(record(FORMATS[name]))[:10] if field != "@timestamp")
            yield f"| [`{name}`](formats/{family}.md) | {FORMATS[name].about} | {fields} |"
    yield "| [your own](formats/own.md) | A regular expression, named columns, or one of these with another time. | |"
    yield _COMMON


def _page(family: str) -> Iterator[str]:
    """docs/formats/FAMILY.md: records first, then what they become, what to know, and what node agents are told."""
    title, formats = FAMILIES[family].title, [FORMATS[name] for name in FAMILIES[family].formats]
    yield f"# {title}\n"
    for format_ in formats:
        if len(formats) > 1:
            yield f"## `{format_.name}`\n"
        yield from _sample(format_)
    yield of_formats(family)
    yield "## What the node's agents are told\n"
    yield "Where the files are [streamed](../streaming.md), and `node-agent-hints` names the agent of the node:\n"
    yield "| format | " + " | ".join(f"`{agent}`" for agent in NODE_AGENTS) + " |"
    yield "| --- |" + " --- |" * len(NODE_AGENTS)
    for format_ in formats:
        hints = (tell(Output("loghook", "app", Parsing(format=format_))) for tell in NODE_AGENTS.values())
        yield f"| `{format_.name}` | " + " | ".join(map(_hint, hints)) + " |"
    yield "\nHere the sidecar is `loghook` and the application `app`. What the user says of a stream holds.\n"


def _sample(format_: Format) -> Iterator[str]:
    yield f"```text\n{format_.sample}\n```\n"
    yield f"{format_.about} It becomes\n"
    yield f"```json\n{json.dumps(record(format_), indent=2)}\n```\n"
    known = "".join(f"- {fact}\n" for fact in facts(format_))
    if known:
        yield known


def facts(format_: Format) -> Iterator[str]:
    """What is to be known of its time and of its records of several lines, a sentence each."""
    if format_.time_key:
        yield f"Time: `{format_.time_key}`" + (f", as `{format_.time_format}`" if format_.time_format else "")
    else:
        yield "Time: that of its reading, unless `time-key` says otherwise" if format_.columns else _NO_TIME
    if format_.start:
        yield f"A record begins with: `{format_.start}`"
    if format_.trace:
        yield f"Joined: stack traces of {format_.trace.capitalize()}"
    if format_.is_partial:
        yield "Joined: lines that are marked with `P`"


_NO_TIME = "Time: that of its reading"


def _hint(hint: Hint) -> str:
    return "<br>".join(f"`{key}: {value}`" for key, value in hint.annotations.items()) or "none"


# The administrator's own.

_OWN = """# Your own formats

```yaml
formats:
  trade:
    regex: '^(?P<time>\\S+) (?P<symbol>[A-Z]+) (?P<price>[0-9.]+)$'
    timeKey: time
    types: {price: float}
  people:
    columns: [id, name, mail]
  shop:
    like: json
    timeKey: "@timestamp"
```
"""

_ABOUT = {
    "regex": "an expression with a group `(?P<name>…)` for each field",
    "columns": "the names of comma-separated values, in order",
    "like": "a built-in format, in which what else is said here is different",
    "timeKey": "the field with the time; without, a record's time is that of its reading",
    "timeFormat": "how the time is written; without, ISO-8601 or seconds or milliseconds since 1970",
    "multilineStart": "an expression that a record begins with; what does not match goes on with the one before",
    "types": "fields that are `integer`, `float` or `boolean`; what cannot be read as such stays text; "
    "Fluent Bit takes whole numbers of up to 15 digits, and none in a format like `json`",
}


def _own() -> Iterator[str]:
    """docs/formats/own.md: an example, every option, and what all agents understand."""
    yield _OWN
    yield of_formats("own")
    yield "## Options\n\nExactly one of `regex`, `columns` and `like`.\n\n| option | value |\n| --- | --- |"
    yield "\n".join(_row(name, field) for name, field in OwnFormat.model_fields.items()) + "\n"
    yield from _directives()


def _row(name: str, field: FieldInfo) -> str:
    alias = field.alias or name
    return f"| `{alias}` | {_ABOUT[alias]} |"


def _directives() -> Iterator[str]:
    """What a time format may have, by who can read it."""
    able = {letter: reads_time(_TRIED.get(letter, f"%{letter}")) for letter in string.ascii_letters}
    everywhere = [f"`%{letter}`" for letter, agents in able.items() if agents == set(AGENTS)]
    yield "## Time formats\n\nDirectives are those of strftime. All agents read\n"
    yield f"{', '.join(everywhere)}\n"
    yield _SOME
    for letter, agents in able.items():
        if agents - {"fluentd"} and agents != set(AGENTS):
            yield f"| `%{letter}` | {', '.join(f'`{agent}`' for agent in AGENTS if agent in agents)} |"
    yield ""


_SOME = """where `%L` is a fraction of any number of digits, behind the seconds and a point or a comma; it may be left
out. Numbers may have one digit or two, and without a day there is no time. Some are read by some agents only; the
others refuse them ([LH143](../diagnostics.md#lh143)), but for Fluentd, which refuses none and takes the time of the
reading where Ruby cannot read one.

| directive | agents |
| --- | --- |"""

_TRIED = {"L": "%S.%L"}
"""Directives that do not stand alone."""

PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "formats.md": _overview,
    **{f"formats/{family}.md": partial(_page, family) for family in FAMILIES},
    "formats/own.md": _own,
}
"""Each page's name and what writes it."""
