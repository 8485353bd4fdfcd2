"""`loghook preview`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Show what a running webhook adds to manifests, as a diff.

Sends each Pod, and what each Pod template would become, to the webhook as an AdmissionReview of a dry run, as the API
server does. Nothing is created. The server must be the one that --ca vouches for.

\b
  loghook preview -f app.yaml --server https://127.0.0.1:8443 --ca .dev/certs/ca.crt

\b
Exit code:
  0  done, also where nothing would be added
  1  a Pod was refused, or the webhook cannot be reached
  2  wrong use, or a file that cannot be used
"""


@click.command("preview", help=HELP, short_help="Show what a running webhook adds to manifests.")
@options.files
@click.option("--server", metavar="URL", required=True, help="The webhook, e.g. https://127.0.0.1:8443.")
@click.option(
    "--ca",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="The CA that signed its certificate, PEM.",
)
@options.namespace
@click.option("--full", is_flag=True, help="Show long texts whole, like the sidecar's script.")
@options.verbose
def command(  # noqa: PLR0913 - the options of the command line
    files: Sequence[str], server: str, ca: Path, namespace: str | None, *, full: bool, verbose: bool
) -> int:
    """Show the diffs and return the exit code."""
    from webhook.cli import preview

    return preview.run(preview.Webhook(server, ca), files, namespace, full=full, is_verbose=verbose)
