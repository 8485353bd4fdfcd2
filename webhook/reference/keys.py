"""The page of annotations: every key of the registry, its example first."""

from collections.abc import Iterator

import yaml

from webhook.annotations.key import Key
from webhook.annotations.registry import KEYS, PREFIX, WRITTEN
from webhook.config.formats import FORMATS
from webhook.reference.formats import FAMILIES

__all__ = ["annotations_page"]

_ANNOTATIONS = f"""# Annotations

```yaml
metadata:
  annotations:
    {PREFIX}paths: /var/log/app/*.log
```

That is all that most Pods need. (`loghook explain loghook.dev/paths` explains a key in a terminal, `loghook explain`
lists all.) The annotation belongs to the Pod: in a Deployment it goes under
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


_STATUS = f"""`{PREFIX}status` is JSON. `version` is who decided, and `injected` what; `containers`, `volumes` and
`sources` say what was added. Where there was anything to say, `codes` has the [codes](diagnostics.md) and `says` the
words of it, 1,000 characters at most: who makes a Deployment's Pods is a controller, which reads no warnings.

```sh
kubectl get pod server -o jsonpath='{{.metadata.annotations.loghook\\.dev/status}}'
```

## Where they belong

Annotations are the Pod's: in a Deployment, StatefulSet, DaemonSet, ReplicaSet or Job they stand in the template
(`spec.template.metadata.annotations`), in a CronJob at `spec.jobTemplate.spec.template.metadata.annotations`. On the
object itself they reach no Pod, and on a running Pod they come too late; `kubectl apply` and `kubectl annotate` say so,
as they say what is wrong with those in a template ([troubleshooting](troubleshooting.md)).
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
    yield _STATUS


def _key(key: Key) -> str:
    value = yaml.safe_dump(key.example, allow_unicode=True).removesuffix("...\n").strip()
    beside = f"{PREFIX}destination: central\n" if key.needs_agent else ""
    lines = [f"### `{key.name}`\n", f"```yaml\n{beside}{PREFIX}{key.name}: {value}\n```\n", key.about + "\n"]
    default = f"`{key.default}`" if key.default is not None else key.default_about
    lines.append(f"Default: {default}.\n")
    if key.name == "format":
        for family, kind in FAMILIES.items():
            lines += [f"- [`{each}`](formats/{family}.md): {FORMATS[each].about}" for each in kind.formats]
        lines.append("- [the administrator's own](formats/own.md)\n")
    if key.about_records:
        lines.append(
            "A streaming sidecar passes lines on as they are: without `node-agent-hints` this has no effect on it "
            "(warning `LH191`).\n"
        )
    if key.needs_agent:
        lines.append("For agents alone: beside a stream it is a mistake (`LH137`). See [choosing](choosing.md).\n")
    return "\n".join(lines)
