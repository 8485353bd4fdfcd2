"""Output for people, on stderr or stdout: coloured on a terminal, plain elsewhere and where NO_COLOR is set."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.text import Text

__all__ = ["Line", "diagnostic_line", "folded", "progress", "say", "show", "skipped", "styled"]

T = TypeVar("T")

Line = Text


def styled(*parts: str | tuple[str, str]) -> Line:
    """A line of parts, each plain or with a style; nothing in them is markup."""
    return Text.assemble(*parts)


def diagnostic_line(place: str, severity: str, words: str) -> Line:
    """What is said of something at `place`, below the object that it is about."""
    return styled(f"  {place}: ", (severity, "red" if severity == "error" else "yellow"), f": {words}")


def skipped(name: str, why: str) -> Line:
    """What is said of the object `name`, with which nothing is done."""
    return styled((f"{name}: skipped: {why}", "dim"))


def folded(line: Line, indent: int) -> Iterator[Line]:
    """`line` broken at spaces where a terminal is full, what follows `indent` columns in; elsewhere as it is."""
    console = Console()
    room = console.width - indent
    if not console.is_terminal or room <= 0:
        yield line
        return
    for number, part in enumerate(line[indent:].wrap(console, room)):
        yield Text.assemble(line[:indent] if number == 0 else " " * indent, part)


def say(*lines: Line | str) -> None:
    """Write lines to stderr."""
    _write(Console(stderr=True, soft_wrap=True), lines)


def show(*lines: Line | str) -> None:
    """Write lines to stdout."""
    _write(Console(soft_wrap=True), lines)
    sys.stdout.flush()


def progress(what: str, items: Iterable[T]) -> Iterator[T]:
    """`items` as they come, and meanwhile, on a terminal, a line on stderr that says how many of `what` there are."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    with console.status(f"{what}: 0") as status:
        for number, each in enumerate(items, start=1):
            status.update(f"{what}: {number}")
            yield each


def _write(console: Console, lines: Sequence[Line | str]) -> None:
    if lines:  # as one, so that what another process writes does not get between them
        console.print(Text("\n").join(Text(line) if isinstance(line, str) else line for line in lines))
