"""Standard output: whole lines in each piece that the kernel takes, and everything in its order."""

import fcntl
import os
import random
import select
import threading
import time
from collections.abc import Iterator

import pytest

from webhook.reader.outlet import Outlet


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def lines(seed: int, longest: int, total: int) -> bytes:
    dice = random.Random(seed)  # noqa: S311 - dice that fall the same way each time
    made = bytearray()
    while len(made) < total:
        made += b"%d" % len(made) * (dice.randrange(longest) // 6 + 1) + b"\n"
    return bytes(made)


@pytest.mark.parametrize("longest", [20, 4_000, 200_000])
@pytest.mark.parametrize("piece", [100, 4_096, 70_000])
def test_all_goes_out_in_order(pipe: tuple[int, int], longest: int, piece: int) -> None:
    text = lines(longest, longest, 3_000_000)
    got = bytearray()

    def read() -> None:
        while len(got) < len(text):
            got.extend(os.read(pipe[0], piece))

    reader = threading.Thread(target=read)
    reader.start()
    outlet = Outlet(pipe[1], lambda _file: time.sleep(0.0001))
    at = 0
    while at < len(text):
        end = text.index(b"\n", min(at + 256_000, len(text) - 1)) + 1
        outlet.write(text, at, end)
        at = end
    reader.join()
    assert got == text


def test_each_write_is_whole_lines_and_none_waits(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is killed in a write only where that waits: with O_NONBLOCK a write that would is refused or cut."""
    fcntl.fcntl(pipe[1], fcntl.F_SETFL, os.O_NONBLOCK)
    text = lines(1, 3_000, 5_000_000)
    writes: list[tuple[int, int, bool]] = []
    write = os.write

    def watched(file: int, data: memoryview) -> int:
        done = write(file, data)
        writes.append((len(data), done, bytes(data[-1:]) == b"\n"))
        return done

    monkeypatch.setattr(os, "write", watched)
    dice = random.Random(2)  # noqa: S311 - as above
    got = bytearray()

    def read_some(file: int) -> None:
        got.extend(os.read(pipe[0], dice.choice((10, 4_096, 100_000))))
        if file and not select.select([], [file], [], 0)[1]:
            read_some(file)

    outlet = Outlet(pipe[1], read_some)
    at = 0
    while at < len(text):
        end = text.index(b"\n", min(at + dice.choice((1, 5_000, 256_000)), len(text) - 1)) + 1
        outlet.write(text, at, end)
        at = end
        if dice.random() < 0.5 and len(got) < at:
            read_some(0)
    while len(got) < len(text):
        read_some(0)
    assert got == text
    assert all(asked == done and is_whole for asked, done, is_whole in writes)
    assert max(done for _asked, done, _is_whole in writes) > 4_096


def test_a_long_line_that_finds_no_room_does_not_ask_all_the_time(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody reads may be written to, with less room than the line needs: that may last for hours."""
    outlet = Outlet(pipe[1], lambda _file: None)
    capacity = fcntl.fcntl(pipe[1], fcntl.F_GETPIPE_SZ)
    first = b"a" * (capacity // 2 - 1) + b"\n"
    outlet.write(first, 0, len(first))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > 10:
            os.read(pipe[0], capacity)  # somebody reads again

    monkeypatch.setattr("webhook.reader.outlet.time.sleep", sleep)
    line = b"b" * (capacity * 3 // 4) + b"\n"
    outlet.write(line, 0, len(line))
    assert len(slept) < 10 / 0.05
