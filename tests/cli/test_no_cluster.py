"""What the commands that look at a cluster say where there is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ports import free_port

Run = Callable[..., Any]


@pytest.mark.parametrize("command", [["list"], ["describe", "web"], ["logs", "web"], ["discover", "web"]])
def test_why_the_api_server_does_not_answer_is_said_in_one_line(
    run: Run, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"cluster": "away", "user": "me"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "away",
        "clusters": [{"name": "away", "cluster": {"server": f"https://127.0.0.1:{free_port()}"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [{"name": "away", "context": named}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    result = run(*command)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: cannot read ")
    assert result.err.endswith(": the API server does not answer (Connection refused)\n")
    assert result.err.count("\n") == 1
