"""The command line of the certificates: `python -m certs issue`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from certs.authority import LEAF_LIFE, BadNameError, Pair, names_of
from certs.files import CA_CERTIFICATE, CA_KEY, TLS_CERTIFICATE, TLS_KEY, Issued, RefusedError, issue, shown

__all__ = ["app", "main"]

DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
# Apple's systems trust no serving certificate whose dates are more than 825 days apart (support.apple.com/103769), and
# ours begin an hour back.
MOST_DAYS = 824

ISSUE_HELP = """Issue a serving certificate from a CA of your own, as files for development.

Writes tls.crt and tls.key to DIR: a new serving certificate and its key, on every run. Writes ca.crt and ca.key only
where there is no CA yet. An existing CA is kept, and renewed on the same key in the last third of its ten years or when
it has expired; whoever trusts it should then be given the new ca.crt. To start over with a new CA, delete all four.

Keys are for you alone (mode 0600). The CA's key signs for any name, so keep it out of git and of images. A file that is
not of loghook's own making is never overwritten.

Use them, e.g. after --out dev:

\b
  loghook serve --tls-cert dev/tls.crt --tls-key dev/tls.key
  curl --cacert dev/ca.crt https://localhost:8443/

\b
Exit code:
  0  issued; stdout names the four files
  1  refused: DIR holds a file that is not ours; nothing was changed
  2  wrong use, or DIR cannot be written
"""

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # they print local variables, and some of ours are keys
    rich_markup_mode=None,  # paragraphs wrap to the terminal, and an error is one line
)


@app.callback(invoke_without_command=True)
def certs(context: typer.Context) -> None:
    """Certificates for loghook's server."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command("issue", help=ISSUE_HELP, short_help="Issue files for development.")
def issue_command(
    out: Annotated[
        str,
        typer.Option("--out", metavar="DIR", help="Directory of the four files; made where it is missing."),
    ],
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="DNS-OR-IP",
            help="A host name or address that clients call, e.g. loghook.logs.svc, *.logs.svc, 10.0.0.7 or fd00::7; "
            f"give it once for each. Without any: {', '.join(DEFAULT_NAMES)}.",
        ),
    ] = None,
    days: Annotated[
        int,
        typer.Option("--days", metavar="N", min=1, max=MOST_DAYS, help="How long the serving certificate is valid."),
    ] = LEAF_LIFE.days,
) -> None:
    """Issue files for development; `ISSUE_HELP` tells the user all of it. Raises what `files.issue` does."""
    if not out:
        raise typer.BadParameter("name a directory, e.g. --out dev ('.' for this one)", param_hint="--out")
    names = name or DEFAULT_NAMES
    issued = issue(Path(out), names, datetime.now(UTC), timedelta(days=days))
    for line in _lines(issued):
        typer.echo(line)


def _lines(issued: Issued) -> list[str]:
    """Say of each file what was done with it; what was kept stands there too, so that all four are named."""
    ca_verb = {"made": "wrote", "kept": "kept", "renewed": "renewed"}[issued.authority_was]
    key_verb = "wrote" if issued.authority_was == "made" else "kept"
    ca_note = "on the same key, " if issued.authority_was == "renewed" else ""
    key_note = "mode set to 0600, it was open to other users" if issued.narrowed else ""
    rows = [
        (ca_verb, CA_CERTIFICATE, f"the CA, {ca_note}{_until(issued.authority)}"),
        (key_verb, CA_KEY, key_note),
        ("wrote", TLS_CERTIFICATE, f"for {', '.join(names_of(issued.leaf.certificate))}, {_until(issued.leaf)}"),
        ("wrote", TLS_KEY, ""),
    ]
    return [f"{verb:<7} {shown(issued.directory / file)}  {note}".rstrip() for verb, file, note in rows]


def _until(pair: Pair) -> str:
    return f"valid until {pair.expires:%Y-%m-%d %H:%M} UTC"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (by default the process's) and return its exit code.

    What a user or a file system can do wrong is one line on stderr.
    """
    try:
        return int(app(arguments, prog_name="python -m certs", standalone_mode=False) or 0)
    except typer.TyperException as error:
        return _failed(f"{error.format_message()} (see --help)", 2)
    except BadNameError as error:
        return _failed(f"Invalid value for '--name': {error}", 2)
    except RefusedError as error:
        return _failed(str(error), 1)
    except OSError as error:
        place = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
        return _failed(f"{place}{error.strerror or error}", 2)


def _failed(line: str, code: int) -> int:
    typer.echo(f"Error: {line}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
