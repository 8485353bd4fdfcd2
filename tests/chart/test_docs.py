"""What the pages say of the chart is true of it: values are known, and texts that are quoted are said."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import CHART, ROOT, chart, render

DOCS = ROOT / "docs"
PAGES = [DOCS / "installing.md", DOCS / "upgrading.md", DOCS / "troubleshooting.md"]

# Texts of our own by which people look for help, and where they come from.
QUOTED = {
    "no caBundle yet": "webhook/cluster/endpoint.py",
    "without a sidecar: it does not call": "webhook/cluster/verification.py",
    "what was written is not what is read: somebody else writes it too": "certs/controller.py",
    "no such setting": "webhook/config/faults.py",
    "loghook.dev/rotate": "certs/cluster.py",
    "LoghookSlow": "charts/loghook/files/alerts.yaml",
    "LoghookLags": "charts/loghook/files/alerts.yaml",
    "LoghookCertificateAges": "charts/loghook/files/alerts.yaml",
    "LoghookCertificateExpires": "charts/loghook/files/alerts.yaml",
    "certificate_expiry_timestamp_seconds": "webhook/server/metrics.py",
    "reviews_in_flight": "webhook/server/metrics.py",
}


def blocks(page: Path) -> list[Any]:
    return [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_values_in_the_pages_are_those_of_the_chart(page: Path) -> None:
    for block in blocks(page):
        chart().validate_schema(block)
    assert page.stem != "installing" or len(blocks(page)) >= 6


def test_values_that_are_named_in_the_text_exist() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"`((?:webhook|certificates|verify|guard|networkPolicy)\.[A-Za-z.]+)`", page.read_text())
    }
    assert len(named) >= 5
    for name in named:
        found = values
        for part in name.split("."):
            found = found[part]


@pytest.mark.parametrize(("text", "file"), QUOTED.items())
def test_what_is_quoted_is_said(text: str, file: str) -> None:
    assert any(text in page.read_text("utf-8") for page in PAGES)
    assert text in (ROOT / file).read_text("utf-8")


def test_names_of_objects_in_the_pages_are_those_of_the_release_loghook() -> None:
    release = render({"guard": {"enabled": True}})
    names = {each["metadata"]["name"] for each in release.documents}
    assert {"loghook", "loghook-certs", "loghook-verify"} <= names
    kinds = {(each["kind"], each["metadata"]["name"]) for each in release.documents}
    assert ("ValidatingAdmissionPolicyBinding", "loghook") in kinds
