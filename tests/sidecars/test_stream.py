"""The streaming script under the real busybox, started as a container would start it, its stdout a pipe."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

import pytest

SCRIPT = Path(__file__).parents[2] / "webhook" / "sidecars" / "stream.sh"
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
PATIENCE = 120.0
"""Seconds after which what is awaited is taken not to come: far more than anything takes on a loaded machine."""


class Stream:
    """A running script: what it wrote, and its end."""

    def __init__(self, command: list[str], applets: Path, **options: Any) -> None:
        self._process = subprocess.Popen(  # with-statement impossible: it outlives this method
            command,
            env={"PATH": str(applets)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        self.pid = self._process.pid
        self._written = bytearray()
        self._news = threading.Condition()
        self._may_read = threading.Event()
        self._may_read.set()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):  # a test may close it
            while piece := os.read(self._process.stdout.fileno(), 1 << 16):
                with self._news:
                    self._written += piece
                    self._news.notify_all()
                self._may_read.wait()

    @property
    def written(self) -> bytes:
        with self._news:
            return bytes(self._written)

    @property
    def lines(self) -> list[str]:
        return self.written.decode().splitlines()

    def wait_for(self, text: str | bytes) -> None:
        """Wait until `text` was written."""
        wanted = text if isinstance(text, bytes) else text.encode()
        with self._news:
            came = self._news.wait_for(lambda: wanted in self._written, PATIENCE)
            assert came, f"no {wanted!r} within {PATIENCE} s in {bytes(self._written[-1000:])!r}"

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, as a kubelet does: to this one process."""
        os.kill(self.pid, number)

    def tell_child(self) -> None:
        """Tell the one child to stop, where a wrapper stands before the script."""
        (child,) = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)

    def tell_group(self, number: signal.Signals) -> None:
        """Send a signal as a terminal does: to the script and all it started."""
        os.killpg(self.pid, number)

    def end(self, expected: str = "") -> int:
        """Wait for the end; give the exit code. What is `expected` stands on stderr then, and no process is left."""
        assert self._process.stderr is not None
        complaints = self._process.stderr.read()
        code = self._process.wait(PATIENCE)
        assert self.processes() == []
        self._reader.join(PATIENCE)
        assert complaints.decode() == expected
        return code

    def stop(self, expected: str = "") -> int:
        """Tell it to stop, as a kubelet does, and wait for the end."""
        self.tell()
        return self.end(expected)

    def hold(self) -> None:
        """Read no more than one further piece of its stdout, until `release`."""
        self._may_read.clear()

    def release(self) -> None:
        self._may_read.set()

    def hang_up(self) -> None:
        """Close the reading end of its stdout."""
        assert self._process.stdout is not None
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, self._process.stdout.fileno())
        os.close(null)

    def is_running(self) -> bool:
        return self._process.poll() is None

    def processes(self) -> list[str]:
        """The living processes of its session, by name and in its order: a child's number may be the lower one."""
        return sorted(name for name, session, state in _processes() if session == self.pid and state not in "ZX")

    def is_idle(self) -> bool:
        """Whether it sleeps and would notice a signal. `sleep` may be built into busybox's shell (ASH_SLEEP)."""
        caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        is_trapped = caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
        return is_trapped and self.processes() in (["sh", "sleep"], ["sh", "sh"])

    def open_files(self, folder: Path) -> dict[str, int]:
        """The files of `folder` that it holds open: name and descriptor."""
        held = {}
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = descriptor.readlink()
                if target.parent == folder:
                    held[target.name] = int(descriptor.name)
        return held

    def kill(self) -> None:
        self.release()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def _processes() -> Iterator[tuple[str, int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, rest = (folder / "stat").read_text().rsplit(")", 1)
            state, _parent, _group, session, *_others = rest.split()
            yield name.partition("(")[2], int(session), state


class Starter(Protocol):
    """Starts the script; the keywords have the defaults of a native sidecar."""

    def __call__(
        self,
        *paths: str | Path,
        drain: str = "native",
        begin: str = "beginning",
        excludes: str = "",
        change: tuple[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
        **options: Any,
    ) -> Stream: ...


@pytest.fixture(scope="session")
def applets() -> Iterator[Path]:
    """A directory of busybox's applets and nothing else. `BUSYBOX` names another busybox than the installed one."""
    busybox = shutil.which(os.environ.get("BUSYBOX", "busybox"))
    if busybox is None:
        pytest.skip("NOT TESTED: this needs busybox (Debian: apt-get install busybox-static)")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for tests as another user
        subprocess.run([busybox, "--install", "-s", folder], check=True)
        yield Path(folder)


@pytest.fixture
def stream(applets: Path) -> Iterator[Starter]:
    """Start the script; what is still running at the end of the test is killed."""
    started: list[Stream] = []

    def start(
        *paths: str | Path,
        drain: str = "native",
        begin: str = "beginning",
        excludes: str = "",
        change: tuple[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
        **options: Any,
    ) -> Stream:
        script = SCRIPT.read_text("utf-8")
        if change is not None:
            assert script.count(change[0]) == 1
            script = script.replace(*change)
        arguments = [drain, begin, excludes, "--", *map(str, paths)]
        shell = [str(applets / "sh"), "-c", script, "loghook", *arguments]
        started.append(Stream([*wrapper, *shell], applets, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """An empty directory for log files."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


def append(path: Path, text: str | bytes) -> None:
    """Append to a file in one write, as a logger does."""
    with path.open("ab", buffering=0) as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what can only be looked at."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def pass_once(running: Stream, tick: Path) -> None:
    """Wait for a pass over all files that began after this call: it writes a line of `tick`, named last."""
    seen = running.written.count(b"tick\n")
    append(tick, "tick\n")
    wait_until(lambda: running.written.count(b"tick\n") > seen)


# The files: which, and when.


def test_reads_each_file_from_its_start_without_headers(stream: Starter, logs: Path) -> None:
    append(logs / "a.log", "one\ntwo\n")
    append(logs / "b.log", "three\n")
    running = stream(logs / "a.log", logs / "b.log")
    running.wait_for("three\n")
    assert running.stop() == 0
    assert running.written == b"one\ntwo\nthree\n"


def test_waits_in_silence_for_a_file_and_its_directory(stream: Starter, logs: Path) -> None:
    append(logs / "here.log", "here\n")
    running = stream(logs / "late" / "app.log", logs / "here.log")
    running.wait_for("here\n")
    (logs / "late").mkdir()
    append(logs / "late" / "app.log", "at last\n")
    running.wait_for("at last\n")
    assert running.stop() == 0
    assert running.lines == ["here", "at last"]


def test_finds_a_new_match_of_a_glob_at_its_next_pass(stream: Starter, logs: Path) -> None:
    (logs / "web").mkdir()
    append(logs / "web" / "a.log", "first\n")
    running = stream(logs / "*" / "?.log", logs / "tick")
    running.wait_for("first\n")
    (logs / "api").mkdir()
    append(logs / "api" / "b.log", "found\n")
    for _pass in range(2):  # the first may have looked for names just before
        pass_once(running, logs / "tick")
    assert b"found\n" in running.written
    assert running.stop() == 0


def test_leaves_out_what_the_excludes_match_but_never_a_path_named_literally(stream: Starter, logs: Path) -> None:
    (logs / "web").mkdir()
    for name in ("app.log", "app.log.gz", "named.gz", "web/access.log", "web/error.log", ".hidden"):
        append(logs / name, f"{name}\n")
    excludes = f"*.gz\n*.zip\n{logs}/web/acc*.log"
    running = stream(logs / "*", logs / "web" / "*", logs / "named.gz", excludes=excludes)
    running.wait_for("named.gz")
    assert running.stop() == 0
    assert sorted(running.lines) == ["app.log", "named.gz", "web/error.log"]


def test_reads_from_the_end_only_what_was_there_at_the_start(stream: Starter, logs: Path) -> None:
    append(logs / "old.log", "old line\n" * 20_000)
    append(logs / "half.log", "old line\nbegun ")
    append(logs / "short.log", "old line\n")
    append(logs / "empty.log", "")
    append(logs / "tick", "tick 0\n")
    running = stream(logs / "*.log", logs / "tick", begin="end")
    wait_until(lambda: len(running.open_files(logs)) == 5)

    def has_found_their_ends() -> bool:
        append(logs / "tick", "tick\n")  # which is passed over until the end of this last one was found
        return b"tick\n" in running.written

    wait_until(has_found_their_ends)
    append(logs / "old.log", "new line\n")
    append(logs / "half.log", "and ended\n")
    append(logs / "short.log", "short line\n")
    append(logs / "late.log", "late line\n")
    for line in ("new line\n", "begun and ended\n", "short line\n", "late line\n"):
        running.wait_for(line)
    assert running.stop() == 0
    lines = [line for line in running.lines if line != "tick"]
    assert sorted(lines) == ["begun and ended", "late line", "new line", "short line"]


def test_follows_a_symlink_and_reads_no_file_twice(stream: Starter, logs: Path) -> None:
    append(logs / "real", "one\n")
    (logs / "link.log").symlink_to("real")
    (logs / "again.log").symlink_to(logs / "link.log")
    (logs / "hard.log").hardlink_to(logs / "real")
    (logs / "dangling.log").symlink_to("nowhere")
    running = stream(logs / "*.log", logs / "link.log")
    running.wait_for("one\n")
    append(logs / "real", "two\n")
    running.wait_for("two\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two"]


def test_reads_nothing_but_regular_files(stream: Starter, logs: Path) -> None:
    os.mkfifo(logs / "a.log")
    (logs / "b.log").symlink_to("/dev/zero")
    (logs / "c.log").mkdir()
    (logs / "d.log").symlink_to("a.log")
    (logs / "e.log").symlink_to("/proc/self/environ")
    append(logs / "f.log", "a line\n")
    running = stream(logs / "*.log")
    running.wait_for("a line\n")
    append(logs / "f.log", "another\n")
    running.wait_for("another\n")
    assert running.stop() == 0
    assert running.lines == ["a line", "another"]


def test_is_not_blocked_by_a_file_that_becomes_a_fifo_before_it_is_opened(stream: Starter, logs: Path) -> None:
    os.mkfifo(logs / "a.log")
    append(logs / "b.log", "a line\n")
    running = stream(logs / "*.log", change=('[ -f "$1" ] || return\n', "\n"))  # as if it had been a file
    running.wait_for("a line\n")
    assert running.stop() == 0


def test_gives_back_a_device_that_it_has_opened_for_a_file(stream: Starter, logs: Path) -> None:
    (logs / "a.log").symlink_to("/dev/zero")
    append(logs / "b.log", "a line\n")
    running = stream(logs / "*.log", change=('[ -f "$1" ] || return\n', "\n"))
    running.wait_for("a line\n")
    assert "zero" not in running.open_files(Path("/dev"))
    assert running.stop() == 0
    assert running.lines == ["a line"]


@pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: this needs root, to run the script as another user")
def test_tries_an_unreadable_file_again_and_says_so_once(stream: Starter, applets: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        logs.chmod(0o755)
        for name in ("closed.log", "odd\x1b.log"):
            append(logs / name, "secret\n")
            (logs / name).chmod(0o600)
        append(logs / "open.log", "a line\n")
        running = stream(logs / "*.log", user=65532, group=65532, extra_groups=[], cwd=applets)
        running.wait_for("a line\n")
        for number in range(3):  # more looks than one
            append(logs / "open.log", f"{number}\n")
            running.wait_for(f"{number}\n")
        (logs / "closed.log").chmod(0o640)
        os.chown(logs / "closed.log", 0, 65532)
        running.wait_for("secret\n")
        complaints = [f"loghook: uid 65532 may not read {logs}/{name}\n" for name in ("closed.log", "odd?.log")]
        assert running.stop("".join(complaints)) == 0


def test_reads_a_file_anew_that_was_rewritten_at_the_same_length(stream: Starter, logs: Path) -> None:
    append(logs / "a.log", "first run\n")
    running = stream(logs / "a.log")
    running.wait_for("first run\n")
    (logs / "a.log").write_text("other run\n")
    later = time.time() + 5  # a look may fall into the second of the first run
    os.utime(logs / "a.log", (later, later))
    running.wait_for("other run\n")
    append(logs / "a.log", "and on\n")
    running.wait_for("and on\n")
    assert running.stop() == 0
    assert running.lines == ["first run", "other run", "and on"]


def test_reads_a_thousand_files_of_many_and_says_that_there_are_more(stream: Starter, logs: Path) -> None:
    for number in range(1200):
        append(logs / f"{number:04}.log", f"line {number:04}\n")
    running = stream(logs / "*.log")
    running.wait_for("line 0999\n")
    assert running.stop("loghook: more than 1000 files, the others are not read\n") == 0
    assert sorted(running.lines) == [f"line {number:04}" for number in range(1000)]


HOSTILE = (
    "with spaces  and\ttab.log",
    "'single' \"double\".log",
    "-rf.log",
    "$(touch x); *.log",
    "`touch x`.log",
    "; touch x; .log",
    "&& touch x #.log",
    "(parentheses) {braces} |<>!~.log",
    "back\\slash.log",
    "ünïcödé-日本-🪵.log",
    "%s%n.log",
    "=.log",
)


def test_reads_files_of_hostile_names_and_runs_nothing(stream: Starter, logs: Path, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        append(logs / name, f"line {number}\n")
    before = sorted(tmp_path.rglob("*"))
    running = stream(logs / "*.log", cwd=logs)
    running.wait_for(f"line {len(HOSTILE) - 1}\n")
    assert running.stop() == 0
    assert sorted(running.lines) == sorted(f"line {number}" for number in range(len(HOSTILE)))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\\" not in name])
def test_reads_hostile_paths_and_runs_nothing(stream: Starter, logs: Path, tmp_path: Path, name: str) -> None:
    append(logs / name, "a line\n")
    before = sorted(tmp_path.rglob("*"))
    running = stream(logs / name, cwd=logs)
    running.wait_for("a line\n")
    assert running.stop() == 0
    assert running.lines == ["a line"]
    assert sorted(tmp_path.rglob("*")) == before


def test_passes_over_a_name_with_a_line_feed(stream: Starter, logs: Path) -> None:
    append(logs / "a\nb.log", "never\n")
    append(logs / "b.log", "a line\n")
    append(logs / "c.log", "another\n")
    running = stream(logs / "*.log")
    running.wait_for("another\n")
    assert running.stop() == 0
    assert running.lines == ["a line", "another"]


def test_reads_many_files_with_few_processes(stream: Starter, logs: Path) -> None:
    for number in range(150):
        append(logs / f"{number:03}.log", f"line {number}\n")
    running = stream(logs / "*.log")
    running.wait_for("line 149\n")
    wait_until(running.is_idle)
    for number in range(150):
        append(logs / f"{number:03}.log", f"again {number}\n")
    running.wait_for("again 149\n")
    assert running.stop() == 0
    assert sorted(running.lines) == sorted(f"{word} {number}" for word in ("line", "again") for number in range(150))


# The lines: whole, each once, as they are.


def test_passes_bytes_on_unchanged_but_for_nul(stream: Starter, logs: Path) -> None:
    odd = [bytes([byte]) * 2 for byte in range(1, 256) if byte != ord("\n")]
    odd += [
        b"%s %n 100%\r",
        b"\\n \\0 \\c \\",
        b"  a\tb  ",
        b"",
        b"1e3",
        b"0x10",
        b"+5",
        b"-n",
        b"-e",
        b"*",
        b"\xff\xfe",
        b"=x",
    ]
    odd += ["äöü €".encode(), b"x" * 4095, b"y" * 4096, b"z" * 1_000_000, b"last"]
    text = b"\n".join(odd)
    append(logs / "a.log", text + b"\n" + b"n\0u\0l" + b"\0" * 100_000 + b"\nend\n")
    running = stream(logs / "a.log")
    running.wait_for("end\n")
    assert running.stop() == 0
    assert running.written == text + b"\nnul\nend\n"


def test_passes_bytes_on_unchanged_where_a_line_comes_in_pieces(stream: Starter, logs: Path) -> None:
    line = bytes(byte for byte in range(1, 256) if byte != ord("\n")) + b" \\ %s \t "
    running = stream(logs / "a.log", logs / "tick")
    for piece in (line, line, b"\n" + line):
        append(logs / "a.log", piece)
        pass_once(running, logs / "tick")
    assert running.stop() == 0
    assert running.written.replace(b"tick\n", b"") == line + line + b"\n" + line + b"\n"


def test_never_mixes_the_lines_of_files_that_are_written_by_halves(stream: Starter, logs: Path) -> None:
    files = [logs / f"{name}.log" for name in "abc"]
    running = stream(*files, logs / "tick")
    for _round in range(2):
        for piece in ("<begun ", "goes on ", "ends>\n<next ", "ends>\n"):
            for file in files:
                append(file, piece.replace("<", f"<{file.stem} ").replace(">", f" {file.stem}>"))
            pass_once(running, logs / "tick")
    assert running.stop() == 0
    lines = [line for line in running.lines if line != "tick"]
    assert sorted(lines) == sorted(
        f"<{name} {words} {name}>" for name in "abc" for words in ("begun goes on ends", "next ends") * 2
    )


def test_breaks_a_line_of_more_than_a_mebibyte_and_loses_nothing_of_it(stream: Starter, logs: Path) -> None:
    line = b"".join(b"%07d." % number for number in range(375_000))
    append(logs / "a.log", line + b"\nshort\n")
    append(logs / "b.log", "between\n")
    running = stream(logs / "*.log")
    running.wait_for("short\n")
    assert running.stop() == 0
    pieces = [piece for piece in running.written.splitlines() if piece != b"between"]
    assert b"".join(pieces) == line + b"short"
    assert 3 <= len(pieces) <= 5  # what is held back is bounded, and so is the memory


def test_ends_the_unterminated_last_lines(stream: Starter, logs: Path) -> None:
    append(logs / "a.log", "one\nhalf")
    append(logs / "b.log", "another half")
    running = stream(logs / "*.log", logs / "tick")
    pass_once(running, logs / "tick")
    assert running.lines == ["one", "tick"]
    assert running.stop() == 0
    assert running.lines == ["one", "tick", "half", "another half"]


# Rotation.


def test_reads_on_in_a_renamed_file_and_begins_the_new_one(stream: Starter, logs: Path) -> None:
    path = logs / "app.log"
    append(path, "one\n")
    running = stream(path)
    running.wait_for("one\n")
    append(path, "two\n")
    path.rename(logs / "app.log.1")
    append(path, "three\n")
    running.wait_for("three\n")
    append(logs / "app.log.1", "late\n")
    running.wait_for("late\n")
    assert running.stop() == 0
    assert sorted(running.lines) == ["late", "one", "three", "two"]


def test_takes_a_renamed_file_for_the_same_where_the_glob_matches_both_names(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log*")
    running.wait_for("one\n")
    (logs / "app.log").rename(logs / "app.log.1")
    append(logs / "app.log", "two\n")
    running.wait_for("two\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two"]


def test_reads_what_was_written_just_before_a_file_was_removed(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log")
    running.wait_for("one\n")
    append(logs / "app.log", "two\nhalf")
    (logs / "app.log").unlink()
    running.wait_for("two\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two", "half"]


SOON = ("$gone = 30", "$gone = 2")
"""A change of the script: it lets a file go that was away and quiet for 2 s."""


def test_lets_a_file_go_that_was_away_and_quiet_for_a_while(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\nhalf")
    append(logs / "other.log", "other\n")
    running = stream(logs / "*.log", change=SOON)
    running.wait_for("other\n")
    before = running.open_files(logs)
    (logs / "app.log").rename(logs / "app.old")
    running.wait_for("half\n")
    wait_until(lambda: set(running.open_files(logs)) == {"other.log"})
    append(logs / "app.log", "two\n")
    running.wait_for("two\n")
    assert running.open_files(logs) == before, "descriptors are used again, so that they never run out"
    assert running.stop() == 0
    assert running.lines == ["one", "other", "half", "two"]


def test_holds_a_file_that_is_quiet_or_away_but_not_both(stream: Starter, logs: Path) -> None:
    append(logs / "quiet.log", "quiet\n")
    append(logs / "app.log", "0\n")
    running = stream(logs / "*.log", logs / "tick", change=SOON)
    running.wait_for("0\n")
    (logs / "app.log").rename(logs / "app.old")
    for number in range(1, 5):
        append(logs / "app.old", f"{number}\n")
        pass_once(running, logs / "tick")
        pass_once(running, logs / "tick")  # in which it is quiet
    assert running.stop() == 0
    assert sorted(line for line in running.lines if line != "tick") == [*"01234", "quiet"]


def test_begins_again_in_a_file_that_has_shrunk(stream: Starter, logs: Path) -> None:
    path = logs / "app.log"
    append(path, "one is a long line\ntwo is half a line")
    running = stream(path)
    running.wait_for("one is a long line\n")
    shutil.copyfile(path, logs / "app.log.1")
    os.truncate(path, 0)
    append(path, "three\n")
    running.wait_for("three\n")
    append(path, "four\n")
    running.wait_for("four\n")
    assert running.stop() == 0
    assert running.lines == ["one is a long line", "two is half a line", "three", "four"]


def test_begins_again_where_a_writer_without_append_leaves_a_hole(stream: Starter, logs: Path) -> None:
    path = logs / "app.log"
    with path.open("wb", buffering=0) as file:
        file.write(b"one\n" * 50_000)
        running = stream(path, logs / "tick")
        pass_once(running, logs / "tick")
        os.truncate(path, 0)
        pass_once(running, logs / "tick")
        file.write(b"two\n")
        running.wait_for("two\n")
    assert running.stop() == 0
    assert [line for line in running.lines if line != "tick"] == ["one"] * 50_000 + ["two"]


class Application:
    """Two writers and three files. Each writer keeps the files open and opens them anew after a rotation."""

    def __init__(self, logs: Path) -> None:
        self.files = [logs / f"{name}.log" for name in ("app", "access", "error")]
        self.written: list[str] = []
        self._opened = contextlib.ExitStack()
        self._held = self._open()

    def _open(self) -> dict[tuple[Path, str], FileIO]:
        keys = itertools.product(self.files, ("first", "second"))
        return {key: self._opened.enter_context(key[0].open("ab", buffering=0)) for key in keys}

    def write(self, batch: int) -> None:
        """167 lines of each writer in each file, one of them in two pieces."""
        for (path, writer), file in self._held.items():
            lines = [f"{path.stem} {writer} {batch:03} {number:03} {'.' * 60}\n" for number in range(167)]
            text = "".join(lines).encode()
            file.write(text[:5_000])
            file.write(text[5_000:])
            self.written.extend(lines)

    def rotate(self, batch: int) -> None:
        """Rename each file, make it anew, and only then write the last line of the old one."""
        for path, age in itertools.product(self.files, range(5, 0, -1)):
            old = path.with_suffix(f".log.{age - 1}") if age > 1 else path
            if old.exists():
                old.rename(path.with_suffix(f".log.{age}"))
        before, self._held = self._held, self._open()
        for (path, writer), file in before.items():
            line = f"{path.stem} {writer} {batch:03} late\n"
            file.write(line.encode())
            file.close()
            self.written.append(line)

    def close(self) -> None:
        self._opened.close()


def test_streams_100_000_lines_of_2_writers_through_5_rotations_of_3_files(stream: Starter, logs: Path) -> None:
    application = Application(logs)
    running = stream(*application.files)
    for batch in range(100):
        if batch % 17 == 16 and batch < 5 * 17:
            for path in application.files:  # an application rotates seldom, so not before the file was found
                running.wait_for(f"{path.stem} second {batch // 17 * 17:03} 166 ")
            application.rotate(batch)
        application.write(batch)
        time.sleep(0.05)  # the pace of a busy application: 20,000 lines a second
    application.close()
    assert sorted(path.name for path in logs.iterdir() if path.stem == "app.log") == [
        f"app.log.{age}" for age in range(1, 6)
    ]
    assert running.stop() == 0
    lines = running.written.decode().splitlines(keepends=True)
    assert len(lines) > 100_000
    assert sorted(lines) == sorted(application.written)


# The end.


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("drain", ["native", "0", "1"])
def test_ends_with_0_though_no_file_ever_came(stream: Starter, logs: Path, number: signal.Signals, drain: str) -> None:
    running = stream(logs / "*.log", drain=drain)
    wait_until(running.is_idle)
    running.tell(number)
    assert running.end() == 0
    assert running.written == b""


@pytest.mark.parametrize("number", ENDING)
def test_loses_nothing_whatever_signal_ends_it(stream: Starter, logs: Path, number: signal.Signals) -> None:
    """Where containers share their processes it is not the first one, and a signal without a trap ends it."""
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log")
    running.wait_for("one\n")
    append(logs / "app.log", "two\nhalf")
    running.tell(number)
    assert running.end() == 0
    assert running.lines == ["one", "two", "half"]


def test_goes_on_after_a_signal_that_means_to_read_files_again(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log")
    running.wait_for("one\n")
    running.tell(signal.SIGHUP)
    append(logs / "app.log", "two\n")
    running.wait_for("two\n")
    assert running.stop() == 0


def test_loses_nothing_where_the_signal_comes_while_it_starts(stream: Starter, logs: Path, tmp_path: Path) -> None:
    """As in a Job that ends at once: the processes with which the script begins may take longer."""
    slow = tmp_path / "random"
    os.mkfifo(slow)
    append(logs / "app.log", "one\nhalf")
    running = stream(logs / "app.log", change=("/dev/urandom", str(slow)))
    with slow.open("wb") as random:  # opened once the script reads it
        running.tell()
        random.write(bytes(16))
    assert running.end() == 0
    assert running.lines == ["one", "half"]


@pytest.mark.parametrize("to_group", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("moment", [0.0, 0.4, 1.1])
def test_loses_nothing_that_was_written_before_the_signal(
    stream: Starter, logs: Path, moment: float, *, to_group: bool
) -> None:
    paths = [logs / "a.log", logs / "b.log", logs / "c.log"]
    running = stream(logs / "*.log")
    done = dict.fromkeys(paths, 0)
    stopped = threading.Event()

    def burst() -> None:
        with contextlib.ExitStack() as opened:
            files = [(path, opened.enter_context(path.open("ab", buffering=0))) for path in paths]
            for number in range(1_000_000):
                for path, file in files:
                    file.write(f"{path.stem} {number} {'.' * 80}\n".encode())
                    done[path] = number + 1
                if stopped.wait(0.0001):
                    return

    writer = threading.Thread(target=burst)
    writer.start()
    try:
        running.wait_for("c 0 ")
        time.sleep(moment)  # so that the signal finds it at different work
        append(logs / "last.log", "created just now, and half")
        before = dict(done)
        if to_group:
            running.tell_group(signal.SIGINT)
        else:
            running.tell()
        assert running.end() == 0
    finally:
        stopped.set()
        writer.join()
    lines = running.lines
    assert "created just now, and half" in lines
    for path, count in before.items():
        whole = [line for line in lines if re.fullmatch(rf"{path.stem} \d+ \.{{80}}", line)]
        assert whole == [f"{path.stem} {number} {'.' * 80}" for number in range(len(whole))]
        assert len(whole) >= count


def test_reads_a_long_backlog_to_its_end(stream: Starter, logs: Path) -> None:
    lines = "".join(f"{number} {'.' * 90}\n" for number in range(60_000))
    append(logs / "app.log", "begun\n")
    running = stream(logs / "app.log")
    running.wait_for("begun\n")
    append(logs / "app.log", lines)
    assert running.stop() == 0
    assert running.written.decode() == "begun\n" + lines


def test_a_plain_container_reads_on_until_the_files_are_quiet(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "*.log", drain="4")
    running.wait_for("one\n")
    running.tell()
    for number in range(6):  # for longer than the drain: each line begins it anew
        append(logs / "app.log", f"after {number}\n")
        running.wait_for(f"after {number}\n")
        assert running.is_running()
    append(logs / "new.log", "a file after the signal\nhalf")
    running.tell()  # a second signal changes nothing
    running.wait_for("a file after the signal\n")
    append(logs / "new.log", " a line")
    assert running.end() == 0
    assert running.lines == [
        "one",
        *(f"after {number}" for number in range(6)),
        "a file after the signal",
        "half a line",
    ]


def test_a_plain_container_that_was_quiet_for_long_still_waits(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log", drain="2")
    running.wait_for("one\n")
    time.sleep(3.5)  # quiet for longer than the drain
    began = time.monotonic()
    for _signal in range(10):  # nor do more signals shorten it
        running.tell()
        time.sleep(0.05)
    assert running.end() == 0
    assert time.monotonic() - began > 1.5


def test_a_signal_to_the_group_interrupts_no_write(stream: Starter, logs: Path) -> None:
    lines = b"".join(b"%07d\n" % number for number in range(100_000))
    running = stream(logs / "app.log")
    running.hold()
    append(logs / "app.log", lines)
    wait_until(lambda: "sed" in running.processes())  # its pipe is full by now, or soon
    time.sleep(0.2)
    running.tell_group(signal.SIGINT)
    running.release()
    assert running.end() == 0
    assert running.written == lines


def test_fails_where_nobody_reads_its_stdout(stream: Starter, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log")
    running.wait_for("one\n")
    running.hang_up()
    for number in itertools.count():
        append(logs / "app.log", f"more {number}\n")
        if not running.is_running():
            break
        assert number < 1_000
        time.sleep(0.1)
    assert running.end() == 1


def test_works_as_the_first_process_of_a_namespace(stream: Starter, logs: Path) -> None:
    unshare = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")
    program = shutil.which("unshare")
    trial = program and subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    if not trial or trial.returncode:
        pytest.skip(f"NOT TESTED: no pid namespaces here: {trial.stderr.strip() if trial else 'unshare is missing'}")
    assert program is not None
    append(logs / "app.log", "one\n")
    running = stream(logs / "app.log", wrapper=(program, *unshare[1:]))
    running.wait_for("one\n")
    append(logs / "app.log", "two\nhalf")
    running.tell_child()
    assert running.end() == 0
    assert running.lines == ["one", "two", "half"]


def test_the_script_reads_well_in_a_manifest() -> None:
    script = SCRIPT.read_text("ascii")
    assert "\t" not in script, "a tab makes YAML writers quote the whole script"
    assert not re.search(r" $", script, re.MULTILINE), "so does a space at a line's end"
    assert "$(" + "VAR" not in script
    assert len(script) < 5_200, "it is shipped in every Pod"
