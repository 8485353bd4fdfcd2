"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "cluster_namespace",
    "configuration",
    "context",
    "files",
    "installed_configuration",
    "namespace",
    "optional_files",
    "output",
    "selector",
    "verbose",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])

files = click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, required=True, type=click.Path(allow_dash=True),
    help="A manifest, or - for stdin; give it once for each.",
)  # fmt: skip

optional_files = click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, type=click.Path(allow_dash=True),
    help="A manifest, or - for stdin; give it once for each.",
)  # fmt: skip

configuration = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path),
    help="The webhook's configuration; without, the built-in one.",
)  # fmt: skip

namespace = click.option(
    "--namespace", "-n", metavar="NAMESPACE", help="Where objects go that name no namespace [default: default]."
)

verbose = click.option("--verbose", "-v", is_flag=True, help="Say so of objects that bring no Pod, too.")

# Of commands that look at a cluster.

cluster_namespace = click.option(
    "--namespace", "-n", metavar="NAMESPACE", help="The namespace; without, that of the kubeconfig's context."
)

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
