"""`loghook completion`."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

__all__ = ["command"]

HELP = """Write what makes the shell complete commands and options, for bash, zsh or fish.

\b
  source <(loghook completion bash)                                      # now; in ~/.bashrc for ever
  loghook completion zsh > "${fpath[1]}/_loghook"
  loghook completion fish > ~/.config/fish/completions/loghook.fish

kubectl completes `kubectl loghook` by itself: it asks the program kubectl_complete-loghook on the PATH.
"""

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion", help=HELP, short_help="Write the shell's completion.")
@click.argument("shell", metavar="SHELL", type=click.Choice(tuple(_SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Write the script for `shell` to stdout and return the exit code."""
    click.echo(_SHELLS[shell](context.find_root().command, {}, "loghook", "_LOGHOOK_COMPLETE").source())
    return 0
