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


UNUSABLE = {
    "no YAML": b"a: [",
    "no text": b"\xf0\x28",
    "empty": b"",
    "a list": b"[1, 2]",
    "another object": b"apiVersion: v1\nkind: Pod\n",
    "a login that is gone": b"""
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {auth-provider: {name: gcp}}}]
""",
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE)
def test_a_kubeconfig_that_cannot_be_used_is_one_line(
    run: Run, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_bytes(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    for command in (["list"], ["verify", "--webhook-configuration", "x"]):
        result = run(*command)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith(f"Error: no access to a cluster by the kubeconfig {tmp_path / 'config'}: ")


def test_a_kubeconfig_that_is_not_there_is_called_by_its_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for named, said in ((None, "~/.kube/config"), ("", "~/.kube/config"), (f"{tmp_path}/a:{tmp_path}/b",) * 2):
        monkeypatch.setenv("KUBECONFIG", named) if named is not None else monkeypatch.delenv(
            "KUBECONFIG", raising=False
        )
        result = run("list")
        line = f"Error: no access to a cluster: there is no {said}; name a kubeconfig by KUBECONFIG\n"
        assert (result.code, result.out, result.err) == (2, "", line)
