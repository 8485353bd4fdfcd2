"""`loghook demo`, which is `make run`."""

import click

__all__ = ["command"]

HELP = """Serve with a development certificate and show what the webhook does to an example Pod.

Run it from the root of the repository: `make run`, or `make run PORT=9443` for another port. Certificates are in
.dev/certs. Ctrl-C ends it.
"""

_PORT_LIMIT = 65535


@click.command("demo", help=HELP, hidden=True)
@click.option("--port", metavar="N", type=click.IntRange(1, _PORT_LIMIT), default=8443, help="Where to serve.")
def command(port: int) -> int:
    """Serve until Ctrl-C or SIGTERM and return the exit code."""
    from webhook.cli import demo

    return demo.run(port)
