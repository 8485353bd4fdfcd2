"""`loghook describe`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Tell what loghook makes of a Pod, and why.

Whether it is injected, by which webhook, selector and condition, or why not; what is added; for each value which key,
default or rule it comes from; and of a Pod that runs, what of ours runs in it and how that differs from what would be
made of it today. A workload is told of by its Pod template.

\b
  loghook describe web-5d4f7-x2x9z -n shop
  loghook describe deploy/web statefulset/db
  loghook describe -l app=web -o json
  loghook describe -f app.yaml
  loghook describe -f app.yaml --offline --config loghook.yaml

A TARGET is a Pod's name, or KIND/NAME as kubectl takes it; a custom kind is written with its group:
rollouts.argoproj.io/web. The configuration is that of the installation (its ConfigMap) unless --config names one.
Nothing is changed. A matchCondition that is not the chart's own only the API server can judge: --ask has it create the
Pod as a dry run.

Rights: get and list mutatingwebhookconfigurations; get the installation's ConfigMap, the namespace and what is
described; with -l list pods; with --ask create pods.

\b
Exit code:
  0  told
  1  one would be refused or is not there, or the cluster does not answer
  2  wrong use, a file that cannot be used, or no access to a cluster
"""


@click.command("describe", help=HELP, short_help="Tell what becomes of a Pod, and why.")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@options.optional_files
@options.selector
@options.cluster_namespace
@options.context
@options.installed_configuration
@click.option("--offline", is_flag=True, help="With -f: ask no cluster, so say nothing of registrations.")
@click.option("--ask", is_flag=True, help="Have the API server create each Pod as a dry run, and tell what it did.")
@options.output("text", "json")
def command(  # noqa: PLR0913 - the options of the command line
    *,
    targets: Sequence[str],
    files: Sequence[str],
    selector: str | None,
    namespace: str | None,
    context: str | None,
    config: Path | None,
    offline: bool,
    ask: bool,
    output: str,
) -> int:
    """Describe and return the exit code."""
    if sum(map(bool, (targets, files, selector))) != 1:
        raise click.UsageError("Name Pods or workloads, or give -l SELECTOR, or -f FILE.")
    if offline and (not files or ask):
        raise click.UsageError("--offline is for -f alone, without --ask.")
    from webhook.cli import describe, installed

    wanted = describe.Wanted(targets, files, selector, namespace)
    return describe.run(wanted, config, None if offline else installed.reached(context), ask=ask, output=output)
