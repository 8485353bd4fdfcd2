"""`loghook inject`: manifests in, the same manifests with the sidecars in them out."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from webhook.annotations.registry import PREFIX
from webhook.cli import configuration, manifests
from webhook.cli.failures import InputError
from webhook.cli.manifests import STDIN, Manifest, Part
from webhook.cli.terminal import Line, say, styled
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, escape
from webhook.inject import Injected, Op, Outcome, Refused, inject
from webhook.pod.view import Pod

__all__ = ["HELP", "command"]

HELP = """Add the sidecars to manifests, as the webhook would to their Pods.

Reads Pods and whatever has a Pod template: Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job,
CronJob, PodTemplate, also within a List. Writes all that it read to stdout, changed only by the lines that are added:
comments, quotes and order stay, and everything else passes through. What became of each object is said on stderr.

\b
  loghook inject -f app.yaml | kubectl apply -f -
  kubectl get deployment web -o yaml | loghook inject -f - > web.yaml
  loghook inject -f app.yaml -f job.yaml --config loghook.yaml -n shop

A cluster in which the webhook runs too leaves Pods alone that have their sidecars already.

\b
Exit code:
  0  done, also where nothing was asked for
  1  a Pod was refused for its annotations; nothing on stdout
  2  wrong use, or a file that cannot be used; nothing on stdout
"""


@dataclass(frozen=True)
class Decided:
    """A part, its Pod in the namespace it goes to, and what becomes of it."""

    part: Part
    pod: Pod
    namespace: str
    outcome: Outcome

    @property
    def ops(self) -> tuple[Op, ...]:
        """The patch of the Pod; empty where it is left alone or refused."""
        return () if isinstance(self.outcome, Refused) else self.outcome.ops


def command(
    file: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="A manifest, or - for stdin; give it once for each."),
    ],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The webhook's configuration; without, the built-in one."),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace", "-n", metavar="NAMESPACE", help="Where objects go that name no namespace [default: default]."
        ),
    ] = None,
) -> int:
    """Inject the manifests and return the exit code. Raises InputError before anything is written."""
    if Counter(file)[STDIN] > 1:
        raise InputError("stdin can be read only once: give -f - only once")
    settings = configuration.read(config)
    files = [manifests.read(source) for source in file]
    decided = [list(decide(manifest, settings, namespace)) for documents in files for manifest in documents]
    for each in decided:
        _report(each)
    if any(isinstance(found, Decided) and isinstance(found.outcome, Refused) for each in decided for found in each):
        return 1
    _write(_injected(files, decided))
    return 0


def decide(manifest: Manifest, config: Config, namespace: str | None) -> Iterator[Decided | Part]:
    """What becomes of each object of `manifest`; one that brings no Pod is returned as it is."""
    for part in manifest.parts():
        if not part.has_pod():
            yield part
            continue
        where, pod = part.namespace(namespace), part.view()
        yield Decided(part, pod, where, inject(pod, config, where))


def _injected(files: list[list[Manifest]], decided: list[list[Decided | Part]]) -> str:
    each = iter(decided)
    return manifests.join(
        (
            [manifest.document for manifest in documents],
            [
                manifest.patched((found.part, found.ops) for found in next(each) if isinstance(found, Decided))
                for manifest in documents
            ],
        )
        for documents in files
    )


def _write(text: str) -> None:
    """Write bytes: line ends are the manifest's own."""
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


# What is said about it.


def _report(found: list[Decided | Part]) -> None:
    for each in found:
        say(*_lines(each) if isinstance(each, Decided) else [_skipped(each.name, "it brings no Pod")])


def _lines(decided: Decided) -> Iterator[Line]:
    name, outcome = decided.part.name, decided.outcome
    if isinstance(outcome, Refused):
        yield styled(f"{name}: ", ("refused", "bold red"))
    elif isinstance(outcome, Injected):
        added = ", ".join(each.name for each in outcome.sidecars)
        yield styled(f"{name}: ", ("injected", "green"), f" {added} ({_sources(outcome)})")
    else:
        yield _skipped(name, outcome.reason.sentence)
    yield from map(diagnostic_line, outcome.diagnostics)
    misplaced = decided.part.misplaced(PREFIX)
    if misplaced:
        place = ".".join((*decided.part.pod_path, "metadata", "annotations"))
        problem = f": {escape(misplaced, 100)} stands on the object, where no Pod has it: write it at {place}"
        yield styled("  ", ("warning", "yellow"), problem)


def _skipped(name: str, why: str) -> Line:
    return styled((f"{name}: skipped: {why}", "dim"))


def diagnostic_line(diagnostic: Diagnostic) -> Line:
    """One diagnostic, below the object that it is about."""
    style = "red" if diagnostic.severity == "error" else "yellow"
    return styled("  ", (diagnostic.severity, style), f": {diagnostic}")


def _sources(outcome: Injected) -> str:
    """What is read, by where it goes: `streaming /logs/*.log; agent fluent-bit to central /var/log/audit.log`."""
    agent = next((added.agent for added in outcome.sidecars if added.mode == "agent"), "")
    paths: dict[str, list[str]] = {}
    for source in outcome.sources:
        way = f"agent {agent} to {source.destination}" if source.mode == "agent" else source.mode
        paths.setdefault(way, []).extend(escape(path.text, 1000) for path in source.paths)
    return "; ".join(f"{way} {', '.join(each)}" for way, each in paths.items())
