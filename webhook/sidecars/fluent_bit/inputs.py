"""How Fluent Bit follows files: one `tail` for the files of a source, or two where the globs leave some out by name."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from webhook.sidecars import STATE_DIRECTORY

__all__ = ["tails"]

_READ = 2**16
_LONGEST_LINE = 2**20 + _READ
"""Lines of 1 MiB are whole, and longer ones are cut here: 1 KiB is 1,000 bytes to Fluent Bit, so these are numbers."""


def tails(tag: str, paths: Iterable[str], exclude: Iterable[str], *, from_end: bool) -> Iterator[dict[str, Any]]:
    """The inputs that read `paths` without what `exclude` leaves out of the globs among them.

    `exclude_path` holds for every path of an input, and its `*` matches slashes too. So a pattern of names is written
    once for the directory of each glob: with as many slashes as the glob has, none of them matches more than a name.
    """
    paths = tuple(paths)
    globs = [path for path in paths if _is_glob(path)]
    literals = [path for path in paths if not _is_glob(path)]
    left_out = list(dict.fromkeys(each for pattern in exclude for each in _whole(pattern, globs)))
    if True in [_matches(path, pattern) for path in literals for pattern in left_out]:
        left_out += [path for path in literals if any(fnmatchcase(path, glob) for glob in globs)]
        yield _tail(f"{tag}.files", tag, literals, [], from_end=from_end)
        yield _tail(f"{tag}.globs", tag, globs, left_out, from_end=from_end)
    else:
        yield _tail(tag, tag, paths, left_out, from_end=from_end)


def _is_glob(path: str) -> bool:
    return "*" in path or "?" in path or "[" in path


def _matches(path: str, pattern: str) -> bool:
    """Whether `pattern` matches `path`. To make an expression of a pattern takes long, and nearly none ends alike."""
    ending = pattern.rpartition("*")[2]
    return (path.endswith(ending) or "?" in ending or "]" in ending) and fnmatchcase(path, pattern)


def _whole(pattern: str, globs: Iterable[str]) -> Iterator[str]:
    """`pattern` for whole paths: as it is, or in the directory of each glob."""
    if "/" in pattern:
        yield pattern
    else:
        yield from (f"{glob.rpartition('/')[0]}/{pattern}" for glob in globs)


def _tail(name: str, tag: str, paths: Iterable[str], exclude: Iterable[str], *, from_end: bool) -> dict[str, Any]:
    return {
        "name": "tail",
        "alias": name,
        "tag": tag,
        "path": ",".join(paths),
        **({"exclude_path": ",".join(exclude)} if exclude else {}),
        "read_from_head": not from_end,
        "refresh_interval": 2,
        "rotate_wait": 30,
        "db": f"{STATE_DIRECTORY}/{name}.db",
        "db.locking": True,
        "buffer_chunk_size": _READ,
        "buffer_max_size": _LONGEST_LINE,
        "truncate_long_lines": True,
        "static_batch_size": "1M",
        "event_batch_size": "1M",
    }
