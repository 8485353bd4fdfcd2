"""The reference pages and examples, written from the tables: `make docs` brings them up to date."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from webhook.annotations import KEYS, PREFIX, WRITTEN, Key
from webhook.destination_pages import EXAMPLES, destinations_page, example_file
from webhook.diagnostics import CODES, Reason
from webhook.formats import FORMATS, Format
from webhook.node_agents import NODE_AGENTS, Hint, Output
from webhook.sidecars import Parsing

__all__ = ["PAGES"]

_ANNOTATIONS = f"""# Annotations

```yaml
metadata:
  annotations:
    {PREFIX}paths: /var/log/app/*.log
```

That is all that most Pods need. The annotation belongs to the Pod: in a Deployment it goes under
`spec.template.metadata`, not under the Deployment's own `metadata`.

A Pod with several kinds of files names **sources**. What stands before the dot is the source's name; keys without one
are the defaults of all sources, and a source of their own where `paths` is among them:

```yaml
metadata:
  annotations:
    {PREFIX}access.paths: /var/log/nginx/access.log
    {PREFIX}access.format: nginx
    {PREFIX}app.paths: /var/log/app/*.log
    {PREFIX}app.format: json
    {PREFIX}container: web
```

Each source that is streamed has a sidecar of its own, `loghook-access` and `loghook-app` here and `loghook` for the
source without a name, so that `kubectl logs POD -c loghook-access` shows that source alone. All sources that name a
[destination](destinations.md) are shipped by one, `loghook-agent`.

A name has at most 40 of `a-z`, `0-9` and `-`; `agent`, `drain`, `config`, `state` and `token` are taken.

**Which value holds:** the source's key, else the Pod's, else the administrator's default for the namespace, else the
administrator's general default, else what is built in.

**Opting out:** the *label* `{PREFIX}inject: "false"` on a Pod or Namespace, or the annotation of that name.

**Mistakes** refuse the Pod, with all of them in one message; see [diagnostics](diagnostics.md). With
`{PREFIX}on-error: warn` the Pod starts without any of ours instead.
"""

_DIAGNOSTICS = """# Diagnostics

Every message has a stable code. An **error** in a Pod's own annotations refuses the Pod (or, with
`loghook.dev/on-error: warn`, lets it start without any of ours); a **warning** is shown to whoever creates the Pod and
changes nothing. Below, words in braces stand for what the message fills in.
"""


def annotations_page() -> Iterator[str]:
    """docs/annotations.md: every key with its example first."""
    yield _ANNOTATIONS
    yield "## Keys for the Pod or for one source\n"
    yield from (_key(key) for key in KEYS.values() if key.scope == "source")
    yield "## Keys for the whole Pod\n"
    yield from (_key(key) for key in KEYS.values() if key.scope == "pod")
    yield "## Written by loghook\n"
    names = " and ".join(f"`{PREFIX}{name}`" for name in sorted(WRITTEN))
    yield f"{names} are overwritten on injection and ignored otherwise. Nothing is ever decided from them.\n"


def _key(key: Key) -> str:
    value = yaml.safe_dump(key.example, allow_unicode=True).removesuffix("...\n").strip()
    lines = [f"### `{key.name}`\n", f"```yaml\n{PREFIX}{key.name}: {value}\n```\n", key.about + "\n"]
    default = f"`{key.default}`" if key.default is not None else key.default_about
    lines.append(f"Default: {default}.\n")
    if key.name == "format":
        lines += [f"- `{each.name}`: {each.about}" for each in FORMATS.values()] + [""]
    if key.about_records:
        lines.append(
            "A streaming sidecar passes lines on as they are: without `node-agent-hints` this has no effect on it "
            "(warning `LH191`).\n"
        )
    return "\n".join(lines)


def diagnostics_page() -> Iterator[str]:
    """docs/diagnostics.md: every code, and every reason to leave a Pod alone."""
    yield _DIAGNOSTICS
    for code in CODES.values():
        fix = code.fix.replace("{{", "{").replace("}}", "}")
        yield f"### {code.id}\n\n*{code.severity}*: `{fix}`\n\n{code.about}\n"
    yield "## Why a Pod was left alone\n"
    yield "The reason stands in the log, in the metrics, and in what `loghook inject` prints.\n"
    yield "\n".join(f"- `{reason.value}`: {reason.sentence}" for reason in Reason) + "\n"


_FORMATS = """# Formats

```yaml
metadata:
  annotations:
    loghook.dev/paths: /var/log/app/*.log
    loghook.dev/format: json
```

A format says how an application writes its records. An agent reads fields and the time out of each; a line that does
not match is shipped as it is, in the field `message`. A streaming sidecar passes every line on as it is, and can tell
the node's agent the format ([`node-agent-hints`](annotations.md)).

**Times** without a format of their own are ISO-8601 (`T` or a space, with a fraction or without, `Z`, `+02:00`, `+0200`
or no zone) or seconds or milliseconds since 1970. `time-key`, `time-format` and `time-zone` say otherwise; the field
with the time stays in the record. Where no time is found a record's time is that of its reading.

**Records of several lines** begin with a line that matches the format's start, or `multiline-start`; stack traces go on
with the lines that belong to them.

**Your own** formats go into the [configuration](configuration.md), under a name that Pods then write as they would a
built-in one:

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


def formats_page() -> Iterator[str]:
    """docs/formats.md: every format, a record first, and what the node's agents are told of it."""
    yield _FORMATS
    for format_ in FORMATS.values():
        yield f"## `{format_.name}`\n"
        yield f"```text\n{format_.sample}\n```\n"
        yield format_.about + "\n"
        yield "".join(f"- {fact}\n" for fact in _facts(format_))
    yield "## What the node's agents are told\n"
    yield "| format | " + " | ".join(f"`{agent}`" for agent in NODE_AGENTS) + " |"
    yield "| --- |" + " --- |" * len(NODE_AGENTS)
    for format_ in FORMATS.values():
        hints = (tell(Output("loghook", "app", Parsing(format=format_))) for tell in NODE_AGENTS.values())
        yield f"| `{format_.name}` | " + " | ".join(map(_hint, hints)) + " |"
    yield "\nHere the sidecar is `loghook` and the application `app`. What the user says of a stream holds.\n"


def _facts(format_: Format) -> Iterator[str]:
    names = list(re.compile(format_.pattern).groupindex) if format_.pattern else []
    if names:
        yield "Fields: " + ", ".join(f"`{name}`" for name in names)
    if format_.time_key:
        yield f"Time: `{format_.time_key}`" + (f", as `{format_.time_format}`" if format_.time_format else "")
    if format_.start:
        yield f"A record begins with: `{format_.start}`"
    if format_.trace:
        yield f"Joined: stack traces of {format_.trace.capitalize()}"


def _hint(hint: Hint) -> str:
    return "<br>".join(f"`{key}: {value}`" for key, value in hint.annotations.items()) or "none"


PAGES = {
    "annotations.md": annotations_page,
    "destinations.md": destinations_page,
    "diagnostics.md": diagnostics_page,
    "formats.md": formats_page,
}
"""Each page's name and what writes it."""


def main(docs: Path, examples: Path) -> None:
    """Write every page into `docs`, and an example for each type of destination into `examples`."""
    for name, page in PAGES.items():
        (docs / name).write_text("\n".join(page()), "utf-8")
    for name in EXAMPLES:
        (examples / f"{name}.yaml").write_text(example_file(name), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
