"""The pages of destinations: an overview, and a page for each type."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
import yaml
from pydantic.fields import FieldInfo

from webhook.config.destinations import TYPES
from webhook.config.destinations.option import option_of
from webhook.config.settings import Model
from webhook.reference import examples
from webhook.reference.abilities import Ability, abilities, choices, configuration
from webhook.reference.words import of_destination
from webhook.sidecars.programs import AGENTS

__all__ = ["PAGES", "Row", "rows"]

_OVERVIEW = """# Destinations

```yaml
destinations:
  central:
    type: elasticsearch
    host: elasticsearch.logging.svc
```

The administrator configures where agents ship to, in [loghook.yaml](configuration.md) (`config.destinations` of the
chart), under a name; a Pod names one, and never says more than the name:

```yaml
metadata:
  annotations:
    loghook.dev/paths: /var/log/app/*.log
    loghook.dev/destination: central
```

**Secrets** are named by Secret and key. They are in the Pod's own namespace, reach the agent as environment variables
(CAs and key files as files), and never stand in a patch, an annotation or a log. One that is missing keeps no Pod from
starting, unless [`secrets.required`](configuration.md) says so.

**Templates** may have `{namespace}`, `{pod}`, `{node}`, `{source}`, `{container}`, `{label:KEY}` (a label of the Pod)
and `{field:KEY}` (of the Pod's [`fields`](annotations.md)). What a label or a field has besides letters, digits and
`._-` becomes `_`, and so does each dot of a value of dots alone; what is missing is `unknown`. The source without a
name is `default`.

**TLS** is on and verified, unless `tls.enabled` or `tls.verify` says otherwise. `tls.ca` names the CA of a server
whose own is not one that everybody trusts. `tls.cert` and `tls.key` are a client's certificate and its private key, in
PEM, for servers that ask for one; a Secret of type `kubernetes.io/tls` has them under `tls.crt` and `tls.key`:

```yaml
    tls:
      ca: {secret: logs-client, key: ca.crt}
      cert: {secret: logs-client, key: tls.crt}
      key: {secret: logs-client, key: tls.key}
```

They reach the agent as files, and never stand in its configuration. Where the Secret is missing, Fluentd connects
without, and is refused; Fluent Bit ships nothing of the Pod until it is there; Vector and the collector end, and the
kubelet starts them again and again, which makes the Pod not ready: create it first. A certificate that is renewed is
read when the container starts anew; the collector reads it within two minutes.

**Headers** are added to each request by what speaks HTTP:

```yaml
    headers:
      - {name: X-Team, value: shop}
      - {name: X-Api-Key, value: {secret: logs, key: token}}
```

A value is printable ASCII, or a key of a Secret. `Authorization`, and whatever by its name is a key, a token, a cookie
or a password, is only taken from a Secret; what frames a request (`Host`, `Content-Length` and the like) is for the
agent to say. Keep line ends out of such Secrets: `kubectl create secret generic --from-literal` adds none. The clients
of Amazon, Azure and Google sign their requests themselves, and no agent adds headers to them.

**A destination that is away** stops the reading, and the files are the buffer; see [shipping](shipping.md).

## The types, and who ships there

An option that an agent cannot do is a message ([LH145](diagnostics.md#lh145)), as is a type that it does not have
([LH142](diagnostics.md#lh142)): never a configuration that does not load. Both name an agent that can. Fluent Bit, the
default, has all types.
"""

_MOSTLY = """
"Mostly" leaves out an option or two, which the type's page names. Each has a whole example, with its Secret and a Pod,
in `examples/destinations`.
"""


_ANSWERS = """
## What an answer leads to

A server that is away, or too busy (429, 5xx), is tried again without end, and the files are the buffer. What it refuses
as such is given up, so that it holds up nothing behind it; the agent's log, `kubectl logs POD -c loghook-agent`, says
so. This is what each agent can be told. Clouds whose clients decide by themselves are left out, and so are protocols
without such answers (`stdout`, `forward`, `syslog`).
"""


def _overview() -> Iterator[str]:
    """docs/destinations.md: what they have in common, and which agent has which."""
    yield _OVERVIEW
    yield f"| type | | {' | '.join(f'[`{agent}`](agents/{agent}.md)' for agent in AGENTS)} |"
    yield "| --- | --- |" + " --- |" * len(AGENTS)
    for name in TYPES:
        cells = " | ".join(_short(ability) for ability in abilities(name).values())
        yield f"| [`{name}`](destinations/{name}.md) | {TYPES[name].title} | {cells} |"
    yield _MOSTLY
    yield _ANSWERS
    yield f"| type | {' | '.join(f'`{agent}`' for agent in AGENTS)} |"
    yield "| --- |" + " --- |" * len(AGENTS)
    for name, model in TYPES.items():
        if model.refusals:
            cells = " | ".join(model.refusals.get(agent, "") for agent in AGENTS)
            yield f"| [`{name}`](destinations/{name}.md) | {cells} |"


def _short(ability: Ability | None) -> str:
    if ability is None:
        return "no"
    return "mostly" if ability.cannot else "yes"


def _page(name: str) -> Iterator[str]:
    """docs/destinations/NAME.md: an example first, what to know, every option, and what each agent makes of it."""
    yield f"# {TYPES[name].title}\n\n```yaml\n{examples.settings(name)}```\n"
    yield f"{TYPES[name].about}\n"
    yield f"A Pod ships there with\n\n```yaml\n{_annotations()}```\n"
    yield f"The whole of it, with the Secret and a Pod: `examples/destinations/{name}.yaml`.\n"
    yield of_destination(name)
    yield from _refusals(name)
    yield "## Options\n\n| option | value | default |\n| --- | --- | --- |"
    yield "\n".join(f"| `{row.name}` | {row.value} | {row.default} |" for row in rows(name)) + "\n"
    yield "Templates, Secrets and TLS are explained [for all types](../destinations.md).\n"
    yield from _agents(name)
    yield f"## What Fluent Bit is told\n\n```yaml\n{_told(name)}```\n"
    yield "`loghook inject --config loghook.yaml -f pod.yaml` shows the whole configuration of any agent.\n"


def _annotations() -> str:
    said: Mapping[str, Any] = yaml.safe_load(examples.POD)["metadata"]["annotations"]
    return yaml.safe_dump({"metadata": {"annotations": dict(said)}}, sort_keys=False)


def _refusals(name: str) -> Iterator[str]:
    """What becomes of a request that is refused, where that differs."""
    said = TYPES[name].refusals
    if said:
        yield "## When a request is refused\n\n| agent | |\n| --- | --- |"
        yield "\n".join(f"| `{agent}` | {sentence} |" for agent, sentence in said.items()) + "\n"


def _agents(name: str) -> Iterator[str]:
    """Who ships there, by what, and what each of them cannot do."""
    yield "## Agents\n\n| agent | by | image | cannot |\n| --- | --- | --- | --- |"
    for agent, ability in abilities(name).items():
        if ability is None:
            yield f"| [`{agent}`](../agents/{agent}.md) | | | ship there at all ([LH142](../diagnostics.md#lh142)) |"
        else:
            cannot = ", ".join(f"`{option}`" for option in ability.cannot)
            refused = f"{cannot} ([LH145](../diagnostics.md#lh145))" if cannot else ""
            yield f"| [`{agent}`](../agents/{agent}.md) | `{ability.plugin}` | `{ability.image}` | {refused} |"
    yield ""


def _told(name: str) -> str:
    """The output in the configuration of Fluent Bit, for the example."""
    (output,) = configuration(name, "fluent-bit")["pipeline"]["outputs"]
    return yaml.safe_dump({"outputs": [output]}, sort_keys=False, width=110)


# Options.


class Row(msgspec.Struct, frozen=True):
    """An option as users have it: what it is called, what it may be, and what it is where nobody says it."""

    name: str
    value: str
    default: str


def rows(name: str) -> Iterator[Row]:
    """Every option of a type."""
    for key, field in TYPES[name].model_fields.items():
        if key != "type":
            said = [f"`{choice}`" for choice in choices(field.annotation)]
            option = option_of(field)
            value = (option.about if option else "") + (f": {', '.join(said)}" if said else "")
            yield Row(field.alias or key, value, _default(field))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None or default in ((), ""):
        return "none"
    if isinstance(default, Model):
        return "on, verified"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return ", ".join(f"`{each}`" for each in default)
    if isinstance(default, dict):
        return ", ".join(f"`{key}: {value}`" for key, value in default.items()) or "none"
    return f"`{default}`"


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "destinations.md": _overview,
    **{f"destinations/{name}.md": partial(_page, name) for name in TYPES},
}
"""Each page's name and what writes it."""
