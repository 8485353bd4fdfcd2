"""Vector's `file` sources: which files are read, from where on, and which lines are one record."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from webhook.sidecars import Parsing, Stream
from webhook.sidecars.rust import BORDER, translate
from webhook.sidecars.shared import of_line
from webhook.sidecars.vector.literals import Data

__all__ = ["sources"]

_GLOB = re.compile(r"[*?\[]")

_TRACES: Mapping[str, dict[str, Data]] = {
    "java": {
        "start_pattern": r"^\S",
        "condition_pattern": r"^\s+(?:at |\.\.\. [0-9]+ )|^\s*(?:Caused by|Suppressed): ",
        "mode": "continue_through",
    },
    "python": {
        "start_pattern": r"^Traceback \(most recent call last\):",
        "condition_pattern": r"^\S",
        "mode": "halt_with",
    },
    "go": {
        "start_pattern": r"^(?:panic: |fatal error: |http: panic serving |runtime: )",
        "condition_pattern": r"^$|^\s|^goroutine [0-9]+ \[|^\[signal |^created by |^\S+\(.*\)$",
        "mode": "continue_through",
    },
    "ruby": {"start_pattern": r"^\S", "condition_pattern": r"^\s+(?:[0-9]+: )?from ", "mode": "continue_through"},
}
"""The lines that belong to a stack trace."""

_PARTIALS: dict[str, Data] = {
    "start_pattern": r"^\S+ (?:stdout|stderr) P ",
    "condition_pattern": r"^\S+ (?:stdout|stderr) F ",
    "mode": "halt_with",
}


def sources(stream: Stream) -> dict[str, Data]:
    """The sources of `stream`, by their ids: one for globs and one for literal paths, which nothing excludes."""
    literals = [path for path in stream.paths if not _GLOB.search(path)]
    globs = [path for path in stream.paths if _GLOB.search(path)]
    found: dict[str, Data] = {}
    if literals:
        found[f"{stream.tag}-files"] = _source(stream, literals, [])
    if globs:
        exclude = [*_excluded(globs, stream.exclude), *literals]
        found[f"{stream.tag}-globs"] = _source(stream, [_glob(path) for path in globs], exclude)
    return found


def _source(stream: Stream, include: Sequence[str], exclude: Sequence[str]) -> dict[str, Data]:
    """A file is known by its first line, and stays open until it was read to its end, for a day at most.

    By its inode, Vector would not see that a file was truncated, nor that a new one took the inode of one just removed.
    """
    multiline = _multiline(stream.parsing)
    return {
        "type": "file",
        "include": list(include),
        **({"exclude": list(exclude)} if exclude else {}),
        "read_from": "end" if stream.from_end else "beginning",
        "fingerprint": {"strategy": "checksum", "lines": 1, "ignored_header_bytes": 0},
        "glob_minimum_cooldown_ms": 1000,
        "rotate_wait_secs": 86_400,
        "max_line_bytes": 1_048_576,
        "max_read_bytes": 65_536,
        **({"multiline": multiline} if multiline else {}),
    }


def _multiline(parsing: Parsing) -> dict[str, Data] | None:
    """Which lines are one record; a record that may go on is held for a second."""
    rule: dict[str, Data] | None = None
    if parsing.start:
        start = of_line(parsing.start, translate, BORDER, (r"\A", r"\z"))
        rule = {"start_pattern": start, "condition_pattern": start, "mode": "halt_before"}
    elif parsing.format.trace:
        rule = _TRACES[parsing.format.trace]
    elif parsing.format.is_partial:
        rule = _PARTIALS
    return {**rule, "timeout_ms": 1000} if rule else None


def _excluded(globs: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    """Whole paths, as Vector compares them. Its `*` matches a leading dot, so hidden names are excluded, too."""
    for path in globs:
        segments = path.split("/")
        for place, segment in enumerate(segments):
            if segment[:1] in {"*", "?", "["}:
                yield _glob("/".join((*segments[:place], ".*", *segments[place + 1 :])))
    for pattern in exclude:
        if "/" in pattern:
            yield _glob(pattern)
        else:
            yield from dict.fromkeys(_glob(posixpath.join(posixpath.dirname(path), pattern)) for path in globs)


def _glob(path: str) -> str:
    """Negated classes have a `!` there."""
    return path.replace("[^", "[!")
