"""The command line of the certificates: `python -m certs issue`, `run` and `clean`."""

import logging
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from certs.authority import AUTHORITY_LIFE, LEAF_LIFE, BadNameError, Pair, names_of
from certs.files import CA_CERTIFICATE, CA_KEY, TLS_CERTIFICATE, TLS_KEY, Issued, RefusedError, issue, shown
from certs.rotate import Rules

if TYPE_CHECKING:
    from certs.cluster import Place

__all__ = ["app", "main", "service_names"]

DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
# Apple's systems trust no serving certificate whose dates are more than 825 days apart (support.apple.com/103769), and
# ours begin an hour back.
MOST_DAYS = 824
MOST_CA_DAYS = 36_500

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

RUN_HELP = """Look after the certificates of a cluster: one Secret, and the caBundle of the webhooks that it is for.

Makes the CA and the serving certificate, renews both two thirds through their lives, and heals what is lost, damaged or
expired. A new CA is announced to all callers before it is used, and the old one trusted until nobody serves what it
signed, so that no call fails. Any number of these may run at once.

Ask for a rotation by an annotation on the Secret:

\b
  kubectl annotate secret NAME loghook.dev/rotate=leaf   a new serving certificate
  kubectl annotate secret NAME loghook.dev/rotate=ca     a new CA with a new key, in two phases

The cluster is that of KUBECONFIG, else the one that this Pod runs in. JSON lines go to stdout, and keys nowhere.

\b
Exit code:
  0  stopped by a signal; with --once: callers trust the injector
  1  with --once: they do not, within a minute
  2  wrong use, no access to a cluster, or the port is taken
"""
ONCE_SECONDS = 60.0

CLEAN_HELP = """Delete the Secrets that cert-manager leaves behind when its Certificates are deleted.

They hold keys, and nobody needs them any more once loghook is uninstalled. A Secret that cert-manager did not make is
kept. The chart runs this after it has been uninstalled.

\b
  python -m certs clean --namespace loghook --secret loghook-serving --secret loghook-ca

\b
Exit code:
  0  done; stdout has a line for each
  1  the API server did not do it
  2  wrong use, or no access to a cluster
"""

# Each of them would end the process as it comes, perhaps with one of two things written.
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SECONDS = click.FloatRange(min=0)


