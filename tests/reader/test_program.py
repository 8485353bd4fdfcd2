"""The program as a whole, as a container would start it."""

import itertools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ports import free_port
from streams import PATIENCE, PROGRAM, Streaming, append, assignment, command, until

from webhook.sidecars import Tree

Start = Callable[..., Streaming]

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def numbered(first: int, last: int, width: int = 90) -> str:
    return "".join(f"{number:07} {'.' * width}\n" for number in range(first, last))


def saved(logs: Path, name: str) -> int:
    """How far the reader has noted that it wrote out a file of `logs`; -1 where it has not. It does so behind it."""
    noted, about = (logs.parent / "state" / "reader.offsets").read_bytes(), (logs / name).stat()
    records = [struct.unpack_from("<QQQ", noted, at) for at in range(64, len(noted), 64)]
    return max((offset for *key, offset in records if key == [about.st_dev, about.st_ino]), default=-1)


def numbers(running: Streaming) -> list[int]:
    return [int(line.split()[0]) for line in running.lines]


def as_another_user(*arguments: str) -> list[str]:
    """What runs the program as uid 65532, also where only root may read the interpreter's files."""
    drop = "os.setgroups([]), os.setgid(65532), os.setuid(65532)"
    code = f"import os, sys; sys.path.append({str(PROGRAM.parents[1])!r}); from reader.program import main; {drop}; "
    return [sys.executable, "-I", "-S", "-c", f"{code} sys.exit(main(sys.argv[1:]))", *arguments]


# What it is.


def test_starts_from_a_bare_interpreter_and_loads_nothing_large() -> None:
    large = {"re", "json", "typing", "dataclasses", "logging", "hashlib", "socket", "threading"}
    shown = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); sys.argv = ['x', '--bad', 'word']; "
    code = f"{shown}sys.path.append({str(PROGRAM.parents[1])!r}); import reader.program as p; p.main([])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "reader.program" in loaded
    assert not {name for name in loaded if name.partition(".")[0] == "webhook"}
    assert not loaded & large


def test_says_what_is_wrong_with_its_arguments() -> None:
    for words, sentence in (
        (["--drain"], "--drain has no value"),
        (["--drain", "soon", "--", "/a"], "invalid literal"),
        (["--colour", "red", "--", "/a"], "unknown: --colour red"),
        (["--", "a.log"], "not an absolute path: a.log"),
        ([], "no path is given after --"),
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-S", PROGRAM, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("loghook: ")
        assert sentence in done.stderr


# Lines.


def test_writes_each_line_once_and_whole_with_nothing_beside(start: Start, logs: Path) -> None:
    raw = [b"plain", b"", b"  spaced \t ", "ü ☃ 𐍈".encode(), b"\xff\xfe", b"a\0b", b"l" * (2**20 - 1), b"end"]
    (logs / "a.log").write_bytes(b"\n".join(raw) + b"\n")
    running = start()
    running.wait_for(b"end\n")
    append(logs / "a.log", "more\nhal")
    running.wait_for(b"more\n")
    append(logs / "a.log", "f\nlast")
    assert running.stop() == 0
    assert bytes(running.stdout) == b"\n".join([*raw, b"more", b"half", b"last"]) + b"\n"
    assert running.stderr == b""


def test_cuts_a_line_of_more_than_a_mebibyte_and_loses_nothing_of_it(start: Start, logs: Path) -> None:
    line = b"".join(b"%07d." % number for number in range(375_000))
    append(logs / "a.log", line + b"\nshort\n")
    append(logs / "b.log", "between\n")
    running = start()
    running.wait_for("short\n")
    assert running.stop() == 0
    pieces = [piece for piece in bytes(running.stdout).splitlines() if piece != b"between"]
    assert b"".join(pieces) == line + b"short"
    assert len(pieces) == 4


def test_leaves_out_the_zeros_of_a_hole_but_not_those_of_a_line(start: Start, logs: Path) -> None:
    with (logs / "a.log").open("wb", buffering=0) as file:
        file.write(b"one\n" * 50_000)
        running = start()
        running.wait_for(b"one\n" * 50_000)
        os.truncate(logs / "a.log", 0)
        time.sleep(0.2)  # that is seen, or it is not: both are right
        file.write(b"two\0\n")
        running.wait_for("two")
    assert running.stop() == 0
    assert bytes(running.stdout) == b"one\n" * 50_000 + b"two\0\n"


def test_waits_for_the_zeros_of_a_file_that_was_allocated_before(start: Start, logs: Path) -> None:
    with (logs / "a.log").open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, 2**20)
        running = start()
        for number in range(3):
            file.write(b"line %d\n" % number)
            running.wait_for(f"line {number}\n")
    assert running.stop() == 0
    assert running.lines == ["line 0", "line 1", "line 2"]


