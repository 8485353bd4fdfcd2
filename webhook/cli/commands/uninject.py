"""`loghook uninject`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Take the sidecars out of manifests again: what `loghook inject` added, and what is in objects exported from a
cluster.

Writes all that it read to stdout, without the lines of our containers, volumes, mounts and annotations; all else stays
as it is written. The annotations that ask stay too, so that a webhook injects the Pods; --annotations takes them out.
What has been filled in of a Pod's own resources stays. What became of each object is said on stderr.

\b
  loghook uninject -f app.yaml > plain.yaml
  kubectl get deployment web -o yaml | loghook uninject -f - --annotations

\b
Exit code:
  0  done, also where there was nothing of ours
  2  wrong use, or a file that cannot be used; nothing on stdout
"""


@click.command("uninject", help=HELP, short_help="Take the sidecars out of manifests again.")
@options.files
@options.configuration
@options.namespace
@click.option("--annotations", is_flag=True, help="Take out the annotations that ask, too.")
def command(files: Sequence[str], config: Path | None, namespace: str | None, *, annotations: bool) -> int:
    """Take them out and return the exit code."""
    from webhook.cli import uninject

    return uninject.run(files, config, namespace, annotations=annotations)
