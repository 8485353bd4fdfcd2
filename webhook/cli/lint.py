"""What `loghook lint` does: find what is wrong with the annotations in manifests, each at its line."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from webhook import advice
from webhook.annotations.registry import PREFIX
from webhook.cli import configuration, manifests
from webhook.cli.failures import InputError
from webhook.cli.findings import FORMATS, MANIFEST, Finding, summary
from webhook.cli.manifests import STDIN, Manifest, ManifestError, Part
from webhook.cli.terminal import say
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, escape
from webhook.inject import inject

__all__ = ["find", "in_manifest", "report", "said_of"]

_SUFFIXES = {".yaml", ".yml", ".json"}


def find(
    files: Sequence[str], given: Sequence[str], config: Path | None, namespace: str | None, *, recursive: bool
) -> Iterator[Finding]:
    """What is wrong in `files`, in the files of those that are directories, and in those that are `given`.

    Only what is in `files` must be manifests. Raises InputError where one cannot be opened.
    """
    if list(files).count(STDIN) > 1:
        raise InputError("stdin can be read only once: give -f - only once")
    settings = configuration.read(config)
    for named in files:
        yield from _in_named(named, settings, namespace, recursive=recursive)
    for file in given:
        yield from _in_given(file, settings, namespace)


def report(findings: Iterable[Finding], *, fail_on: str, output: str) -> int:
    """Write `findings` to stdout and return the exit code: 1 where one is as bad as `fail_on`."""
    found = list(findings)
    sys.stdout.write(FORMATS[output](found))
    sys.stdout.flush()
    if output == "text":
        say(summary(found) if found else "nothing is wrong")
    bad = {"error"} if fail_on == "error" else {"error", "warning"}
    return 1 if any(each.severity in bad for each in found) else 0


def _in_named(named: str, config: Config, namespace: str | None, *, recursive: bool) -> Iterator[Finding]:
    folder = Path(named)
    if named == STDIN or not folder.is_dir():
        yield from _in_file(named, config, namespace)
        return
    inside = folder.rglob("*") if recursive else folder.iterdir()
    for file in sorted(each for each in inside if each.suffix in _SUFFIXES and each.is_file()):
        yield from _in_given(str(file), config, namespace)


def _in_given(file: str, config: Config, namespace: str | None) -> Iterator[Finding]:
    """What is found in a file that is passed over where it is no manifest and does not speak of us."""
    found = list(_in_file(file, config, namespace))
    if not any(each.code == MANIFEST for each in found) or PREFIX.encode() in Path(file).read_bytes():
        yield from found


def _in_file(file: str, config: Config, namespace: str | None) -> Iterator[Finding]:
    """What is found in `file`, line by line."""
    try:
        read = manifests.read(file)
        found = [each for manifest in read for each in in_manifest(manifest, config, namespace)]
        yield from sorted(found, key=lambda each: (each.line, each.column))
    except ManifestError as error:
        yield Finding(_origin(file), error.line, error.column, "error", MANIFEST, "", error.problem)


def in_manifest(manifest: Manifest, config: Config, namespace: str | None) -> Iterator[Finding]:
    """What is wrong in one document."""
    for part in manifest.parts():
        if part.has_pod():
            yield from _in_part(part, config, namespace)


def _in_part(part: Part, config: Config, namespace: str | None) -> Iterator[Finding]:
    """The mistakes of a Pod or of a template. What is no Pod is one mistake, and the next object is looked at."""
    try:
        pod = part.view()
    except ManifestError as error:
        problem = error.problem.removeprefix(f"{part.name}: ")
        yield Finding(part.manifest.origin, error.line, error.column, "error", MANIFEST, part.name, problem)
    else:
        where = part.namespace(namespace)
        yield from said_of(
            part, inject(pod, config, where).diagnostics, advice.beside(part.applied(pod), config, where)
        )


def said_of(part: Part, diagnostics: Iterable[Diagnostic], beside: Iterable[Diagnostic]) -> Iterator[Finding]:
    """What `diagnostics` say of a part, each at its place, and of what stands `beside` its template."""
    for is_beside, diagnostic in (*((False, each) for each in diagnostics), *((True, each) for each in beside)):
        line, column = part.line_and_column(diagnostic.key, beside=is_beside)
        message = str(diagnostic).removeprefix(f"{diagnostic.code} ")
        yield Finding(part.manifest.origin, line, column, diagnostic.severity, diagnostic.code, part.name, message)


def _origin(file: str) -> str:
    return "stdin" if file == STDIN else escape(file, 1000)
