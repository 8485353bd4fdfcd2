"""What `loghook describe` does: look up what is asked for, and tell what `webhook.standing` knows of each."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from webhook.cli import configuration, manifests
from webhook.cli.account import account
from webhook.cli.failures import FailedError, InputError
from webhook.cli.installed import Installed
from webhook.cli.terminal import say, show, styled
from webhook.cluster.api import Api, ApiError
from webhook.cluster.objects import TargetError, looked_up, pods
from webhook.cluster.trial import tried
from webhook.config.loghook_yaml import Config
from webhook.pod.view import PodError
from webhook.standing.description import Description, Subject, describe
from webhook.standing.registration import Registered

__all__ = ["Wanted", "run"]


class Wanted(NamedTuple):
    """What to describe: names, files, or what a selector selects."""

    targets: Sequence[str]
    files: Sequence[str]
    selector: str | None
    namespace: str | None


def run(wanted: Wanted, config: Path | None, api: Api | None, *, ask: bool, output: str) -> int:
    """Describe what is `wanted` and return the exit code. Without an `api` no cluster is asked. Raises CommandError."""
    installed = Installed(api, config) if api else None
    settings = installed.config if installed else configuration.read(config)
    if installed and output == "text":
        say(styled((f"configuration: {installed.origin}", "dim")))
    descriptions = []
    try:
        for found in _found(api, wanted):
            told = _told(found, settings, installed.judged(found.pod, found.namespace) if installed else None)
            descriptions.append(tried(api, told, found.pod, settings) if ask and api else told)
            if output == "text":
                show(*account(descriptions[-1]), "")
    except ApiError as error:
        raise FailedError(str(error)) from None
    except TargetError as error:
        raise InputError(str(error)) from None
    if output == "json":
        _write(descriptions)
    if not descriptions:
        say("no Pod is selected" if wanted.selector else "none of these objects brings a Pod")
    return 1 if any(each.decision == "refused" for each in descriptions) else 0


def _told(found: Subject, config: Config, registrations: tuple[Registered, ...] | None) -> Description:
    try:
        return describe(found, config, registrations)
    except PodError as error:
        raise InputError(f"{found.name}: {error}") from None


def _write(descriptions: list[Description]) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(descriptions)).decode() + "\n")
    sys.stdout.flush()


def _found(api: Api | None, wanted: Wanted) -> Iterator[Subject]:
    namespace = wanted.namespace or (api.namespace if api else "default")
    for part in (each for file in wanted.files for manifest in manifests.read(file) for each in manifest.parts()):
        if part.has_pod():
            part.view()
            yield Subject(part.name, part.pod(), part.namespace(wanted.namespace, namespace), is_live=False)
    if api is None:
        return
    for target in wanted.targets:
        yield _looked_up(api, target, namespace)
    for pod in pods(api, namespace, wanted.selector) if wanted.selector else ():
        yield Subject(f"pod/{pod['metadata']['name']}", pod, namespace, is_live=True)


def _looked_up(api: Api, target: str, namespace: str) -> Subject:
    """The Pod that `target` names, or what the template of a workload becomes."""
    kind, found = looked_up(api, target, namespace)
    if kind.name == "Pod":
        return Subject(f"pod/{found['metadata']['name']}", found, namespace, is_live=True)
    part = manifests.of_object(target, found)
    if not part.has_pod():
        raise InputError(f"{part.name}: {part.why_no_pod()}")
    return Subject(part.name, part.pod(), namespace, is_live=False)
