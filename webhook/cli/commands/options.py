"""Options that several commands have."""

from pathlib import Path

import click

__all__ = ["configuration", "files", "namespace"]

files = click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, required=True, type=click.Path(allow_dash=True),
    help="A manifest, or - for stdin; give it once for each.",
)  # fmt: skip

configuration = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path),
    help="The webhook's configuration; without, the built-in one.",
)  # fmt: skip

namespace = click.option(
    "--namespace", "-n", metavar="NAMESPACE", help="Where objects go that name no namespace [default: default]."
)
