"""Every golden case through `inject`: the result that was reviewed, and what must be true of any result.

A case is a folder of `golden` with a `pod.yaml`, whose first line says what it shows, and the reviewed result: one of
`injected.yaml` (with `warnings.txt` where there are any), `skipped.txt` and `denied.txt`. `settings.yaml` is its
loghook.yaml and `namespace.txt` its namespace, where they are not the usual ones. `pytest --update-golden` writes the
results anew.
"""

from __future__ import annotations

import copy
import difflib
import gc
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonpatch
import msgspec
import pytest
import yaml

from webhook import __version__
from webhook.diagnostics import Reason
from webhook.inject import Injected, Outcome, Refused, Skipped, inject
from webhook.pod.view import view
from webhook.sidecars.drain import DRAIN_SCRIPT
from webhook.sidecars.streaming import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.conftest import Case

RESULTS = {"injected.yaml", "skipped.txt", "denied.txt"}
INPUTS = {"pod.yaml", "settings.yaml", "namespace.txt"}
STATUS = "loghook.dev/status"
CONFIG = "loghook.dev/config"


# The files.


class _Dumper(yaml.SafeDumper):
    """Readable YAML: no aliases, and a block for text of several lines."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class says what it is given
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _is_ours(key: str, value: Any) -> bool:
    return key == CONFIG and len(value) > 200


_SCRIPTS = {SCRIPT: "<stream.sh>", DRAIN_SCRIPT: "<drain.sh>"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?=\"\}$)")


def readable(pod: Any) -> str:
    """The Pod as the golden file has it: with placeholders for constant scripts, our version, and the configuration.

    What a configuration says is held by the tests of its agent.
    """
    return yaml.dump(_with_placeholders(pod), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _with_placeholders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "<config>" if _is_ours(key, item) else _with_placeholders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_placeholders(item) for item in value]
    if not isinstance(value, str):
        return value
    value = _SCRIPTS.get(value, value).replace(f'{{"version":"{__version__}",', '{"version":"<version>",')
    value = value.replace(f"/loghook:{__version__}", "/loghook:<version>")
    return _DIGEST.sub("sha256:<digest>", value)


def ops_of(outcome: Outcome) -> list[dict[str, Any]]:
    """The patch as the API server gets it."""
    ops: list[dict[str, Any]] = msgspec.json.decode(
        msgspec.json.encode(() if isinstance(outcome, Refused) else outcome.ops)
    )
    return ops


def results(case: Case) -> dict[str, str]:
    """The result files of `case`, by name, as the code has them now."""
    outcome = inject(view(case.pod), case.config, case.namespace)
    warnings = "".join(f"{found}\n" for found in outcome.diagnostics if found.severity == "warning")
    if isinstance(outcome, Injected):
        injected = jsonpatch.apply_patch(case.pod, ops_of(outcome))
        return {"injected.yaml": readable(injected)} | ({"warnings.txt": warnings} if warnings else {})
    if isinstance(outcome, Refused):
        return {"denied.txt": f"{outcome.message}\n{warnings}"}
    said = "".join(f"{found}\n" for found in outcome.diagnostics)
    if outcome.reason is Reason.ALREADY_INJECTED:
        said += "".join(f"put back: {op['path']}\n" for op in ops_of(outcome))
        return {"skipped.txt": f"{outcome.reason.value}\n{said}"}
    status = "".join(f"{STATUS}: {_with_placeholders(op['value'])}\n" for op in ops_of(outcome))
    return {"skipped.txt": f"{outcome.reason.value}\n{said}{status}"}


def there(folder: Path) -> dict[str, str]:
    names = {file.name for file in folder.iterdir()} - INPUTS
    return {name: (folder / name).read_text("utf-8") for name in names}


def test_gives_the_reviewed_result(case: Case, *, updating: bool) -> None:
    expected, found = there(case.folder), results(case)
    if updating:
        for stale in expected.keys() - found.keys():
            (case.folder / stale).unlink()
        for name, text in found.items():
            (case.folder / name).write_text(text, "utf-8")
        return
    assert expected.keys() == found.keys(), f"rather than {sorted(expected)}:\n" + "\n".join(found.values())
    for name, text in found.items():
        # The golden Pod is compared as data: order and types count, comments and styles of quoting do not.
        reviewed = readable(yaml.safe_load(expected[name])) if name.endswith(".yaml") else expected[name]
        diff = difflib.unified_diff(reviewed.splitlines(), text.splitlines(), "reviewed", "now", lineterm="")
        assert reviewed == text, "\n".join(diff)


def test_has_no_stray_or_unpaired_files(case: Case) -> None:
    names = {file.name for file in case.folder.iterdir()}
    assert not names - INPUTS - RESULTS - {"warnings.txt"}, "stray files"
    assert len(names & RESULTS) == 1, "one result for each Pod"
    assert "warnings.txt" not in names or "injected.yaml" in names, "warnings of what is not injected stand in its file"
    assert all(file.is_file() and file.read_text("utf-8").endswith("\n") for file in case.folder.iterdir())
    first = (case.folder / "pod.yaml").read_text("utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 20, "the first line says what the case shows"


def test_finds_every_folder_of_the_corpus(cases: list[Case]) -> None:
    golden = cases[0].folder.parent
    assert {file.name for file in golden.iterdir()} == {case.folder.name for case in cases}, "a folder without pod.yaml"
    assert len(cases) >= 80


def test_tells_the_cases_apart(cases: list[Case]) -> None:
    seen: dict[str, str] = {}
    for case in cases:
        same = seen.setdefault(json.dumps([case.pod, case.settings, case.namespace]), case.folder.name)
        assert same == case.folder.name, f"{same} and {case.folder.name} are the same case"


# What is true of every result.


def test_only_adds(
    case: Case, additions_only: Callable[..., None], mends_only: Callable[[Any, list[dict[str, Any]]], None]
) -> None:
    before = case.pod
    outcome = inject(view(before), case.config, case.namespace)
    assert before == case.pod, "the input is left as it was"
    after = jsonpatch.apply_patch(case.pod, ops_of(outcome))
    if isinstance(outcome, Skipped) and outcome.reason is Reason.ALREADY_INJECTED:
        mends_only(before, ops_of(outcome))
    else:
        additions_only(before, after, ops_of(outcome))


def test_makes_a_patch_that_two_appliers_read_alike(case: Case, apply: Callable[..., Any]) -> None:
    ops = ops_of(inject(view(case.pod), case.config, case.namespace))
    by_jsonpatch = jsonpatch.apply_patch(case.pod, ops)
    assert json.dumps(apply(case.pod, ops)) == json.dumps(by_jsonpatch), "the same, down to the order of keys"


def test_leaves_an_injected_pod_alone(case: Case) -> None:
    outcome = inject(view(case.pod), case.config, case.namespace)
    after = jsonpatch.apply_patch(case.pod, ops_of(outcome))
    again = inject(view(after), case.config, case.namespace)
    assert ops_of(again) == []
    if isinstance(outcome, Injected):
        assert isinstance(again, Skipped)
        assert again.reason is Reason.ALREADY_INJECTED
    elif isinstance(outcome, Skipped):
        left = tuple(found for found in outcome.diagnostics if found.code != "LH304")
        assert again == msgspec.structs.replace(outcome, ops=(), diagnostics=left)
    else:
        assert again == outcome


def test_makes_sidecars_that_pod_security_admits(case: Case, violations: Callable[[Any, Any], list[str]]) -> None:
    outcome = inject(view(case.pod), case.config, case.namespace)
    after = jsonpatch.apply_patch(case.pod, ops_of(outcome))
    ours = {added.name for added in outcome.sidecars} if isinstance(outcome, Injected) else set()
    spec = after["spec"]
    sidecars = [
        each for each in [*(spec.get("initContainers") or []), *spec.get("containers", [])] if each["name"] in ours
    ]
    assert len(sidecars) == len(ours)
    assert [found for sidecar in sidecars for found in violations(sidecar, spec)] == []


def test_says_the_digest_of_the_configuration(case: Case) -> None:
    outcome = inject(view(case.pod), case.config, case.namespace)
    said = {op["path"].rpartition("~1")[2]: op["value"] for op in ops_of(outcome)}
    if isinstance(outcome, Injected) and any(added.mode == "agent" for added in outcome.sidecars):
        status = json.loads(said["status"])
        assert status["config"] == "sha256:" + hashlib.sha256(said["config"].encode()).hexdigest()
        assert said["config"]
    elif not isinstance(outcome, Skipped) or outcome.reason is not Reason.ALREADY_INJECTED:
        assert "config" not in said


_ALL_ANSWERS = """
import json, sys
from webhook.config.loghook_yaml import load
from webhook.review import answer
for settings, review in json.load(sys.stdin):
    sys.stdout.buffer.write(answer(json.dumps(review).encode(), load(settings)).body + b"\\n")
