"""The picture of the house does not lie: it is held against the imports as Python's own parser finds them."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PICTURE = (ROOT / "docs" / "house.svg").read_text("utf-8")


class Place(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


ARROWS = set(re.findall(r'data-from="(\w+)" data-to="(\w+)"', PICTURE))
_BOX = r'<g data-room="(\w+)">\n<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"'
ROOMS = {name: Place(*map(float, place)) for name, *place in re.findall(_BOX, PICTURE)}
MODULES = {name: float(y) for name, y in re.findall(r'data-module="([\w.]+)" x="[\d.]+" y="([\d.]+)"', PICTURE)}


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(file): file for package in ("webhook", "certs") for file in (ROOT / package).rglob("*.py")}


def imported_by(module: str) -> Iterator[str]:
    """The modules of ours that `module` imports when it runs."""
    tree = ast.parse(FILES[module].read_text("utf-8"))
    for_types = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    left_out = {id(child) for node in for_types for child in ast.walk(node)}
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                found = next((name for name in (f"{origin}.{alias.name}", origin) if name in FILES), None)
                if found:
                    yield found


IMPORTS = {(module, other) for module in FILES for other in imported_by(module)}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


BETWEEN_ROOMS = {
    (room_of(one), room_of(other))
    for one, other in IMPORTS
    if one.startswith("webhook.") and other.startswith("webhook.") and room_of(one) != room_of(other)
    if room_of(one) != "__main__"
}


@pytest.fixture(scope="module")
def house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", ROOT / "docs" / "house.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_is_drawn_from_the_code_as_it_is(house: ModuleType) -> None:
    pure = house.pure_modules((ROOT / "pyproject.toml").read_text("utf-8"))
    assert house.picture(pure) == PICTURE, "run `make docs`"


def test_every_arrow_is_an_import() -> None:
    assert len(BETWEEN_ROOMS) > 40
    assert ARROWS <= BETWEEN_ROOMS


def test_every_import_between_rooms_is_an_arrow_or_follows_from_some() -> None:
    reached = set(ARROWS)
    while more := {(one, last) for one, other in reached for first, last in ARROWS if first == other} - reached:
        reached |= more
    assert BETWEEN_ROOMS - reached == set()


def test_every_module_is_in_its_room() -> None:
    rooms = {module for module in FILES if module.count(".") == 1 and module.startswith("webhook.")} - {
        "webhook.__main__"
    }
    assert ROOMS.keys() == {room_of(module) for module in rooms} | {"certs"}
    depth = {"webhook": 2, "certs": 1}
    there = {
        module for module in FILES if module.count(".") == depth[module.split(".")[0]] and "__main__" not in module
    }
    assert MODULES.keys() == there


def test_what_imports_stands_above() -> None:
    for one, other in BETWEEN_ROOMS:
        assert ROOMS[one].y + ROOMS[one].height < ROOMS[other].y, (one, other)
    for one, other in IMPORTS:
        upper, lower = (".".join(module.split(".")[:3]) for module in (one, other))
        if upper in MODULES and lower in MODULES and upper != lower and room_of(one) == room_of(other):
            assert MODULES[upper] < MODULES[lower], (one, other)


def test_no_two_rooms_are_in_one_place() -> None:
    places = list(ROOMS.values())
    for number, one in enumerate(places):
        assert one.x >= 0
        assert one.x + one.width <= 1000
        for other in places[number + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_the_table_of_the_house_names_every_module_of_the_core() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text.partition("| where | what it is |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\.py|/)`", table))
    core = {"annotations", "config", "plan", "pod", "sidecars"}
    there = {module.split(".")[-1] for module in MODULES if room_of(module) in core and module.startswith("webhook.")}
    assert named == there | ROOMS.keys() - {"certs"}, "a module that is new is named in the table of CONTRIBUTING.md"
