"""`loghook check`."""

from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Look an installation over, section by section, and say what to do about each fault.

Kubernetes, the registration with its selectors and conditions, the certificates from the caBundle to what is served and
who renews it, the injectors, a round trip through the API server, and the Pods that were missed. With --pre: what an
installation needs.

\b
  loghook check
  loghook check -n shop -o json
  loghook check --pre -n loghook

Nothing is stored: a Pod is tried in the namespace as a dry run. From outside of the cluster the injectors are asked
through a port-forward.

Rights: list mutatingwebhookconfigurations, validatingwebhookconfigurations, namespaces, pods, events and
endpointslices; get services, configmaps and deployments of the installation; create pods/portforward there, and pods
where one is tried. What may not be done is skipped, and said.

\b
Exit code:
  0  nothing is wrong, perhaps with warnings
  1  something is
  2  wrong use, or no access to a cluster
"""


@click.command("check", help=HELP, short_help="Look an installation over.")
@click.option("--pre", is_flag=True, help="Before an installation: what it needs of the cluster, and of you.")
@click.option("--webhook-configuration", "name", metavar="NAME", help="Of several installations, the one called so.")
@options.namespace_option("Where to try a Pod; with --pre, where to install.")
@options.context
@options.installed_configuration
@options.output("text", "json")
def command(  # noqa: PLR0913 - the options of the command line
    *, pre: bool, name: str | None, namespace: str | None, context: str | None, config: Path | None, output: str
) -> int:
    """Check and return the exit code."""
    from webhook.cli import check, configuration, installed

    api = installed.reached(context)
    where = namespace or api.namespace
    file = configuration.read(config) if config else None
    return check.run(check.before(api, where) if pre else check.after(api, where, name, file), output)
