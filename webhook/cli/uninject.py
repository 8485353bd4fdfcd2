"""What `loghook uninject` does: manifests in, the same manifests without the sidecars out."""

import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webhook.annotations.registry import PREFIX
from webhook.cli import configuration, manifests
from webhook.cli.manifests import Part
from webhook.cli.terminal import say, styled
from webhook.cli.yaml_text.documents import join
from webhook.config.loghook_yaml import Config
from webhook.plan.names import CONFIG, STATUS
from webhook.standing.ours import annotations_of, ours
from webhook.standing.today import bare

__all__ = ["run"]


def run(files: Sequence[str], config: Path | None, namespace: str | None, *, annotations: bool) -> int:
    """Take ours out of the manifests `files` and return the exit code. Raises InputError before anything is written.

    `annotations`: those that ask for it are taken out too.
    """
    settings = configuration.read(config)
    written = []
    for source in files:
        read = manifests.read(source)
        texts = [
            manifest.reduced(_without(each, settings, namespace, annotations=annotations) for each in manifest.parts())
            for manifest in read
        ]
        written.append(([manifest.document for manifest in read], texts))
    sys.stdout.buffer.write(join(written).encode("utf-8"))
    sys.stdout.buffer.flush()
    return 0


def _without(part: Part, config: Config, namespace: str | None, *, annotations: bool) -> tuple[Part, dict[str, Any]]:
    """`part` and its Pod, or the template of it, without ours; said on stderr where there is a Pod."""
    if not part.has_pod():
        return part, {}
    template: dict[str, Any] = copy.deepcopy(part.template())
    part.view()
    pod = part.pod()
    there = [str(each["name"]) for each in ours(pod)]
    without = bare(pod, config, part.namespace(namespace))
    if there:
        template["spec"] = without["spec"]
        _say(template, annotations_of(without))
    asking = [
        key for key in annotations_of(template) if key.startswith(PREFIX) and (annotations or key in {CONFIG, STATUS})
    ]  # of what we wrote ourselves some is left where no sidecar was made, only a status that says why
    if asking:
        _say(template, {key: value for key, value in annotations_of(template).items() if key not in asking})
    if there or asking:
        said = ("its annotations" if annotations else "its status") if asking else ""
        taken = " and ".join(filter(None, (", ".join(there), said)))
        say(styled(f"{part.name}: ", ("taken out", "green"), f" {taken}"))
    else:
        say(styled((f"{part.name}: nothing of ours is in it", "dim")))
    return part, template


def _say(template: dict[str, Any], said: Mapping[str, str]) -> None:
    """Give `template` the annotations `said`; none are no map at all, nor is what had only them."""
    there = annotations_of(template)
    if not there:
        return
    if said:
        template["metadata"]["annotations"] = {
            key: None if there.get(key, value) is None else value for key, value in said.items()
        }
    else:
        del template["metadata"]["annotations"]
        if not template["metadata"]:
            del template["metadata"]
