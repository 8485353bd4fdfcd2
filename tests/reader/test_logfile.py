"""What one reading gives, and what is left when it cannot be read."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streams import append

from webhook.reader import program
from webhook.reader.logfile import FINGERPRINTED, LONGEST_LINE, LogFile, Reading
from webhook.reader.task import parse


def opened(path: Path) -> LogFile:
    log = LogFile((0, 0), None, path.name)  # type: ignore[arg-type]  # where it is, is not asked
    log.file = os.open(path, os.O_RDONLY)
    return log


def test_takes_whole_lines_and_holds_the_beginning_of_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\ntwo\nhalf")
    log, reading = opened(tmp_path / "a"), Reading()
    assert reading.read(log)
    assert bytes(reading.text[reading.start : reading.end]) == b"one\ntwo\n"
    assert (reading.offset, reading.held, reading.has_more) == (8, b"half", False)
    log.close()


@pytest.mark.parametrize("at", [0, FINGERPRINTED // 2, FINGERPRINTED - 5])
def test_knows_a_file_by_every_byte_of_its_fingerprint(tmp_path: Path, at: int) -> None:
    text = bytearray(b"%07d\n" * 2_048 % tuple(range(2_048)))
    (tmp_path / "a").write_bytes(text)
    log, reading = opened(tmp_path / "a"), Reading()
    assert reading.read(log)
    log.offset, log.fingerprint = reading.offset, reading.fingerprint
    assert reading.read(log)
    text[at] ^= 1
    (tmp_path / "a").write_bytes(text + b"more\n")
    assert not reading.read(log)
    log.close()


@pytest.mark.parametrize("length", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 2 * LONGEST_LINE])
def test_no_line_is_added_where_one_is_cut(tmp_path: Path, length: int) -> None:
    (tmp_path / "a").write_bytes(b"l" * length + b"\nnext\n")
    log, reading = opened(tmp_path / "a"), Reading()
    lines = b""
    while log.offset < length + 6:
        assert reading.read(log)
        log.offset, log.fingerprint = reading.offset, reading.fingerprint
        lines += bytes(reading.text[reading.start : reading.end])
    log.close()
    pieces = [b"l" * min(LONGEST_LINE, length - at) for at in range(0, length, LONGEST_LINE)]
    assert lines.split(b"\n") == [*pieces, b"next", b""]


@pytest.mark.parametrize("character", ["é", "中", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_no_character_is_cut_where_a_line_is(tmp_path: Path, character: str, shift: int) -> None:
    line = "x" * shift + character * (LONGEST_LINE * 2 // len(character.encode()))
    (tmp_path / "a").write_text(f"{line}\nnext\n", "utf-8")
    lines = everything(tmp_path / "a").split(b"\n")
    assert b"".join(lines) == f"{line}next".encode()
    assert all(each.decode() for each in lines[:-1])
    assert max(map(len, lines)) > LONGEST_LINE - 4


@pytest.mark.parametrize("byte", [0x80, 0xBF, 0xC0, 0xE9, 0xF4, 0xFF])
def test_a_line_that_is_no_text_is_cut_all_the_same(tmp_path: Path, byte: int) -> None:
    line = bytes([byte]) * (LONGEST_LINE * 2)
    (tmp_path / "a").write_bytes(line + b"\n")
    lines = everything(tmp_path / "a").split(b"\n")
    assert b"".join(lines) == line
    assert len(lines) <= 4


def everything(path: Path) -> bytes:
    """All that comes out of a file."""
    log, reading = opened(path), Reading()
    found = b""
    while log.offset < path.stat().st_size:
        assert reading.read(log)
        log.offset, log.fingerprint = reading.offset, reading.fingerprint
        found += bytes(reading.text[reading.start : reading.end])
    log.close()
    return found


def test_gives_no_end_to_a_line_that_goes_on(tmp_path: Path) -> None:
    """At the end of the program, while the application of a plain container writes on."""
    lines = b"%07d\n" * 100_000 % tuple(range(100_000))
    (tmp_path / "a").write_bytes(lines)
    log, reading = opened(tmp_path / "a"), Reading()
    assert reading.read(log, to_the_end=True)
    assert lines.startswith(bytes(reading.text[reading.start : reading.end]))
    log.close()


def test_says_what_cannot_be_read_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A disk that fails for one file: the others are read, and so is this one when it is written to again."""
    for name in "ab":
        (tmp_path / f"{name}.log").write_text(f"{name}\n")
    bad = (tmp_path / "a.log").stat().st_ino
    preadv = os.preadv

    def failing(file: int, buffers: list[bytearray], offset: int) -> int:
        if os.fstat(file).st_ino == bad:
            raise OSError(5, "Input/output error")
        return preadv(file, buffers, offset)

    monkeypatch.setattr(os, "preadv", failing)
    assert run_to_the_end(tmp_path, monkeypatch) == "b\n"
    assert capfd.readouterr().err == f"loghook: {tmp_path}/a.log: Input/output error\n"