"""


def review_of(case: Case, uid: str = "5c1d1c7e") -> dict[str, Any]:
    request = {
        "uid": uid,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": case.namespace,
        "object": case.pod,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def test_leaves_nothing_to_the_garbage_collector(case: Case) -> None:
    """Each Pod is given back when it is answered: circles, as an exception's own, would hold many Pods of 7 MiB."""
    pod = view(case.pod)
    inject(pod, case.config, case.namespace)  # what is made once for all is made now
    gc.collect()
    gc.disable()
    try:
        inject(pod, case.config, case.namespace)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_gives_the_same_bytes_under_any_hash_seed(cases: list[Case]) -> None:
    every = json.dumps([[case.settings, review_of(case)] for case in cases])

    def answers(seed: str) -> list[bytes]:
        command = [sys.executable, "-c", _ALL_ANSWERS]
        done = subprocess.run(
            command, input=every.encode(), env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, timeout=60
        )
        return done.stdout.splitlines()

    first = answers("0")
    assert len(first) == len(cases)
    for seed in ("1", "2", "3", "4294967295"):
        differ = [case.folder.name for case, one, two in zip(cases, first, answers(seed), strict=True) if one != two]
        assert differ == [], f"another answer under seed {seed}"


def test_notices_what_the_invariants_forbid(additions_only: Callable[..., None]) -> None:
    """The checks themselves: each of them can fail."""
    spec: dict[str, Any] = {"containers": [{"name": "app"}], "initContainers": [{"name": "init"}]}
    pod: dict[str, Any] = {"metadata": {"annotations": {"a": "b"}}, "spec": spec}

    def changed(**fields: Any) -> Any:
        return {**copy.deepcopy(pod), "spec": {**copy.deepcopy(spec), **fields}}

    bad: Iterable[tuple[Any, list[dict[str, Any]]]] = (
        (changed(hostNetwork=True), []),
        (changed(containers=[]), []),
        (changed(containers=[{"name": "app", "image": "x"}]), []),
        (changed(containers=[{"name": "x"}, {"name": "app"}]), []),
        (changed(initContainers=[{"name": "loghook"}]), []),
        (pod, [{"op": "replace", "path": "/metadata/annotations/loghook.dev~1status", "value": ""}]),
        (pod, [{"op": "add", "path": "/metadata/annotations/a", "value": "b"}]),
        (pod, [{"op": "add", "path": "/spec/containers/0/image", "value": "b"}]),
    )
    for after, ops in bad:
        with pytest.raises(AssertionError):
            additions_only(pod, after, ops)