def test_reads_none_of_the_zeros_behind_what_was_written(start: Start, logs: Path) -> None:
    """They may be terabytes, which would take as long as the Pod has, and more than it has to end in."""
    with (logs / "a.log").open("wb", buffering=0) as file:
        os.truncate(logs / "a.log", 2**40)
        file.write(b"one\n")
        running = start()
        running.wait_for("one\n")
        file.write(b"two\nunfinished")
        running.wait_for("two\n")
        append(logs / "b.log", "beside\n")
        running.wait_for("beside\n")
        file.write(b" business\nthree")
        running.wait_for("unfinished business\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two", "beside", "unfinished business", "three"]


# Files.


def test_reads_literal_paths_and_globs_but_for_what_is_left_out(start: Start, logs: Path) -> None:
    (logs / "web").mkdir()
    for name in ("app.log", "app.log.gz", "named.gz", "web/access.log", "web/error.log", ".hidden", "b1.txt", "b2.txt"):
        append(logs / name, f"{name}\n")
    paths = (f"{logs}/*.log*", f"{logs}/w?b/*.log", f"{logs}/named.gz", f"{logs}/b[!2].txt", f"{logs}/none/x.log")
    running = start(paths=paths, exclude=("*.gz", f"{logs}/web/acc*.log"))
    running.wait_for("named.gz")
    (logs / "none").mkdir()
    append(logs / "none" / "x.log", "x.log\n")
    running.wait_for("x.log\n")
    assert running.stop() == 0
    assert sorted(running.lines) == ["app.log", "b1.txt", "named.gz", "web/error.log", "x.log"]


def test_finds_a_file_in_a_directory_that_comes_later(start: Start, logs: Path) -> None:
    running = start(paths=(f"{logs}/*/*.log",))
    append(logs / "tick.log", "")
    (logs / "late").mkdir()
    append(logs / "late" / "a.log", "found\n")
    running.wait_for("found\n")
    assert running.stop() == 0


def test_reads_from_the_end_only_what_was_there_at_the_first_start(start: Start, logs: Path) -> None:
    append(logs / "old.log", "old line\n" * 20_000)
    append(logs / "half.log", "old line\nbegun ")
    running = start(from_end=True)
    assert until(lambda: running.open_files(logs) == ["half.log", "old.log"])
    assert until(lambda: (logs.parent / "state" / "reader.offsets").stat().st_size >= 3 * 64)
    append(logs / "late.log", "late line\n")
    append(logs / "old.log", "new line\n")
    append(logs / "half.log", "and ended\n")
    for line in ("late line\n", "new line\n", "begun and ended\n"):
        running.wait_for(line)
    assert running.stop() == 0
    append(logs / "while-away.log", "not skipped\n")
    again = start(from_end=True)
    again.wait_for("not skipped\n")
    assert again.stop() == 0
    assert len(running.lines) == 3
    assert again.lines == ["not skipped"]


def test_says_once_what_may_not_be_read_and_reads_it_when_it_may() -> None:
    if os.getuid():
        pytest.skip("NOT TESTED: this needs root, to run it as another user")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        append(place / "a.log", "secret\n")
        (place / "a.log").chmod(0o600)
        words = as_another_user("--volume", f"{place}:/var/log/app", "--", f"{place}/*.log")
        with Streaming(words) as running:
            assert until(lambda: b"/var/log/app/a.log: uid 65532 may not read it\n" in running.stderr)
            append(place / "b.log", "a line\n")
            running.wait_for("a line\n")
            (place / "a.log").chmod(0o644)
            running.wait_for("secret\n")
            assert running.stop() == 0
            assert running.stderr.count(b"a.log") == 1


# Rotation.


