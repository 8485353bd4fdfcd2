"""What a command says on a terminal, drawn as an SVG for the docs: the words and colours of its output, nothing else.

The drawing follows from the output alone, so that a picture can be held against what the command says today.
It is light or dark as its reader's system is, and brings no font: the width of a letter is what it says it is.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

__all__ = ["COLUMNS", "ON_A_TERMINAL", "PAPER", "SCHEMES", "Ink", "hold", "picture"]

COLUMNS: Final = 110
"""How many letters a line of the terminal holds."""

PICTURES: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"

ON_A_TERMINAL: Final = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(COLUMNS)}
"""The environment in which a program of ours, by rich, writes to a pipe as to a terminal on which nothing moves."""

Ink = dict[str, str]

PAPER: Final = "paper"
SCHEMES: Final[dict[str, Ink]] = {
    "light": {
        PAPER: "#ffffff", "bar": "#f0f2f5", "edge": "#c9d1d9", "text": "#1f2328", "dim": "#59636e",
        "green": "#116329", "red": "#a40e26", "yellow": "#7d4e00", "cyan": "#0b5c66",
    },
    "dark": {
        PAPER: "#0d1117", "bar": "#1c222a", "edge": "#3d444d", "text": "#e6edf3", "dim": "#9ba5b0",
        "green": "#56d364", "red": "#ff8a80", "yellow": "#e3b341", "cyan": "#76e3ea",
    },
}  # fmt: skip
"""The colours by the name that a terminal has for them, on paper of each kind."""

_LETTER, _LINE, _SIZE, _MARGIN, _BAR = 8.4, 19, 14, 18, 34  # in pixels
_FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def hold(name: str, command: str, output: str, *, updating: bool, without: Sequence[range] = ()) -> None:
    """Hold the picture `name` of the docs against what `command` says, or draw it anew where golden files are updated.

    `without` are lines of the output, counted from 0, in whose place the picture has three points.
    """
    file, drawn = PICTURES / f"{name}.svg", picture(command, output, without)
    if updating:
        file.write_text(drawn, "utf-8")
    assert file.read_text("utf-8") == drawn, f"{name}.svg shows what was said once: run this with --update-golden"


def picture(command: str, output: str, without: Sequence[range] = ()) -> str:
    """An SVG of a terminal in which `command` said `output`, whose colours are escape sequences (ECMA-48, SGR)."""
    lines = [part for line in _left(_decoded(output), without) for part in _folded(line)]
    columns = max(len(line) for line in (Text(f"$ {command}"), *lines))
    width, height = round(columns * _LETTER + 2 * _MARGIN), _BAR + len(lines) * _LINE + 2 * _MARGIN
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(command)} in a terminal">',
        f"<style>{_style()}</style>",
        f'<rect class="paper edge" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        f'<path class="bar edge" d="M.5 {_BAR}V8.5a8 8 0 0 1 8-8H{width - 8.5}a8 8 0 0 1 8 8V{_BAR}z"/>',
        _line(Text(f"$ {command}", "bold"), _BAR - 12),
        *(_line(line, _BAR + _MARGIN + at * _LINE + _SIZE) for at, line in enumerate(lines) if line.plain.strip()),
        "</svg>",
        "",
    ])  # fmt: skip


def _decoded(output: str) -> list[Text]:
    return [Text.from_ansi(line) for line in output.strip("\n").split("\n")]


def _left(lines: Sequence[Text], without: Sequence[range]) -> Iterator[Text]:
    for at, line in enumerate(lines):
        away = next((each for each in without if at in each), None)
        if away is None:
            yield line
        elif at == away[0]:
            yield Text("  ⋮", "dim")


def _folded(line: Text) -> Iterator[Text]:
    """A line as a terminal of that width shows it: broken where it is full."""
    yield from line.divide(range(COLUMNS, len(line), COLUMNS))


def _style() -> str:
    letters = f"text{{font:{_SIZE}px {_FONT};white-space:pre}}.bold{{font-weight:700}}"
    return f"{letters}{_inks(SCHEMES['light'])}@media (prefers-color-scheme:dark){{{_inks(SCHEMES['dark'])}}}"


def _inks(scheme: Ink) -> str:
    rules = [f".{name}{{fill:{scheme[name]}}}" for name in scheme if name not in {"text", "edge"}]
    return "".join([f"text{{fill:{scheme['text']}}}.edge{{stroke:{scheme['edge']}}}", *rules])


def _line(line: Text, y: int) -> str:
    text = Text(line.plain.rstrip(), line.style, spans=line.spans)
    spans = "".join(_span(part) for part in text.render(_CONSOLE))
    length = round(len(text) * _LETTER, 1)
    return f'<text x="{_MARGIN}" y="{y}" textLength="{length}" xml:space="preserve">{spans}</text>'


def _span(part: Segment) -> str:
    said, style = escape(part.text, quote=False), part.style or Style.null()
    color = _COLORS[style.color.number] if style.color and style.color.number is not None else ""
    names = [name for name, wanted in (("bold", style.bold), ("dim", style.dim), (color, color)) if wanted]
    return f'<tspan class="{" ".join(names)}">{said}</tspan>' if names else said


_COLORS: Final = {1: "red", 2: "green", 3: "yellow", 6: "cyan"}
"""The colours that are used, by their number in an escape sequence."""

_CONSOLE: Final = Console(width=10_000)
