"""What all tests share: the golden cases, found and not listed, and the options of a run.

A test that lacks something skips with `NOT TESTED: this needs …`. In CI, where LOGHOOK_CI is set, that is a failure.
"""

import copy
import itertools
import json
import os
import re
import signal
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

from webhook.config.loghook_yaml import Config, load

GOLDEN = Path(__file__).parent / "golden"

_AT_ANY_SPEED: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", derandomize=True, max_examples=200, **_AT_ANY_SPEED)
hypothesis.settings.register_profile("long", max_examples=5000, **_AT_ANY_SPEED)
hypothesis.settings.load_profile("long" if os.environ.get("LOGHOOK_SOAK") else "quick")


@dataclass(frozen=True)
class Case:
    """One folder of the golden corpus: a Pod, and the configuration and namespace in which it is created."""

    folder: Path

    @property
    def pod(self) -> dict[str, Any]:
        """The Pod as it is received, made anew at each call."""
        pod: dict[str, Any] = yaml.load((self.folder / "pod.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
        return pod

    @cached_property
    def settings(self) -> str:
        """The text of loghook.yaml; empty where the built-in configuration holds."""
        file = self.folder / "settings.yaml"
        return file.read_text("utf-8") if file.exists() else ""

    @cached_property
    def config(self) -> Config:
        return load(self.settings)

    @cached_property
    def namespace(self) -> str:
        file = self.folder / "namespace.txt"
        return file.read_text("utf-8").strip() if file.exists() else "default"

    @property
    def is_injected(self) -> bool:
        return (self.folder / "injected.yaml").exists()


def pytest_configure() -> None:
    """A shell ignores SIGINT in what it starts in the background, and so would everything that the tests start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files anew instead of comparing with them"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing that could be had may be skipped."""
    report = yield
    if os.environ.get("LOGHOOK_CI") and report.skipped and isinstance(report.longrepr, tuple):
        why = report.longrepr[2]
        if "this needs " in why:
            report.outcome, report.longrepr = "failed", f"CI lacks something: {why}"
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = sorted(file.parent for file in GOLDEN.glob("*/pod.yaml"))
        metafunc.parametrize("case", [pytest.param(Case(folder), id=folder.name) for folder in found])


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    return [Case(file.parent) for file in sorted(GOLDEN.glob("*/pod.yaml"))]


@pytest.fixture(scope="session")
def updating(pytestconfig: pytest.Config) -> bool:
    """Whether the golden files are written anew."""
    return bool(pytestconfig.getoption("--update-golden"))


# What is true of every result.

_ADDED_LISTS = re.compile(
    r"/spec/(volumes|containers|initContainers|imagePullSecrets|(c|initC)ontainers/[0-9]+/volumeMounts)"
)
_ADDED_PATHS = re.compile(
    r"/spec/(volumes|imagePullSecrets)(/-)?|/spec/containers/-|/spec/initContainers(/[0-9]+)?"
    r"|/spec/(c|initC)ontainers/[0-9]+/volumeMounts(/-)?|/spec/resources/(requests|limits)(/(cpu|memory))?"
    r"|/metadata/annotations/(loghook\.dev~1(status|config)|cluster-autoscaler\.kubernetes\.io~1safe-to-evict-local-volumes"
    r"|kubectl\.kubernetes\.io~1default-container"
    r"|fluentbit\.io~1parser_stdout-loghook.*|ad\.datadoghq\.com~1loghook.*|co\.elastic\.logs\.loghook[^/]*~1.*)"
)
_ADDED_MEMBERS = re.compile(r"/metadata/annotations/.*|/spec/resources/(requests|limits)(/(cpu|memory))?")
_WRITTEN = re.compile(r"/metadata/annotations/loghook\.dev/(status|config)")
_APPENDED = re.compile(r"/metadata/annotations/cluster-autoscaler\.kubernetes\.io/safe-to-evict-local-volumes")
_PATCH_LIMIT = 64 * 2**10


def _check_kept(before: Any, after: Any, place: str = "") -> None:
    """Everything of `before` is in `after`, in its order; only where we add may there be more."""
    if _ADDED_LISTS.fullmatch(place):
        before, after = before or [], after or []
        names = [item.get("name") for item in before]
        is_mixed = place.endswith("initContainers")  # elsewhere ours stand behind the user's
        after = [item for item in after if item.get("name") in names] if is_mixed else after[: len(before)]
    elif _ADDED_MEMBERS.fullmatch(place):
        before = {} if before is None and isinstance(after, dict) else before
    if isinstance(before, dict) and isinstance(after, dict):
        added = [key for key in after if key not in before]
        ways = [f"{place}/{key}" for key in added]
        assert all(_ADDED_LISTS.fullmatch(way) or _ADDED_MEMBERS.fullmatch(way) for way in ways), place
        assert [key for key in after if key in before] == list(before), place
        for key, value in before.items():
            _check_kept(value, after[key], f"{place}/{key}")
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after), place
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            _check_kept(one, other, f"{place}/{index}")
    elif _APPENDED.fullmatch(place):
        assert after == before or after.startswith(before + "," if before else "")
    elif not _WRITTEN.fullmatch(place):
        assert (type(before), before) == (type(after), after), place


@pytest.fixture(scope="session")
def additions_only() -> Callable[[Any, Any, list[dict[str, Any]]], None]:
    """Check a Pod before and after, and the patch between them: additions, in known places, and not too many."""

    def check(before: Any, after: Any, ops: list[dict[str, Any]]) -> None:
        assert {op["op"] for op in ops} <= {"add"}
        assert [op["path"] for op in ops if not _ADDED_PATHS.fullmatch(op["path"])] == []
        assert len(json.dumps(ops).encode()) <= _PATCH_LIMIT
        _check_kept(before, after)

    return check


_MENDED_MEMBERS = re.compile(
    r"(/command|/args|/restartPolicy|/lifecycle|/env(/[0-9]+(/(value|valueFrom))?)?"
    r"|/volumeMounts(/-|/[0-9]+/(name|readOnly|subPath|subPathExpr))?)"
)
_OF_THE_POD = re.compile(
    r"/spec/volumes(/-)?|/metadata/annotations(/loghook\.dev~1(status|config))?"
    r"|/spec/(c|initC)ontainers/[0-9]+/volumeMounts(/-)?"
)


@pytest.fixture(scope="session")
def mends_only() -> Callable[[Any, list[dict[str, Any]]], None]:
    """Check what is put back in a Pod that is injected already: `add` alone, and in what is ours."""

    def check(pod: Any, ops: list[dict[str, Any]]) -> None:
        assert {op["op"] for op in ops} <= {"add"}
        for op in ops:
            place = re.match(r"/spec/(initContainers|containers|volumes)/([0-9]+)", op["path"])
            if _OF_THE_POD.fullmatch(op["path"]) or place is None:
                assert _OF_THE_POD.fullmatch(op["path"]), op["path"]
                continue
            assert pod["spec"][place[1]][int(place[2])]["name"].startswith("loghook"), op["path"]
            assert place[1] == "volumes" or _MENDED_MEMBERS.fullmatch(op["path"][place.end() :]), op["path"]

    return check


@pytest.fixture(scope="session")
def apply() -> Callable[[Any, list[dict[str, Any]]], Any]:
    """A second opinion on a patch: `add` alone, by the letter of RFC 6902 and RFC 6901."""

    def add(document: Any, op: dict[str, Any]) -> None:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in op["path"].split("/")[1:]]
        for part in way:
            document = document[int(part)] if isinstance(document, list) else document[part]
        if isinstance(document, dict):
            document[last] = op["value"]
            return
        index = len(document) if last == "-" else int(last)
        assert 0 <= index <= len(document), f"{op['path']} is beyond the end of the list"
        document.insert(index, op["value"])

    def apply_all(document: Any, ops: list[dict[str, Any]]) -> Any:
        document = copy.deepcopy(document)
        for op in copy.deepcopy(ops):
            add(document, op)
        return document

    return apply_all


_RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


_PROBES = {"ports", "livenessProbe", "readinessProbe", "startupProbe"}
_STATE = {"name": "loghook-state", "mountPath": "/var/lib/loghook"}


def _of_the_standard(sidecar: Any, context: Any) -> Iterator[tuple[str, bool]]:
    """Each control of `restricted`, and whether the sidecar keeps to it."""
    capabilities = context.get("capabilities", {})
    yield "allowPrivilegeEscalation", context.get("allowPrivilegeEscalation") is False
    yield "privileged", not context.get("privileged")
    yield "dropped capabilities", "ALL" in capabilities.get("drop", [])
    yield "added capabilities", not set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}
    yield "runAsNonRoot", context.get("runAsNonRoot") is True
    yield "runAsUser", context.get("runAsUser") != 0
    yield "seccompProfile", context.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"}
    yield "others", not context.keys() & {"seLinuxOptions", "windowsOptions", "appArmorProfile", "procMount"}
    yield "hostPort, or the host of a probe", not sidecar.keys() & _PROBES
    yield "the host of a hook", "lifecycle" not in sidecar or list(sidecar["lifecycle"]["preStop"]) == ["sleep"]


def _of_the_design(sidecar: Any, context: Any) -> Iterator[tuple[str, bool]]:
    """What we ask of every sidecar beyond the standard."""
    env = sidecar.get("env", [])
    sources = [each["valueFrom"] for each in env if each.get("valueFrom")]
    mounts = {mount["mountPath"]: mount for mount in sidecar["volumeMounts"]}
    yield "readOnlyRootFilesystem", context.get("readOnlyRootFilesystem") is True
    yield "env", "envFrom" not in sidecar and all(source.keys() <= {"fieldRef", "secretKeyRef"} for source in sources)
    yield "each variable once", len(env) == len({each["name"] for each in env})
    yield "secrets of agents alone", sidecar["name"] == "loghook-agent" or not any("secretKeyRef" in s for s in sources)
    yield (
        "read-only mounts",
        all(mount.get("readOnly") is True or mount == _STATE or _is_freed(sidecar, mount) for mount in mounts.values()),
    )
    yield "no token", mounts["/var/run/secrets/kubernetes.io/serviceaccount"]["name"] == "loghook-token"
    yield "one mount for each path", len(mounts) == len(sidecar["volumeMounts"])
    yield "resources", {"cpu", "memory"} <= sidecar["resources"]["requests"].keys()


def _is_freed(sidecar: Any, mount: Any) -> bool:
    """Whether the sidecar is a reader that makes holes in the files there, which are on a volume that we added."""
    options = list(itertools.pairwise(sidecar.get("args", [])))
    is_reader = "/opt/loghook/reader/__main__.py" in sidecar.get("command", [])
    is_added = re.fullmatch(r"loghook-logs(-[0-9]+)?", mount["name"]) is not None
    return is_reader and is_added and ("--free", mount["mountPath"]) in options


def _violations(sidecar: Any, spec: Any) -> Iterator[str]:
    context = sidecar.get("securityContext", {})
    checks = (*_of_the_standard(sidecar, context), *_of_the_design(sidecar, context))
    yield from (what for what, is_kept in checks if not is_kept)
    for volume in spec["volumes"]:
        if volume["name"].startswith("loghook-") and not volume.keys() & _RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}"


@pytest.fixture(scope="session")
def violations() -> Callable[[Any, Any], list[str]]:
    """What Pod Security `restricted` has against a sidecar in a Pod's spec.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    return lambda sidecar, spec: list(_violations(sidecar, spec))
