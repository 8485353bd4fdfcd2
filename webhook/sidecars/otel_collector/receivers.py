"""How files are read: receivers, which take lines or whole records, and operators, which read fields out of them."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from webhook.sidecars import Parsing, Stream, Tree
from webhook.sidecars.otel_collector import choices, parsers, times
from webhook.sidecars.otel_collector.expressions import translate
from webhook.sidecars.otel_collector.notation import plain, quoted
from webhook.sidecars.shared import of_line

__all__ = ["STORAGE", "receivers"]

STORAGE = "file_storage"

_GLOB = re.compile(r"[*?\[]")
_PATH = 'attributes["log.file.path"]'
_RECORD_LIMIT = 1024 * 1024  # bytes; a longer record is split, and no part of it is lost
# How long the rest is waited for, all shorter than the usual drain: of a line, which a program may write in two pieces
# of its buffer; of a record of several lines; and of one that is put together of such.
_LINE_PATIENCE, _RECORD_PATIENCE, _TRACE_PATIENCE = "3s", "1s", "1500ms"


def receivers(stream: Stream, fields: str, *, has_severity: bool) -> dict[str, dict[str, Any]]:
    """The receivers of `stream` by name; the fields that are read go to `fields`: `attributes` or `body`.

    `has_severity`: the destination takes the severity of a record beside its fields.

    Excludes hold for what globs match, never for a file that is named: where there are both, each has a receiver.
    """
    globs = [path for path in stream.paths if _GLOB.search(path)]
    literals = [path for path in stream.paths if not _GLOB.search(path)]
    groups: dict[str, dict[str, Any]] = {}
    if globs:
        groups[f"file_log/{stream.tag}"] = {"include": globs, "exclude": [*_excludes(stream, globs), *literals]}
    if literals:
        groups[f"file_log/{stream.tag}.named" if globs else f"file_log/{stream.tag}"] = {"include": literals}
    shared = _settings(stream, fields)
    if has_severity:
        shared["operators"] += parsers.severity(stream.parsing.format, fields)
    return {name: files | shared for name, files in groups.items()}


def _excludes(stream: Stream, globs: list[str]) -> Iterator[str]:
    """Whole paths as they are; names in each directory of a glob; and files that a leading dot hides."""
    yield from (pattern for pattern in stream.exclude if "/" in pattern)
    names = [pattern for pattern in stream.exclude if "/" not in pattern]
    yield from (f"{directory}/{name}" for directory in dict.fromkeys(map(_directory, globs)) for name in names)
    yield from dict.fromkeys(hidden for glob in globs for hidden in _hidden(glob))


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def _hidden(glob: str) -> Iterator[str]:
    """What `glob` matches here and would not in a shell, whose wildcards match no leading dot."""
    segments = glob.split("/")
    for number, segment in enumerate(segments):
        if segment[:1] in {"*", "?", "["}:
            yield "/".join([*segments[:number], ".*", *segments[number + 1 :]])


def _settings(stream: Stream, fields: str) -> dict[str, Any]:
    start = _line_start(stream.parsing)
    return {
        "start_at": "end" if stream.from_end else "beginning",
        "storage": STORAGE,
        "include_file_name": False,
        "include_file_path": True,
        "max_log_size": _RECORD_LIMIT,
        "force_flush_period": _LINE_PATIENCE if start is None else _RECORD_PATIENCE,
        "preserve_leading_whitespaces": True,
        "preserve_trailing_whitespaces": True,
        "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
        **({} if start is None else {"multiline": {"line_start_pattern": start}}),
        "operators": [*_renames(stream.trees), *_operators(stream, fields)],
    }


def _line_start(parsing: Parsing) -> str | None:
    r"""The expression that is searched for in the text of a file, at whose lines' starts `^` matches.

    It must match at the start of a line, wherever in that line the user's expression does.
    """
    if parsing.format.is_partial:
        return None
    if parsing.start is None:
        return _TRACES[parsing.format.trace].start if parsing.format.trace else None
    start = of_line(parsing.start, partial(translate, is_searched=True), ends=("^", "$"))
    is_anchored = start.startswith("^") and "|" not in start
    return start if is_anchored else f"^.*?(?:{start})"


def _renames(trees: tuple[Tree, ...]) -> Iterator[dict[str, Any]]:
    """The application's path in place of ours, the deepest mount first: what it gives is under no other."""
    for tree in sorted(trees, key=lambda tree: -len(tree.mount_path)):
        if tree.mount_path != tree.app_path:
            yield {
                "type": "regex_replace",
                "field": _PATH,
                "regex": f"^{re.escape(tree.mount_path)}(/|$)",
                "replace_with": f"{tree.app_path.rstrip('/')}${{1}}",
                "on_error": "send_quiet",
            }


