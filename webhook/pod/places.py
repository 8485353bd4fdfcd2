"""The directories over which no emptyDir is mounted, because it would hide what the image or the node holds there."""

import re
from collections.abc import Callable, Iterator

import msgspec

from webhook.pod.paths import is_under
from webhook.pod.view import Container, absolute

__all__ = ["TOKEN_PATH", "hidden_by", "is_never_read"]

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it is mounted, not what it is

_NEVER_READ = ("/proc", "/sys", "/dev", TOKEN_PATH, TOKEN_PATH.removeprefix("/var"))
_SYSTEM = re.compile(r"/(proc|sys|dev|etc|bin|sbin|lib[^/]*|boot|run|var/run)(/.*)?")
_OFTEN_LOGS = frozenset({"/log", "/logs", "/data", "/tmp"})  # noqa: S108 - named, not used
_FIRST_LEVEL = re.compile(r"/[^/]+")
_PROGRAMS = re.compile(r"/(usr|root)(/.*)?")
_LOGS_AMONG_PROGRAMS = re.compile(r"(/usr/(local|share|src)/[^/]+/(.*/)?|/root/(.*/)?)[^/]*log[^/]*")


class _Place(msgspec.Struct, frozen=True):
    """One rule: what would be hidden, and whether a directory is such a place."""

    what: str
    includes: Callable[[str], object]


_PLACES = (
    _Place("the whole file system", lambda directory: directory == "/"),
    _Place("system files", _SYSTEM.fullmatch),
    _Place(
        "programs", lambda directory: _PROGRAMS.fullmatch(directory) and not _LOGS_AMONG_PROGRAMS.fullmatch(directory)
    ),
    _Place(
        "what the image has there", lambda directory: _FIRST_LEVEL.fullmatch(directory) and directory not in _OFTEN_LOGS
    ),
)


def is_never_read(path: str) -> bool:
    """Whether `path` is where nothing is read from, whatever is mounted there."""
    return any(is_under(path, place) for place in _NEVER_READ)


def hidden_by(directory: str, container: Container) -> str | None:
    """What an emptyDir mounted at `directory` of `container` would hide; None where it may be mounted."""
    for place in _PLACES:
        if place.includes(directory):
            return place.what
    return next((what for what, path in _needed(container) if is_under(path, directory)), None)


def _needed(container: Container) -> Iterator[tuple[str, str]]:
    """The paths that `container` is known to need, each with what it is."""
    if container.working_dir:
        yield "the working directory", absolute(container.working_dir)
    program = next(iter(container.command or container.args or ()), "")
    if program.startswith("/"):
        yield "the program", absolute(program)
    for mount in container.mounts:
        yield "another mount", mount.path
