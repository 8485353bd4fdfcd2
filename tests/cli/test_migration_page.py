"""The page about migrating: each pair of its examples is what `loghook migrate` makes of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
PAIRS = re.findall(r"```yaml\n(.*?)```\n\nbecomes\n\n```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
WEB = {"name": "web", "image": "web", "volumeMounts": [{"name": "logs", "mountPath": "/var/log/nginx"}]}


def pod(said: dict[str, Any]) -> dict[str, Any]:
    """A Pod that has what a first example shows: a container, or annotations."""
    is_container = "image" in said
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop", "annotations": {} if is_container else said},
        "spec": {
            "volumes": [{"name": "logs", "emptyDir": {}}],
            "containers": [WEB, said] if is_container else [WEB],
        },
    }


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=range(len(PAIRS)))
def test_each_pair_is_what_migrate_makes(run: Callable[..., Any], before: str, after: str) -> None:
    result = run("migrate", "-f", "-", stdin=yaml.safe_dump(pod(yaml.safe_load(before))))
    found = yaml.safe_load(result.out)
    assert found["metadata"]["annotations"] == yaml.safe_load(after), result.err
    assert found["spec"]["containers"] == [WEB]


def test_there_is_a_pair_for_each_kind() -> None:
    assert len(PAIRS) == PAGE.read_text("utf-8").count("\n## From ")