@pytest.mark.parametrize("keep", [1, 5])
def test_misses_nothing_of_twenty_rotations_a_second(start: Start, logs: Path, keep: int) -> None:
    running = start(paths=(f"{logs}/app.log",))
    append(logs / "app.log", numbered(0, 10))
    running.wait_for("0000009 ")
    for rotation in range(1, 60):
        if rotation > keep:  # what is removed before anybody could look is nobody's fault
            running.wait_for(f"{(rotation - 1 - keep) * 10:07} ")
        for age in range(keep, 0, -1):
            old = logs / (f"app.log.{age - 1}" if age > 1 else "app.log")
            if old.exists():
                old.replace(logs / f"app.log.{age}")
        append(logs / "app.log", numbered(rotation * 10, rotation * 10 + 10))
        time.sleep(0.05)
    assert running.stop() == 0
    assert sorted(numbers(running)) == list(range(600))


def test_reads_what_a_writer_appends_after_the_rename_and_after_the_removal(start: Start, logs: Path) -> None:
    with (logs / "app.log").open("ab", buffering=0) as file:
        file.write(b"one\n")
        running = start(paths=(f"{logs}/app.log",))
        running.wait_for("one\n")
        (logs / "app.log").rename(logs / "app.log.1")
        append(logs / "app.log", "new\n")
        running.wait_for("new\n")
        file.write(b"late\n")
        running.wait_for("late\n")
        (logs / "app.log.1").unlink()
        file.write(b"later\nhalf")
        running.wait_for("later\n")
    assert running.stop() == 0
    assert running.lines == ["one", "new", "late", "later", "half"]


def test_follows_a_link_that_is_moved_to_the_next_file(start: Start, logs: Path) -> None:
    (logs / "days").mkdir()
    append(logs / "days" / "1", "day 1\n")
    (logs / "current.log").symlink_to("days/1")
    running = start(trees=(Tree(str(logs), "/var/log/app"),))
    running.wait_for("day 1\n")
    append(logs / "days" / "2", "day 2\n")
    (logs / "next").symlink_to("/var/log/app/days/2")  # as the application would say it
    (logs / "next").rename(logs / "current.log")
    running.wait_for("day 2\n")
    append(logs / "days" / "2", "more of day 2\n")
    running.wait_for("more of day 2\n")
    assert running.stop() == 0
    assert running.lines == ["day 1", "day 2", "more of day 2"]


@pytest.mark.parametrize("again", [b"new\n" * 10, b"new\n" * 500, b"one\ntwo\nNEW\n" * 3])
def test_reads_a_file_anew_that_was_rewritten(start: Start, logs: Path, again: bytes) -> None:
    append(logs / "app.log", b"one\ntwo\nold\n" * 3 + b"half")
    running = start()
    running.wait_for(b"old\n" * 1)
    assert until(lambda: saved(logs, "app.log") == 36)  # so the half line is known too
    with (logs / "app.log").open("wb", buffering=0) as file:
        file.write(again)
    assert until(lambda: running.lines.count("half") == 1)
    assert until(lambda: len(running.lines) == 10 + again.count(b"\n"))
    assert running.stop() == 0
    assert bytes(running.stdout) == b"one\ntwo\nold\n" * 3 + b"half\n" + again


def test_follows_renames_while_its_output_is_stuck(start: Start, logs: Path) -> None:
    """Each file is opened as it comes, though nothing can be written for long: it may be gone before."""
    append(logs / "app.log", numbered(0, 40_000))  # more than the pipe takes
    running = start(port=(port := free_port()))
    running.hold()
    running.wait_for(b"\n")
    for number in range(5):
        append(logs / "next.log", f"short {number}\n")
        assert until(lambda: "next.log" in running.open_files(logs))
        (logs / "next.log").unlink()
        assert until(lambda: any(name.startswith("next.log (deleted") for name in running.open_files(logs)))
        assert "loghook_reader_files " in metrics(port)
    running.release()
    for number in range(5):
        running.wait_for(f"short {number}\n")
    assert running.stop() == 0


def test_reads_a_file_with_two_names_once(start: Start, logs: Path) -> None:
    append(logs / "a.log", "one\n")
    (logs / "b.log").hardlink_to(logs / "a.log")
    running = start()
    running.wait_for("one\n")
    append(logs / "b.log", "two\n")
    running.wait_for("two\n")
    (logs / "b.log").unlink()
    append(logs / "a.log", "three\n")
    running.wait_for("three\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two", "three"]