@pytest.mark.parametrize(("call", "lines"), [("preadv", "old\n"), ("pread", "")])
def test_reads_what_could_not_be_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], call: str, lines: str
) -> None:
    """A network's volume fails for a moment, as the lines or the end of a file are read; nobody writes meanwhile."""
    (tmp_path / "a.log").write_text("old\n")
    real, failures = getattr(os, call), iter([OSError(116, "Stale file handle")])

    def failing(file: int, *arguments: Any) -> Any:
        if Path(f"/proc/self/fd/{file}").readlink() == tmp_path / "a.log":
            for failure in failures:
                raise failure
        return real(file, *arguments)

    monkeypatch.setattr(os, call, failing)
    start = "beginning" if lines else "end"
    assert run_to_the_end(tmp_path, monkeypatch, "--from", start, looks=2) == lines
    assert capfd.readouterr().err == f"loghook: {tmp_path}/a.log: Stale file handle\n"


def test_a_line_without_an_end_is_written_though_its_file_fails_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.log").write_text("a line\nhalf")
    preadv, answers = os.preadv, iter([None])

    def failing(*arguments: Any) -> int:
        if next(answers, OSError(116, "Stale file handle")) is not None:
            raise OSError(116, "Stale file handle")
        return preadv(*arguments)

    monkeypatch.setattr(os, "preadv", failing)
    assert run_to_the_end(tmp_path, monkeypatch, looks=2) == "a line\nhalf\n"


def test_a_look_that_fails_says_nothing_of_what_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.log").write_text("half")
    scandir = os.scandir
    failures = iter([None, OSError(5, "Input/output error"), OSError(5, "Input/output error")])

    def failing(place: int) -> Any:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return scandir(place)

    monkeypatch.setattr(os, "scandir", failing)
    monkeypatch.setattr("webhook.reader.following.QUIET_SECONDS", 0.0)
    assert run_to_the_end(tmp_path, monkeypatch, then=lambda: append(tmp_path / "a.log", " a line\n"), looks=4) == (
        "half a line\n"
    )


def test_a_file_that_is_gone_since_it_was_listed_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As rotated files are, while the program starts again."""
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("a line\n")
    (tmp_path / "state").mkdir()
    state = ("--state", str(tmp_path / "state" / "offsets"))
    assert run_to_the_end(tmp_path, monkeypatch, *state) == "a line\n" * 2
    scandir, listings = os.scandir, iter(("the globs'", "that of what was rotated"))

    def gone(place: int) -> Any:
        listed = list(scandir(place))
        if next(listings, None) == "that of what was rotated":
            (tmp_path / "b.1").unlink()
        return contextlib.nullcontext(listed)

    monkeypatch.setattr(os, "scandir", gone)
    (tmp_path / "b.log").rename(tmp_path / "b.1")
    assert run_to_the_end(tmp_path, monkeypatch, *state) == ""


def test_an_entry_that_cannot_be_told_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Some network volumes are asked for each entry whether it is a directory."""
    for name in "ab":
        (tmp_path / f"{name}.log").write_text("a line\n")
    scandir, failures = os.scandir, iter([OSError(116, "Stale file handle")])

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry = entry

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            for failure in failures:
                raise failure
            return self._entry.is_dir(follow_symlinks=follow_symlinks)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._entry, name)

    monkeypatch.setattr(os, "scandir", lambda place: contextlib.nullcontext(map(Entry, list(scandir(place)))))
    assert run_to_the_end(tmp_path, monkeypatch, looks=2) == "a line\n" * 2
    assert capfd.readouterr().err.endswith(": Stale file handle\n")


def run_to_the_end(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    looks: int = 1,
    then: Callable[[], None] = lambda: None,
) -> str:
    """What the program writes of `*.log` in `folder`, when it has looked so often. `then` happens before the last look.

    It runs within this process, so that what it asks the kernel can fail.
    """
    out = folder / "out"
    monkeypatch.setattr(program, "_STDOUT", os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        running = program.Program(parse([*options, "--", f"{folder}/*.log"]))
        for _look in range(looks - 1):
            running._look()  # noqa: SLF001 - without waiting in between
            running._read()  # noqa: SLF001 - the same
        then()
        running._is_stopping = True  # noqa: SLF001 - as the signal would have it
        running.run()
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
    return out.read_text()
