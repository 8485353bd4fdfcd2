"""The program: find, read, write, remember, and wait."""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from .catalogue import Catalogue
from .following import Following
from .logfile import Reading
from .news import News
from .offsets import Offsets
from .outlet import Outlet
from .pace import Pace
from .report import Report
from .space import Space
from .task import Task, parse
from .volumes import devices

__all__ = ["main"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .logfile import LogFile
    from .metrics import Metrics

_STDOUT = 1
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that would end the program where it is not the first process, as in Pods whose containers share theirs."""
_BATCHES_BETWEEN_NEWS = 8
_DRAIN_LOOK = 0.2
_MOST_HELD = 8 * 2**20
"""Bytes of lines without an end that are kept, of all files: each may be a MiB, and the container has 64."""


def main(arguments: list[str]) -> int:
    """Run until told to stop: 0 then, 1 where nobody reads the output, 2 where the arguments are wrong."""
    try:
        task = parse(arguments)
    except ValueError as error:
        Report().say(str(error))
        return 2
    program = Program(task)
    try:
        program.run()
    except BrokenPipeError:
        program.report.say("nobody reads the output")
        return 1
    return 0


class Program:
    """The parts, and the loop in which they work."""

    def __init__(self, task: Task) -> None:
        self._stop, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._is_stopping = False
        for number in _ENDING:
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # files are looked at all the time
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))  # blocked at our start, to lose none
        self.report = Report()
        self._task = task
        self._offsets = Offsets(task.state)
        self._offsets.settle(devices(path.mount for path in task.paths))
        self._following = Following(self._offsets, self.report, skips_old=task.from_end)
        self._news = News()
        self._catalogue = Catalogue(task, self._following, self._news)
        self._reading = Reading()
        self._outlet = Outlet(_STDOUT, self._attend)
        self._space = Space(self.report)
        self._pace = Pace()
        self._held = 0
        self._failed: dict[LogFile, None] = {}
        self._metrics = _metrics(task, self.report, self._following)

    def _end(self, _number: int, _frame: object) -> None:
        self._is_stopping = True

    def run(self) -> None:
        """Read until everything was read after the signal. Raises BrokenPipeError."""
        self._look()
        while not self._is_stopping:
            self._read()
            if not self._is_stopping:
                self._wait()
        self._drain(self._task.drain or 0)
        self._finish()

    def _drain(self, seconds: int) -> None:
        """Read until nothing has come for `seconds`."""
        end = time.monotonic() + seconds
        while True:
            self._look()
            before = self.report.bytes
            self._read()
            now = time.monotonic()
            if self.report.bytes > before:
                end = now + seconds
            if now >= end:
                break
            self._poll(min(_DRAIN_LOOK, end - now), self._news.writes)

    def _look(self) -> None:
        """Look at everything, and learn whether news told of it."""
        began = time.process_time()
        now = time.monotonic()
        self._catalogue.hear_of_names(now)
        self._catalogue.hear_of_writes()
        before = set(self._following.ready)
        known = set(self._following.files.values())
        self._catalogue.look(now)
        grown = (known - before) & self._following.ready.keys()
        told = self._catalogue.hear_of_writes()
        self._following.ready.update(self._failed)
        self._failed.clear()
        for log in self._following.gone(now):
            self._release(log)
        self._offsets.begin()
        is_untold = told is not None and not grown <= told
        self._pace.looked(time.monotonic(), time.process_time() - began, untold=is_untold)
        if self._offsets.problem:
            self.report.say(f"{self._offsets.problem}: after a restart, lines will come twice")

    # Reading.

    def _read(self) -> None:
        """Read all that is ready, a batch of each file in turn, and hear of names in between."""
        turns = 0
        while self._following.ready:
            turns += 1
            if not turns % _BATCHES_BETWEEN_NEWS:
                self._catalogue.hear_of_names(time.monotonic())
            log = next(iter(self._following.ready))
            del self._following.ready[log]
            self._read_on(log)

    def _read_on(self, log: LogFile, *, to_the_end: bool = False) -> None:
        """Write out one batch of a file."""
        if not self._following.open(log):
            return
        reading = self._reading
        held = len(log.held)
        try:
            is_the_same = reading.read(log, to_the_end=to_the_end)
        except OSError as error:  # of a disk, or a network's file system: the next look tries again
            self.report.deny(log.directory.path(log.name), str(error.strerror))
            self._following.close(log)
            self._failed[log] = None
            return
        self._held += len(log.held) - held  # less, where it was before a hole
        if not is_the_same:
            if log.is_doubtful:  # another file has its inode by now
                self._following.let_go(log)
                return
            self._write_held(log)
            log.restart()
            self._following.save(log)
            self._following.ready[log] = None
            return
        if reading.end > reading.start:
            self._write(reading.text, reading.start, reading.end)
        log.is_doubtful = False
        self._hold(log, reading.held)
        if log.offset != reading.offset:
            log.offset, log.fingerprint = reading.offset, reading.fingerprint
            self._following.save(log)
        if reading.has_more:
            self._following.ready[log] = None
        if log.is_writable:
            self._free(log)

    def _write(self, text: bytearray | bytes, start: int, end: int) -> None:
        self._outlet.write(text, start, end)
        self.report.bytes += end - start
        self.report.lines += text.count(b"\n", start, end)

    def _write_held(self, log: LogFile) -> None:
        """Write out the beginning of a line whose file has been put an end to."""
        line = log.held.lstrip(b"\0")
        if line:
            self._write(line + b"\n", 0, len(line) + 1)
        self._hold(log, b"")

    def _hold(self, log: LogFile, line: bytes) -> None:
        """Keep the beginning of a line, unless all that is kept were too much: then it stays in its file alone."""
        others = self._held - len(log.held)
        if others + len(line) > _MOST_HELD:
            line = b""
        log.held, self._held = line, others + len(line)

    def _free(self, log: LogFile) -> None:
        if (log.moved or log.away_since is not None) and not self._reading.has_more:
            if self._space.free_whole(log):
                self._following.save(log)
        else:
            self._space.free(log)

    def _release(self, log: LogFile) -> None:
        """Let a file go that has left the paths."""
        if log.file >= 0:
            self._read_on(log, to_the_end=True)
        elif log.behind or log.held:
            self.report.missed += bool(log.behind)
            self._write_held(log)
        self._hold(log, b"")
        self._failed.pop(log, None)
        self._following.let_go(log)

    def _finish(self) -> None:
        """Give every last line its end, and say what was done."""
        for log in list(self._following.files.values()):
            if log.held or log.behind:
                self._read_on(log, to_the_end=True)
                self._write_held(log)  # where it cannot be read any more
        self._outlet.drain()
        self.report.end()

    # Waiting.

    def _wait(self) -> None:
        """Wait for news, or until it is time to look."""
        now = time.monotonic()
        left = self._until_look(now)
        if left <= 0:
            self._look()
            return
        self._poll(min(self._pace.pause(now), left))
        if self._following.ready or self._is_stopping:
            return
        self._poll(self._until_look(time.monotonic()), self._news.writes)
        self._pace.woke(time.monotonic())
        self._catalogue.hear_of_writes()

    def _until_look(self, now: float) -> float:
        return self._pace.next_look(asked=self._catalogue.is_stale) - now

    def _attend(self, outlet: int) -> None:
        """Wait until the output can be written to, and follow files meanwhile."""
        while outlet not in self._poll(None, outlet):
            pass

    def _poll(self, seconds: float | None, other: int = -1) -> list[int]:
        """Wait for a signal, news of names, a question about metrics, or `other`: the descriptors of what came."""
        poll = select.poll()
        poll.register(self._stop, select.POLLIN)
        if self._news.names >= 0:
            poll.register(self._news.names, select.POLLIN)
        if other >= 0:
            poll.register(other, select.POLLOUT if other == _STDOUT else select.POLLIN)
        if self._metrics is not None:
            self._metrics.register(poll)
        told = [file for file, _event in poll.poll(None if seconds is None else max(0.0, seconds) * 1000)]
        if self._stop in told:
            os.read(self._stop, 64)
        if self._news.names in told:
            self._catalogue.hear_of_names(time.monotonic())
        if self._metrics is not None:
            self._metrics.answer(told)
        return told


def _metrics(task: Task, report: Report, following: Following) -> Metrics | None:
    if not task.port:
        return None
    from .metrics import Metrics  # noqa: PLC0415 - what few ask for costs 1.5 MiB for `socket`

    return Metrics(task.port, report, following)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
