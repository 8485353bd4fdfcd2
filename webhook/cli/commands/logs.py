"""`loghook logs`."""

from collections.abc import Sequence

import click

from webhook.cli.commands import options

__all__ = ["command"]

HELP = """Write what the sidecars of Pods wrote: `kubectl logs` for our containers, whatever they are called.

Of a streaming sidecar these are the application's lines, of an agent its own. Each line says whose it is. What the
lines hold is written as it is.

\b
  loghook logs web-5d4f7-x2x9z -n shop
  loghook logs deploy/web -f --tail 10
  loghook logs -l app=web --source access --since 1h

A TARGET is a Pod's name or KIND/NAME.

Rights: get pods/log, get or list pods, and get the kinds that you name.

\b
Exit code:
  0  written
  1  no sidecar is there, one has no lines to give, or the cluster does not answer
  2  wrong use, or no access to a cluster
"""


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Duration(click.ParamType[int]):
    """Seconds, as `90s`, `5m`, `2h` or `1d`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text[:-1].isdecimal() and text[-1] in _UNITS:
            return int(text[:-1]) * _UNITS[text[-1]]
        return int(text) if text.isdecimal() else self.fail(f"{text} is no time, e.g. 5m", param, ctx)


@click.command("logs", help=HELP, short_help="Write what the sidecars of Pods wrote.")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@options.selector
@options.cluster_namespace
@options.context
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes.")
@click.option("--tail", metavar="N", type=click.IntRange(min=-1), default=-1, help="The last N lines of each.")
@click.option("--since", metavar="TIME", type=_Duration(), default=0, help="Those of the past, e.g. 90s, 5m, 2h.")
@click.option("--source", metavar="NAME", help="Only the sidecar of this source; `agent` is the agent's.")
def command(  # noqa: PLR0913 - the options of the command line
    *,
    targets: Sequence[str],
    selector: str | None,
    namespace: str | None,
    context: str | None,
    follow: bool,
    tail: int,
    since: int,
    source: str | None,
) -> int:
    """Write the lines and return the exit code."""
    if bool(targets) == bool(selector):
        raise click.UsageError("Name Pods or workloads, or give -l SELECTOR.")
    from webhook.cli import installed, logs

    reading = logs.Reading(follow, tail, since, source)
    return logs.run(installed.reached(context), targets, selector, namespace, reading)
