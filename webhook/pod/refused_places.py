"""The directories over which no emptyDir is mounted, because it would hide what the image or the node holds there.

Others are doubtful: an emptyDir is mounted there, with a warning, since images often hold something there.
"""

import re
from collections.abc import Iterable

import msgspec

from webhook.pod.paths import LogPath
from webhook.pod.view import Container, absolute

__all__ = [
    "DOUBTFUL",
    "REFUSED",
    "TOKEN_PATH",
    "Place",
    "hidden_by",
    "holds_data",
    "is_doubtful",
    "is_never_read",
    "is_of_data",
]

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it is mounted, not what it is

_NEVER_READ = re.compile(rf"/(proc|sys|dev|(var/)?{TOKEN_PATH.removeprefix('/var/')})(/.*)?")
_LOGS_AMONG_PROGRAMS = r"(/usr/(local|share|src)/[^/]+|/root)/(.*/)?+[^/]*log[^/]*"  # possessive: in linear time
_DATA = ("/data/", "/log/", "/logs/", "/mnt/", "/srv/", "/tmp/", "/var/log/", "/var/logs/")  # noqa: S108 - named, not used


class Place(msgspec.Struct, frozen=True):
    """One rule: what would be hidden, an expression for the directories that are such a place, and these in words."""

    what: str
    pattern: str
    about: str


REFUSED = (
    Place("the whole file system", r"/", "`/`"),
    Place(
        "system files",
        r"/(proc|sys|dev|etc|bin|sbin|lib[^/]*|boot|run|var/run)(/.*)?",
        "`/proc`, `/sys`, `/dev`, `/etc`, `/bin`, `/sbin`, `/lib…`, `/boot`, `/run`, `/var/run` and what is below them",
    ),
    Place(
        "programs",
        rf"(?!({_LOGS_AMONG_PROGRAMS})\Z)/(usr|root)(/.*)?",
        "`/usr`, `/root` and what is below them, but for directories whose last segment contains `log`, below `/root` "
        "or at least two levels below `/usr/local`, `/usr/share` or `/usr/src`",
    ),
    Place(
        "what the image has there",
        r"/(?!(log|logs|data|tmp)\Z)[^/]+",
        "every directory of the first level, like `/app` or `/var`, but for `/log`, `/logs`, `/data` and `/tmp`",
    ),
)
"""Where no emptyDir is mounted."""

DOUBTFUL = (
    Place(
        "programs or data",
        r"(?!.*log)/((opt|home|srv)/.+|var/(www|lib)(/.*)?)",
        "`/opt/X`, `/home/X`, `/srv/X`, `/var/www`, `/var/lib` and what is below them, where no segment contains `log`",
    ),
)
"""Where an emptyDir is mounted with a warning."""

_NOTHING = ("",)
_LONGEST = 4096  # bytes of a path, in Linux: what is longer is none
_LOGS_OF_ALL = "/var/log"

# One look for all of them: most directories are none.
_ANY_PLACE = re.compile("|".join(f"(?P<place{number}>{place.pattern})" for number, place in enumerate(REFUSED)))

_ANY_DOUBTFUL = re.compile("|".join(f"({place.pattern})" for place in DOUBTFUL))


def is_of_data(path: str) -> bool:
    """Whether a volume may be mounted at `path` of any image: where images hold data and logs, never what they run.

    Programs look in more places than anybody can list: `/etc/pki` and `/run`, the home of whoever they run as, `/opt`.
    """
    return f"{path}/".startswith(_DATA)


def holds_data(path: str) -> bool:
    """Whether `path` has such a place below it."""
    return any(place.startswith(f"{path}/") for place in _DATA)


def is_never_read(path: str) -> bool:
    """Whether `path` is where nothing is read from, whatever is mounted there."""
    return _NEVER_READ.fullmatch(path) is not None


def hidden_by(directory: str, container: Container, mounts: Iterable[str] = ()) -> str | None:
    """What an emptyDir mounted at `directory` of `container` would hide; None where it may be mounted.

    `mounts` are the normal paths of the container's mounts, where they are known already.
    """
    place = _ANY_PLACE.fullmatch(directory)
    if place:
        return next(rule.what for number, rule in enumerate(REFUSED) if place[f"place{number}"] is not None)
    below = directory + "/"
    working_dir, program = container.working_dir or "", (container.command or container.args or _NOTHING)[0]
    if working_dir and len(working_dir) <= _LONGEST and f"{absolute(working_dir)}/".startswith(below):
        return "the working directory"
    if program.startswith("/") and len(program) <= _LONGEST and f"{absolute(program)}/".startswith(below):
        return "the program"
    for path in mounts or [absolute(mount.mount_path) for mount in container.volume_mounts or ()]:
        if f"{path}/".startswith(below):
            return "another mount"
    return None


def is_doubtful(path: LogPath) -> bool:
    """Whether images often hold something in the directory that an emptyDir for `path` would hide.

    `/var/log` is one where a glob goes into its directories: whatever makes them in the image would miss them.
    """
    if path.directory == _LOGS_OF_ALL:
        return path.text.count("/") > _LOGS_OF_ALL.count("/") + 1
    return _ANY_DOUBTFUL.fullmatch(path.directory) is not None
