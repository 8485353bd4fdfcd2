"""The chart's README is written from the comments of its values, and names them all."""

import importlib.util
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import helm_python
import pytest
import yaml

from .conftest import CHART, ROOT


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    """The script that writes it, which is in no package."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "charts" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_is_current(readme: Any) -> None:
    assert (CHART / "README.md").read_text("utf-8") == readme.readme(CHART), "run `make docs`"


def leaves(values: Any, place: str = "") -> list[str]:
    if not isinstance(values, dict) or not values:
        return [place]
    return [leaf for key, value in values.items() for leaf in leaves(value, f"{place}.{key}" if place else key)]


def test_every_value_is_described(readme: Any) -> None:
    text = (CHART / "values.yaml").read_text("utf-8")
    described = [value.place for value in readme.values(text)]
    assert len(described) == len(set(described))
    for leaf in leaves(yaml.safe_load(text)):
        assert any(leaf == place or leaf.startswith(f"{place}.") for place in described), leaf
    assert all(value.section for value in readme.values(text))


def test_the_package_has_what_a_user_needs_and_nothing_else(tmp_path: Path) -> None:
    archive = helm_python.package(CHART, destination=tmp_path)
    with tarfile.open(archive) as package:
        names = {name.removeprefix("loghook/").split("/")[0] for name in package.getnames()}
    assert names - {".helmignore"} == {
        "Chart.yaml",
        "README.md",
        "files",
        "templates",
        "values.schema.json",
        "values.yaml",
    }
