"""Options that several commands have, and what is wrong with their values before anything is read or asked."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from webhook.cli.failures import InputError

__all__ = [
    "cluster_namespace",
    "configuration",
    "context",
    "files",
    "installed_configuration",
    "namespace",
    "namespace_option",
    "once",
    "optional_files",
    "output",
    "selector",
    "verbose",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NAMESPACE = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|")
"""A label of the DNS (k8s.io/apimachinery/pkg/util/validation), or nothing, as for kubectl."""


def once(_: click.Context, __: click.Parameter, files: Sequence[str]) -> Sequence[str]:
    """Return `files`. Raises InputError where stdin is among them more than once."""
    if list(files).count("-") > 1:
        raise InputError("stdin can be read only once: give -f - only once")
    return files


def _a_namespace(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    if name is not None and not _NAMESPACE.fullmatch(name):
        raise click.BadParameter(f"{name!r} is no name of a namespace: lower-case letters, digits and dashes")
    return name


def namespace_option(text: str, default: str | None = None) -> Callable[[_Command], _Command]:
    """The option `-n` with `text` for its help."""
    return click.option("--namespace", "-n", metavar="NAMESPACE", default=default, callback=_a_namespace, help=text)


files = click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, required=True, type=click.Path(allow_dash=True),
    callback=once,
    help="A manifest, or - for stdin; give it once for each.",
)  # fmt: skip

optional_files = click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, type=click.Path(allow_dash=True),
    callback=once,
    help="A manifest, or - for stdin; give it once for each.",
)  # fmt: skip

configuration = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path),
    help="The webhook's configuration; without, the built-in one.",
)  # fmt: skip

namespace = namespace_option("Where objects go that name no namespace [default: default].")

verbose = click.option("--verbose", "-v", is_flag=True, help="Say so of objects that bring no Pod, too.")

# Of commands that look at a cluster.

cluster_namespace = namespace_option("The namespace; without, that of the kubeconfig's context.")

context = click.option("--context", metavar="NAME", help="The context of the kubeconfig; without, its current one.")

installed_configuration = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path),
    help="The webhook's configuration; without, the installation's own.",
)  # fmt: skip

selector = click.option("--selector", "-l", metavar="SELECTOR", help="The Pods with these labels, as kubectl has it.")


def output(*ways: str) -> Callable[[_Command], _Command]:
    """The option `-o`, whose first way is the one without it."""
    return click.option(
        "--output", "-o", type=click.Choice(ways), default=ways[0], show_default=True, help="How to write it."
    )
