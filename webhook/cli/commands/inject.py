"""`loghook inject`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Add the sidecars to manifests, as the webhook would to their Pods.

Reads Pods and whatever has a Pod template: Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job,
CronJob, PodTemplate, and any other kind that has one in its spec.template; also within a List. Writes all that it read
to stdout, changed only by the lines that are added: comments, quotes and order stay, and everything else passes
through. What became of each object is said on stderr, with the file and the line of what is wrong.

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


@click.command("inject", help=HELP, short_help="Add the sidecars to manifests.")
@options.files
@options.configuration
@options.namespace
@options.verbose
def command(files: Sequence[str], config: Path | None, namespace: str | None, *, verbose: bool) -> int:
    """Inject the manifests and return the exit code."""
    from webhook.cli import inject

    return inject.run(files, config, namespace, is_verbose=verbose)
