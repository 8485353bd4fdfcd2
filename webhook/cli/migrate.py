"""What `loghook migrate` does: manifests that ask others for log sidecars in, the same that ask loghook out."""

import copy
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from webhook.cli import manifests
from webhook.cli.manifests import Part
from webhook.cli.terminal import say, styled
from webhook.cli.yaml_text.documents import join
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import escape
from webhook.inject import inject
from webhook.pod.view import view
from webhook.standing.foreign import KINDS, Migration, migrated
from webhook.standing.ours import annotations_of

__all__ = ["run"]


def run(files: Sequence[str]) -> int:
    """Write the manifests `files` anew and return the exit code. Raises InputError before anything is written."""
    written, lost = [], False
    for source in files:
        read = manifests.read(source)
        texts = []
        for manifest in read:
            found = [_migrated(part) for part in manifest.parts() if part.has_pod()]
            lost = any([_is_lost(part) for part in manifest.parts()]) or lost  # noqa: C419 - each is to be said
            texts.append(manifest.reduced((part, _changed(part, each)) for part, each in found))
            for part, each in found:
                lost = _told(part, each) or lost
        written.append(([manifest.document for manifest in read], texts))
    sys.stdout.buffer.write(join(written).encode("utf-8"))
    sys.stdout.buffer.flush()
    return 1 if lost else 0


def _migrated(part: Part) -> tuple[Part, Migration]:
    """`part` with what becomes of it. Raises InputError where it is not shaped like what brings a Pod."""
    part.view()
    return part, migrated(part.template())


def _changed(part: Part, found: Migration) -> dict[str, Any]:
    """The Pod of `part`, or the template of it, as it asks loghook; empty where there is nothing to change."""
    if not found.added:
        return {}
    template: dict[str, Any] = copy.deepcopy(part.template())
    kept = {key: value for key, value in annotations_of(template).items() if key not in found.gone}
    template["metadata"] = {**(template.get("metadata") or {}), "annotations": {**kept, **found.added}}
    if found.containers:
        _take_out(template["spec"], found.containers)
    return template


def _take_out(spec: dict[str, Any], names: Collection[str]) -> None:
    """Take the containers with these names out of `spec`, with the volumes that nobody else mounts."""

    def mounted(containers: Iterable[Any]) -> set[str | None]:
        return {mount.get("name") for each in containers for mount in each.get("volumeMounts") or ()}

    gone = [each for each in spec["containers"] if each.get("name", "") in names]
    spec["containers"] = [each for each in spec["containers"] if each.get("name", "") not in names]
    others = mounted((*spec["containers"], *(spec.get("initContainers") or ())))
    if spec.get("volumes"):
        spec["volumes"] = [each for each in spec["volumes"] if each.get("name") not in mounted(gone) - others]


def _is_lost(part: Part) -> bool:
    """Say so where `part` is a configuration of another project's own; return whether it is."""
    if part.kind not in KINDS:
        return False
    say(styled(f"{part.name}: ", ("no counterpart", "yellow"), ": write what it says as annotations of the Pods"))
    return True


def _told(part: Part, found: Migration) -> bool:
    """Say what became of `part`; return whether something has no counterpart, or is refused."""
    if not found.projects:
        say(styled((f"{part.name}: nothing to migrate", "dim")))
        return False
    what = ", ".join(found.added) or "nothing"
    say(styled(f"{part.name}: from {', '.join(found.projects)}: ", (what, "green" if found.added else "yellow")))
    for container in found.containers:
        say(styled(f"  the container {escape(container)} is taken out, with volumes that nobody else mounts"))
    for line in found.lost:
        say(styled("  ", ("no counterpart", "yellow"), f": {escape(line, 300)}"))
    wrong = [str(each) for each in _objections(part, found)]
    for line in wrong:
        say(styled("  ", ("loghook says", "yellow"), f": {line}"))
    return bool(found.lost or wrong)


def _objections(part: Part, found: Migration) -> Sequence[Any]:
    changed = _changed(part, found)
    if not changed:
        return ()
    return inject(view(part.pod(changed)), Config()).diagnostics
