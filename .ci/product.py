"""Create the environment of which the cluster tests make an image: `product.py DIRECTORY`.

It has the locked dependencies and nothing of this source, whose wheel the tests build and add each time, inside of a
cluster that has no network. Made once for each lock file and Python.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"


def main(directory: Path) -> None:
    """Create it, unless it is there for what is locked now."""
    mark = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    ready = directory / "ready"
    if ready.exists() and ready.read_text() == mark:
        return
    print(f"Setting up {directory} (once)…")
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", directory / "venv")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run(*pip, "--python", directory / "venv", "install", "--no-compile", "--require-hashes", "-r", LOCK)
    ready.write_text(mark)


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