def _operators(stream: Stream, fields: str) -> Iterator[dict[str, Any]]:
    parsing = stream.parsing
    yield parsers.UNMARKED
    if _line_start(parsing) is not None:
        yield _ENDED
    if parsing.start is None and parsing.format.trace is not None:
        yield _TRACES[parsing.format.trace].operator
    if not parsing.format.is_partial:
        yield from choices.choice(stream, "body")
    if fields == "body":
        yield from choices.mark(stream)
    if parsing.format.syntax != "text":
        yield from parsers.operators(parsing.format, fields)
    if parsing.format.is_partial:
        yield from _whole(parsing, fields)
        yield from choices.choice(stream, _MESSAGE[fields])
    yield from times.operators(parsing, fields)
    if fields == "body":
        yield from choices.nested(stream)


_ENDED = {
    "type": "regex_replace",
    "field": "body",
    "regex": r"[\r\n]+$",
    "replace_with": "",
    "on_error": "send_quiet",
}
"""A record of several lines has its last line end, too, which is no part of it; spaces before that are."""

_MESSAGE = {"attributes": 'attributes["message"] ?? body', "body": 'type(body) == "map" ? body["message"] : body'}
"""What a container wrote, or the whole line where that was not understood."""


# Records of several lines that are known by how they go on.


def _recombine(field: str, **how: Any) -> dict[str, Any]:
    return {
        "type": "recombine",
        "combine_field": field,
        "source_identifier": _PATH,
        "max_log_size": _RECORD_LIMIT,
        "force_flush_period": _TRACE_PATIENCE,
        **how,
    }


def _joined(goes_on: str) -> dict[str, Any]:
    """Join records that match `goes_on` to the one before."""
    return _recombine("body", is_first_entry=f"not (body matches {plain(quoted(goes_on))})")


def _with_next(unfinished: str) -> dict[str, Any]:
    """Join the next record to one that matches `unfinished`."""
    return _recombine("body", is_last_entry=f"not (body matches {plain(quoted(unfinished))})")


class _Trace(NamedTuple):
    """How the lines of a stack trace are joined: by a line's start already, if `start` is given, and by `operator`."""

    operator: dict[str, Any]
    start: str | None = None


_NOT_INDENTED = r"^\S"

_TRACES: Mapping[str, _Trace] = {
    "java": _Trace(_joined(r"^\s+at |^\s+\.\.\. [0-9]+ |^\s*Caused by: |^\s*Suppressed: |^\s+\[CIRCULAR REFERENCE")),
    # Indented lines belong to what stands before them. The line behind a traceback is the exception; and where another
    # traceback is announced, it is that one.
    "python": _Trace(
        _with_next(
            r"^Traceback \(most recent call last\)"
            r"|^During handling of the above exception|^The above exception was the direct cause"
        ),
        _NOT_INDENTED,
    ),
    # A function and its place are two lines, by which they are known.
    "go": _Trace(_joined(r"^goroutine [0-9]+ \[|^\[signal |^exit status [0-9]|^\S[^\n]*\n\t\S+:[0-9]+"), _NOT_INDENTED),
    "ruby": _Trace(_joined(r"^\s+from |^\s+(?:[0-9]+: )?\S+:[0-9]+:in ")),
}
"""What joins the lines of a stack trace, by language."""


def _whole(parsing: Parsing, fields: str) -> Iterator[dict[str, Any]]:
    """Join what a container runtime cut into parts, for each stream of a file; and the user's records of such lines."""
    key = f'{fields}["loghook.key"]'
    message = f'{fields}["message"]'
    is_read = f"{times.IS_READ[fields]}{fields}['logtag'] in ['F', 'P']"
    yield {
        "type": "add",
        "field": key,
        "value": f"EXPR(attributes['log.file.path'] + ' ' + {fields}['stream'])",
        "if": is_read,
    }
    yield _recombine(
        message,
        source_identifier=key,
        combine_with="",
        overwrite_with="oldest",
        is_last_entry=f"{fields}['logtag'] == 'F'",
        **{"if": is_read},
    )
    if parsing.start is not None:
        start = plain(quoted(translate(parsing.start)))
        yield _recombine(
            message, source_identifier=key, is_first_entry=f"{fields}['message'] matches {start}", **{"if": is_read}
        )
    yield {"type": "remove", "field": key, "if": is_read}
