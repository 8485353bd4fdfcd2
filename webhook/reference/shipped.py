"""The pages on what becomes of records on their way: what is left out and replaced; what they are in OpenTelemetry."""

from collections.abc import Callable, Iterator, Mapping

from webhook.config.formats import FORMATS
from webhook.config.replacements import BUILT_IN
from webhook.plan.services import SERVICE
from webhook.sidecars.levels import NAMES_OF_NUMBERS, SEVERITIES, fields
from webhook.sidecars.otlp import messages

__all__ = ["PAGES"]

_CHOOSING = """# Leaving records out, and replacing what is in them

```yaml
metadata:
  annotations:
    loghook.dev/paths: /var/log/app/*.log
    loghook.dev/destination: central
    loghook.dev/format: json
    loghook.dev/keep: WARN|ERROR
    loghook.dev/drop: GET /healthz
    loghook.dev/redact: email,card
```

An agent ships the records with a match of [`keep`](annotations.md), and of these the ones without a match of `drop`; in
what it ships it replaces what `redact` names. All four agents do the same ([lines and records](lines.md) has cases of
each, run by them). A streaming sidecar passes every line on as it is, so there all three are mistakes
([LH137](diagnostics.md#lh137)).

**`keep` and `drop`** are searched in the whole record as it was written: its lines joined, before it is parsed, before
anything is replaced. `^` and `$` are the start and the end of the record. Of a line of `cri` it is what the container
wrote. What is left out is counted where the agent can: see below.

**`redact`** replaces in every text of a record: the message, each field, and what stands in objects and lists of JSON.
It is done after the time is read, one name after the other, and before anything of ours is put on the record. Names of
fields, numbers and the file's path are left alone.

## By the administrator

```yaml
destinations:
  central:
    type: elasticsearch
    host: elasticsearch.logging.svc
    redact: [email, card]            # in every record that goes there; no annotation can lift it
replacements:                        # what `redact` may name besides
  ticket: {regex: 'TCK-[0-9]+', text: '[a ticket]'}
```

A destination's own come first. `text` is what takes the place of each match, in which nothing has a meaning; without it
that is the name in brackets. `^` and `$` are left out in a replacement.

## Expressions

They are of the subset that RE2, Rust, Onigmo and our own search in Fluent Bit understand alike: sets, groups,
alternatives, repetitions (`*?` too), `\\b`, `\\d`, `\\w` and `\\s` of ASCII, `^` and `$`, `(?s)`, and `(?i)` for the
letters of ASCII. There is no look-around, no reference to a group, no `\\B`. A repetition comes to at most 1,000
characters where it is written out. In a group that is repeated the next character says how it goes on, so `(a+)+` is
refused ([LH139](diagnostics.md#lh139)).

## What is counted

In the agent's log (`kubectl logs POD -c loghook-agent`), and in a metric of its own, which no sidecar serves.

| agent | left out by `keep` and `drop` | given up, since the destination refuses it |
| --- | --- | --- |
| `fluent-bit` | in its log (1) | in its log, by requests (2); `fluentbit_output_dropped_records_total` |
| `fluentd` | in its log (1) | in its log: a warning with the reason |
| `vector` | `component_discarded_events_total` (4) | in its log; `component_discarded_events_total` (4) |
| `otel-collector` | nowhere | in its log (3); `otelcol_exporter_send_failed_log_records` |

1. `records left out by keep and drop so far`: at the first, the tenth, the hundredth.
2. `cannot be retried`, or the answer. What is refused in a bulk request to `elasticsearch` or `opensearch` of which
   other records are taken is counted nowhere.
3. `Dropping data`, with the number of records as `dropped_items`.
4. With `intentional="true"` what is left out, with `intentional="false"` what is given up.

## Limits

- A replacement finds texts by their looks, and none can be sure: take secrets out where they are written.
- A text that Fluentd cannot search within a second (Ruby 3.2 and later measure it) is shipped as `[not searched in
  time]`, or, for `keep` and `drop`, as it is.
- In a record in which Fluent Bit replaces something, whole numbers beyond 2^53 are rounded.
- The file's path and the Pod's labels are no text of the record's.

## What is built in

| name | becomes | finds |
| --- | --- | --- |"""

_OPENTELEMETRY = """# Records in OpenTelemetry

What a destination gets that speaks OTLP ([`otlp`](destinations/otlp.md), [`logscale`](destinations/logscale.md) with
`via: otlp`; by the collector also [`loki`](destinations/loki.md) and [`datadog`](destinations/datadog.md)), from every
agent:

| part | is |
| --- | --- |
| body | `message`; where a record has none, the first of %MESSAGES% that is there; else empty |
| attributes | the other fields, `log.file.path`, `loghook.source`, and `fields` |
| attributes of the resource | `k8s.*`, and for `otlp` and `logscale` `service.*` |
| time | the record's own, else that of its reading |
| severity, text | the level as it was written, without spaces around it; the name of one that is a number |
| severity, number | by the table below; none for other names |

The level is the first of %FIELDS% that is a text or a whole number; for syslog it is in `pri`. What a record says by
itself of `service.name`, `k8s.pod.name` and the like is an attribute of the record, beside ours of the resource, and so
are `trace_id` and `span_id`.

Vector writes objects and lists as JSON, and a message that is no text as one.

## The service

By the [conventions for Kubernetes](https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/), the
first of these that is there:

| attribute | from |
| --- | --- |"""

_SEVERITIES = """
## Levels

The names of OpenTelemetry's logs data model and of its appendix B, of .NET, Serilog, zerolog, Go's slog, npm,
PostgreSQL and Apache, and those of java.util.logging in other languages, whatever the case of their letters:

| number | names |
| --- | --- |"""

_NUMBERS = """
A level that is a number, or the text of one, is that of syslog (GELF), pino, bunyan or Monolog:

| level | name |
| --- | --- |"""


def _choosing() -> Iterator[str]:
    yield _CHOOSING
    for each in BUILT_IN.values():
        yield f"| `{each.name}` | `{each.text}` | {each.about} |"
    yield ""


def _opentelemetry() -> Iterator[str]:
    read = {"%MESSAGES%": messages(FORMATS["json"]), "%FIELDS%": fields(FORMATS["json"])}
    page = _OPENTELEMETRY
    for mark, names in read.items():
        page = page.replace(mark, ", ".join(f"`{name}`" for name in names))
    yield page
    for attribute, ways in SERVICE.items():
        yield f"| `{attribute}` | {', '.join(way.about for way in ways)} |"
    yield _SEVERITIES
    for number, names in SEVERITIES.items():
        yield f"| {number} | {', '.join(f'`{name}`' for name in names)} |"
    yield _NUMBERS
    for level, name in NAMES_OF_NUMBERS.items():
        yield f"| {level} | `{name}` |"
    yield ""


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {"choosing.md": _choosing, "opentelemetry.md": _opentelemetry}
"""Each page's name and what writes it."""
