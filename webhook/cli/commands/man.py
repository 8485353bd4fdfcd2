"""`loghook man`."""

import click

__all__ = ["command"]

HELP = """Write the manual page to stdout.

\b
  loghook man | man -l -
  loghook man > /usr/local/share/man/man1/loghook.1
"""


@click.command("man", help=HELP, short_help="Write the manual page.")
@click.pass_context
def command(context: click.Context) -> int:
    """Write the page and return the exit code."""
    from webhook.cli import manual

    program = context.find_root().command
    assert isinstance(program, click.Group)  # noqa: S101 - for mypy: this command is one of a group's
    click.echo(manual.page(program), nl=False)
    return 0