def test_follows_a_directory_that_is_made_anew(start: Start, logs: Path) -> None:
    (logs / "app").mkdir()
    append(logs / "app" / "a.log", "one\n")
    running = start(paths=(f"{logs}/app/*.log",))
    running.wait_for("one\n")
    with (logs / "app" / "a.log").open("ab", buffering=0) as file:
        (logs / "app").rename(logs / "app.1")
        (logs / "app").mkdir()
        append(logs / "app" / "a.log", "two\n")
        running.wait_for("two\n")
        file.write(b"late\n")
        running.wait_for("late\n")
        append(logs / "app" / "b.log", "three\n")
        running.wait_for("three\n")
    assert running.stop() == 0
    assert running.lines == ["one", "two", "late", "three"]


# Restarts.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_line_comes_twice_after_a_restart(start: Start, logs: Path, number: signal.Signals) -> None:
    seen: list[int] = []
    for last in (100, 200, 300):
        append(logs / "a.log", numbered(last - 100, last))
        running = start()
        running.wait_for(f"{last - 1:07} ")
        assert until(lambda: saved(logs, "a.log") == (logs / "a.log").stat().st_size)
        running.stop(number)
        seen += numbers(running)
    assert seen == list(range(300))


def test_tells_a_file_that_was_replaced_while_it_was_away(start: Start, logs: Path) -> None:
    append(logs / "a.log", "old 1\nold 2\n")
    append(logs / "same.log", "same\n")
    first = start()
    first.wait_for("old 2\n")
    first.wait_for("same\n")
    assert first.stop() == 0
    with (logs / "a.log").open("r+b") as file:  # the same inode, and longer
        file.write(b"new 1\nnew 2\nnew 3\n")
    second = start()
    second.wait_for("new 3\n")
    assert second.stop() == 0
    assert second.lines == ["new 1", "new 2", "new 3"]


def test_no_line_comes_twice_after_the_node_was_started_again(start: Start, logs: Path) -> None:
    """Its volumes may have other numbers then, which is made so in what is remembered."""
    append(logs / "a.log", numbered(0, 100))
    append(logs / "b.log", numbered(200, 300))
    first = start()
    for name, last in (("a.log", 99), ("b.log", 299)):
        first.wait_for(f"{last:07} ")
        assert until(lambda one=name: saved(logs, one) == (logs / one).stat().st_size)  # type: ignore[misc]  # mypy infers no type for defaults of a lambda
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    state = logs.parent / "state" / "reader.offsets"
    text = bytearray(state.read_bytes())
    for at in range(64, len(text), 64):
        record = struct.pack("<Q", 2**40) + text[at + 8 : at + 28]
        text[at : at + 32] = record + struct.pack("<I", zlib.crc32(record))
    state.write_bytes(text)
    append(logs / "a.log", numbered(100, 101))
    (logs / "b.log").rename(logs / "b.1")
    append(logs / "b.1", numbered(300, 301))
    second = start()
    second.wait_for("0000100 ")
    second.wait_for("0000300 ")
    assert second.stop() == 0
    assert sorted(numbers(second)) == [100, 300]


