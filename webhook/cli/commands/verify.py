"""`loghook verify`."""

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Prove from outside that the webhook of a cluster works.

Reads the live MutatingWebhookConfiguration, posts a review to the Service that it names, over a connection that its
caBundle vouches for, and looks for a sidecar in the answer. With --namespace it also creates a Pod there as a dry run,
which proves that the API server reaches the webhook. Nothing is stored.

With --validating-webhook-configuration it does the same for the webhook that says what is wrong with Deployments and
the like when they are applied: a PodTemplate with a mistake must come back with words about it.

The cluster is that of KUBECONFIG, else the one that this Pod runs in; Services must be within reach, as they are in a
Pod. `helm test` runs this.

\b
  loghook verify --webhook-configuration loghook --namespace shop

\b
Exit code:
  0  it works; stdout has a line for each thing that is proven
  1  it does not, also not after --timeout-seconds; stderr says what is wrong
  2  wrong use, or no access to a cluster
"""


@click.command("verify", help=HELP, short_help="Prove that the webhook of a cluster works.")
@click.option(
    "--webhook-configuration", "configuration", metavar="NAME", required=True, help="The MutatingWebhookConfiguration."
)
@click.option(
    "--validating-webhook-configuration",
    "validating",
    metavar="NAME",
    default="",
    help="The ValidatingWebhookConfiguration, where there is one.",
)
@options.namespace_option("Where to try a Pod, as a dry run.", default="")
@click.option("--indirect", is_flag=True, help="Ask through the API server alone, for a webhook with --client-ca.")
@click.option(
    "--timeout-seconds",
    "timeout",
    metavar="N",
    type=click.FloatRange(min=0),
    default=0,
    help="How long it may take until it works.",
)
def command(configuration: str, validating: str, namespace: str, *, indirect: bool, timeout: float) -> int:
    """Verify, again and again until the time is up, and return the exit code."""
    from webhook.cli import verify

    return verify.run(configuration, validating, namespace, indirect=indirect, timeout=timeout)
