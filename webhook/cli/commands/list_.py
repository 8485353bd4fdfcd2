"""`loghook list`."""

from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """List all Pods that asked for loghook, and how each stands.

\b
  injected    has what it would get today
  outdated    has sidecars, and would get others today: another version or configuration
  failing     has sidecars, of which one does not run
  missed      asked, would be injected today, and has none
  refused     could not be created; the events of its owner say why
  left alone  asked, and gets nothing: excluded, opted out, or its mistakes are tolerated

\b
  loghook list -n shop
  loghook list -A --missed -o name
  loghook list -A --outdated -o json
  loghook list -l app=web -o wide

Nothing is changed. What is outdated gets the new sidecars when it is created anew: kubectl rollout restart.

Rights: list pods, events, namespaces and mutatingwebhookconfigurations; get the installation's ConfigMap, and the
controllers of Pods that were refused.

\b
Exit code:
  0  nothing is to be done for what is listed
  1  one is missed, refused, outdated or failing, or the cluster does not answer
  2  wrong use, or no access to a cluster
"""


@click.command("list", help=HELP, short_help="List the Pods that asked, and how each stands.")
@click.option("--all-namespaces", "-A", "everywhere", is_flag=True, help="Those of all namespaces.")
@options.cluster_namespace
@options.selector
@options.context
@options.installed_configuration
@click.option("--missed", is_flag=True, help="Only those that are missed or refused.")
@click.option("--outdated", is_flag=True, help="Only those that would get other sidecars today.")
@options.output("table", "wide", "json", "name")
def command(  # noqa: PLR0913 - the options of the command line
    *,
    everywhere: bool,
    namespace: str | None,
    selector: str | None,
    context: str | None,
    config: Path | None,
    missed: bool,
    outdated: bool,
    output: str,
) -> int:
    """List and return the exit code."""
    if everywhere and namespace:
        raise click.UsageError("Either -A or -n NAMESPACE.")
    from webhook.cli import crowd, installed

    api = installed.reached(context)
    where = None if everywhere else namespace or api.namespace
    shown = crowd.Shown(where, selector or "", missed=missed, outdated=outdated)
    return crowd.run(api, config, shown, output)
