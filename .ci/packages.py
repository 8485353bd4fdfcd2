"""Create an environment or complete it, with the packages that are locked and this project in it, editable.

uv does it where it can be had: the machine's, else one that pip puts into the environment. Without, pip does it all, in
a multiple of the time. Which package index is asked, is theirs to say; what is set up for pip alone, uv is told.
"""

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class SetupError(Exception):
    """What keeps the environment from being set up, in one sentence for whoever called make."""


@dataclass(frozen=True)
class Kind:
    """What an environment is for: its lock file, and about how much it takes."""

    lock: Path
    megabytes: int

    @property
    def count(self) -> int:
        """How many packages are locked; a few of them are for other systems."""
        return len(_PINNED.findall(self.lock.read_text("utf-8")))


KINDS = {
    "run": Kind(ROOT / "requirements.txt", 200),
    "dev": Kind(ROOT / "requirements-dev.txt", 400),
    "site": Kind(ROOT / "requirements-site.txt", 130),
}
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==\S+", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Set up the directory of `arguments` for what they say, and return the exit code."""
    directory, purpose = Path(arguments[0]), arguments[1] if len(arguments) > 1 else "dev"
    try:
        if purpose == "look":
            _tell_another(directory)
        else:
            _set_up(directory, KINDS[purpose])
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _set_up(directory: Path, kind: Kind) -> None:
    python = directory / "bin" / "python"
    if _is_usable(directory, python):
        _tell_another(directory)
    else:
        venv.create(directory, clear=True, symlinks=True, with_pip=False)
    began = time.monotonic()
    size = f"{kind.count} packages, about {kind.megabytes} MB"
    print(f"Setting up {directory} with Python {_version(python)}: {size}, once", flush=True)
    installer = _uv(python) or _pip(python)
    installer.install("--require-hashes", "-r", str(kind.lock))
    installer.install("--no-deps", "--editable", str(ROOT))
    print(f"Ready after {time.monotonic() - began:.0f} s", flush=True)


# The environment that is there.


def _is_usable(directory: Path, python: Path) -> bool:
    """Whether `directory` can be completed. One whose Python is gone is made anew; one that is too old is not ours."""
    if not directory.exists():
        return False
    version = _version(python)
    if not version:
        print(f"The Python of {directory} is gone: it is made anew", file=sys.stderr)
        return False
    if tuple(map(int, version.split(".")[:2])) < (3, 11):
        raise SetupError(
            f"{directory} is of Python {version}, and loghook needs 3.11 or newer: `make clean` removes it"
        )
    return True


def _tell_another(directory: Path) -> None:
    """Say that the environment is of another Python than the one that runs this, where that is so."""
    python = directory / "bin" / "python"
    there, here = _version(python), ".".join(map(str, sys.version_info[:3]))
    if there and there != here:
        print(
            f"{directory} is of Python {there}, and stays so: `make clean` first to have it of {here}", file=sys.stderr
        )


def _version(python: Path) -> str:
    try:
        asked = _run(python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])")
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


# Who installs.


@dataclass(frozen=True)
class Installer:
    """A program that installs into the environment: uv or pip."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def install(self, *what: str) -> None:
        """Install `what`, with what it says of its progress shown. Raises SetupError."""
        with _shown() as show:
            said = []
            with subprocess.Popen(
                [*self.command, "install", *self.options, *what],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **self.environment},
            ) as process:
                for line in process.stdout or ():
                    said.append(line)
                    show(line.strip())
        if process.returncode:
            raise SetupError(_why("".join(said)))


def _uv(python: Path) -> Installer | None:
    """The machine's uv, else one that pip puts into the environment; None where neither can be had."""
    own = str(python.parent / "uv")
    for program in filter(None, (own, shutil.which("uv"))):
        if Path(program).exists() and _run(program, "--version").returncode == 0:
            break
    else:
        program = own
        try:
            _fetch_uv(python)
        except _NoWheelError:
            return None
    return Installer(
        (program, "pip"), environment={"UV_PYTHON": str(python.absolute()), "UV_HTTP_RETRIES": "2", **_index()}
    )


class _NoWheelError(Exception):
    """uv does not exist for this machine."""


