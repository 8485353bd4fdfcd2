"""The file of offsets: what is remembered, also where it was damaged."""

import errno
import os
from pathlib import Path

import pytest

from webhook.reader import offsets
from webhook.reader.offsets import Offsets


def test_remembers_and_forgets(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    first = Offsets(path)
    assert first.is_new
    first.begin()
    for inode in range(100):
        first.save((1, inode), 5, 6)
    first.save((1, 7), 2**40, 2**32 - 1)
    first.forget((1, 8))
    second = Offsets(path)
    assert not second.is_new
    assert second.find((1, 7)) == (2**40, 2**32 - 1)
    assert second.find((1, 8)) is None
    assert second.find((2, 7)) is None
    second.save((3, 3), 1, 1)
    assert (tmp_path / "x").stat().st_size == 101 * 64, "the place of what was forgotten is used again"


def test_is_new_until_everything_was_looked_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    Offsets(path).save((1, 1), 5, 6)
    assert Offsets(path).is_new


def test_what_is_remembered_after_the_disk_was_full_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning of the file could not be written then; without it the rest is another version's."""
    path = str(tmp_path / "x")
    kept = Offsets(path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as now:
        now.setattr(os, "pwrite", full)
        kept.begin()
        assert not kept.save((1, 1), 5, 6)
    kept.begin()
    assert kept.save((1, 1), 7, 8)
    again = Offsets(path)
    assert not again.is_new
    assert again.find((1, 1)) == (7, 8)


@pytest.mark.parametrize("at", [0, 8, 16, 24, 28])
def test_leaves_out_a_record_that_was_torn(tmp_path: Path, at: int) -> None:
    path = tmp_path / "x"
    before = Offsets(str(path))
    before.begin()
    before.save((1, 1), 5, 6)
    before.save((1, 2), 7, 8)
    text = bytearray(path.read_bytes())
    text[64 + at] ^= 0xFF
    path.write_bytes(text)
    after = Offsets(str(path))
    assert after.find((1, 1)) is None
    assert after.find((1, 2)) == (7, 8)


def test_what_is_no_more_makes_way_for_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "_MOST", 16)
    kept = Offsets(str(tmp_path / "x"))
    kept.begin()
    kept.live = {(1, 3)}
    for inode in range(100):
        kept.save((1, inode), inode, 0)
    again = Offsets(str(tmp_path / "x"))
    assert again.find((1, 3)) == (3, 0)
    assert again.find((1, 99)) == (99, 0)
    assert (tmp_path / "x").stat().st_size <= 18 * 64


def test_knows_all_files_that_there_are_however_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not look through them for each further one."""
    monkeypatch.setattr(offsets, "_MOST", 16)

    class Live(dict[offsets.Key, None]):
        asked = 0

        def __contains__(self, key: object) -> bool:
            self.asked += 1
            return super().__contains__(key)

    kept = Offsets(str(tmp_path / "x"))
    kept.begin()
    live = Live({(1, inode): None for inode in range(200)})
    kept.live = live
    for inode in range(200):
        kept.save((1, inode), inode + 1, 0)
    assert live.asked < 200 * 16
    again = Offsets(str(tmp_path / "x"))
    assert all(again.find((1, inode)) == (inode + 1, 0) for inode in range(200))


def test_knows_files_whose_volume_has_another_number_since_its_node_was_started(tmp_path: Path) -> None:
    before = Offsets(str(tmp_path / "x"))
    before.begin()
    for key in ((1, 5), (2, 5), (1, 6)):
        before.save(key, 10 * key[0] + key[1], 0)
    after = Offsets(str(tmp_path / "x"))
    after.settle({2, 3})
    assert after.find((2, 5)) == (25, 0), "of a volume that is still there, and of no other one"
    assert after.has_begun((3, 5))
    assert after.find((3, 5)) == (15, 0)
    assert after.find((3, 5)) is None
    after.save((3, 5), 16, 0)
    assert after.find((3, 6)) == (16, 0)
    assert after.are_all_found
    later = Offsets(str(tmp_path / "x"))
    later.settle({2, 3})
    assert [later.find(key) for key in ((3, 5), (3, 6), (2, 5))] == [(16, 0), (16, 0), (25, 0)]


def test_goes_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    kept = Offsets(str(tmp_path / "none" / "x"))
    kept.begin()
    kept.save((1, 1), 5, 6)
    assert "No such file" in kept.problem


@pytest.mark.parametrize("header", [b"", b"loghook reader, offsets, version 9\n", b"\0" * 64])
def test_what_another_version_has_left_is_never_taken_for_ours(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x"
    before = Offsets(str(path))
    before.begin()
    for inode in range(9):
        before.save((1, inode), 5, 6)
    path.write_bytes(header.ljust(64, b"\0") + path.read_bytes()[64:])
    between = Offsets(str(path))
    assert between.is_new
    between.begin()
    between.save((1, 0), 100, 7)
    after = Offsets(str(path))
    assert after.find((1, 0)) == (100, 7)
    assert after.are_all_found


def test_takes_no_more_than_it_would_have_written(tmp_path: Path) -> None:
    before = Offsets(str(tmp_path / "x"))
    before.begin()
    before.save((1, 1), 5, 6)
    with (tmp_path / "x").open("r+b") as file:
        file.truncate(2**40)
    assert Offsets(str(tmp_path / "x")).find((1, 1)) == (5, 6)


def test_knows_again_what_was_let_go(tmp_path: Path) -> None:
    kept = Offsets(str(tmp_path / "x"))
    kept.begin()
    kept.save((1, 1), 5, 6)
    kept.let_go((1, 1), 5, 6)
    assert kept.find((1, 1)) == (5, 6)
    kept.forget((1, 1))
    kept.let_go((1, 1), 5, 6)
    assert kept.find((1, 1)) is None


def test_says_whether_it_will_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Offsets(str(tmp_path / "x"))
    assert kept.save((1, 1), 5, 6)
    assert not Offsets("").save((1, 1), 5, 6)

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        assert not kept.save((1, 1), 6, 6)
    assert kept.problem == "offsets: No space left on device"
    assert kept.save((1, 1), 7, 6), "there is space again"
