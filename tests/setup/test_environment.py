"""What `make run` and `make test` set up, by which Python and by what, against an index on loopback."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_what_runs_has_the_runtime_lock_and_what_is_developed_has_more(checkout: Any) -> None:
    done = checkout.set_up("run")
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.imports("wanted", "backend")
    assert not checkout.imports("checked")
    assert re.match(r"Setting up \.venv with Python 3\.\d+\.\d+: 1 packages, about \d+ MB, once\n", done.stdout)
    assert re.search(r"\n +\d+ s  Installed 1 package", done.stdout)
    assert re.search(r"\nReady after \d+ s\n\Z", done.stdout)
    assert checkout.set_up("dev").returncode == 0
    assert checkout.imports("wanted", "backend", "checked")


def test_without_uv_pip_brings_it_and_without_a_uv_for_this_machine_pip_does_it_all(
    checkout: Any, tmp_path: Path
) -> None:
    """The index has no uv, as for a machine that uv is not built for."""
    lock = checkout.folder / "requirements-dev.txt"
    lock.write_text(lock.read_text() + f"uv==1 --hash=sha256:{'0' * 64}\n")
    done = checkout.set_up("run", PATH=path_without_uv(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Collecting wanted" in done.stdout
    assert checkout.imports("wanted", "backend")


def path_without_uv(folder: Path) -> str:
    """A PATH with what a shell has, and no uv."""
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("sh", "env", "uname"):
        (tools / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    return str(tools)


def test_without_a_network_it_says_so_in_one_sentence(checkout: Any, tmp_path: Path) -> None:
    for more in ({}, {"PATH": path_without_uv(tmp_path)}):
        lock = checkout.folder / "requirements-dev.txt"
        lock.write_text(f"uv==1 --hash=sha256:{'0' * 64}\n")
        done = checkout.set_up("run", PIP_INDEX_URL="http://127.0.0.1:9/", **more)
        assert done.returncode == 1
        assert done.stderr == (
            "Error: the package index cannot be reached: run make again once there is a network "
            "(nothing else is missing)\n"
        )


def test_a_wheel_that_is_not_what_was_locked_is_refused_and_said(checkout: Any) -> None:
    lock = checkout.folder / "requirements.txt"
    lock.write_text(re.sub(r"[0-9a-f]{64}", "0" * 64, lock.read_text()))
    done = checkout.set_up("run")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the packages cannot be installed:\n")
    assert "wanted" in done.stderr
    assert not checkout.imports("wanted")


def test_a_python_with_neither_pip_nor_ensurepip_is_told_what_to_install(checkout: Any, tmp_path: Path) -> None:
    """Debian's bare python3: here an environment without pip, in which ensurepip cannot be found."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    (packages,) = (tmp_path / "bare" / "lib").glob("python3*/site-packages")
    (packages / "bare.pth").write_text("import sys; sys.modules['ensurepip'] = sys.modules['pip'] = None\n")
    done = checkout.set_up("run", python=str(tmp_path / "bare" / "bin" / "python"), PATH=path_without_uv(tmp_path))
    assert done.returncode == 1
    assert "has neither uv nor pip nor ensurepip beside it: install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def old(folder: Path, version: str) -> str:
    """A Python that says it is of `version`, and is this one: so that the test needs no old one."""
    program = folder / f"old-{version}"
    major, minor, patch = version.split(".")
    told = f"import sys, runpy; sys.version_info = ({major}, {minor}, {patch}, 'final', 0); sys.argv = sys.argv[1:]"
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{told}; {run}" "$@"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("version", ["2.7.18", "3.9.18", "3.10.13"])
def test_a_python_that_is_too_old_gives_way_to_a_newer_one_of_the_path(
    checkout: Any, tmp_path: Path, version: str
) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "python3.99").write_text("#!/bin/sh\nexit 127\n")  # as pyenv's stand-ins for what is not chosen
    (newer / "python3.99").chmod(0o755)
    name = f"python3.{sys.version_info[1]}"
    (newer / name).symlink_to(sys.executable)
    path = os.pathsep.join([str(newer), checkout.environment["PATH"]])
    done = checkout.set_up("run", python=old(tmp_path, version), PATH=path)
    assert done.returncode == 0
    assert done.stderr.startswith(
        f"loghook needs Python 3.11 or newer, this is Python {version}: {newer / name} (Python 3."
    )
    assert checkout.imports("wanted")


@pytest.mark.parametrize("version", ["2.7.18", "3.9.18", "3.10.13"])
def test_a_python_that_is_too_old_and_alone_gets_one_sentence(checkout: Any, tmp_path: Path, version: str) -> None:
    done = checkout.set_up("run", python=old(tmp_path, version), PATH=path_without_uv(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"loghook needs Python 3.11 or newer, this is Python {version} (")
    assert done.stderr.endswith("install one and name it, e.g. `make PYTHON=/usr/bin/python3.13 run`\n")
    assert done.stderr.count("\n") == 1


def test_an_old_python_can_read_the_script() -> None:
    """Real ones, where pyenv or the system has them; else the syntax of 3.7, the oldest that `ast` can check."""
    import ast

    text = (ROOT / ".ci" / "environment.py").read_text("utf-8")
    ast.parse(text, feature_version=(3, 7))
    assert not re.search(r"[^a-z]f[\"']|->|: (str|int|list)\b|:=", text.partition('"""\n\n')[2])


def test_an_environment_of_another_python_is_said_and_stays(checkout: Any) -> None:
    assert checkout.set_up("run").returncode == 0
    python = checkout.folder / ".venv" / "bin" / "python"
    real = python.resolve()
    python.unlink()
    python.write_text(f'#!/bin/sh\ncase "$*" in *version_info*) echo 3.12.99;; *) exec {real} "$@";; esac\n')
    python.chmod(0o755)
    here = ".".join(map(str, sys.version_info[:3]))
    for purpose in ("look", "run"):
        done = checkout.set_up(purpose)
        assert f".venv is of Python 3.12.99, and stays so: `make clean` first to have it of {here}\n" in done.stderr


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Any) -> None:
    assert checkout.set_up("run").returncode == 0
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    done = checkout.set_up("run")
    assert (done.returncode, done.stderr) == (0, "The Python of .venv is gone: it is made anew\n")
    assert checkout.imports("wanted")


def test_an_environment_that_is_too_old_is_left_alone(checkout: Any) -> None:
    python = checkout.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 3.9.18\n")
    python.chmod(0o755)
    done = checkout.set_up("run")
    assert done.returncode == 1
    assert done.stderr == "Error: .venv is of Python 3.9.18, and loghook needs 3.11 or newer: `make clean` removes it\n"
    assert python.exists()


def test_no_package_host_is_named() -> None:
    """The index is pip's or uv's own."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    hosts = re.compile(r"pypi\.(org|python)|pythonhosted|deb\.debian|registry\.npmjs|proxy\.golang")
    mine = Path(__file__).relative_to(ROOT).as_posix()
    named = [
        file
        for file in filter(None, files.split("\0"))
        if file != mine and hosts.search((ROOT / file).read_text("utf-8", "replace"))
    ]
    assert named == []