def _fetch_uv(python: Path) -> None:
    lock = (ROOT / "requirements-dev.txt").read_text("utf-8")
    pinned = re.search(r"^uv==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if pinned is None:
        raise _NoWheelError
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(pinned.group())
        wanted.flush()
        try:
            _pip(python).install("--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", wanted.name)
        except SetupError as error:
            if "No matching distribution" in str(error):
                raise _NoWheelError from None
            raise


def _pip(python: Path) -> Installer:
    """A pip that installs into the environment: this Python's, else the one that ensurepip brings."""
    options = ("--disable-pip-version-check", "--no-input", "--retries", "1", "--no-compile")
    outside = (sys.executable, "-m", "pip", "--python", str(python))
    if _run(*outside, "--version").returncode == 0:
        return Installer(outside, options)
    found = importlib.util.find_spec("ensurepip")
    if found is None or found.origin is None or _run(python, "-m", "ensurepip", "--default-pip").returncode:
        raise SetupError(
            f"this Python ({sys.executable}) has neither uv nor pip nor ensurepip beside it: install python3-venv (on "
            "Debian and Ubuntu: apt-get install python3-venv), then run make again"
        )
    return Installer((str(python), "-m", "pip"), options)


_SAME_SETTINGS = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
_UV_OWN = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_CONFIG_FILE")


def _index() -> dict[str, str]:
    """What pip is told about the package index, in uv's words; nothing where uv is told something itself."""
    if any(name in os.environ for name in _UV_OWN):
        return {}
    told = {name: value for file in _pip_files() for name, value in _pip_settings(file)}
    told |= {
        name: os.environ.get("PIP_" + name.replace("-", "_").upper(), told.get(name, "")) for name in _SAME_SETTINGS
    }
    return {uv: told[name] for name, uv in _SAME_SETTINGS.items() if told[name] and uv not in os.environ}


def _pip_files() -> list[Path]:
    """Where pip looks for its configuration, the weightiest last (pip.pypa.io, "Configuration")."""
    home = Path.home()
    own = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip" / "pip.conf"
    mac = home / "Library" / "Application Support" / "pip" / "pip.conf"
    named = [Path(os.environ["PIP_CONFIG_FILE"])] if os.environ.get("PIP_CONFIG_FILE") else []
    return [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf", own, mac, *named]


def _pip_settings(file: Path) -> Iterator[tuple[str, str]]:
    read = configparser.RawConfigParser()
    try:
        read.read(file, "utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return  # pip itself will say so
    for section in ("global", "install"):
        if read.has_section(section):
            yield from ((name, " ".join(value.split())) for name, value in read.items(section))


# What is said.

_PROGRESS = re.compile(r"(Downloading|Building|Collecting|Prepared|Installed|Installing|Using cached) .*")
_NO_NETWORK = re.compile(
    r"error sending request|client error \(Connect\)|dns error|operation timed out|tcp connect|NewConnectionError"
    r"|ConnectTimeout|ReadTimeout|ProxyError|Failed to establish a new connection|Network is unreachable"
)


def _why(said: str) -> str:
    """One sentence where no network is the reason, else what the installer has said last."""
    if _NO_NETWORK.search(said):
        return "the package index cannot be reached: run make again once there is a network (nothing else is missing)"
    lines = [line.rstrip() for line in said.splitlines() if line.strip() and not _PROGRESS.match(line.strip())]
    return "the packages cannot be installed:\n" + "\n".join(f"  {line}" for line in lines[-12:])


@contextmanager
def _shown() -> Iterator[Callable[[str], None]]:
    """Show what an installer is at: in one line that is written over on a terminal, else line by line."""
    began, now, over = time.monotonic(), "", threading.Event()
    is_terminal = sys.stdout.isatty()

    def write() -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write("\r\033[K" + f"  {time.monotonic() - began:3.0f} s  {now}"[:width])
        sys.stdout.flush()

    def tick() -> None:
        while not over.wait(0.2):
            write()

    def show(line: str) -> None:
        nonlocal now
        if _PROGRESS.match(line):
            now = line
            if not is_terminal:
                print(f"  {time.monotonic() - began:3.0f} s  {line}", flush=True)

    ticker = threading.Thread(target=tick, daemon=True)
    if is_terminal:
        ticker.start()
    try:
        yield show
    finally:
        over.set()
        if is_terminal:
            ticker.join()
            sys.stdout.write("\r\033[K")
            sys.stdout.flush()


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
