"""What one reading gives, and what is left when it cannot be read."""

import os
import signal
from pathlib import Path

import pytest

from webhook.reader import program
from webhook.reader.logfile import FINGERPRINTED, LogFile, Reading
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
    monkeypatch.setattr(program, "_STDOUT", os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        running = program.Program(parse(["--", f"{tmp_path}/*.log"]))
        running._is_stopping = True  # noqa: SLF001 - as the signal would have it
        running.run()
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (tmp_path / "out").read_text() == "b\n"
    assert capfd.readouterr().err == f"loghook: {tmp_path}/a.log: Input/output error\n"
