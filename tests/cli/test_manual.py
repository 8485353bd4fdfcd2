"""The manual page is that of the commands, and roff takes it as it is."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from webhook.cli import manual
from webhook.cli.app import app

Run = Callable[..., Any]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "loghook.1"


def commands(group: click.Group, *before: str) -> list[tuple[str, ...]]:
    """Every command that help lists, as it is typed."""
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, *before, name)
        elif not command.hidden:
            found.append((*before, name))
    return found


COMMANDS = commands(app)


def plain() -> str:
    return PAGE.read_text("utf-8").replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def test_it_is_current(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "43")  # it does not depend on a terminal
    result = run("man")
    assert (result.code, result.out) == (0, manual.page(app))
    assert PAGE.read_text("utf-8") == result.out, "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_has_every_option_and_exit_code_of_a_commands_help(run: Run, command: tuple[str, ...]) -> None:
    _, _, rest = plain().partition(f".SS loghook {' '.join(command)}\n")
    section = re.split(r"\n\.S[SH] ", rest)[0]
    said = run(*command, "--help").out
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", said, re.MULTILINE))
    assert options - {option for option in options if option in section} == set()
    codes = re.findall(r"^ +(\d)  (\S+ \S+)", said.partition("Exit code")[2], re.MULTILINE)
    assert all(f"  {code}  {words}" in section for code, words in codes)
    assert "\b" not in section


def test_roff_has_nothing_to_say_about_it() -> None:
    program = shutil.which("groff")
    if program is None:
        pytest.skip("NOT TESTED: this needs groff")
    done = subprocess.run([program, "-man", "-Tutf8", "-ww", PAGE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
