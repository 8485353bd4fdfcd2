"""A checkout in miniature: the scripts that set up its environment, a project of one file, and an index on loopback."""

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A build backend that needs nothing from any index: it makes a wheel whose one file is a way to the project.
BACKEND = """
import zipfile
from pathlib import Path


def build_editable(directory, config_settings=None, metadata_directory=None):
    name = "miniature-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w") as wheel:
        wheel.writestr("miniature.pth", str(Path.cwd()))
        wheel.writestr("miniature-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: miniature\\nVersion: 1\\n")
        wheel.writestr("miniature-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("miniature-1.dist-info/RECORD", "")
    return name
"""

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "miniature"
version = "1"
"""


def wheel(folder: Path, name: str) -> str:
    """Put a package `name` of one module on the index in `folder`; the line of a lock file for it."""
    (folder / name).mkdir(parents=True)
    file = folder / name / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as content:
        content.writestr(f"{name}.py", "")
        content.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        content.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr(f"{name}-1.dist-info/RECORD", "")
    return f"{name}==1 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@dataclass(frozen=True)
class Checkout:
    """The miniature at `folder`, and the environment in which its scripts are run."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def set_up(
        self, purpose: str = "run", python: str = sys.executable, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `environment.py .venv PURPOSE` by `python`, with `more` in its environment."""
        return subprocess.run(
            [python, ".ci/environment.py", ".venv", purpose],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def imports(self, *names: str) -> bool:
        """Whether the environment can import all of `names`."""
        done = subprocess.run(
            [self.folder / ".venv" / "bin" / "python", "-c", f"import {', '.join(names)}"],
            capture_output=True,
            check=False,
            timeout=120,
        )
        return done.returncode == 0


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A package index: its URL, and the folder that it shows."""
    folder = tmp_path / "index"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def checkout(tmp_path: Path, index: tuple[str, Path]) -> Checkout:
    url, wheels = index
    folder = tmp_path / "checkout"
    (folder / ".ci").mkdir(parents=True)
    for script in ("environment.py", "packages.py"):
        shutil.copy(ROOT / ".ci" / script, folder / ".ci")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "requirements.txt").write_text(wheel(wheels, "wanted"))
    (folder / "requirements-dev.txt").write_text((folder / "requirements.txt").read_text() + wheel(wheels, "checked"))
    kept = ("HOME", "LANG", "LC_ALL", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PATH": os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])}
    environment |= {"PIP_INDEX_URL": url, "UV_CACHE_DIR": str(tmp_path / "cache"), "PIP_NO_CACHE_DIR": "1"}
    return Checkout(folder, environment)
