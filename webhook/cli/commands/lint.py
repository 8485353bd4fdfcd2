"""`loghook lint`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Find what is wrong with the annotations in manifests, each at its file, line and column. For CI and
pre-commit.

Says what the webhook would say of each Pod, and of each Pod that a template brings. Objects that bring no Pod are
passed over, and files that are no manifests where a directory or pre-commit brings them (FILE without -f).
`loghook explain CODE` explains a finding.

\b
  loghook lint -f app.yaml
  loghook lint -R -f deploy/ --fail-on warning
  helm template app ./chart | loghook lint -f -
  kubectl kustomize overlays/production | loghook lint -f - -o github

\b
Exit code:
  0  nothing as bad as --fail-on
  1  something is
  2  wrong use, or a file that cannot be opened
"""


@click.command("lint", help=HELP, short_help="Find what is wrong with manifests, by line.")
@click.option(
    "--file",
    "-f",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(allow_dash=True),
    callback=options.once,
    help="A manifest, a directory of them, or - for stdin; give it once for each.",
)
@click.argument("given", metavar="[FILE]...", nargs=-1, callback=options.once)
@click.option("--recursive", "-R", is_flag=True, help="Look into the directories of a directory too.")
@options.configuration
@options.namespace
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="What makes the exit code 1.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="Lines; JSON; GitHub's annotations of a pull request; or SARIF 2.1.0 for code scanning.",
)
def command(  # noqa: PLR0913 - the options of the command line
    *,
    files: Sequence[str],
    given: Sequence[str],
    recursive: bool,
    config: Path | None,
    namespace: str | None,
    fail_on: str,
    output: str,
) -> int:
    """Lint the manifests and return the exit code."""
    if not files and not given:
        raise click.UsageError("Missing option '--file' / '-f'.")
    from webhook.cli import lint

    findings = lint.find(files, given, config, namespace, recursive=recursive)
    return lint.report(findings, fail_on=fail_on, output=output)
