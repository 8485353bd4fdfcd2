"""What the program is asked to do: its arguments."""

from __future__ import annotations

from .patterns import is_glob, matches

__all__ = ["Path", "Task", "parse"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Path:
    """A path or glob to read, as segments below the mount of the volume that it is on."""

    __slots__ = ("is_glob", "mount", "segments")

    def __init__(self, mount: str, segments: tuple[str, ...]) -> None:
        self.mount = mount
        self.segments = segments
        self.is_glob = any(map(is_glob, segments))


class Task:
    """Everything that the arguments say.

    `drain` is None for a native sidecar, which is told to stop when nothing is written any more, else the seconds for
    which every file must have been quiet. `volumes` says where the application has what is mounted here: mount to path.
    `freed` are the mounts of which what was read is given back. `state` is the file of offsets; `port` that of metrics,
    0 for none.
    """

    __slots__ = ("drain", "excludes", "freed", "from_end", "paths", "port", "state", "volumes")

    def __init__(self) -> None:
        self.drain: int | None = None
        self.from_end = False
        self.state = ""
        self.port = 0
        self.excludes: list[str] = []
        self.freed: set[str] = set()
        self.volumes: dict[str, str] = {}
        self.paths: list[Path] = []

    def is_excluded(self, path: str, name: str) -> bool:
        """Whether the file `name` at `path` is one that globs are to leave out."""
        return any(_is_left_out(pattern, path, name) for pattern in self.excludes)


def _is_left_out(pattern: str, path: str, name: str) -> bool:
    if "/" not in pattern:
        return matches(pattern, name, hidden=True)
    wanted, found = pattern.split("/"), path.split("/")
    return len(wanted) == len(found) and all(matches(*pair, hidden=True) for pair in zip(wanted, found, strict=True))


def parse(arguments: list[str]) -> Task:
    """The task in `OPTION VALUE… -- PATH…`. Raises ValueError with a sentence.

    `--drain native|SECONDS`, `--from beginning|end`, `--state FILE`, `--port NUMBER`, `--exclude GLOB,…`; any number of
    `--free MOUNT` and of `--volume MOUNT[:PATH]`, where PATH is that of the application.
    """
    split = arguments.index("--") if "--" in arguments else len(arguments)
    task = Task()
    for option, value in _pairs(arguments[:split]):
        _take(task, option, value)
    for path in arguments[split + 1 :]:
        task.paths.append(_path(task, path))
    if not task.paths:
        raise ValueError("no path is given after --")
    return task


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    if len(words) % 2:
        raise ValueError(f"{words[-1]} has no value")
    yield from zip(words[::2], words[1::2], strict=True)


def _take(task: Task, option: str, value: str) -> None:
    if option == "--exclude":
        task.excludes += value.split(",")
    elif option == "--free":
        task.freed.add(value)
    elif option == "--volume":
        mount, _colon, path = value.partition(":")
        task.volumes[mount] = path or mount
    elif option == "--state":
        task.state = value
    elif option == "--port":
        task.port = int(value)
    elif option == "--from" and value in ("beginning", "end"):
        task.from_end = value == "end"
    elif option == "--drain":
        task.drain = None if value == "native" else int(value)
    else:
        raise ValueError(f"unknown: {option} {value}")


def _path(task: Task, path: str) -> Path:
    """`path` on the volume whose mount is nearest; without one, on the directory before its first glob."""
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path}")
    mounts = [mount for mount in task.volumes if path.startswith(f"{mount.rstrip('/')}/")]
    mount = max(mounts, key=len) if mounts else _directory(path)
    inside = path[len(mount.rstrip("/")) + 1 :]
    return Path(mount, tuple(inside.split("/")))


def _directory(path: str) -> str:
    literal = path
    for char in "*?[":
        literal = literal.partition(char)[0]
    return literal.rpartition("/")[0] or "/"
