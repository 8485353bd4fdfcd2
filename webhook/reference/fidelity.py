"""What each streaming engine makes of what happens to log files.

Each cell is found out by `tests/sidecars/test_fidelity.py`, with the real programs.
"""

from collections.abc import Iterator, Mapping

import msgspec

__all__ = ["HAPPENINGS", "engines_page", "table"]


class Happening(msgspec.Struct, frozen=True):
    """Something that happens, and what becomes of the lines by engine.

    An outcome is `once`, or the words `missed`, `twice`, `changed` as far as they are true of any line.
    """

    name: str
    about: str
    outcomes: Mapping[str, str]


def _of(name: str, about: str, busybox: str, fluent_bit: str, reader: str) -> Happening:
    return Happening(name, about, {"busybox": busybox, "fluent-bit": fluent_bit, "reader": reader})


HAPPENINGS = (
    _of("renamed", "a rotation by renaming, and a late line in the old file", "once", "once", "once"),
    _of("burst", "twenty rotations within a second", "missed", "missed", "once"),
    _of("removed", "a file is removed right after its last lines", "once", "once", "once"),
    _of("truncated", "a rotation by truncation (`copytruncate`), all of it read", "once", "once", "once"),
    _of("refilled", "truncated, and filled beyond its old length at once", "missed, changed", "once", "once"),
    _of("rewritten", "written anew in place, at the same length", "once", "once", "once"),
    _of("stopped", "the sidecar restarts", "twice", "once", "once"),
    _of("killed", "the sidecar is killed, and restarts", "twice", "once", "once"),
    _of("replaced", "the sidecar restarts, and the application begins its file anew", "once", "once", "once"),
    _of("long", "a line of 1 MiB", "once", "once", "once"),
    _of("linked", "a link is moved to the next day's file", "once", "once", "once"),
    _of("compressed", "a file is compressed right after its last lines", "once", "once", "once"),
    _of("many", "1,100 files behind a glob", "missed", "once", "once"),
    _of("zeros", "a NUL byte in a line", "missed, changed", "once", "once"),
    _of("unterminated", "a last line without an end", "once", "missed", "once"),
)
"""Every happening, in the order of the table."""


def table() -> Iterator[str]:
    """The table of the documentation, line by line."""
    engines = list(HAPPENINGS[0].outcomes)
    yield " | ".join(("| what happens", *(f"`{engine}`" for engine in engines))) + " |"
    yield "| --- " * (len(engines) + 1) + "|"
    for each in HAPPENINGS:
        yield " | ".join((f"| {each.about}", *(each.outcomes[engine] for engine in engines))) + " |"


def engines_page() -> Iterator[str]:
    """The page about what the engines make of it."""
    yield from (
        "<!-- Written by `make docs`. -->",
        "# What the streaming engines lose",
        "",
        "What becomes of an application's lines with each engine: `once` is what everybody wants, and the other words",
        "say what is true of some of the lines. Each cell is found out by a test, with busybox 1.35, Fluent Bit 5.1.1",
        "and loghook's own [reader](streaming.md).",
        "",
    )
    yield from table()
    yield ""
