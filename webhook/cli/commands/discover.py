"""`loghook discover`."""

from collections.abc import Sequence

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Look into Pods that run for the files that they write, and say which annotations read them.

Of each container, every file that one of its processes holds open for writing; the volume on which it is; and the
annotations for those that look like logs, ready to paste. Files that an application opens only now and then are not
seen: try again while it writes.

\b
  loghook discover web-5d4f7-x2x9z -n shop
  loghook discover -l app=web -o json
  loghook discover web-5d4f7-x2x9z --ephemeral

It looks into /proc by exec. Where a container has no shell, or with --user, an ephemeral container of the busybox image
does it, as the application's own user. You are asked first: it ends at once, but its entry stays in the Pod until the
Pod ends.

Rights: get or list pods, create pods/exec; for ephemeral containers patch pods/ephemeralcontainers and get pods/log.

\b
Exit code:
  0  each Pod writes something that looks like a log
  1  one does not, or may not be looked into, or the cluster does not answer
  2  wrong use, or no access to a cluster
"""


@click.command("discover", help=HELP, short_help="Find the files that a running Pod writes.")
@click.argument("targets", metavar="[POD]...", nargs=-1)
@options.selector
@options.cluster_namespace
@options.context
@click.option("--ephemeral/--no-ephemeral", default=None, help="Do not ask: put ephemeral containers in, or never.")
@click.option("--image", metavar="IMAGE", help="The image of ephemeral containers; without, the built-in busybox.")
@click.option("--user", "uid", metavar="UID", type=click.IntRange(min=0), help="Who looks, by an ephemeral container.")
@options.output("text", "json")
def command(  # noqa: PLR0913 - the options of the command line
    *,
    targets: Sequence[str],
    selector: str | None,
    namespace: str | None,
    context: str | None,
    ephemeral: bool | None,
    image: str | None,
    uid: int | None,
    output: str,
) -> int:
    """Look into the Pods and return the exit code."""
    if bool(targets) == bool(selector):
        raise click.UsageError("Name Pods, or give -l SELECTOR.")
    from webhook.cli import discover, installed

    way = discover.Way(ephemeral, image, uid)
    return discover.run(installed.reached(context), discover.Sought(targets, selector, namespace), way, output)
