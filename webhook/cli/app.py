"""The commands and their help, by click. `serve` is only listed here: see `webhook.cli.commands.serve`."""

import sys
from collections.abc import Sequence

import click

from webhook import __version__
from webhook.cli.commands import (
    check,
    completion,
    config,
    demo,
    describe,
    discover,
    explain,
    inject,
    lint,
    list_,
    logs,
    man,
    migrate,
    playground,
    preview,
    serve,
    uninject,
    verify,
)
from webhook.cli.failures import InputError

__all__ = ["app", "complete", "run"]

HELP = """Logs for applications that write files: Pod annotations in, a logging sidecar out.

\b
  loghook inject -f app.yaml | kubectl apply -f -
  loghook serve --tls-cert tls.crt --tls-key tls.key
  loghook preview -f app.yaml --server https://127.0.0.1:8443 --ca ca.crt
  loghook explain loghook.dev/paths

A Pod says which files to read, in annotations, e.g. loghook.dev/paths: /var/log/app/*.log
"""


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it
    if wanted:
        click.echo(f"loghook {__version__}")
        context.exit()


@click.group(
    help=HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    callback=_show_version,
    is_eager=True,
    expose_value=False,
    help="Show the version and exit.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """Show the help where no command is named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(InputError.exit_code)


_serve = click.Command(
    "serve",
    help=serve.text(),
    short_help=serve.SUMMARY,
    params=[
        click.Option([flag], metavar=value, help=settings["help"] % settings) for flag, value, settings in serve.OPTIONS
    ],
)
"""As the help lists it and as the shell completes it; `webhook.cli.main` never lets it get here."""

for command in (
    inject.command,
    uninject.command,
    migrate.command,
    preview.command,
    describe.command,
    list_.command,
    check.command,
    logs.command,
    discover.command,
    verify.command,
    _serve,
    explain.command,
    lint.command,
    config.command,
    playground.command,
    completion.command,
    man.command,
    demo.command,
):
    app.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return its exit code. Raises CommandError."""
    try:
        return int(app(list(arguments), prog_name="loghook", standalone_mode=False) or 0)
    except click.ClickException as error:
        raise InputError(f"{error.format_message()} (see --help)") from None
    except click.Abort:
        raise KeyboardInterrupt from None


def complete() -> int:
    """What `kubectl_complete-loghook` does: write the words that may follow those on the command line, as kubectl asks.

    A line for each, with its help behind a tab; the last line tells the shell whether file names may come there too:
    `:0`, or `:4` for none. Source: https://github.com/kubernetes/kubernetes/pull/105867
    """
    from click.shell_completion import ShellComplete  # noqa: PLC0415 - no command needs it

    *before, last = sys.argv[1:] or [""]
    items = ShellComplete(app, {}, "loghook", "_LOGHOOK_COMPLETE").get_completions(before, last)
    for item in items:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help or ''}".rstrip())
    click.echo(":4" if all(item.type == "plain" for item in items) else ":0")
    return 0
