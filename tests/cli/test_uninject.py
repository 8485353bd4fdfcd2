"""`loghook uninject` is the inverse of `loghook inject`, to the byte where the text was written by people."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from webhook.cli.reduction import GONE, reduction
from webhook.cli.yaml_text.nodes import DocumentError
from webhook.cli.yaml_text.removal import remove
from webhook.standing.ours import ours

if TYPE_CHECKING:
    from tests.conftest import Case

Run = Callable[..., Any]

APP = """# an app
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata:
      annotations:
        loghook.dev/paths: /var/log/app/*.log   # here
        # the end of the annotations
    spec:
      containers:
      - name: app   # mine
        image: a
      # the last container
# the end
---
apiVersion: v1
kind: Service
metadata: {name: x}
"""


@pytest.fixture
def inject(run: Run) -> Callable[[str], str]:
    def injected(text: str) -> str:
        result = run("inject", "-f", "-", stdin=text)
        assert result.code == 0
        return str(result.out)

    return injected


@pytest.mark.parametrize(
    "text",
    [
        APP,
        APP.replace("\n", "\r\n"),
        APP.replace("      - name: app   # mine\n        image: a\n", "      - {name: app, image: a}\n"),
        APP.replace("*.log ", "*.log\n        loghook.dev/destination: stdout ").replace(
            "\n        loghook.dev/destination: stdout ", " "
        ),
        json.dumps(yaml.safe_load(APP.split("---", maxsplit=1)[0]), indent=2) + "\n",
        APP.replace("    spec:\n", "    spec:\n      volumes:\n      - name: own\n        emptyDir: {}\n"),
        APP.replace(
            "        image: a\n", "        image: a\n        volumeMounts:\n        - {name: own, mountPath: /own}\n"
        ).replace("    spec:\n", "    spec:\n      volumes: [{name: own, emptyDir: {}}]\n"),
    ],
    ids=["block", "crlf", "flow-container", "comments", "json", "own-volumes", "own-mounts"],
)
def test_what_was_injected_comes_out_again_to_the_byte(run: Run, inject: Callable[[str], str], text: str) -> None:
    with_us = inject(text)
    assert with_us != text
    result = run("uninject", "-f", "-", stdin=with_us)
    assert (result.code, result.out) == (0, text)
    assert result.err.splitlines() == ["deployment/web: taken out loghook"]


def test_a_status_without_a_sidecar_is_ours_too_and_comes_out(run: Run, inject: Callable[[str], str]) -> None:
    text = APP.replace("        # the end of", "        loghook.dev/destination: nowhere\n        # the end of")
    with_us = inject(text)
    assert "loghook.dev/status:" in with_us
    result = run("uninject", "-f", "-", stdin=with_us)
    assert (result.code, result.out) == (0, text)
    assert result.err.splitlines() == ["deployment/web: taken out its status"]


def test_the_annotations_that_ask_come_out_where_they_shall(run: Run, inject: Callable[[str], str]) -> None:
    result = run("uninject", "-f", "-", "--annotations", stdin=inject(APP))
    assert result.err == "deployment/web: taken out loghook and its annotations\n"
    assert yaml.safe_load(result.out.split("---")[0])["spec"]["template"].keys() == {"spec"}
    again = run("uninject", "-f", "-", stdin=result.out)
    assert (again.out, again.err) == (result.out, "deployment/web: nothing of ours is in it\n")


def test_it_is_the_inverse_for_every_golden_case(run: Run, case: "Case", tmp_path: Path) -> None:
    if case.folder.name == "safe-to-evict-already" or ours(case.pod):
        return  # nobody knows who named a volume of ours first; an older injection is taken out as well
    (tmp_path / "loghook.yaml").write_text(
        (case.folder / "settings.yaml").read_text() if (case.folder / "settings.yaml").exists() else ""
    )
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **case.pod}, sort_keys=False)
    config = ("--config", str(tmp_path / "loghook.yaml"))
    injected = run("inject", "-f", "-", *config, stdin=text)
    if ": injected " not in injected.err:
        return
    result = run("uninject", "-f", "-", *config, stdin=injected.out)
    assert result.code == 0, result.err
    assert without_empty(yaml.safe_load(result.out)) == without_empty(yaml.safe_load(text), was_injected=True)


def without_empty(value: Any, *, was_injected: bool = False) -> Any:
    """`value` without members that mean nothing, what stays, and an older status."""
    if isinstance(value, dict):
        gone = {"loghook.dev/status", "loghook.dev/config"} if was_injected else set()
        spec, stays = "containers" in value, {"resources", "imagePullSecrets"}
        return {
            key: without_empty(item, was_injected=was_injected)
            for key, item in value.items()
            if item not in (None, [], {}) and key not in gone and not (spec and key in stays)
        }
    return [without_empty(item, was_injected=was_injected) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: 1\nb: 2\n", "a", "b: 2\n"),
        ("a: 1\nb: 2\n", "b", "a: 1\n"),
        ("a:\n- x\n# c\n- y\n", "a/0", "a:\n# c\n- y\n"),
        ("a: {b: 1, c: 2}\n", "a/b", "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", "a/c", "a: {b: 1}\n"),
        ("a: [1]\n", "a/0", "a: []\n"),
        ("a:\n  b: |\n    text\n\n    more\n  c: 1\n", "a/b", "a:\n  c: 1\n"),
    ],
)
def test_one_thing_is_taken_out_of_a_text(text: str, path: str, expected: str) -> None:
    assert remove(text, path.split("/")) == expected


@pytest.mark.parametrize(
    ("text", "path"),
    [("a:\n- b: 1\n  c: 2\n", "a/0/b"), ("a: &x {b: 1}\nc: *x\n", "c/b"), ("a: 1\n", "b"), ("- - 1\n  - 2\n", "0/0")],
)
def test_what_cannot_be_taken_out_is_said(text: str, path: str) -> None:
    with pytest.raises(DocumentError):
        remove(text, path.split("/"))


def test_the_way_from_one_value_to_a_smaller_one() -> None:
    before = {"a": [{"name": "x", "m": [1, 2]}, {"name": "y"}], "b": "1,2", "c": 1}
    after = {"a": [{"name": "x", "m": [2]}], "b": "1"}
    assert list(reduction(before, after)) == [
        (("c",), GONE),
        (("b",), "1"),
        (("a", "1"), GONE),
        (("a", "0", "m", "0"), GONE),
    ]
