"""`loghook playground`."""

import click

__all__ = ["command"]

HELP = """Serve a page on this machine that shows, as you type, what becomes of a manifest.

The injected Pod as a difference, the agent's configuration, what is wrong at its line, and the reference of the key
under the cursor. A link to the page holds all that stands on it. The page is for this machine alone (127.0.0.1), and
reads neither files nor a cluster. Ctrl-C ends it.

\b
Exit code:
  0  ended by Ctrl-C
  1  the port cannot be used
"""

_PORT_LIMIT = 65535


@click.command("playground", help=HELP, short_help="Try annotations on a page of this machine.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, _PORT_LIMIT),
    default=8480,
    show_default=True,
    help="Where to serve; 0 takes a free one.",
)
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser.")
def command(port: int, *, is_opened: bool) -> int:
    """Serve the page and return the exit code."""
    from webhook.cli.playground import serving

    return serving.run(port, is_opened=is_opened)
