"""A volume: files are opened below its directory's descriptor, and no link ever leads out of it.

The application owns the volume and may swap any name in it at any moment. So a path is first resolved, link by link, to
one without links, and then opened one segment at a time, where a link is no longer followed: what was swapped in
between is not opened. That needs no openat2, which older kernels and seccomp profiles lack, and follows what openat2
cannot: an absolute link means the place where the application has the volume.
"""

from __future__ import annotations

import os
import stat

__all__ = ["Outside", "Volume", "devices"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_LINKS = 40  # as the kernel's MAXSYMLINKS
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = _OPEN | os.O_DIRECTORY
_FILE = _OPEN | os.O_NONBLOCK | os.O_NOCTTY


class Outside(OSError):
    """A link leads out of the volume, or to too many others."""


class Volume:
    """What is mounted at `mount` here and at `path` in the application. `is_freed`: what was read is given back."""

    __slots__ = ("_descriptor", "is_freed", "mount", "path")

    def __init__(self, mount: str, path: str, *, is_freed: bool = False) -> None:
        self.mount = mount
        self.path = path
        self.is_freed = is_freed
        self._descriptor = -1

    def name(self, parts: Sequence[str]) -> str:
        """What the application calls the file at `parts`."""
        return "/".join((self.path.rstrip("/"), *parts))

    def resolve(self, parts: Sequence[str]) -> tuple[str, ...]:
        """The place at `parts`, without links. Raises OSError: Outside, or what the kernel says."""
        real: list[str] = []
        todo = list(reversed(parts))
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if not real:
                    raise Outside
                real.pop()
            elif part not in ("", "."):
                target = self._link(real, part)
                if target is None:
                    real.append(part)
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise Outside
                if target.startswith("/"):
                    target, real = self._inside(target), []
                todo += reversed(target.split("/"))
        return tuple(real)

    def _link(self, parts: Sequence[str], name: str) -> str | None:
        """Where the link leads that stands at `name`; None where it is none."""
        directory = self.directory(parts)
        try:
            if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                return os.readlink(name, dir_fd=directory)
            return None
        finally:
            os.close(directory)

    def _inside(self, target: str) -> str:
        """What of an absolute link lies in this volume."""
        base = self.path.rstrip("/")
        if target != base and not target.startswith(f"{base}/"):
            raise Outside
        return target[len(base) :]

    def directory(self, parts: Sequence[str], flags: int = os.O_PATH) -> int:
        """A descriptor of the directory at `parts`, none of which may be a link; `os.O_RDONLY` to list it."""
        if self._descriptor < 0:
            self._descriptor = os.open(self.mount, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        held = os.open(".", flags | _DIRECTORY, dir_fd=self._descriptor) if not parts else self._descriptor
        for depth, part in enumerate(parts, 1):
            mode = flags if depth == len(parts) else os.O_PATH
            try:
                below = os.open(part, mode | _DIRECTORY, dir_fd=held)
            finally:
                if held != self._descriptor:
                    os.close(held)
            held = below
        return held

    def status(self, parts: Sequence[str]) -> os.stat_result:
        """The status of what stands at `parts`, a link being one itself."""
        directory = self.directory(parts[:-1])
        try:
            return os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
        finally:
            os.close(directory)

    def open(self, parts: Sequence[str], flags: int = os.O_RDONLY) -> int:
        """A descriptor of the regular file at `parts`; -1 where something else stands there.

        What it is, is asked before it is opened, since that could wake a writer of a FIFO, and again afterwards.
        """
        directory = self.directory(parts[:-1])
        try:
            if not stat.S_ISREG(os.stat(parts[-1], dir_fd=directory, follow_symlinks=False).st_mode):
                return -1
            file = os.open(parts[-1], flags | _FILE, dir_fd=directory)
        finally:
            os.close(directory)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
        except OSError:  # a network's file that is gone by now
            pass
        os.close(file)
        return -1


def devices(mounts: Iterable[str]) -> set[int]:
    """The devices of what is mounted at these places, as far as it is there."""
    found = set()
    for mount in mounts:
        try:
            found.add(os.stat(mount).st_dev)  # noqa: PTH116 - pathlib costs 1.5 MiB
        except OSError:
            continue
    return found
