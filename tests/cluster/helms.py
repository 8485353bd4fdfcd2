"""Three ways in which people run the chart: Helm 3, Helm 4, and the SDK that is Helm 4 within another program.

Both command lines are built from their Go modules by `.ci/helms`, once, into the user's cache.
"""

import functools
import os
import subprocess
from pathlib import Path
from typing import Any, Protocol

import helm_python
import yaml

from .conftest import ROOT, missing

CHART = ROOT / "charts" / "loghook"
_NO_GO = 3


class Refusal(Exception):
    """Helm did not do it; the text is what it said."""


class Helm(Protocol):
    """One of them, for one release in one namespace. Each method raises Refusal with what Helm says."""

    def install(self, values: dict[str, Any]) -> None: ...
    def upgrade(self, values: dict[str, Any]) -> None: ...
    def rollback(self, revision: int) -> None: ...
    def uninstall(self) -> None: ...


@functools.cache
def built() -> Path:
    """The folder with `helm3` and `helm4`."""
    done = subprocess.run([ROOT / ".ci" / "helms"], capture_output=True, text=True, check=False)
    if done.returncode == _NO_GO:
        missing("both Helms, which Go builds (.ci/helms)")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


class CommandLine:
    """Helm 3 or 4 as its users have it."""

    def __init__(self, major: int, name: str, kubeconfig: Path, folder: Path) -> None:
        self.program, self.name, self.kubeconfig, self.folder = built() / f"helm{major}", name, kubeconfig, folder

    def install(self, values: dict[str, Any]) -> None:
        self.run("install", self.name, CHART, "--values", self._file(values))

    def upgrade(self, values: dict[str, Any], *more: str) -> None:
        self.run("upgrade", self.name, CHART, "--values", self._file(values), *more)

    def rollback(self, revision: int, *more: str) -> None:
        self.run("rollback", self.name, str(revision), *more)

    def uninstall(self) -> None:
        self.run("uninstall", self.name)

    def run(self, *words: str | Path) -> str:
        command: list[str | Path] = [self.program, *words, "--namespace", self.name]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise Refusal(done.stderr)
        return done.stdout

    def _file(self, values: dict[str, Any]) -> Path:
        file = self.folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(values))
        return file


class Sdk:
    """Helm 4 in this process."""

    def __init__(self, name: str, kubeconfig: Path) -> None:
        self.name, self.helm = name, helm_python.Config(namespace=name, kubeconfig_path=kubeconfig)

    def install(self, values: dict[str, Any]) -> None:
        self._do("install", CHART, self.name, values, timeout=180)

    def upgrade(self, values: dict[str, Any]) -> None:
        self._do("upgrade", CHART, self.name, values, timeout=180, reset_values=True)

    def rollback(self, revision: int) -> None:
        self._do("rollback", self.name, version=revision, timeout=180)

    def uninstall(self) -> None:
        self._do("uninstall", self.name, timeout=180)

    def _do(self, what: str, *words: Any, **options: Any) -> None:
        try:
            getattr(self.helm, what)(*words, **options)
        except helm_python.HelmError as error:
            raise Refusal(str(error)) from error


TOOLS = ("helm3", "helm4", "sdk")


def helm(tool: str, name: str, kubeconfig: Path, folder: Path) -> Helm:
    """The one of TOOLS for the release `name` in the namespace of that name."""
    return Sdk(name, kubeconfig) if tool == "sdk" else CommandLine(int(tool[-1]), name, kubeconfig, folder)
