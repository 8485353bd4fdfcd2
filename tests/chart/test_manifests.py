"""The plain manifests for cert-manager are what the chart makes."""

from typing import Any

import yaml

from .conftest import ROOT, render


def test_plain_manifests_and_chart_say_the_same() -> None:
    plain = yaml.safe_load_all((ROOT / "certs" / "manifests" / "cert-manager.yaml").read_text("utf-8"))
    release = render({"certificates": {"mode": "certManager"}})
    made = [each for each in release.documents if each["apiVersion"] == "cert-manager.io/v1"]
    assert [essence(each) for each in plain] == [essence(each) for each in made]


def essence(document: dict[str, Any]) -> tuple[Any, ...]:
    metadata = document["metadata"]
    return document["kind"], metadata["name"], metadata["namespace"], document["spec"]
