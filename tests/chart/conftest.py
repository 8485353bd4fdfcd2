"""The chart, rendered by Helm's own engine for every set of values: tests/chart/values and the chart's ci folder.

The sets are found, not listed. The first line of each is a comment that says what it shows.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "loghook"
FOUND = sorted([*Path(__file__).parent.glob("values/*.yaml"), *CHART.glob("ci/*-values.yaml")])


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@dataclass(frozen=True)
class Release:
    """The chart as it would be installed: every object, those of hooks too."""

    values: dict[str, Any]
    documents: tuple[dict[str, Any], ...]
    notes: str
    name: str = "loghook"
    home: str = "loghook"

    @property
    def namespace(self) -> str:
        """Where its objects are, which need not be where the release is."""
        found: str = self.settings["namespaceOverride"] or self.home
        return found

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The values with the chart's defaults."""
        return chart().merge_values(self.values)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.documents if each["kind"] == kind]

    def one(self, kind: str, name: str = "") -> dict[str, Any]:
        (found,) = [each for each in self.all(kind) if not name or each["metadata"]["name"] == name]
        return found

    @property
    def webhook(self) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = self.one("MutatingWebhookConfiguration")["webhooks"]
        return found

    @property
    def injector(self) -> dict[str, Any]:
        """The Deployment of the injector."""
        (found,) = [each for each in self.all("Deployment") if component(each) == "webhook"]
        return found

    def pods(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Metadata and spec of every Pod that the release makes."""
        for each in self.documents:
            if each["kind"] == "Pod":
                yield each["metadata"], each["spec"]
            elif "template" in each.get("spec", {}):
                yield each["spec"]["template"]["metadata"], each["spec"]["template"]["spec"]


def component(document: dict[str, Any]) -> str:
    found: str = document["metadata"]["labels"]["app.kubernetes.io/component"]
    return found


def is_hook(document: dict[str, Any]) -> bool:
    return "helm.sh/hook" in document["metadata"].get("annotations", {})


@cache
def parsed(text: str) -> tuple[dict[str, Any], ...]:
    """The objects of one template's output, which most sets of values share."""
    return tuple(each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each)


def render(values: dict[str, Any], name: str = "loghook", namespace: str = "loghook") -> Release:
    texts = chart().render(values, name=name, namespace=namespace)
    notes = next(text for path, text in texts.items() if path.endswith("NOTES.txt"))
    manifests = [text for path, text in sorted(texts.items()) if not path.endswith("NOTES.txt")]
    documents = tuple(document for text in manifests for document in parsed(text))
    return Release(values, documents, notes, name, namespace)


@cache
def rendered(file: Path) -> Release:
    return render(yaml.safe_load(file.read_text("utf-8")) or {})


def of_every_release(check: Callable[[Release], None]) -> Callable[[], None]:
    """A test that holds `check` against every set of values; a failure names the set."""

    def test() -> None:
        for file in FOUND:
            try:
                check(rendered(file))
            except Exception as error:
                error.add_note(f"with the values of {file.relative_to(ROOT)}")
                raise

    test.__doc__ = check.__doc__
    return test


@pytest.fixture(scope="session")
def releases() -> dict[str, Release]:
    return {file.stem: rendered(file) for file in FOUND}


def digest(document: Any) -> str:
    return json.dumps(document, sort_keys=True)
