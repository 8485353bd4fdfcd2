"""The directories over which no emptyDir is mounted, because it would hide what the image or the node holds there."""

import re

import msgspec

from webhook.pod.paths import is_under
from webhook.pod.view import Container, absolute

__all__ = ["TOKEN_PATH", "hidden_by", "is_never_read"]

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it is mounted, not what it is

_NEVER_READ = re.compile(rf"/(proc|sys|dev|(var/)?{TOKEN_PATH.removeprefix('/var/')})(/.*)?")
_LOGS_AMONG_PROGRAMS = r"(/usr/(local|share|src)/[^/]+/(.*/)?|/root/(.*/)?)[^/]*log[^/]*"


class _Place(msgspec.Struct, frozen=True):
    """One rule: what would be hidden, and an expression for the directories that are such a place."""

    what: str
    pattern: str


_PLACES = (
    _Place("the whole file system", r"/"),
    _Place("system files", r"/(proc|sys|dev|etc|bin|sbin|lib[^/]*|boot|run|var/run)(/.*)?"),
    _Place("programs", rf"(?!({_LOGS_AMONG_PROGRAMS})\Z)/(usr|root)(/.*)?"),
    _Place("what the image has there", r"/(?!(log|logs|data|tmp)\Z)[^/]+"),
)
# One look for all of them: most directories are none.
_ANY_PLACE = re.compile("|".join(f"(?P<place{number}>{place.pattern})" for number, place in enumerate(_PLACES)))


def is_never_read(path: str) -> bool:
    """Whether `path` is where nothing is read from, whatever is mounted there."""
    return _NEVER_READ.fullmatch(path) is not None


def hidden_by(directory: str, container: Container) -> str | None:
    """What an emptyDir mounted at `directory` of `container` would hide; None where it may be mounted."""
    place = _ANY_PLACE.fullmatch(directory)
    if place:
        return next(rule.what for number, rule in enumerate(_PLACES) if place[f"place{number}"] is not None)
    for what, path in _needed(container):
        if is_under(path, directory):
            return what
    return None


def _needed(container: Container) -> list[tuple[str, str]]:
    """The paths that `container` is known to need, each with what it is."""
    needed = [("another mount", mount.path) for mount in container.volume_mounts or ()]
    program = (container.command or container.args or ("",))[0]
    if program.startswith("/"):
        needed.insert(0, ("the program", absolute(program)))
    if container.working_dir:
        needed.insert(0, ("the working directory", absolute(container.working_dir)))
    return needed
