"""Directories in which there are files, or further directories, to read."""

from __future__ import annotations

import os

from .patterns import is_glob, matches

__all__ = ["Directory"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .logfile import LogFile
    from .task import Path, Task
    from .volumes import Volume


class Directory:
    """A directory of a volume, at `parts` in it, none of which is a link.

    `names` are the files there that are followed. `leaves` are the paths whose last segment names something in it; it
    `is_passed` where a path goes on below. `trail` are names which files of ours were given there and no path matches:
    those of rotated files. `seen` is the look in which it was there last.
    """

    __slots__ = ("is_passed", "leaves", "names", "parts", "seen", "trail", "volume")

    def __init__(self, volume: Volume, parts: tuple[str, ...]) -> None:
        self.volume = volume
        self.parts = parts
        self.seen = 0
        self.is_passed = False
        self.leaves: dict[Path, None] = {}
        self.names: dict[str, LogFile] = {}
        self.trail: set[str] = set()

    def path(self, name: str) -> str:
        """What the application calls the file `name` in it."""
        return self.volume.name((*self.parts, name))

    def wants(self, name: str, task: Task) -> bool:
        """Whether a path of the task names the file `name` in it."""
        for path in self.leaves:
            if not path.is_glob and path.segments[-1] == name:
                return True
            if path.is_glob and matches(path.segments[-1], name):
                here = "/".join((self.volume.mount.rstrip("/"), *self.parts, name))
                if not task.is_excluded(here, name):
                    return True
        return False

    def named(self) -> set[str]:
        """The names that paths have for files in it."""
        return {path.segments[-1] for path in self.leaves if not is_glob(path.segments[-1])}

    def is_listed(self) -> bool:
        """Whether it takes a list of the directory to know its files."""
        return any(is_glob(path.segments[-1]) for path in self.leaves)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """What is in it. Raises OSError."""
        file = self.volume.directory(self.parts, os.O_RDONLY)
        try:
            with os.scandir(file) as entries:
                yield from entries
        finally:
            os.close(file)
