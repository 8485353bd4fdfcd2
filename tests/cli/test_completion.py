"""Completion, and the files that an installed program brings besides its code."""

import sys
import tomllib
from pathlib import Path

import pytest

from webhook.cli.app import complete

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("typed", "words", "last"),
    [
        ((), ["inject", "lint", "list"], ":4"),
        (("li",), ["lint", "list"], ":4"),
        (("list", "-o", ""), ["table", "wide", "json", "name"], ":4"),
        (("lint", "-f", ""), [], ":0"),
        (("explain", "LH60"), ["LH601", "LH602", "LH603"], ":4"),
        (("explain", "loghook.dev/fo"), ["loghook.dev/format"], ":4"),
        (
            ("explain", "loghook.dev/ti"),
            ["loghook.dev/time-key", "loghook.dev/time-format", "loghook.dev/time-zone"],
            ":4",
        ),
    ],
)
def test_kubectl_is_told_what_may_follow(
    typed: tuple[str, ...],
    words: list[str],
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-loghook", *typed])
    assert complete() == 0
    *found, directive = capsys.readouterr().out.splitlines()
    assert directive == last
    names = [each.partition("\t")[0] for each in found]
    assert names == words if typed else set(words) <= set(names)


def test_the_image_is_built_of_all_that_a_wheel_is_made_of() -> None:
    """The build would fail where the Dockerfile or .dockerignore leave out what pyproject.toml puts into a wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    copied = (ROOT / "Dockerfile").read_text("utf-8")
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for file in shared:
        assert (ROOT / file).is_file()
        assert f"COPY {file} {file}\n" in copied
        assert f"!{file}" in kept
