"""The files that processes of a Pod hold open for writing: where each is, which are logs, and annotations for them."""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.pod.paths import is_under
from webhook.standing.ours import Raw

__all__ = ["SCRIPT", "Discovery", "OpenFile", "annotations_for", "open_files"]

SCRIPT = r"""
for dir in /proc/[0-9]*; do
  pid=${dir#/proc/}
  [ "$pid" = "$$" ] && continue
  name=? uid=?
  while read -r key value rest; do
    case $key in Name:) name=$value ;; Uid:) uid=$value ;; esac
  done 2>/dev/null <"$dir/status" || continue
  ls "$dir/fd/" >/dev/null 2>&1 || { echo "closed $pid $uid $name"; continue; }
  for fd in "$dir"/fd/*; do
    flags=
    while read -r key value rest; do
      case $key in flags:) flags=$value ;; esac
    done 2>/dev/null <"$dir/fdinfo/${fd##*/}"
    case $flags in *[12]) echo "open $pid $uid $flags $name $(readlink "$fd")" ;; esac
  done
done
true
"""
"""What is run beside an application, by any POSIX shell: a line for each file that is open for writing (O_WRONLY is 1,
O_RDWR is 2: fs/proc/fd.c writes flags as octal), and for each process whose files nobody may see.
"""

_OPEN = re.compile(r"open (?P<pid>\d+) (?P<uid>\S+) (?P<flags>[0-7]+) (?P<name>\S+) (?P<path>/.*)")
_CLOSED = re.compile(r"closed (?P<pid>\d+) (?P<uid>\S+) (?P<name>\S+)")
_APPEND = 0o2000  # asm-generic/fcntl.h
_NO_FILES = ("/dev", "/proc", "/sys")
_DELETED = " (deleted)"
_LOG_NAME = re.compile(r"(^|[^a-z])(log|out|err|trace|audit|access|error)s?([^a-z]|$)", re.IGNORECASE)
_TURNED = re.compile(r"(?<=\.log)([.-][0-9]+)+$")
"""What logrotate puts behind a name: the process writes to the old file until it opens the new one."""

_SOURCE_NAME = re.compile(r"(?!(agent|drain|config|state|token)$)[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class OpenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that `process` of `container` writes, as the user `uid`.

    `volume` is where it is and `kind` what that is by the API's name; both are empty in the container's own layer.
    `path` is what is to be read: the name that the file had before it was rotated.
    """

    container: str
    process: str
    uid: str
    path: str
    volume: str
    kind: str
    is_deleted: bool
    is_log: bool


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was found in one Pod: files, annotations to be put on it, and what there is to say of both."""

    pod: str
    namespace: str
    files: tuple[OpenFile, ...]
    annotations: dict[str, str]
    said: tuple[str, ...]


def open_files(pod: Raw, container: Raw, written: str) -> tuple[list[OpenFile], list[str]]:
    """The files in what SCRIPT has `written` beside `container`, each once, and the processes that show none."""
    found = {each.path: each for each in _files(pod, container, written.splitlines())}
    hidden = (_CLOSED.fullmatch(line) for line in written.splitlines())
    return list(found.values()), [f"{each['name']} (uid {each['uid']})" for each in hidden if each]


def _files(pod: Raw, container: Raw, lines: Iterable[str]) -> Iterator[OpenFile]:
    for line in lines:
        found = _OPEN.fullmatch(line)
        if found is None or found["path"].startswith("/memfd:"):
            continue
        is_deleted = found["path"].endswith(_DELETED)
        path = _TURNED.sub("", found["path"].removesuffix(_DELETED))
        if any(is_under(path, place) for place in _NO_FILES):
            continue
        volume, kind = _volume_of(pod, container, path)
        yield OpenFile(
            container=container["name"],
            process=found["name"],
            uid=found["uid"],
            path=path,
            volume=volume,
            kind=kind,
            is_deleted=is_deleted,
            is_log=bool(int(found["flags"], 8) & _APPEND or _LOG_NAME.search(path.rpartition("/")[2])),
        )


def _volume_of(pod: Raw, container: Raw, path: str) -> tuple[str, str]:
    """The volume on which `path` is, by the deepest mount, and its kind."""
    mounts = [
        each for each in container.get("volumeMounts") or () if is_under(path, each["mountPath"].rstrip("/") or "/")
    ]
    if not mounts:
        return "", ""
    name = max(mounts, key=lambda each: len(each["mountPath"]))["name"]
    volume: Raw = next((each for each in pod["spec"].get("volumes") or () if each["name"] == name), {})
    return name, next((kind for kind in volume if kind != "name"), "emptyDir")


def annotations_for(files: Sequence[OpenFile]) -> dict[str, str]:
    """The annotations by which the logs among `files` are read: a source for each container where several write."""
    logs = [each for each in files if each.is_log and not each.is_deleted]
    containers = list(dict.fromkeys(each.container for each in logs))
    annotations = {}
    for number, container in enumerate(containers, start=1):
        source = container if _SOURCE_NAME.fullmatch(container) else f"source-{number}"
        prefix = PREFIX if len(containers) == 1 else f"{PREFIX}{source}."
        paths = dict.fromkeys(each.path for each in logs if each.container == container)
        annotations[f"{prefix}paths"] = ",".join(paths)
        annotations[f"{prefix}container"] = container
    return annotations
