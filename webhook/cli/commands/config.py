"""`loghook config check` and `loghook config show`."""

from collections.abc import Sequence
from pathlib import Path

import click

from webhook.cli.commands import options

__all__ = ["command"]

CHECK_HELP = """Judge configuration files, as the server reads them, before it does.

Says every mistake with its line, and warns where a Pod that ships to a destination would be refused or told something
by the agent that holds for it.

\b
  loghook config check loghook.yaml

\b
Exit code:
  0  all can be used, perhaps with warnings
  1  one has a mistake
  2  wrong use, or a file that cannot be opened
"""

SHOW_HELP = """Show the configuration that holds, each value with where it comes from: a line of the file, or built in.

With --namespace it is what holds for the Pods of that namespace: its defaults joined with the general ones, and the
destinations that they may name.

\b
  loghook config show --config loghook.yaml
  loghook config show --config loghook.yaml -n shop

\b
Exit code:
  0  shown; stdout is a configuration again
  2  wrong use, or a file that cannot be used
"""


@click.group("config", no_args_is_help=False, short_help="Judge a configuration file, or show what holds.")
def command() -> None:
    """Judge a configuration file, or show what holds."""


@command.command("check", help=CHECK_HELP, short_help="Judge configuration files.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: Sequence[Path]) -> int:
    """Judge `files` and return the exit code."""
    from webhook.cli import judgement

    return judgement.run(files)


@command.command("show", help=SHOW_HELP, short_help="Show the configuration that holds.")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="The file; the built-in one without.")
@options.namespace_option("What holds for the Pods of this namespace.")
def show(config: Path | None, namespace: str | None) -> int:
    """Show what holds and return the exit code."""
    from webhook.cli import effective

    return effective.run(config, namespace)
