"""The picture of the house, drawn from the imports of the code: `house.py PICTURE`.

Rooms are the packages and modules right below `webhook`. One that imports another stands above it, and so do modules
within a room. An arrow that others imply is left out. Where a room stands is found out from the imports; only how far
to the left and how wide is said here, in `COLUMNS`.
"""

import ast
import sys
import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import grimp

PACKAGES = ("webhook", "certs")

COLUMNS: Mapping[str, tuple[int, int]] = {
    "cli": (0, 9),
    "reference": (9, 12),
    "server": (0, 5),
    "cluster": (5, 9),
    "inquiry": (5, 9),
    "validation": (0, 5),
    "review": (0, 5),
    "advice": (5, 7),
    "standing": (7, 12),
    "plan": (0, 9),
    "bounds": (9, 12),
    "annotations": (0, 6),
    "sidecars": (6, 12),
    "remembered": (8, 12),
    "pod": (0, 8),
    "diagnostics": (0, 8),
    "tables": (0, 8),
}
"""Of twelve columns the first, and the one behind the last, of rooms that do not have all of them."""

Graph = Mapping[str, Collection[str]]


class House:
    """Who imports whom: rooms among one another, and within each room its modules."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)

    @cached_property
    def rooms(self) -> Graph:
        """Each room with those that it imports."""
        return self._below(self.package)

    @cached_property
    def modules(self) -> Mapping[str, Graph]:
        """Of each room its modules and packages, with those of the same room that they import."""
        return {room: self._below(f"{self.package}.{room}") for room in self.rooms}

    def _below(self, package: str) -> Graph:
        """The children of `package`, each with the other children that it imports, deep down or not."""
        names = [name.rpartition(".")[2] for name in self._graph.find_children(package)]
        found: dict[str, set[str]] = {name: set() for name in sorted(names) if name != "__main__"}
        for name, imported in found.items():
            for module in self._graph.find_descendants(f"{package}.{name}") | {f"{package}.{name}"}:
                for other in self._graph.find_modules_directly_imported_by(module):
                    if other.startswith(f"{package}."):
                        imported.add(other.removeprefix(f"{package}.").partition(".")[0])
            imported -= {name}
        return found

    def count(self, module: str) -> int:
        """How many modules are in `module`, which is a package where there are any."""
        return len(self._graph.find_descendants(module))

    def sentence(self, room: str) -> str:
        """What the docstring of `room` begins with."""
        return _sentence(f"{self.package}.{room}" if room else self.package)


def _sentence(module: str) -> str:
    spec = find_spec(module)
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) if spec and spec.origin else None
    line = (text or "").partition("\n")[0].partition(":")[0].partition(". ")[0]
    return line.removesuffix(".").replace("`", "")


def ranks(graph: Graph) -> dict[str, int]:
    """How high each one stands: on the ground, or one above the highest that it imports."""
    found: dict[str, int] = {}
    while len(found) < len(graph):
        ready = {name: below for name, below in graph.items() if name not in found and set(below) <= found.keys()}
        if not ready:
            raise ValueError(f"these import one another: {', '.join(graph.keys() - found.keys())}")
        found |= {name: max((found[other] + 1 for other in below), default=0) for name, below in ready.items()}
    return found


def arrows(graph: Graph) -> Iterator[tuple[str, str]]:
    """The imports that no others imply."""
    for name, below in graph.items():
        implied = {far for near in below for far in reached(graph, near)}
        yield from ((name, other) for other in sorted(set(below) - implied))


def reached(graph: Graph, name: str) -> set[str]:
    """All that `name` imports, and what they import."""
    below = set(graph[name])
    return below.union(*(reached(graph, other) for other in below))


# A room, as wide as it has to be.

WIDTH, MARGIN, GAP, ROOF = 1000, 40, 26, 96
LINE, CHIP, LETTER, BETWEEN = 25, 20, 6.7, 8  # a row of modules, one of them, each of its letters, and between two


class Chip(NamedTuple):
    """A module in a room: its whole name, and what is written on it."""

    module: str
    label: str

    @property
    def width(self) -> float:
        """How wide it is drawn."""
        return len(self.label) * LETTER + 14


class Room(NamedTuple):
    """What is drawn of a room: its title, the sentence below it, and its modules, those that import others first."""

    name: str
    title: str
    says: list[str]
    rows: list[list[Chip]]

    @property
    def head(self) -> float:
        """How much of it is above the modules."""
        return 30 + 16 * len(self.says)

    @property
    def height(self) -> float:
        """How high it has to be."""
        return self.head + LINE * len(self.rows) + (8 if self.rows else 0)


def room(house: House, name: str, width: float) -> Room:
    """The room `name` of `house`, or the house itself as one where there is no name."""
    package = f"{house.package}.{name}" if name else house.package
    modules = house.modules[name] if name else house.rooms
    title = f"{name or house.package}/" if modules else f"{name}.py"
    chips = [[Chip(f"{package}.{each}", _label(house, f"{package}.{each}")) for each in row] for row in rows(modules)]
    sentence = textwrap.wrap(house.sentence(name), int(width / 6.6))
    return Room(name or house.package, title, sentence, [part for row in chips for part in _wrapped(row, width - 20)])


def rows(graph: Graph) -> list[list[str]]:
    """The modules of a room by their ranks, the highest first."""
    found = ranks(graph)
    return [[name for name in graph if found[name] == rank] for rank in range(max(found.values(), default=-1), -1, -1)]


def _label(house: House, module: str) -> str:
    count = house.count(module)
    name = module.rpartition(".")[2]
    return f"{name}/ ({count})" if count else name


def _wrapped(chips: list[Chip], width: float) -> Iterator[list[Chip]]:
    """The row of `chips` as lines that are no wider than `width`."""
    line: list[Chip] = []
    for chip in chips:
        if line and _wide([*line, chip]) > width:
            yield line
            line = []
        line = [*line, chip]
    yield line


def _wide(chips: list[Chip]) -> float:
    return sum(chip.width for chip in chips) + BETWEEN * (len(chips) - 1)


# Where each stands.


class Box(NamedTuple):
    """A place in the picture."""

    x: float
    y: float
    width: float
    height: float


def _column(name: str) -> tuple[float, float]:
    """Where a room begins, from the left, and how wide it is."""
    first, last = COLUMNS.get(name, (0, 12))
    column = (WIDTH - 2 * MARGIN - GAP) / 12
    return MARGIN + GAP + first * column, (last - first) * column - GAP


def boxes(house: House) -> dict[str, tuple[Room, Box]]:
    """The rooms of the house itself, each on all floors between what it imports and who imports it."""
    attached = {name: below for name, below in house.rooms.items() if name not in sheds(house)}
    drawn = {name: room(house, name, _column(name)[1]) for name in attached}
    bottom = ranks(attached)
    above = {name: [bottom[who] for who, below in attached.items() if name in below] for name in attached}
    top = {name: min(above[name], default=max(bottom.values()) + 1) - 1 for name in attached}
    floors = [0.0] * (max(bottom.values()) + 1)
    for name in sorted(attached, key=lambda name: top[name] - bottom[name]):
        there = sum(floors[bottom[name] : top[name] + 1]) + GAP * (top[name] - bottom[name])
        floors[bottom[name]] += max(0.0, drawn[name].height - there)
    starts = [MARGIN + ROOF + sum(floors[rank + 1 :]) + GAP * (len(floors) - 1 - rank) for rank in range(len(floors))]
    placed = {}
    for name in attached:
        x, width = _column(name)
        y, end = starts[top[name]], starts[bottom[name]] + floors[bottom[name]]
        placed[name] = drawn[name], Box(x, y, width, end - y if drawn[name].rows else drawn[name].height)
    return placed


def sheds(house: House) -> list[str]:
    """The rooms that import no other and that none imports."""
    imported = {other for below in house.rooms.values() for other in below}
    return [name for name, below in house.rooms.items() if not below and name not in imported]


# The drawing.

STYLE = """
  .paper { fill: #fbfaf7 }
  .wall { fill: #ffffff; stroke: #c9c4b8; stroke-width: 1.5 }
  .roof { fill: #b4553f }
  .pure { fill: #eaf2f8; stroke: #7ba6c4; stroke-width: 1.2 }
  .edge { fill: #fdf1e0; stroke: #d9a960; stroke-width: 1.2 }
  .chip { fill: #ffffff; stroke: #c4cdd4; stroke-width: 0.8 }
  .arrow { stroke: #5b6670; stroke-width: 1.6; fill: none; marker-end: url(#head) }
  text { font-family: system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; fill: #2c3338 }
  .name { font-size: 15px; font-weight: 600 }
  .says { font-size: 12px; fill: #5b6670 }
  .module { font: 11px ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; text-anchor: middle }
  .title { font-size: 21px; font-weight: 600; fill: #ffffff; text-anchor: middle }
"""

HEAD = """<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">
<path d="M0 0 L8 4 L0 8 z" fill="#5b6670"/></marker></defs>"""


def picture(pure: Collection[str]) -> str:
    """The whole picture, as SVG. `pure` are the modules that touch neither network, clock nor files."""
    house = House("webhook")
    placed = boxes(house)
    ground = max(box.y + box.height for _, box in placed.values()) + GAP
    parts = [*_shell(house, ground)]
    for name, (inside, box) in placed.items():
        parts += _drawn(inside, box, "pure" if f"webhook.{name}" in pure else "edge")
    parts += [_arrow(one, other, placed[one][1], placed[other][1]) for one, other in arrows(house.rooms)]
    garden = _garden(house, ground + GAP)
    for inside, box in garden:
        parts += _drawn(inside, box, "wall")
    end = max(box.y + box.height for _, box in garden)
    return _svg(end + 76, [*parts, *_legend(house, end)])


def _svg(height: float, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        'aria-label="The rooms of loghook, and who imports whom">'
    )
    paper = f'<rect class="paper" width="{WIDTH}" height="{height:.0f}"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", HEAD, paper, *parts, "</svg>\n"])


def _shell(house: House, ground: float) -> Iterator[str]:
    """The roof with the name on it, and the walls."""
    left, right, eaves = MARGIN, WIDTH - MARGIN, MARGIN + ROOF - GAP
    roof = f"M{left - 18} {eaves} L{left + 90} {MARGIN - 12} H{right - 90} L{right + 18} {eaves} z"
    yield f'<rect class="wall" x="{left}" y="{eaves}" width="{right - left}" height="{ground - eaves:.1f}"/>'
    yield f'<path class="roof" d="{roof}"/>'
    yield f'<text class="title" x="{WIDTH / 2}" y="{MARGIN + 34}">{house.package}/</text>'


def _drawn(inside: Room, box: Box, kind: str) -> Iterator[str]:
    """A room with its title, its sentence and its modules."""
    yield f'<g data-room="{inside.name}">'
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    yield f'<rect class="{kind}" {place} rx="6"/>'
    yield f'<text class="name" x="{box.x + 12:.1f}" y="{box.y + 20:.1f}">{inside.title}</text>'
    for number, line in enumerate(inside.says):
        yield f'<text class="says" x="{box.x + 12:.1f}" y="{box.y + 37 + 16 * number:.1f}">{escape(line)}</text>'
    for number, chips in enumerate(inside.rows):
        yield from _row(chips, box, box.y + inside.head + LINE * number)
    yield "</g>"


def _row(chips: list[Chip], box: Box, y: float) -> Iterator[str]:
    """A row of modules, in the middle of the room."""
    x = box.x + (box.width - _wide(chips)) / 2
    for chip in chips:
        yield f'<rect class="chip" x="{x:.1f}" y="{y:.1f}" width="{chip.width:.1f}" height="{CHIP}" rx="10"/>'
        place = f'x="{x + chip.width / 2:.1f}" y="{y + 14:.1f}"'
        yield f'<text class="module" data-module="{chip.module}" {place}>{chip.label}</text>'
        x += chip.width + BETWEEN


def _arrow(one: str, other: str, start: Box, end: Box) -> str:
    """Straight down, in the middle of what the two have above one another."""
    x = (max(start.x, end.x) + min(start.x + start.width, end.x + end.width)) / 2
    line = f"M{x:.1f} {start.y + start.height + 2:.1f} V{end.y - 2:.1f}"
    return f'<path class="arrow" data-from="{one}" data-to="{other}" d="{line}"/>'


def _garden(house: House, y: float) -> list[tuple[Room, Box]]:
    """What stands by itself: the sheds of the house, and the other packages as one room each."""
    plots = [(house, name) for name in sheds(house)]
    plots += [(House(package), "") for package in PACKAGES if package != house.package]
    column = (WIDTH - 2 * MARGIN + GAP) / len(plots)
    inside = [room(owner, name, column - GAP) for owner, name in plots]
    height = max(each.height for each in inside)
    return [(each, Box(MARGIN + n * column, y, column - GAP, height)) for n, each in enumerate(inside)]


def _legend(house: House, y: float) -> Iterator[str]:
    every, drawn = sum(len(below) for below in house.rooms.values()), len(list(arrows(house.rooms)))
    text = f"{drawn} of {every} imports between rooms are drawn; the others follow from them."
    yield f'<text class="says" x="{MARGIN}" y="{y + 28:.1f}">Rooms and modules import what stands below. {text}</text>'
    for x, kind, word in ((MARGIN, "pure", "pure: no network, no clock, no files"), (300, "edge", "the edges")):
        yield f'<rect class="{kind}" x="{x}" y="{y + 42:.1f}" width="22" height="14" rx="3"/>'
        yield f'<text class="says" x="{x + 30}" y="{y + 53:.1f}">{word}</text>'


def pure_modules(pyproject: str) -> list[str]:
    """The modules that import-linter holds to be pure."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    return next(list(each["source_modules"]) for each in contracts if each["name"].startswith("The core is pure"))


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    Path(sys.argv[1]).write_text(picture(pure_modules((root / "pyproject.toml").read_text("utf-8"))), "utf-8")
