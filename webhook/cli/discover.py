"""What `loghook discover` does: look into Pods that run for the files that they write, and say how to read them."""

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
import msgspec
import yaml

from webhook.cli.failures import FailedError, InputError
from webhook.cli.terminal import Line, progress, say, show, styled
from webhook.cluster.api import Api, ApiError
from webhook.cluster.objects import TargetError, looked_up, pods
from webhook.cluster.visit import Visit, VisitError
from webhook.config.engines import Images
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import escape
from webhook.inject import inject
from webhook.pod.view import view
from webhook.standing.open_files import Discovery, OpenFile, annotations_for, open_files
from webhook.standing.ours import Raw, is_ours, taken_out

__all__ = ["Way", "run"]


class Way(NamedTuple):
    """How to look where a container has no shell: by an ephemeral container of `image`, as the user `uid`.

    `ephemeral` is None where who runs this is to be asked.
    """

    ephemeral: bool | None
    image: str | None
    uid: int | None


class Sought(NamedTuple):
    """Which Pods: named, or selected by labels, of a namespace."""

    targets: Sequence[str]
    selector: str | None
    namespace: str | None


def run(api: Api, sought: Sought, way: Way, output: str) -> int:
    """Look into the Pods that are `sought` and return the exit code. Raises CommandError."""
    where = sought.namespace or api.namespace
    try:
        named = (_pod(api, target, where) for target in sought.targets)
        found = list(progress("Pods", pods(api, where, sought.selector) if sought.selector else named))
        discoveries = [_discovered(api, pod, where, way) for pod in found]
    except ApiError as error:
        raise FailedError(str(error)) from None
    except TargetError as error:
        raise InputError(str(error)) from None
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(discoveries)).decode() + "\n")
        sys.stdout.flush()
    else:
        for each in discoveries:
            show(*_told(each), "")
    if not found:
        say("no Pod is selected")
    return 0 if all(each.annotations for each in discoveries) else 1


def _pod(api: Api, target: str, namespace: str) -> Raw:
    """The Pod that `target` names. Raises InputError where that is something else, which has no files of its own."""
    kind, found = looked_up(api, target, namespace)
    if kind.name != "Pod":
        raise InputError(f"{escape(target)} is a {kind.name}: name one of its Pods, or give -l SELECTOR")
    return found


def _discovered(api: Api, pod: Raw, namespace: str, way: Way) -> Discovery:
    """What the containers of one Pod write."""
    visit = Visit(api, pod, namespace, way.image or Images().busybox, way.uid)
    files: list[OpenFile] = []
    said: list[str] = []
    for container in pod["spec"]["containers"]:
        if is_ours(container):
            continue
        try:
            written = visit.written(container, lambda what: _may(way, what))
        except VisitError as error:
            said.append(f"{container['name']}: {error}")
            continue
        found, hidden = open_files(pod, container, written)
        files += found
        said += [f"{container['name']}: the files of {each} may not be seen: give --user" for each in hidden]
        if not found and not hidden:
            said.append(f"{container['name']}: no file is open for writing")
    annotations = annotations_for(files)
    said += [
        f"{each.path}: deleted, and still written: nobody can read it until the process opens it anew"
        for each in files
        if each.is_deleted
    ]
    said += _objections(pod, annotations, namespace) if annotations else []
    return Discovery(pod["metadata"]["name"], namespace, tuple(files), annotations, tuple(said))


def _may(way: Way, what: str) -> bool:
    """Whether an ephemeral container may be put into a Pod: `what` says what that means."""
    if way.ephemeral is not None:
        return way.ephemeral
    if not sys.stdin.isatty():
        return False
    return click.confirm(what, err=True)


def _objections(pod: Raw, annotations: dict[str, str], namespace: str) -> list[str]:
    """What loghook would say of the Pod with these annotations."""
    plain = taken_out(pod)
    plain["metadata"]["annotations"] = annotations
    outcome = inject(view(plain), Config(), namespace)
    return [str(each) for each in outcome.diagnostics]


def _told(found: Discovery) -> Iterator[Line]:
    yield styled((f"pod/{found.pod} in {found.namespace}", "bold"))
    for each in found.files:
        on = f"on {each.volume} ({each.kind})" if each.volume else "in the container's own layer"
        log = "" if each.is_log else ", no log by its looks"
        yield styled(
            f"  {escape(each.container)}: {escape(each.path, 1000)} {on}, {escape(each.process)}, uid {each.uid}{log}"
        )
    for line in found.said:
        yield styled(("  note", "yellow"), f": {escape(line, 1000)}")
    if found.annotations:
        yield styled(("  annotations for it, in the Pod or its template:", "bold"))
        text = yaml.safe_dump(found.annotations, sort_keys=False, width=10_000)
        yield from (styled(f"    {line}") for line in text.splitlines())
