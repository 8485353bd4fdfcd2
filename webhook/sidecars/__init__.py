"""The sidecars' engines: each says how a container that runs it reads the files it is assigned."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["Assignment", "Command", "Engine"]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What one sidecar is to do, in its own coordinates: paths are those at which it has the files.

    `exclude` are globs of file names, or of whole paths where they have a slash; they hold for what globs match, never
    for a path that is named literally. `from_end`: files that are there at the start are read from their end.
    `drain_seconds` is for plain containers, which are told to stop while the application may still write.
    """

    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    from_end: bool
    is_native: bool
    drain_seconds: int


class Command(msgspec.Struct, frozen=True):
    """A container's `command` and `args`."""

    command: Sequence[str]
    args: Sequence[str]


class Engine(Protocol):
    """A program that can be a sidecar."""

    @property
    def name(self) -> str:
        """Its name in the configuration: `images.<name>`, `resources.<name>`."""

    @property
    def files(self) -> frozenset[str]:
        """The directories of its image that it needs, so that nothing is mounted over them."""

    def command(self, assignment: Assignment) -> Command:
        """What to run for `assignment`."""
