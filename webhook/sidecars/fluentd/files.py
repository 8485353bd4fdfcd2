"""Fluentd's `tail` sources: which files are read, from where on, and which lines are one record."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from webhook.sidecars import STATE_DIRECTORY, Parsing, Stream
from webhook.sidecars.fluentd.literals import Section, Value, json_text
from webhook.sidecars.onigmo import BORDER, translate
from webhook.sidecars.shared import of_line

__all__ = ["sources"]

_GLOB = re.compile(r"[*?\[]")

_TRACES: Mapping[str, str] = {
    "java": r"\s+(?:at |\.\.\. [0-9]+ )|\s*(?:Caused by|Suppressed): ",
    "python": r"\s+\S|[\w.]+(?:Error|Exception|Warning|Interrupt|Exit|Iteration)(?::|\Z)",
    "go": r"\s*\Z|goroutine [0-9]+ \[|\[signal |created by |\t|\S+\(.*\)\Z",
    "ruby": r"\s+(?:[0-9]+: )?from ",
}
"""How the lines begin that belong to a stack trace, after its first one."""


def sources(stream: Stream) -> Iterator[Section]:
    """The sources of `stream`: one for literal paths, which nothing excludes, and one for globs."""
    literals = [path for path in stream.paths if not _GLOB.search(path)]
    globs = [path for path in stream.paths if _GLOB.search(path)]
    if literals:
        yield _source(stream, "files", literals, [])
    if globs:
        yield _source(stream, "globs", globs, [*_excluded(globs, stream.exclude), *literals])


def _source(stream: Stream, what: str, paths: Sequence[str], exclude: Sequence[str]) -> Section:
    first_line = _first_line(stream.parsing)
    parameters: dict[str, Value | None] = {
        "@type": "tail",
        "@id": f"{stream.tag}-{what}",
        "@label": f"@{stream.tag}",
        "tag": stream.tag,
        "path": "\n".join(_plain(path) for path in paths),
        "path_delimiter": "\n",
        "glob_policy": "extended",
        "exclude_path": json_text([_plain(path) for path in exclude]) if exclude else None,
        "path_key": "log.file.path",
        "pos_file": f"{STATE_DIRECTORY}/{stream.tag}-{what}.pos",
        "read_from_head": not stream.from_end,
        "follow_inodes": True,
        "refresh_interval": "2s",
        "rotate_wait": "30s",
        "encoding": "UTF-8",
        "max_line_size": "1m",
        "emit_unmatched_lines": True,
        "multiline_flush_interval": "1s" if first_line else None,
    }
    parse: dict[str, Value | None] = {"@type": "none"}
    if first_line:
        parse = {"@type": "multiline", "format_firstline": f"/{first_line}/", "format1": "/(?<message>.*)/"}
    return Section("source", "", parameters, (Section("parse", "", parse),))


def _first_line(parsing: Parsing) -> str | None:
    """What the first line of a record matches, where a record may have several."""
    if parsing.start:
        return of_line(parsing.start, translate, BORDER)
    return rf"\A(?!{_TRACES[parsing.format.trace]})" if parsing.format.trace else None


def _excluded(globs: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    for pattern in exclude:
        if "/" in pattern:
            yield pattern
        else:
            yield from dict.fromkeys(posixpath.join(posixpath.dirname(path), pattern) for path in globs)


def _plain(path: str) -> str:
    """A path is a format of strftime there."""
    return path.replace("%", "%%")
