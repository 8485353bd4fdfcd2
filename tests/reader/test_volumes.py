"""A volume: no link leads out of it, whatever is swapped at whatever moment."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webhook.reader.volumes import Outside, Volume

CANARY = b"secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The volume's directory, with something beside it that is not the application's."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.log").write_bytes(CANARY)
    root = tmp_path / "volume"
    (root / "d").mkdir(parents=True)
    (root / "d" / "a.log").write_bytes(b"open")
    return root


def contents(volume: Volume, *parts: str) -> bytes:
    """What a reader would read."""
    file = volume.open(volume.resolve(parts))
    if file < 0:
        return b""
    try:
        return os.read(file, 100)
    finally:
        os.close(file)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("l", "d/a.log"),
        ("l", "./d/../d/a.log"),
        ("l", "/var/log/app/d/a.log"),
        ("d/l", "../d/a.log"),
        ("d/l", "/var/log/app/k/a.log"),
    ],
)
def test_follows_a_link_within(root: Path, link: str, target: str) -> None:
    (root / "k").symlink_to("d")
    (root / link).symlink_to(target)
    assert contents(Volume(str(root), "/var/log/app"), *link.split("/")) == b"open"


@pytest.mark.parametrize(
    "target",
    [
        "../outside/a.log",
        "d/../../outside/a.log",
        "/etc/passwd",
        "/var/log/app2/x",
        "/proc/self/environ",
        "l",
        "k/a.log",
    ],
)
def test_follows_none_that_leads_out(root: Path, target: str) -> None:
    (root / "k").symlink_to("../outside")
    (root / "l").symlink_to(target)
    with pytest.raises(Outside):
        contents(Volume(str(root), "/var/log/app"), "l")


def test_opens_nothing_but_regular_files(root: Path) -> None:
    os.mkfifo(root / "fifo")
    volume = Volume(str(root), str(root))
    assert volume.open(("fifo",)) == -1
    assert volume.open(("d",)) == -1
    with pytest.raises(FileNotFoundError):
        volume.open(("nothing",))


def test_holds_no_descriptor_for_longer_than_it_needs(root: Path) -> None:
    volume = Volume(str(root), str(root))
    contents(volume, "d", "a.log")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _round in range(10):
        contents(volume, "d", "a.log")
        with pytest.raises(FileNotFoundError):
            contents(volume, "d", "none", "a.log")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def _file_for_link(root: Path) -> Iterator[None]:
    """The application swaps its log for a link, and back."""
    place, away = root / "d" / "a.log", root / "d" / "away"
    while True:
        place.rename(away)
        place.symlink_to("../../outside/a.log")
        yield
        place.unlink()
        away.rename(place)
        yield


def _directory_for_link(root: Path) -> Iterator[None]:
    place, away = root / "d", root / "away"
    while True:
        place.rename(away)
        place.symlink_to("../outside")
        yield
        place.unlink()
        away.rename(place)
        yield


def _link_for_link(root: Path) -> Iterator[None]:
    """The target of a good link is swapped."""
    place = root / "d" / "a.log"
    place.rename(root / "d" / "good")
    for number in itertools.count():
        new = root / "d" / "new"
        new.symlink_to("good" if number % 2 else "../../outside/a.log")
        new.replace(place)
        yield


@pytest.mark.parametrize("swap", [_file_for_link, _directory_for_link, _link_for_link])
def test_a_thousand_races_give_not_one_byte_of_another_place(
    root: Path, swap: Callable[[Path], Iterator[None]]
) -> None:
    volume = Volume(str(root), str(root))
    is_over = threading.Event()

    def swapping() -> None:
        for _swap in swap(root):
            if is_over.is_set():
                return

    swapper = threading.Thread(target=swapping)
    swapper.start()
    seen = dict.fromkeys((b"open", CANARY, b""), 0)
    naive = 0
    try:
        while seen[b"open"] < 1_000 or not naive:
            try:
                seen[contents(volume, "d", "a.log")] += 1
            except OSError:  # it was away, or a link
                seen[b""] += 1
            if not seen[b"open"] % 10:
                naive += _is_led_astray(root)
    finally:
        is_over.set()
        swapper.join()
    assert seen[CANARY] == 0
    assert naive, "whoever just opens the path is led astray"


def _is_led_astray(root: Path) -> bool:
    try:
        return (root / "d" / "a.log").read_bytes() == CANARY
    except OSError:
        return False