# What the documentation says is all that is ever added.

ADDED = Path(__file__).parents[1] / "docs" / "what-is-added.md"


def pieces(op: dict[str, Any]) -> Iterator[str]:
    """What an operation adds, in the words of the page: the field, and the names of what is put there."""
    match re.sub(r"/([0-9]+|-)(?=/|$)", "", op["path"]).split("/")[1:]:
        case ["metadata", "annotations", *keys]:
            yield "metadata.annotations"
            yield from (_annotation(key.replace("~1", "/")) for key in keys or op["value"])
        case ["spec", "containers" | "initContainers" as field, "volumeMounts"]:
            yield f"spec.{field}[].volumeMounts"
            yield from _names(op["value"])
        case ["spec", "resources", kind]:
            yield from ("spec.resources", kind)
        case ["spec", "imagePullSecrets"]:
            yield "spec.imagePullSecrets"
        case ["spec", "volumes" | "containers" | "initContainers" as field]:
            yield f"spec.{field}"
            yield from _names(op["value"])
        case _:
            yield op["path"]


def _annotation(key: str) -> str:
    """An annotation, and one for the node's agent by its beginning."""
    hint = re.match(r"fluentbit\.io/|ad\.datadoghq\.com/|co\.elastic\.logs", key)
    return f"{hint[0]}…" if hint else key


def _names(value: Any) -> Iterator[str]:
    """The names of volumes, mounts or containers, without what tells several of a kind apart."""
    for each in value if isinstance(value, list) else [value]:
        name = re.sub(r"^loghook-logs-[0-9]+$", "loghook-logs-2", each["name"])
        is_named = "image" in each and name not in {"loghook", "loghook-agent", "loghook-drain"}
        yield "loghook-SOURCE" if is_named else name


def test_adds_what_the_documentation_names_and_nothing_else(cases: list[Case]) -> None:
    said = set(re.findall(r"`([^` ]+)`", ADDED.read_text("utf-8")))
    added = {
        piece
        for case in cases
        for outcome in [inject(view(case.pod), case.config, case.namespace)]
        if not (isinstance(outcome, Skipped) and outcome.reason is Reason.ALREADY_INJECTED)  # that puts back
        for op in ops_of(outcome)
        for piece in pieces(op)
    }
    assert added <= said
    named = {word for word in said if re.match(r"loghook\b|spec\.|metadata\.|[a-z.-]+/", word)}
    assert named <= added
