"""`loghook explain`."""

import click

__all__ = ["command"]

HELP = """Explain an annotation key, a diagnostic's code, a format, a type of destination, an agent, or why a Pod was
left alone. Without TERM: everything that there is to explain, a line each.

\b
  loghook explain loghook.dev/paths
  loghook explain LH101
  loghook explain elasticsearch
  loghook explain codes

KEYS, CODES, FORMATS, DESTINATIONS, AGENTS and REASONS list all of a kind.

\b
Exit code:
  0  explained
  2  nothing is called so; stderr says what comes nearest
"""


def _beginning(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """What the shell may complete `typed` to."""
    from webhook.cli import explain

    found = explain.keys() if "/" in typed else explain.names()
    return [name for name in found if name.lower().startswith(typed.lower())]


@click.command("explain", help=HELP, short_help="Explain a key, code, format, destination or agent.")
@click.argument("term", metavar="[TERM]", required=False, shell_complete=_beginning)
def command(term: str | None) -> int:
    """Explain it on stdout and return the exit code."""
    from webhook.cli import explain

    return explain.run(term)
