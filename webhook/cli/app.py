"""The commands and their help, by typer. `serve` is only listed here: see `webhook.cli.serve`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from webhook import __version__
from webhook.cli import demo, inject, preview, serve, verify
from webhook.cli.failures import InputError
from webhook.cli.terminal import show

__all__ = ["app", "run"]

HELP = """Logs for applications that write files: Pod annotations in, a logging sidecar out.

\b
  loghook inject -f app.yaml | kubectl apply -f -
  loghook serve --tls-cert tls.crt --tls-key tls.key
  loghook preview -f app.yaml --server https://127.0.0.1:8443 --ca ca.crt

A Pod says which files to read, in annotations, e.g. loghook.dev/paths: /var/log/app/*.log
"""

app = typer.Typer(
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # as argparse looks, which reads the arguments of `serve`
)

app.command("inject", help=inject.HELP, short_help="Add the sidecars to manifests.")(inject.command)
app.command("preview", help=preview.HELP, short_help="Show what a running webhook adds to manifests.")(preview.command)
app.command("verify", help=verify.HELP, short_help="Prove that the webhook of a cluster works.")(verify.command)
app.command("demo", help=demo.HELP, hidden=True)(demo.command)


@app.command("serve", short_help=serve.SUMMARY, add_help_option=False)
def _listed() -> None:
    """Serve, as the help lists it; `webhook.cli.main` never lets it get here."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        show(f"loghook {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001, FBT002 - its callback does it; options are named
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(InputError.exit_code)


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return its exit code. Raises CommandError."""
    try:
        return int(app(list(arguments), prog_name="loghook", standalone_mode=False) or 0)
    except typer.TyperException as error:
        raise InputError(f"{error.format_message()} (see --help)") from None
    except typer.Abort:
        raise KeyboardInterrupt from None
