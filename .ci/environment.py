"""Create the development environment: `environment.py DIRECTORY`.

Needs Python 3.11 and nothing else. Where the standard library lacks ensurepip (Debian keeps it in a package of its own)
pip comes from an installed pip, else from the package index: one wheel, known by its hash.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

PIP_VERSION = "26.1.2"
PIP_SHA256 = "382ff9f685ee3bc25864f820aa50505825f10f5458ffff07e30a6d96e5715cab"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Create or complete the environment, with the locked versions and this project in it, editable."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a Python that is too old runs this first of all
        sys.exit(f"loghook needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.13 ...")
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")  # its notice would be the loudest line of `make run`
    directory = Path(sys.argv[1]).resolve()
    python = directory / "bin" / "python"
    if not python.exists() or _run(python, "-m", "pip", "--version", check=False):
        _create(directory, python)
    _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", ROOT / "requirements-dev.txt")
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT)


def _create(directory: Path, python: Path) -> None:
    found = importlib.util.find_spec("ensurepip")
    has_ensurepip = found is not None and found.origin is not None
    venv.create(directory, clear=True, symlinks=True, with_pip=has_ensurepip)
    if not has_ensurepip:
        _install_pip(python)


def _install_pip(python: Path) -> None:
    """Let an installed pip install another into the environment, else fetch the wheel, which can install itself."""
    if not _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip", check=False):
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / f"pip-{PIP_VERSION}-py3-none-any.whl"
        wheel.write_bytes(_download(wheel.name))
        _run(python, wheel / "pip", "install", "--quiet", "--no-index", wheel)


def _download(name: str) -> bytes:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    request = urllib.request.Request(index, headers={"Accept": "application/vnd.pypi.simple.v1+json"})  # noqa: S310 - see below
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the user's index; what comes is checked by hash
        files = json.load(answer)["files"]
    url = urllib.parse.urljoin(index, next(file["url"] for file in files if file["filename"] == name))
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - as above
        wheel: bytes = answer.read()
    if hashlib.sha256(wheel).hexdigest() != PIP_SHA256:
        sys.exit(f"{name} from {index} is not the file that it should be")
    return wheel


def _run(*command: str | Path, check: bool = True) -> int:
    """Run `command`; its exit code. With `check` a failure ends us with that code; without, it is silent."""
    quiet = None if check else subprocess.DEVNULL
    code = subprocess.run([str(part) for part in command], check=False, stdout=quiet, stderr=quiet).returncode  # noqa: S603 - our own words
    if check and code:
        sys.exit(code)
    return code


if __name__ == "__main__":
    main()
