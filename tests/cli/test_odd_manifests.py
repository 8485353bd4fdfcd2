"""Manifests that are almost some: whatever stands where something else should be, each command says so in a line."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run

PATHS = {"loghook.dev/paths": "/var/log/app/*.log"}
STREAM = "/var/run/secrets/kubernetes.io/serviceaccount"
TEMPLATE: dict[str, Any] = {
    "metadata": {
        "labels": {"app": "shop"},
        "annotations": {
            **PATHS,
            "loghook.dev/status": '{"injected":true,"containers":["loghook"]}',
            "tailing-sidecar": "a:logs:/var/log/app/a.log",
            "sidecar.logging-extensions.banzaicloud.io/tail": "app:/var/log/app/b.log",
            "logging.kubesphere.io/logsidecar-config": '{"containerLogConfigs":{"app":{"logs":["c.log"]}}}',
        },
    },
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "nginx",
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "C", "valueFrom": {"fileKeyRef": {"volumeName": "logs"}}},
                ],
                "volumeMounts": [{"name": "logs", "mountPath": "/var/log/app", "subPathExpr": "$(A)"}],
                "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
            },
            {
                "name": "tail",
                "image": "busybox",
                "args": ["tail", "-F", "/var/log/app/d.log"],
                "volumeMounts": [{"name": "logs", "mountPath": "/var/log/app"}],
            },
        ],
        "initContainers": [
            {
                "name": "loghook",
                "image": "busybox:1.37",
                "restartPolicy": "Always",
                "volumeMounts": [{"name": "loghook-token", "mountPath": STREAM, "readOnly": True}],
            }
        ],
        "volumes": [{"name": "logs", "emptyDir": {}}, {"name": "loghook-token", "projected": {"sources": []}}],
    },
}
MANIFESTS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Pod", **TEMPLATE},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": TEMPLATE}},
    {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", **TEMPLATE}]},
]
ODD: list[Any] = [None, 5, -1.5, True, "x", "", [], {}, [None], [[]], ["x"], {"a": None}, {"": ""}, {"name": None}]
COMMANDS = ["lint -f", "inject -f", "uninject --annotations -f", "migrate -f", "describe --offline -f"]
COUNT = 60


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all that is in `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*way, key)
        yield from places(each, (*way, key))


def odd(dice: random.Random) -> dict[str, Any]:
    """A manifest in which something is missing, or something else."""
    manifest = copy.deepcopy(dice.choice(MANIFESTS))
    for _ in range(dice.choice((1, 1, 2))):
        *way, last = dice.choice(list(places(manifest)))
        holder: Any = manifest
        for key in way:
            holder = holder[key]
        if dice.random() < 0.2:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(dice.choice(ODD))
    return manifest


@pytest.mark.parametrize("command", COMMANDS)
def test_says_of_each_odd_manifest_what_becomes_of_it(run: Run, tmp_path: Path, command: str) -> None:
    dice = random.Random("odd")  # noqa: S311 - dice that fall the same way each time
    file = tmp_path / "odd.json"
    codes = set()
    for _ in range(COUNT):
        file.write_text(json.dumps(odd(dice)))
        result = run(*command.split(), str(file))  # raises whatever is raised
        assert result.code == 0 or result.err or result.out
        codes.add(result.code)
    assert codes <= {0, 1, 2}
    assert 0 in codes