def _number(flag: str, kind: click.ParamType[Any], default: float, text: str) -> Callable[[_Command], _Command]:
    return click.option(flag, metavar="N", type=kind, default=default, show_default=True, help=text)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def app(context: click.Context) -> None:
    """Certificates for loghook's server."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@app.command("issue", help=ISSUE_HELP, short_help="Issue files for development.")
@click.option("--out", metavar="DIR", required=True, help="Directory of the four files; made where it is missing.")
@click.option(
    "--name",
    "names",
    metavar="DNS-OR-IP",
    multiple=True,
    help="A host name or address that clients call, e.g. loghook.logs.svc, *.logs.svc, 10.0.0.7 or fd00::7; "
    f"give it once for each. Without any: {', '.join(DEFAULT_NAMES)}.",
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, MOST_DAYS),
    default=LEAF_LIFE.days,
    show_default=True,
    help="How long the serving certificate is valid.",
)
def issue_command(out: str, names: Sequence[str], days: int) -> None:
    """Issue files for development; `ISSUE_HELP` tells the user all of it. Raises what `files.issue` does."""
    if not out:
        raise click.BadParameter("name a directory, e.g. --out dev ('.' for this one)", param_hint="--out")
    issued = issue(Path(out), names or DEFAULT_NAMES, datetime.now(UTC), timedelta(days=days))
    for line in _lines(issued):
        click.echo(line)


@app.command("run", help=RUN_HELP, short_help="Look after the certificates of a cluster.")
@click.option("--namespace", metavar="NS", required=True, help="Where Secret and Service are.")
@click.option("--secret", metavar="NAME", required=True, help="The Secret; made where it is missing.")
@click.option("--service", metavar="NAME", required=True, help="The Service that callers call.")
@click.option(
    "--webhook-configuration",
    "mutating",
    metavar="NAME",
    multiple=True,
    required=True,
    help="A MutatingWebhookConfiguration whose caBundles are ours; waited for where it does not exist yet.",
)
@click.option(
    "--validating-webhook-configuration",
    "validating",
    metavar="NAME",
    multiple=True,
    help="The same of the validating kind.",
)
@click.option(
    "--owner-deployment", "owner", metavar="NAME", default="", help="The Deployment with which the Secret goes."
)
@_number("--ca-days", click.IntRange(1, MOST_CA_DAYS), AUTHORITY_LIFE.days, "How long a CA is valid.")
@_number("--leaf-days", click.IntRange(1, MOST_DAYS), LEAF_LIFE.days, "How long a serving one is valid.")
@_number(
    "--settle-seconds", _SECONDS, Rules.settle.total_seconds(), "How long a new CA is announced before it is used."
)
@_number(
    "--overlap-seconds",
    _SECONDS,
    Rules.overlap.total_seconds(),
    "How long an old CA is trusted after it was last used.",
)
@_number("--health-port", click.IntRange(0, 65535), 8081, "Where probes and metrics are.")
@click.option(
    "--log-level",
    type=click.Choice(["info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least that is written.",
)
@click.option("--once", is_flag=True, help="Do what needs no waiting, without ports, and end.")
def run_command(  # noqa: PLR0913  # the options of the command line
    *,
    namespace: str,
    secret: str,
    service: str,
    mutating: Sequence[str],
    validating: Sequence[str],
    owner: str,
    ca_days: int,
    leaf_days: int,
    settle_seconds: float,
    overlap_seconds: float,
    health_port: int,
    log_level: str,
    once: bool,
) -> int:
    """Look after the certificates of a cluster; `RUN_HELP` tells the user all of it."""
    from certs.cluster import Kind, Place  # noqa: PLC0415  # the client is large, and `issue` does without it
    from certs.health import say_from  # noqa: PLC0415  # as above

    try:
        rules = Rules(
            names=service_names(service, namespace),
            ca_life=timedelta(days=ca_days),
            leaf_life=timedelta(days=leaf_days),
            settle=timedelta(seconds=settle_seconds),
            overlap=timedelta(seconds=overlap_seconds),
        )
    except BadNameError as error:
        raise click.BadParameter(str(error), param_hint="--service and --namespace") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ca-days") from None
    say_from(log_level)
    configurations: list[tuple[Kind, str]] = [("mutating", name) for name in mutating]
    configurations += [("validating", name) for name in validating]
    return _run(Place(namespace, secret, tuple(configurations), owner), rules, None if once else health_port)


@app.command("clean", help=CLEAN_HELP, short_help="Delete the Secrets that cert-manager leaves behind.")
@click.option("--namespace", metavar="NS", required=True, help="Where they are.")
@click.option(
    "--secret", "secrets", metavar="NAME", multiple=True, required=True, help="A Secret; give it once for each."
)
def clean_command(namespace: str, secrets: Sequence[str]) -> int:
    """Delete what cert-manager leaves behind; `CLEAN_HELP` tells the user all of it."""
    from certs.answers import ClusterError  # noqa: PLC0415  # as in `run_command`
    from certs.cluster import Cluster, Place, connect  # noqa: PLC0415  # as in `run_command`

    logging.basicConfig(level=logging.CRITICAL)  # as in `_run`
    try:
        client = connect()
    except ClusterError as error:
        return _failed(str(error), 2)
    try:
        for name in secrets:
            click.echo(f"{namespace}/{name}: {Cluster(client, Place(namespace, name, ())).clear()}")
    except ClusterError as error:
        return _failed(str(error), 1)
    return 0


def service_names(service: str, namespace: str) -> tuple[str, ...]:
    """Return the names by which a Service is called; the API server asks for SERVICE.NAMESPACE.svc.

    Not those that a Pod of the same namespace might use as well: nobody does, and a company's CA whose name
    constraints permit `svc` may not sign for them, which would spoil the whole certificate.
    """
    full = f"{service}.{namespace}.svc"
    return full, f"{full}.cluster.local"


def _run(place: "Place", rules: Rules, health_port: int | None) -> int:
    """Run the controller; without a port once, else until a signal that ends it."""
    from certs.answers import ClusterError  # noqa: PLC0415  # as above
    from certs.cluster import Cluster, connect  # noqa: PLC0415  # as above
    from certs.controller import Controller  # noqa: PLC0415  # as above
    from certs.health import Health, HealthServer, say  # noqa: PLC0415  # as above

    logging.basicConfig(level=logging.CRITICAL)  # the client's own lines may quote what it read, and that has keys
    health = Health()
    try:
        controller = Controller(Cluster(connect(), place), rules, health)
    except ClusterError as error:
        return _failed(str(error), 2)
    for number in _ENDING:
        signal.signal(number, lambda *_: controller.stop())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it looks at everything all the time
    if health_port is None:
        return 0 if controller.run_once(ONCE_SECONDS) else 1
    with HealthServer(health, health_port) as server:
        server.start()
        say("info", "started", health_port=server.server_port, names=rules.names)
        controller.run()
        server.shutdown()
    say("info", "stopped")
    return 0


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
    except click.ClickException as error:
        return _failed(f"{error.format_message()} (see --help)", 2)
    except BadNameError as error:
        return _failed(f"Invalid value for '--name': {error}", 2)
    except RefusedError as error:
        return _failed(str(error), 1)
    except OSError as error:
        place = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
        return _failed(f"{place}{error.strerror or error}", 2)


def _failed(line: str, code: int) -> int:
    click.echo(f"Error: {line}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
