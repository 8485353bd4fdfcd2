"""Which files there are to read: found by looking, and by the news of directories in between."""

from __future__ import annotations

import os
import stat

from .directories import Directory
from .patterns import is_glob, matches
from .volumes import Volume

__all__ = ["Catalogue"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .following import Following
    from .logfile import LogFile
    from .news import News
    from .task import Path, Task

Place = tuple[Directory, str]
"""A name in a directory."""


class Catalogue:
    """Finds the files of `task`. `is_stale`: something has happened that only a look can tell."""

    def __init__(self, task: Task, following: Following, news: News) -> None:
        self.is_stale = False
        self._task = task
        self._following = following
        self._news = news
        self._looks = 0
        self._directories: dict[tuple[str, tuple[str, ...]], Directory] = {}
        self._volumes = {path.mount: _volume(task, path.mount) for path in task.paths}

    # Looking.

    def look(self, now: float) -> None:
        """Look at everything there is."""
        self._looks += 1
        self.is_stale = False
        for path in self._task.paths:
            self._expand(path, self._volumes[path.mount], 0, ())
        for place, directory in list(self._directories.items()):
            if directory.seen == self._looks:
                self._look_into(directory)
            elif not directory.names:
                del self._directories[place]
        if self._looks == 1:
            self._look_for_missed(now)
        self._following.depart(self._looks, now)
        self._following.skips_old = False

    def _expand(self, path: Path, volume: Volume, depth: int, parts: tuple[str, ...]) -> None:
        """Go down to the directories in which files of `path` may be."""
        directory = self._visit(volume, parts)
        if directory is None:
            return
        if depth == len(path.segments) - 1:
            directory.leaves[path] = None
            return
        directory.is_passed = True
        segment = path.segments[depth]
        for name in list(self._below(directory, segment)) if is_glob(segment) else (segment,):
            real = self._resolve(directory, name)
            if real is not None:
                self._expand(path, volume, depth + 1, real)

    def _visit(self, volume: Volume, parts: tuple[str, ...]) -> Directory | None:
        """The directory at `parts`, of which we hear from now on; None where there is none."""
        place = (volume.mount, parts)
        directory = self._directories.get(place)
        if directory is not None and directory.seen == self._looks:
            return directory
        try:
            file = volume.directory(parts)
        except OSError as error:
            self._following.complain(volume.name(parts), error)
            return None
        if directory is None:
            directory = self._directories[place] = Directory(volume, parts)
        directory.seen = self._looks
        directory.leaves.clear()
        directory.is_passed = False
        self._news.follow(directory, file)
        os.close(file)
        return directory

    def _resolve(self, directory: Directory, name: str) -> tuple[str, ...] | None:
        """The place to which `name` leads, without links; None where there is none."""
        try:
            return directory.volume.resolve((*directory.parts, name))
        except OSError as error:
            self._following.complain(directory.path(name), error)
            return None

    def _below(self, directory: Directory, pattern: str) -> Iterator[str]:
        """The names in `directory` of further directories, or links, that `pattern` stands for."""
        for entry in self._entries(directory):
            try:
                if not entry.is_file(follow_symlinks=False) and matches(pattern, entry.name):
                    yield entry.name
            except OSError as error:
                self._following.complain(directory.path(entry.name), error)

    def _entries(self, directory: Directory) -> Iterator[os.DirEntry[str]]:
        try:
            yield from directory.entries()
        except OSError as error:
            self._following.complain(directory.volume.name(directory.parts), error)

    def _look_into(self, directory: Directory) -> None:
        """Look at the files of a directory."""
        named = directory.named()
        if directory.is_listed():
            for entry in self._entries(directory):
                try:
                    self._look_at(directory, entry)
                except OSError as error:  # some file systems have to be asked what an entry is
                    self._following.complain(directory.path(entry.name), error)
                named.discard(entry.name)
        for name in named:
            self._consider(directory, name)

    def _look_for_missed(self, now: float) -> None:
        """Find the files again that were rotated while nobody read: they have a name that no path matches."""
        for directory in list(self._directories.values()):
            for entry in self._entries(directory) if directory.leaves else ():
                name = entry.name
                if not self._task.is_excluded(directory.path(name), name) and self._following.is_missed(entry):
                    log = self._consider(directory, name, may_be_link=False)
                    if log is not None:
                        directory.trail.add(name)
                        log.moved = log.is_doubtful = True
                        log.away_since = now

    def _look_at(self, directory: Directory, entry: os.DirEntry[str]) -> None:
        log = directory.names.get(entry.name)
        if log is None or log.key[1] != entry.inode() or entry.is_symlink():
            if not entry.is_dir(follow_symlinks=False) and directory.wants(entry.name, self._task):
                self._consider(directory, entry.name, may_be_link=entry.is_symlink())
        elif log.away_since is None:
            log.seen = self._looks
            status = log.status() if log.file >= 0 else _status(entry)
            if status is not None:
                self._following.see(log, status)

    def _consider(self, directory: Directory, name: str, *, may_be_link: bool = True) -> LogFile | None:
        """Follow what stands at `name` in `directory`, if that is a file; it may be known under another name."""
        real = self._resolve(directory, name) if may_be_link else (*directory.parts, name)
        if not real:
            return None
        where = directory if real[:-1] == directory.parts else self._visit(directory.volume, real[:-1])
        try:
            status = directory.volume.status(real)
        except OSError as error:
            self._following.complain(directory.path(name), error)
            return None
        if where is None or not stat.S_ISREG(status.st_mode):
            return None
        key = (status.st_dev, status.st_ino)
        log = self._following.files.get(key) or self._following.begin(key, where, real[-1])
        if log is not None:
            self._following.settle(log, where, real[-1])
            self._following.see(log, status)
            log.seen = self._looks
            log.away_since = None
        return log

    # Hearing.

    def hear_of_names(self, now: float) -> None:
        """Open what has come, and follow what has moved, before it is gone."""
        come: dict[Place, Place | None] = {}
        left: set[Place] = set()
        for renaming in self._news.renamings():
            if renaming is None:
                self.is_stale = True
            elif renaming.come:
                self._come((renaming.directory, renaming.name), renaming.origin, left, come)
            else:
                self._leave((renaming.directory, renaming.name), left, come)
        for (directory, name), origin in come.items():
            if origin is not None or name not in directory.names:
                log = self._consider(directory, name)
                if log is not None:
                    log.moved = log.moved or origin in left
                    log.away_since = now if name in directory.trail else None
                    self._following.ready[log] = None

    def _come(self, place: Place, origin: Place | None, left: set[Place], come: dict[Place, Place | None]) -> None:
        directory, name = place
        if directory.wants(name, self._task):
            come[place] = origin
        elif origin in left and not self._task.is_excluded(name, name):
            directory.trail.add(name)
            come[place] = origin
        elif directory.is_passed:
            self.is_stale = True

    def _leave(self, place: Place, left: set[Place], come: dict[Place, Place | None]) -> None:
        """A name is gone. Where it was one of ours, whatever its file is called next is one of ours too."""
        directory, name = place
        if name in directory.trail or directory.wants(name, self._task):
            left.add(place)
        directory.trail.discard(name)
        directory.names.pop(name, None)
        come.pop(place, None)

    def hear_of_writes(self) -> set[LogFile] | None:
        """Make those files ready that were written to: which, or None where they were too many to tell."""
        written = self._news.written()
        following = self._following
        if written is None:
            following.ready.update(following.opened)
            self.is_stale = self.is_stale or len(following.opened) < len(following.files)
            return None
        told = {log for directory, name in written if (log := directory.names.get(name)) is not None}
        following.ready.update(dict.fromkeys(told))
        return told


def _volume(task: Task, mount: str) -> Volume:
    return Volume(mount, task.volumes.get(mount, mount), is_freed=mount in task.freed)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return None
