"""The dashboard and the alert rules: every metric they name is one of ours, and every one of ours is shown."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from certs.health import Health
from webhook.server.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "loghook" / "files"
ALERTS = yaml.safe_load((FILES / "alerts.yaml").read_text())
DASHBOARD = json.loads((FILES / "dashboard.json").read_text())
RUNBOOKS = "https://github.com/loghook/loghook/blob/main/docs/alerts.md"
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

METRIC = re.compile(r"\b(?:loghook|process)_[a-z0-9_]+\b")
SELECTOR = re.compile(r"\b((?:loghook|process)_[a-z0-9_]+)\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)(=~?)"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def samples() -> dict[str, list[dict[str, str]]]:
    """The labels of all samples that the server and the certificate controller show at their start, by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for text in (Metrics().text(), Health().text()):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    # The controller has these two when it has looked for the first time.
    expiry = found.setdefault("loghook_certs_expiry_timestamp_seconds", [])
    expiry += [{"certificate": "serving"}, {"certificate": "ca"}]
    return found


SAMPLES = samples()


def expressions() -> Iterator[Any]:
    for rule in RULES:
        yield pytest.param(rule["expr"], id=rule["alert"])
    for panel in PANELS:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")


def problems(expression: str) -> Iterator[str]:
    """What `expression` asks for and no sample has."""
    names = METRIC.findall(expression)
    yield from (f"no metric {name}" for name in names if name not in SAMPLES)
    for name, matchers in SELECTOR.findall(expression):
        for label, operator, value in MATCHER.findall(matchers):
            there = {labels.get(label) for labels in SAMPLES.get(name, [])}
            wanted = set(value.split("|") if operator == "=~" else [value])
            if label != "instance" and not wanted <= there:
                yield f"{name} has no {label} {value}"
    labels = {label for name in names for each in SAMPLES.get(name, []) for label in each} | {"instance", "le"}
    for group in GROUPED.findall(expression):
        yield from (f"no label {label}" for label in re.split(r",\s*", group) if label not in labels)


@pytest.mark.parametrize("expression", list(expressions()))
def test_asks_only_for_what_there_is(expression: str) -> None:
    assert METRIC.search(expression)
    assert list(problems(expression)) == []


@pytest.mark.parametrize(
    "expression",
    [
        "loghook_reviewz_total",
        'loghook_reviews_total{decision="maybe"}',
        'loghook_certs_failures_total{reason=~"refused|bored"}',
        "sum by (namespace) (loghook_reviews_total)",
    ],
)
def test_would_find_what_there_is_not(expression: str) -> None:
    assert len(list(problems(expression))) == 1


def test_shows_every_metric_of_ours() -> None:
    text = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SAMPLES if name.startswith("loghook_")}
    assert {name for name in ours if not re.search(rf"\b{name}(_bucket)?\b", text)} == set()


def test_legends_name_labels_that_the_expression_keeps() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            labels = set(re.findall(r"\{\{([a-z]+)\}\}", target["legendFormat"])) - {"instance"}
            kept = {label for group in GROUPED.findall(target["expr"]) for label in re.split(r",\s*", group)}
            assert labels <= kept, (panel["title"], target)


def test_each_panel_has_a_place_of_its_own() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    for one, other in combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert all(panel["description"] for panel in PANELS)


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOKS}#{rule['alert'].lower()}"  # as GitHub names sections
        assert f"\n\n{rule['annotations']['summary']} Severity {rule['labels']['severity']}" in page
    assert re.findall(r"^## (Loghook[A-Za-z]+)$", page, re.MULTILINE) == names


def test_the_page_about_running_names_every_metric() -> None:
    page = (ROOT / "docs" / "running.md").read_text("utf-8")
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in SAMPLES if name.startswith("loghook_")}
    of_the_server = {name for name in ours if not name.startswith("loghook_certs_")}
    assert {name for name in of_the_server if not re.search(rf"`{name}[`{{]", page)} == set()
    assert {name for name in re.findall(r"^\| `(loghook_[a-z_]+)", page, re.MULTILINE) if name not in ours} == set()
