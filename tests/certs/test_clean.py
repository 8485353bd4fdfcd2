"""`certs clean` deletes what cert-manager left, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from certs.__main__ import main

SECRETS = "/api/v1/namespaces/loghook/secrets"


def secret(name: str, **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "loghook", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}}


def clean(*names: str) -> int:
    return main(["clean", "--namespace", "loghook", *(f"--secret={name}" for name in names)])


def test_deletes_the_secrets_of_cert_manager_and_keeps_others(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api.put(f"{SECRETS}/serving", secret("serving", **{"cert-manager.io/certificate-name": "loghook"}))
    api.put(f"{SECRETS}/mine", secret("mine"))
    assert clean("serving", "mine", "nothing") == 0
    assert api.get(f"{SECRETS}/serving") is None
    assert api.get(f"{SECRETS}/mine") is not None
    assert capsys.readouterr().out.splitlines() == [
        "loghook/serving: deleted",
        "loghook/mine: kept, since cert-manager did not make it",
        "loghook/nothing: is not there",
    ]


def test_an_api_server_that_is_away_is_one_line_and_exit_code_1(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    api.stop()
    assert clean("serving") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: cannot read the Secret: the API server does not answer")
    assert captured.err.count("\n") == 1


def test_without_a_cluster_it_is_wrong_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert clean("serving") == 2
    assert capsys.readouterr().err.startswith("Error: no access to a cluster: ")


@pytest.mark.parametrize("text", ["a: [", "just words", "- a\n- b", "\ufeff\x00", "apiVersion: v1\nclusters: 1"])
def test_a_kubeconfig_that_is_none_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "kubeconfig").write_text(text, "utf-16" if "\0" in text else "utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    assert clean("serving") == 2
    assert capsys.readouterr().err.startswith("Error: no access to a cluster: KUBECONFIG cannot be read")