def test_finds_again_what_was_rotated_while_it_was_away(start: Start, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    append(logs / "gone.log", "gone\n")
    first = start()
    first.wait_for("one\n")
    first.wait_for("gone\n")
    assert until(lambda: saved(logs, "app.log") == 4 and saved(logs, "gone.log") == 5)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    append(logs / "app.log", "two\n")
    (logs / "app.log").rename(logs / "app.log.1")
    append(logs / "app.log", "three\n")
    (logs / "gone.log").rename(logs / "other.txt")
    (logs / "other.txt").write_text("something else under its inode\n")
    second = start()
    second.wait_for("two\n")
    second.wait_for("three\n")
    append(logs / "app.log.1", "late\n")
    second.wait_for("late\n")
    assert second.stop() == 0
    assert sorted(second.lines) == ["late", "three", "two"]


def test_a_kill_in_the_middle_tears_no_line_and_repeats_a_batch_at_most(start: Start, logs: Path) -> None:
    seen: list[list[int]] = []
    for restart in range(5):
        append(logs / "a.log", numbered(restart * 20_000, (restart + 1) * 20_000))
        running = start()
        running.hold()
        assert until(lambda one=running: len(one.stdout) > 0)  # type: ignore[misc]  # mypy infers no type for defaults of a lambda
        time.sleep(0.1)
        running.tell(signal.SIGKILL)
        running.release()
        running.end()
        assert running.stdout.endswith(b"\n")
        seen.append(numbers(running))
    running = start()
    append(logs / "a.log", numbered(100_000, 100_001))  # there may have been time for all of them
    running.wait_for("0100000 ")
    assert running.stop() == 0
    seen.append(numbers(running))
    for before, after in itertools.pairwise(seen):
        assert 0 <= before[-1] + 1 - after[0] <= 2**18 // 99 + 1
    assert {number for each in seen for number in each} == set(range(100_001))


def test_fails_where_nobody_reads(logs: Path) -> None:
    append(logs / "a.log", "a line\n")
    ours, theirs = os.pipe()
    os.close(ours)
    words = [sys.executable, "-I", "-S", str(PROGRAM), "--", f"{logs}/*.log"]
    done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(theirs)
    assert done.returncode == 1
    assert done.stderr == b"loghook: nobody reads the output\n"


# The end.


@pytest.mark.parametrize("number", ENDING)
def test_ends_with_0_though_no_file_ever_came(start: Start, logs: Path, number: signal.Signals) -> None:
    running = start()
    offsets = logs.parent / "state" / "reader.offsets"
    assert until(lambda: offsets.exists() and offsets.stat().st_size > 0)  # it has looked for the first time
    assert running.stop(number) == 0
    assert running.stdout == b""


@pytest.mark.parametrize("number", ENDING)
def test_loses_nothing_whatever_signal_ends_it(start: Start, logs: Path, number: signal.Signals) -> None:
    """Where containers share their processes it is not the first one, and a signal without a handler ends it."""
    append(logs / "app.log", "one\n")
    running = start()
    running.wait_for("one\n")
    append(logs / "app.log", "two\nhalf")
    assert running.stop(number) == 0
    assert running.lines == ["one", "two", "half"]


def test_goes_on_after_a_signal_that_means_to_read_files_again(start: Start, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = start()
    running.wait_for("one\n")
    running.tell(signal.SIGHUP)
    append(logs / "app.log", "two\n")
    running.wait_for("two\n")
    assert running.stop() == 0


def test_loses_nothing_where_the_signal_comes_before_the_program(start: Start, logs: Path) -> None:
    """As in a Job that ends at once: the interpreter takes longer to start than the application to run."""
    append(logs / "app.log", "one\nhalf")
    running = start()
    assert until(lambda: Path(f"/proc/{running.pid}/exe").resolve().name.startswith("python"))
    assert running.stop() == 0
    assert running.lines == ["one", "half"]


def test_does_not_end_before_its_output_was_read(start: Start, logs: Path) -> None:
    """What is in the pipe when the program ends may be lost."""
    running, first = start(), numbered(0, 1)
    append(logs / "app.log", first)
    running.wait_for(first)
    running.hold()
    append(logs / "app.log", numbered(1, 4000))  # less than the pipe takes
    running.tell(signal.SIGTERM)
    time.sleep(1)  # without the waiting it ends within this time
    assert running.is_running()
    running.release()
    assert running.end() == 0
    assert numbers(running) == list(range(4000))


def test_ends_though_nobody_reads_any_more(logs: Path, tmp_path: Path) -> None:
    words = command("reader", assignment(logs), tmp_path / "state")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        append(logs / "app.log", numbered(1, 4000))
        assert running.stdout.read(1)
        running.send_signal(signal.SIGTERM)
        running.stdout.close()
        assert running.wait(PATIENCE) in {0, 1}


def test_a_plain_container_reads_on_until_the_files_are_quiet(start: Start, logs: Path) -> None:
    append(logs / "app.log", "one\n")
    running = start(is_native=False, drain_seconds=5)
    running.wait_for("one\n")
    running.tell(signal.SIGTERM)
    for number in range(6):  # for longer than the drain: each line begins it anew
        time.sleep(1)  # and not for so long that a busy machine makes the drain of it
        append(logs / "app.log", f"after {number}\n")
        running.wait_for(f"after {number}\n")
        assert running.is_running()
    append(logs / "new.log", "half")
    assert running.end() == 0
    assert running.lines == ["one", *(f"after {number}" for number in range(6)), "half"]


def test_reads_a_backlog_to_its_end(start: Start, logs: Path) -> None:
    append(logs / "app.log", "begun\n")
    running = start()
    running.wait_for("begun\n")
    running.hold()
    append(logs / "app.log", numbered(0, 60_000))
    running.tell(signal.SIGTERM)
    time.sleep(0.2)
    running.release()
    assert running.end() == 0
    assert len(running.lines) == 60_001


# Disk.


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_gives_back_what_was_read_and_not_more(start: Start, logs: Path) -> None:
    append(logs / "a.log", numbered(0, 50_000))
    running = start(freed=frozenset({str(logs)}))
    running.wait_for("0049999 ")
    assert until(lambda: blocks(logs / "a.log") <= 2 * 2**18)
    tail = (logs / "a.log").read_bytes()[-(2**16) :]
    assert tail == numbered(0, 50_000).encode()[-(2**16) :]
    append(logs / "a.log", numbered(50_000, 50_100))
    running.wait_for("0050099 ")
    assert running.stop() == 0
    again = start(freed=frozenset({str(logs)}))
    append(logs / "a.log", "0050100 .\n")
    again.wait_for("0050100 ")
    assert again.stop() == 0
    assert numbers(running) + numbers(again) == list(range(50_101))


def test_gives_back_all_of_what_was_rotated_away(start: Start, logs: Path) -> None:
    append(logs / "app.log", numbered(0, 5_000))
    running = start(paths=(f"{logs}/app.log",), freed=frozenset({str(logs)}))
    running.wait_for("0004999 ")
    with (logs / "app.log").open("ab", buffering=0) as file:
        (logs / "app.log").rename(logs / "app.log.1")
        append(logs / "app.log", "new\n")
        running.wait_for("new\n")
        assert until(lambda: blocks(logs / "app.log.1") <= 4096)
        file.write(b"late\n")
        running.wait_for("late\n")
    assert running.stop() == 0
    assert running.lines.count("late") == 1
    assert (logs / "app.log.1").stat().st_size > 5_000 * 90


def test_says_once_that_it_may_not_give_back() -> None:
    if os.getuid():
        pytest.skip("NOT TESTED: this needs root, to run it as another user")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        for name in "ab":
            append(place / f"{name}.log", numbered(0, 5_000))
            (place / f"{name}.log").chmod(0o644)
        mount = ("--volume", f"{place}:/var/log/app", "--free", str(place))
        with Streaming(as_another_user(*mount, "--", f"{place}/*.log")) as running:
            assert until(lambda: len(running.lines) == 10_000)
            assert running.stop() == 0
        assert bytes(running.stderr) == (
            b"loghook: nothing is freed of /var/log/app: uid 65532 may not write its files\n"
        )


def test_frees_nothing_that_came_while_its_output_was_stuck(start: Start, logs: Path) -> None:
    """The file is truncated and filled again between its reading and its freeing."""
    append(logs / "a.log", numbered(0, 40_000))
    running = start(freed=frozenset({str(logs)}))
    running.hold()
    running.wait_for(b"\n")
    state = logs.parent / "state" / "reader.offsets"
    assert until(lambda: is_at_rest(state))  # it waits in the middle of a batch
    (logs / "a.log").write_text(numbered(1_000_000, 1_060_000))
    running.release()
    running.wait_for("1059999 ")
    assert running.stop() == 0
    assert set(numbers(running)) >= set(range(1_000_000, 1_060_000))


def is_at_rest(file: Path) -> bool:
    """Whether a file is there, and stays as it is for a while."""
    before = file.read_bytes() if file.exists() else b""
    time.sleep(0.5)
    return bool(before) and file.read_bytes() == before


def test_keeps_the_last_lines_of_a_file_that_came_by_a_rename(start: Start, logs: Path) -> None:
    """What was rotated away is freed whole; what an application writes beside and then puts in its place is not."""
    append(logs / "ahead.log", "ahead\n")
    running = start(freed=frozenset({str(logs)}))
    running.wait_for("ahead\n")
    append(logs / "a.tmp", numbered(1, 10_000))
    (logs / "a.tmp").rename(logs / "a.log")
    running.wait_for("0009999 ")
    append(logs / "a.log", numbered(10_000, 10_001))
    running.wait_for("0010000 ")
    assert running.stop() == 0
    assert (logs / "a.log").read_bytes().endswith(numbered(9_500, 10_001).encode())


def test_frees_nothing_of_which_it_could_not_remember_that_it_was_written(start: Start, logs: Path) -> None:
    append(logs / "a.log", numbered(0, 20_000))
    (logs.parent / "state").mkdir()
    (logs.parent / "state" / "reader.offsets").mkdir()
    running = start(freed=frozenset({str(logs)}))
    running.wait_for("0019999 ")
    assert running.stop() == 0
    assert (logs / "a.log").read_text() == numbered(0, 20_000)
    assert running.stderr.endswith(b"reader.offsets: Is a directory: after a restart, lines will come twice\n")


def test_what_was_not_freed_is_whole_lines(start: Start, logs: Path) -> None:
    """Where the offsets are lost, it comes again."""
    append(logs / "a.log", numbered(0, 20_000))
    running = start(freed=frozenset({str(logs)}))
    running.wait_for("0019999 ")
    assert until(lambda: (logs / "a.log").read_bytes().startswith(b"\0"))
    assert running.stop() == 0
    (logs.parent / "state" / "reader.offsets").unlink()
    again = start()
    again.wait_for("0019999 ")
    assert again.stop() == 0
    assert bytes(again.stdout) == numbered(numbers(again)[0], 20_000).encode()
    assert len(again.stdout) < 2**19


# What it lets be seen.


def metrics(port: int, host: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=120) as answer:
        text: str = answer.read().decode()
    return text


def test_answers_prometheus(start: Start, logs: Path) -> None:
    append(logs / "a.log", "one\ntwo\n")
    running = start(port=(port := free_port()))
    running.wait_for("two\n")
    with socket.create_connection(("127.0.0.1", port)):  # one that says nothing holds up nobody
        for _ask in range(3):
            text = metrics(port)
    assert "\nloghook_reader_lines_total 2\n" in text
    assert "\nloghook_reader_bytes_total 8\n" in text
    assert "\nloghook_reader_behind_bytes 0\n" in text
    append(logs / "a.log", "three\n")
    running.wait_for("three\n")
    assert running.stop() == 0


def test_answers_prometheus_in_a_cluster_of_ipv6(start: Start, logs: Path) -> None:
    if not Path("/proc/net/if_inet6").exists() or not Path("/proc/net/if_inet6").read_text():
        pytest.skip("no IPv6 on this machine's loopback")
    append(logs / "a.log", "one\n")
    running = start(port=(port := free_port()))
    running.wait_for("one\n")
    assert "\nloghook_reader_lines_total 1\n" in metrics(port, "[::1]")
    assert running.stop() == 0


# Many files.


def test_reads_twenty_thousand_files_with_a_thousand_descriptors_and_48_mib(logs: Path, tmp_path: Path) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("NOT TESTED: this needs prlimit (util-linux)")
    for number in range(20_000):
        (logs / f"{number}.log").write_text(f"{number} first\n")
    words = [prlimit, "--nofile=1024:1024", *command("reader", assignment(logs), tmp_path / "state")]
    with Streaming(words) as running:
        assert until(lambda: running.stdout.count(b"\n") == 20_000, 120)
        more = range(0, 20_000, 7)
        for number in more:
            append(logs / f"{number}.log", f"{number} second\n")
        assert until(lambda: running.stdout.count(b"\n") == 20_000 + len(more), 120)
        status = Path(f"/proc/{running.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) < 48 * 1024
        assert len(running.open_files(logs)) < 1_024
        assert running.stop() == 0
        assert len(set(running.lines)) == 20_000 + len(more)


def test_keeps_little_of_lines_without_an_end(start: Start, logs: Path) -> None:
    """Of each file a MiB would be kept, and the container has 64."""
    for number in range(100):
        append(logs / f"{number}.log", b"%d" % (number % 10) * 1_000_000)
    append(logs / "last.log", "one\n")
    running = start()
    running.wait_for("one\n")
    assert until(lambda: len(running.open_files(logs)) == 101)
    append(logs / "last.log", "two\n")
    running.wait_for("two\n")
    status = Path(f"/proc/{running.pid}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 48 * 1024
    append(logs / "7.log", "\n")
    running.wait_for(b"7" * 1_000_000)
    assert running.stop() == 0
    assert sorted(map(len, running.lines)) == [3, 3, *[1_000_000] * 100]
