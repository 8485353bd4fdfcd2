"""`loghook lint`: every finding at its file, line and column, in four formats."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.annotations.registry import PREFIX
from webhook.cli.manifests import read
from webhook.inject import inject

Run = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]

APP = """# an app
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    loghook.dev/paths: /var/log/a.log
spec:
  template:
    metadata:
      annotations:
        loghook.dev/pahts: /var/log/app/*.log
        loghook.dev/paths: var/log/x
    spec:
      containers: [{name: app}]
---
apiVersion: v1
kind: Service
metadata: {name: x}
---
apiVersion: v1
kind: Pod
metadata:
  name: p
  annotations: {loghook.dev/inject: true}
spec: {containers: [{name: a}]}
"""

PLACES = [(7, 5, "LH601"), (12, 9, "LH101"), (13, 9, "LH111"), (25, 37, "manifest")]

GOOD = """apiVersion: v1
kind: Pod
metadata:
  name: p
  annotations:
    loghook.dev/paths: /var/log/app/*.log
spec: {containers: [{name: a}]}
"""

WARNED = GOOD.replace("/var/log/app/*.log", "/var/log/app/*.log\n    loghook.dev/time-key: t")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def places(result: Any) -> list[tuple[int, int, str]]:
    return [(each["line"], each["column"], each["code"]) for each in json.loads(result.out)]


def test_it_finds_everything_at_its_line_and_column(run: Run, folder: Path) -> None:
    (folder / "app.yaml").write_text(APP)
    result = run("lint", "-f", "app.yaml")
    assert result.code == 1
    assert [line.partition(" ")[0] for line in result.out.splitlines()] == [
        f"app.yaml:{line}:{column}:" for line, column, _ in PLACES
    ]
    assert result.out.splitlines()[1] == (
        "app.yaml:12:9: error LH101: deployment/web: loghook.dev/pahts: no such key, write loghook.dev/paths"
    )
    assert result.err == "3 errors, 1 warning\n"


def test_from_stdin_as_helm_and_kustomize_write_it(run: Run) -> None:
    result = run("lint", "-f", "-", "-o", "json", stdin=APP)
    assert (result.code, result.err) == (1, "")
    assert places(result) == PLACES
    assert {each["file"] for each in json.loads(result.out)} == {"stdin"}
    assert {each["object"] for each in json.loads(result.out)} == {"deployment/web", "pod/p"}


@pytest.mark.parametrize(
    ("manifest", "more", "code"),
    [(GOOD, [], 0), (GOOD, ["--fail-on", "warning"], 0), (WARNED, [], 0), (WARNED, ["--fail-on", "warning"], 1)],
)
def test_the_exit_code_is_about_what_is_as_bad_as_asked(run: Run, manifest: str, more: list[str], code: int) -> None:
    result = run("lint", "-f", "-", *more, stdin=manifest)
    assert result.code == code
    assert ("warning LH191" in result.out) is (manifest is WARNED)
    assert result.err == ("0 errors, 1 warning\n" if manifest is WARNED else "nothing is wrong\n")


def test_a_directory_has_its_manifests_looked_at_and_the_rest_passed_over(run: Run, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "app.yaml").write_text(APP)
    (folder / "deep" / "app.yml").write_text(APP)
    (folder / "values.yaml").write_text("replicas: 2\n")
    (folder / "empty.yaml").write_text("")
    (folder / "template.yaml").write_text("{{- if .Values.x }}\na: [\n{{- end }}\n")
    (folder / "notes.txt").write_text(f"{PREFIX}paths: [\n")
    (folder / "one.json").write_text('{"apiVersion": "v1", "kind": "Service"}')
    assert places(run("lint", "-f", ".", "-o", "json")) == PLACES
    deep = run("lint", "-R", "-f", ".", "-o", "json")
    assert places(deep) == PLACES * 2
    assert [each["file"] for each in json.loads(deep.out)][::4] == ["app.yaml", "deep/app.yml"]
    (folder / "deep" / "broken.yaml").write_text(f"{PREFIX}paths: [\n")
    assert places(run("lint", "-f", "deep", "-o", "json"))[4:] == [(2, 1, "manifest")]


def test_a_file_that_is_named_must_be_a_manifest(run: Run, folder: Path) -> None:
    for name, text, place in (("values.yaml", "replicas: 2\n", ":1:1"), ("empty.yaml", "", ""), ("b", "a: [", ":1:5")):
        (folder / name).write_text(text)
        result = run("lint", "-f", name)
        assert result.code == 1
        assert result.out.startswith(f"{name}{place}: error manifest: ")
    result = run("lint", "-f", "nowhere.yaml")
    assert (result.code, result.out, result.err) == (2, "", "Error: nowhere.yaml: No such file or directory\n")
    assert run("lint", "-f", "-", "-f", "-").code == 2


def test_pre_commit_gives_all_files_and_what_is_no_manifest_is_passed_over(run: Run, folder: Path) -> None:
    (folder / "app.yaml").write_text(APP)
    (folder / "values.yaml").write_text("replicas: 2\n")
    assert places(run("lint", "-o", "json", "values.yaml", "app.yaml")) == PLACES
    result = run("lint")
    assert (result.code, result.err) == (2, "Error: Missing option '--file' / '-f'. (see --help)\n")


def test_stdin_without_f_must_be_a_manifest_too_and_is_read_once(run: Run) -> None:
    broken = run("lint", "-", stdin="a: [")
    assert (broken.code, broken.out[:29]) == (1, "stdin:1:5: error manifest: no")
    assert places(run("lint", "-", "-o", "json", stdin=APP)) == PLACES
    assert run("lint", "-", "-").err == "Error: stdin can be read only once: give -f - only once\n"


def test_a_pipe_that_pre_commit_or_a_shell_gives_is_read_once(run: Run, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_text, args=(f"{PREFIX}paths: [",))
    writer.start()
    result = run("lint", "pipe")
    writer.join(60)
    assert (result.code, result.out[:18]) == (1, "pipe:1:21: error m")


def test_a_directory_without_f_is_looked_into_as_with_it(run: Run, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "app.yaml").write_text(APP)
    assert places(run("lint", "deep", "-o", "json")) == PLACES


def test_a_directory_in_which_nothing_is_looked_at_is_not_called_right(run: Run, folder: Path) -> None:
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "app.yaml").write_text(APP)
    said = "Error: deep: no file in it ends in .json, .yaml, .yml; -R looks into its directories too\n"
    for words in (["-f", "deep"], ["deep"]):
        result = run("lint", *words)
        assert (result.code, result.out, result.err) == (2, "", said)
    (folder / "deep" / "deeper" / "app.yaml").unlink()
    assert run("lint", "-R", "-f", "deep").err == "Error: deep: no file in it ends in .json, .yaml, .yml\n"


def test_a_name_that_the_system_refuses_is_one_line(run: Run) -> None:
    for words in (["-f", "a" * 300], ["a" * 300]):
        result = run("lint", *words)
        assert (result.code, result.out, result.err) == (2, "", f"Error: {'a' * 300}: File name too long\n")


def test_the_hook_of_pre_commit_is_this_command() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert (hook["id"], hook["entry"], hook["language"]) == ("loghook-lint", "loghook lint", "python")


def test_github_shows_them_in_place_and_no_text_ends_a_command(run: Run, folder: Path) -> None:
    (folder / "a,b:c.yaml").write_text(APP)
    lines = run("lint", "-f", "a,b:c.yaml", "-o", "github").out.splitlines()
    assert len(lines) == len(PLACES)
    assert lines[1] == (
        "::error file=a%2Cb%3Ac.yaml,line=12,col=9,title=LH101::"
        "deployment/web: loghook.dev/pahts: no such key, write loghook.dev/paths"
    )
    said = run("lint", "-f", "-", "-o", "github", stdin=GOOD.replace("/var/log/app/*.log", '"x%\\n::error::"')).out
    assert all(line.startswith("::error file=stdin,line=6,") for line in said.splitlines())
    assert "%25" in said


def test_sarif_has_a_rule_for_each_result(run: Run, folder: Path) -> None:
    (folder / "an app.yaml").write_text(APP)
    result = run("lint", "-f", "an app.yaml", "-o", "sarif")
    sarif = json.loads(result.out)
    (found,) = sarif["runs"]
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    assert (result.code, sarif["version"]) == (1, "2.1.0")
    assert rules == sorted({code for *_, code in PLACES})
    assert [rules[each["ruleIndex"]] for each in found["results"]] == [code for *_, code in PLACES]
    assert [each["level"] for each in found["results"]] == ["warning", "error", "error", "error"]
    (place,) = found["results"][1]["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "an%20app.yaml"},
        "region": {"startLine": 12, "startColumn": 9},
    }
    assert json.loads(run("lint", "-f", "-", "-o", "sarif", stdin=GOOD).out)["runs"][0]["results"] == []


def test_it_says_what_inject_says_of_every_golden_case_at_the_line_of_the_key(
    run: Run, case: Any, tmp_path: Path
) -> None:
    file = case.folder / "pod.yaml"
    (manifest,) = read(str(file))
    (part,) = manifest.parts()
    (tmp_path / "loghook.yaml").write_text(case.settings)
    result = run(
        "lint", "-f", str(file), "-n", case.namespace, "--config", str(tmp_path / "loghook.yaml"), "-o", "json"
    )
    found = json.loads(result.out)
    try:
        expected = inject(part.view(), case.config, case.namespace).diagnostics
    except Exception:  # noqa: BLE001 - a Pod that cannot be read is a finding too
        assert [each["code"] for each in found] == ["manifest"]
        return
    assert sorted((each["code"], each["severity"]) for each in found) == sorted((e.code, e.severity) for e in expected)
    lines = file.read_text("utf-8").splitlines()
    keys = {diagnostic.key for diagnostic in expected}
    for each in found:
        written = [key for key in keys if key in each["message"].partition(": ")[0]]
        if any(key in line for key in written for line in lines):
            assert any(key in lines[each["line"] - 1] for key in written)
