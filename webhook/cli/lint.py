"""What `loghook lint` does: find what is wrong with the annotations in manifests, each at its line."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from webhook import advice
from webhook.annotations.registry import PREFIX
from webhook.cli import configuration, contents, manifests
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
    """What is wrong in `files`, in those that are `given`, and in the files of those that are directories.

    What is in `files`, and stdin, must be manifests. Raises InputError or OSError where one cannot be opened.
    """
    settings = configuration.read(config)
    for is_named, names in ((True, files), (False, given)):
        for name in names:
            if name != STDIN and Path(name).is_dir():
                inside = _inside(Path(name), recursive=recursive)
                yield from (each for file in inside for each in _in_file(file, settings, namespace))
            else:
                yield from _in_file(name, settings, namespace, must_be_manifest=is_named or name == STDIN)


def report(findings: Iterable[Finding], *, fail_on: str, output: str) -> int:
    """Write `findings` to stdout and return the exit code: 1 where one is as bad as `fail_on`."""
    found = list(findings)
    sys.stdout.write(FORMATS[output](found))
    sys.stdout.flush()
    if output == "text":
        say(summary(found) if found else "nothing is wrong")
    bad = {"error"} if fail_on == "error" else {"error", "warning"}
    return 1 if any(each.severity in bad for each in found) else 0


def _inside(folder: Path, *, recursive: bool) -> Sequence[str]:
    """The files of `folder` that are manifests by their names. Raises InputError where there is none."""
    every = folder.rglob("*") if recursive else folder.iterdir()
    found = sorted(str(each) for each in every if each.suffix in _SUFFIXES and each.is_file())
    if not found:
        deeper = "" if recursive else "; -R looks into its directories too"
        raise InputError(f"{folder}: no file in it ends in {', '.join(sorted(_SUFFIXES))}{deeper}")
    return found


def _in_file(file: str, config: Config, namespace: str | None, *, must_be_manifest: bool = False) -> Iterator[Finding]:
    """What is found in `file`, line by line.

    What need not be a manifest, is none and does not speak of us is passed over.
    """
    origin = "stdin" if file == STDIN else escape(file, 1000)
    content = contents.of(file, origin)
    try:
        read = manifests.in_bytes(origin, content)
        found = [each for manifest in read for each in in_manifest(manifest, config, namespace)]
    except ManifestError as error:
        found = [Finding(origin, error.line, error.column, "error", MANIFEST, "", error.problem)]
    is_manifest = all(each.code != MANIFEST for each in found)
    if must_be_manifest or is_manifest or PREFIX.encode() in content:
        yield from sorted(found, key=lambda each: (each.line, each.column))


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
