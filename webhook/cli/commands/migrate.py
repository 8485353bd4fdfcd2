"""`loghook migrate`."""

from collections.abc import Sequence

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Turn manifests that ask others for log sidecars into such that ask loghook.

Reads the annotations of tailing-sidecar, logsidecar-injector, logging-operator's tailer and fluentd-sidecar-injector,
and containers written by hand that do nothing but `tail -f`. Writes all that it read to stdout, changed only in the
lines that are about it. What has no counterpart, and what loghook has to say of the result, is said on stderr.

\b
  loghook migrate -f app.yaml > new.yaml
  kubectl get deployment web -o yaml | loghook migrate -f -

\b
Exit code:
  0  done, also where there was nothing to migrate
  1  something has no counterpart, or is a mistake to loghook; stdout has the rest
  2  wrong use, or a file that cannot be used; nothing on stdout
"""


@click.command("migrate", help=HELP, short_help="Turn the annotations of others into ours.")
@options.files
def command(files: Sequence[str]) -> int:
    """Migrate the manifests and return the exit code."""
    from webhook.cli import migrate

    return migrate.run(files)
