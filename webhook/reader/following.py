"""The files that are followed, and which of them are open.

A file stays open, since then it can be read to its end though it was renamed or removed. There may be more files than
descriptors: then the one that was read longest ago is closed, and opened again by its name when it has more.
"""

from __future__ import annotations

import errno
import os
import stat

from .logfile import LogFile
from .volumes import Outside

__all__ = ["QUIET_SECONDS", "Following"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .directories import Directory
    from .offsets import Key, Offsets
    from .report import Report

QUIET_SECONDS = 30.0
"""How long a file that has left the paths must have been quiet before it is let go."""

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_MOST_OPEN = 4_096
_OTHER_DESCRIPTORS = 32


class Following:
    """The files by their key.

    `ready` are those that may have something to read, in turn. `opened` are those with a descriptor, the one that was
    used last at the end. `skips_old`: what is found is read from its end.
    """

    def __init__(self, offsets: Offsets, report: Report, *, skips_old: bool) -> None:
        self.files: dict[Key, LogFile] = {}
        self.ready: dict[LogFile, None] = {}
        self.opened: dict[LogFile, None] = {}
        self.skips_old = skips_old and offsets.is_new
        self._offsets = offsets
        self._report = report
        self._unskipped: set[Key] = set()  # what was there at the first start, and could not be read then
        self._is_blind = False  # something in this look failed, as on a network's volume
        self._most_open = max(8, min(_MOST_OPEN, os.sysconf("SC_OPEN_MAX") - _OTHER_DESCRIPTORS))
        offsets.live = self.files

    def begin(self, key: Key, directory: Directory, name: str) -> LogFile | None:
        """Follow a new file; None where it cannot be opened."""
        log = LogFile(key, directory, name)
        is_old = self.skips_old or key in self._unskipped
        if (len(self.opened) < self._most_open or is_old) and not self.open(log):
            if is_old:
                self._unskipped.add(key)
            return None
        known = self._offsets.find(key)
        if known is not None:
            log.offset, log.fingerprint = known
            log.saved = log.offset
        elif is_old and not self._skip(log):
            self._unskipped.add(key)
            return None
        self._unskipped.discard(key)
        self.files[key] = log
        self._report.files += 1
        return log

    def _skip(self, log: LogFile) -> bool:
        """Go to the end of the file; False where it cannot be read, of which it is tried again."""
        try:
            log.skip()
        except OSError as error:
            self._report.deny(log.directory.path(log.name), str(error.strerror))
            self.close(log)
            return False
        self.save(log)
        return True

    def save(self, log: LogFile) -> None:
        """Remember how far it has been written out."""
        if self._offsets.save(log.key, log.offset, log.fingerprint):
            log.saved = log.offset

    def is_missed(self, entry: os.DirEntry[str]) -> bool:
        """Whether `entry` seems to be a file that was being read when the program last ended, by its inode."""
        if self._offsets.are_all_found:
            return False
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:  # gone since it was listed
            return False
        return stat.S_ISREG(status.st_mode) and self._offsets.has_begun((status.st_dev, status.st_ino))

    def settle(self, log: LogFile, directory: Directory, name: str) -> None:
        """Remember that `log` is at `name` in `directory`."""
        self._leave(log)
        log.directory, log.name = directory, name
        directory.names[name] = log

    def see(self, log: LogFile, status: os.stat_result) -> None:
        """Take in the status of a file: it is ready if it has changed."""
        if log.has_changed(status):
            log.size = status.st_size
            self.ready[log] = None

    def open(self, log: LogFile) -> bool:
        """Open the file, if it is not; False where it is gone, or may not be read."""
        if log.file < 0 and not self._open(log):
            return False
        self.opened.pop(log, None)
        self.opened[log] = None
        if len(self.opened) > self._most_open:
            self.close(next(iter(self.opened)))
        return True

    def _open(self, log: LogFile) -> bool:
        name = log.directory.path(log.name)
        try:
            log.file = self._descriptor(log)
        except OSError as error:
            if error.errno == errno.EMFILE and self.opened:  # fewer are left than there were at the start
                self._most_open = max(1, len(self.opened) - 1)
                self.close(next(iter(self.opened)))
                return self._open(log)
            self.complain(name, error)
        if log.file < 0:
            return False
        status = log.status()
        if status is None or (status.st_dev, status.st_ino) != log.key:
            log.close()
            return False
        self._report.allow(name)
        return True

    def _descriptor(self, log: LogFile) -> int:
        """A descriptor of the file; one to make holes with, where that is asked and possible."""
        volume, parts = log.directory.volume, (*log.directory.parts, log.name)
        if volume.is_freed:
            try:
                file = volume.open(parts, os.O_RDWR)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                self._report.say(f"nothing is freed of {volume.path}: uid {os.geteuid()} may not write its files")
            else:
                log.is_writable = True
                return file
        return volume.open(parts)

    def close(self, log: LogFile) -> None:
        """Give its descriptor back."""
        self.opened.pop(log, None)
        log.close()

    def let_go(self, log: LogFile) -> None:
        """Follow it no more; where it stands is remembered for as long as the file exists."""
        status = log.status() if log.file >= 0 else None
        if status is not None and status.st_nlink:
            self._offsets.let_go(log.key, log.offset, log.fingerprint)
        else:
            self._offsets.forget(log.key)
        self.close(log)
        self.ready.pop(log, None)
        self.files.pop(log.key, None)
        self._leave(log)

    def _leave(self, log: LogFile) -> None:
        if log.directory.names.get(log.name) is log:
            del log.directory.names[log.name]

    def depart(self, look: int, now: float) -> None:
        """Those that were not seen in this look are away: no path leads to them any more, if all could be seen."""
        if self._is_blind:
            self._is_blind = False
            return
        for log in self.files.values():
            if log.seen != look and log.away_since is None:
                log.away_since = now
                self.ready[log] = None

    def gone(self, now: float) -> list[LogFile]:
        """Those that have been away and quiet for long enough to be let go. What others have more is ready."""
        gone = []
        for log in self.files.values():
            if log.away_since is None or log in self.ready:
                continue
            status = log.status() if log.file >= 0 else None
            if status is not None and log.has_changed(status):
                log.away_since = now
                self.ready[log] = None
            elif log.file < 0 or now - log.away_since >= QUIET_SECONDS:
                gone.append(log)
        return gone

    def complain(self, name: str, error: OSError) -> None:
        """Say what is forbidden, or fails; what is not there may come yet."""
        if isinstance(error, Outside):
            self._report.deny(name, "a link that leads out of its volume is not followed")
        elif error.errno in (errno.EACCES, errno.EPERM):
            self._report.deny(name, f"uid {os.geteuid()} may not read it")
        elif error.errno not in _ABSENT:
            self._report.deny(name, str(error.strerror))
            self._is_blind = True
