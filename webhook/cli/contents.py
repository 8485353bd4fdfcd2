"""What files hold that the command line reads: some may have no end, as a device, and none that is meant is large."""

import sys
from pathlib import Path
from typing import BinaryIO

from webhook.cli.failures import InputError

__all__ = ["STDIN", "of"]

STDIN = "-"

_MOST_MIB = 32
"""The manifests of the largest charts are some MiB; each object of a cluster has 1.5 at most."""


def of(source: Path | str, called: str) -> bytes:
    """All that is in the file `source`, which may be a FIFO, or in stdin (`-`); it is read once.

    Raises InputError, in which it is `called` so.
    """
    try:
        if source == STDIN:
            return _whole(sys.stdin.buffer, called)
        with Path(source).open("rb") as file:
            return _whole(file, called)
    except OSError as error:
        raise InputError(f"{called}: {error.strerror or error}") from None


def _whole(file: BinaryIO, called: str) -> bytes:
    content = file.read(_MOST_MIB * 2**20 + 1)
    if len(content) > _MOST_MIB * 2**20:
        raise InputError(f"{called}: has more than {_MOST_MIB} MiB")
    return content
