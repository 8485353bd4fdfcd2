"""`loghook serve`.

A serving process carries for ever what it imports. So this is read by argparse, and rich and what only other
commands need are never imported: `webhook.cli.main` sends `serve` here before it imports the others, and a test looks
at what is loaded.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from webhook.cli.failures import InputError

__all__ = ["OPTIONS", "SUMMARY", "run", "text"]

SUMMARY = "Serve the webhook over TLS."

_ABOUT = f"""Usage: loghook serve --tls-cert FILE --tls-key FILE [OPTIONS]

{SUMMARY}

Answers POST /mutate with a patch, and POST /validate with words. Probes and metrics are on a plain port of their own:
/healthz, /readyz, /metrics. New certificate files and a changed configuration are taken over while serving; what cannot
be used is logged, and what was before goes on. On SIGTERM (SIGQUIT, SIGUSR1, SIGUSR2) it answers on until the API
servers are elsewhere, on SIGINT it ends at once, and on SIGHUP it reads the files again. Logs are JSON lines on stdout.

  loghook serve --tls-cert tls.crt --tls-key tls.key
  loghook serve --tls-cert tls.crt --tls-key tls.key --config loghook.yaml --host 127.0.0.1 --port 9443
"""

_EXIT_CODES = """Exit code:
  0  ended by a signal
  1  cannot serve, e.g. because the port is taken
  2  wrong use, or a file that cannot be used
"""

_PORT_LIMIT = 65535
_LEVELS = ("info", "warning", "error")


class _Parser(argparse.ArgumentParser):
    """Says a mistake as the other commands do."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]} (see --help)")


def run(arguments: Sequence[str]) -> int:
    """Serve as `arguments` say until a signal ends it, and return the exit code. Raises CommandError."""
    parser = _parser()
    if not {"-h", "--help"}.isdisjoint(arguments):
        sys.stdout.write(parser.format_help())  # `print_help` says nothing where that fails
        return 0
    options = parser.parse_args(arguments)
    if options.client_name and not options.client_ca:
        parser.error("--client-name needs --client-ca, whose certificates have the names")
    from webhook.cli import serve

    return serve.run(options)


def text() -> str:
    """The help as click takes it, but for usage and options: lines that begin with two spaces are not wrapped."""
    about = f"{_ABOUT.partition(chr(10))[2]}\n{_EXIT_CODES}"
    return re.sub(r"\n\n(?=  |Exit code:)", "\n\n\b\n", about)


def _parser() -> _Parser:
    parser = _Parser(
        usage=argparse.SUPPRESS,
        description=_ABOUT,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    options = parser.add_argument_group("Options")
    for flag, value, settings in OPTIONS:
        options.add_argument(flag, metavar=value, **settings)
    options.add_argument("-h", "--help", action="store_true", help="Show this message and exit.")
    return parser


def _several(text: str) -> dict[str, Any]:
    return {"action": "append", "default": [], "help": text}


def _number(kind: Callable[[str], float | str], default: float | str, text: str) -> dict[str, Any]:
    return {"type": kind, "default": default, "help": f"{text} [default: %(default)s]"}


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= _PORT_LIMIT:
        raise argparse.ArgumentTypeError(f"{text} is no port from 0 to {_PORT_LIMIT}")
    return port


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of connections")
    return int(text)


def _level(text: str) -> str:
    if text not in _LEVELS:
        raise argparse.ArgumentTypeError(f"{text} is no level; there are {', '.join(_LEVELS)}")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("--tls-cert", "FILE", {"type": Path, "required": True, "help": "The certificate, PEM. [required]"}),
    ("--tls-key", "FILE", {"type": Path, "required": True, "help": "Its key, PEM. [required]"}),
    (
        "--tls-name",
        "NAME",
        _several("A name that the certificate must be for, e.g. loghook.loghook.svc. May be given again."),
    ),
    (
        "--client-ca",
        "FILE",
        {"type": Path, "help": "Serve only callers with a certificate of a CA in this file, PEM. Probes need none."},
    ),
    (
        "--client-name",
        "NAME",
        _several("Of these, only one with this common name or DNS name. May be given again."),
    ),
    ("--host", "ADDRESS", {"help": "The address to listen on; every one without."}),
    ("--port", "N", _number(_port, 8443, "Where reviews come in.")),
    ("--health-port", "N", _number(_port, 8080, "Where probes and metrics are.")),
    (
        "--config",
        "FILE",
        {"type": Path, "help": "The configuration, read again when it changes; the built-in one without."},
    ),
    ("--drain-seconds", "N", _number(_seconds, 100, "The most to serve on after SIGTERM.")),
    ("--max-connections", "N", _number(_count, 1000, "Above this the idlest connection is closed for a new one.")),
    (
        "--log-level",
        "LEVEL",
        _number(_level, "info", "`info` has a line for each review, `error` what needs a person."),
    ),
)
"""Each option, what its value is called, and what argparse is told of it."""
