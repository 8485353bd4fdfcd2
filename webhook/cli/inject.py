"""`loghook inject`: manifests in, the same manifests with the sidecars in them out."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from webhook import advice
from webhook.cli import configuration, manifests
from webhook.cli.manifests import Manifest, Part
from webhook.cli.terminal import Line, diagnostic_line, say, skipped, styled
from webhook.cli.yaml_text.documents import join
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, escape
from webhook.inject import Injected, Op, Outcome, Refused, inject
from webhook.pod.view import Pod

__all__ = ["run"]


@dataclass(frozen=True)
class Decided:
    """A part, its Pod in the namespace it goes to, what becomes of it, and what is said of annotations beside it."""

    part: Part
    pod: Pod
    namespace: str
    outcome: Outcome
    beside: tuple[Diagnostic, ...]

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """The patch of the Pod; empty where it is left alone or refused."""
        return () if isinstance(self.outcome, Refused) else self.outcome.ops


def run(files: Sequence[str], config: Path | None, namespace: str | None, *, is_verbose: bool = False) -> int:
    """Inject the manifests `files` and return the exit code. Raises InputError before anything is written.

    Of objects that bring no Pod something is said where `is_verbose`.
    """
    settings = configuration.read(config)
    read = [manifests.read(source) for source in files]
    decided = [list(decide(manifest, settings, namespace)) for documents in read for manifest in documents]
    for each in decided:
        _report(each, is_verbose=is_verbose)
    if any(isinstance(found, Decided) and isinstance(found.outcome, Refused) for each in decided for found in each):
        return 1
    _write(_injected(read, decided))
    return 0


def decide(manifest: Manifest, config: Config, namespace: str | None) -> Iterator[Decided | Part]:
    """What becomes of each object of `manifest`; one that brings no Pod is returned as it is."""
    for part in manifest.parts():
        if not part.has_pod():
            yield part
            continue
        where, pod = part.namespace(namespace), part.view()
        beside = advice.beside(part.applied(pod), config, where)
        yield Decided(part, pod, where, inject(pod, config, where), beside)


def _injected(files: list[list[Manifest]], decided: list[list[Decided | Part]]) -> str:
    each = iter(decided)
    return join(
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


def _report(found: list[Decided | Part], *, is_verbose: bool) -> None:
    for each in found:
        if isinstance(each, Decided):
            say(*_lines(each))
        elif why := each.why_no_pod(is_verbose=is_verbose):
            say(skipped(each.name, why))


def _lines(decided: Decided) -> Iterator[Line]:
    name, outcome = decided.part.name, decided.outcome
    if isinstance(outcome, Refused):
        yield styled(f"{name}: ", ("refused", "bold red"))
    elif isinstance(outcome, Injected):
        added = ", ".join(each.name for each in outcome.sidecars)
        yield styled(f"{name}: ", ("injected", "green"), f" {added} ({_sources(outcome)})")
    else:
        yield skipped(name, outcome.reason.sentence)
    for diagnostic in outcome.diagnostics:
        yield diagnostic_line(decided.part.place(diagnostic.key), diagnostic.severity, str(diagnostic))
    for diagnostic in decided.beside:
        place = decided.part.place(diagnostic.key, beside=True)
        yield diagnostic_line(place, diagnostic.severity, str(diagnostic))


def _sources(outcome: Injected) -> str:
    """What is read, by where it goes: `streaming /logs/*.log; agent fluent-bit to central /var/log/audit.log`."""
    agent = next((added.agent for added in outcome.sidecars if added.mode == "agent"), "")
    paths: dict[str, list[str]] = {}
    for source in outcome.sources:
        way = f"agent {agent} to {source.destination}" if source.mode == "agent" else source.mode
        paths.setdefault(way, []).extend(escape(path.text, 1000) for path in source.paths)
    return "; ".join(f"{way} {', '.join(each)}" for way, each in paths.items())
