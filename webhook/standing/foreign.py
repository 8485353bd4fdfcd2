"""How others are asked for a log sidecar, and what asks loghook for the same: a table of projects, read like ours.

Sources, by the projects' own documentation:
tailing-sidecar: https://github.com/SumoLogic/tailing-sidecar/blob/main/operator/docs/configuration.md
logsidecar-injector: https://github.com/kubesphere/logsidecar-injector#usage
logging-operator: https://kube-logging.dev/docs/configuration/extensions/tailer-webhook/
fluentd-sidecar-injector: https://github.com/h3poteto/fluentd-sidecar-injector#usage
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.standing.ours import Raw, annotations_of

__all__ = ["KINDS", "PROJECTS", "Asked", "Migration", "migrated"]

_SOURCE_NAME = re.compile(r"(?!(agent|drain|config|state|token)$)[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class Asked(msgspec.Struct, frozen=True):
    """Files that somebody else is asked to read: `name` may be empty, and so may the container that writes them."""

    paths: tuple[str, ...]
    name: str = ""
    container: str = ""
    more: tuple[tuple[str, str], ...] = ()


class Migration(msgspec.Struct, frozen=True):
    """What comes of one Pod: annotations that go and that come, containers that go, and what has no counterpart."""

    projects: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    added: Mapping[str, str] = {}
    containers: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class _Found(msgspec.Struct):
    """What is found of one project in a Pod, as it is read."""

    asked: list[Asked] = []
    lost: list[str] = []


_Read = Callable[[Raw, Mapping[str, str]], _Found]


# Each project.


def _tailing_sidecar(pod: Raw, said: Mapping[str, str]) -> _Found:
    """`[name:]volume:path`, by semicolons; the path is within the container, the volume tells which."""
    found = _Found()
    for entry in filter(None, (each.strip() for each in said["tailing-sidecar"].split(";"))):
        parts = entry.split(":")
        *name, volume, path = parts if len(parts) > 1 else ["", *parts]
        writers = [each["name"] for each in _containers(pod) if volume in _mounts(each)]
        if not path.startswith("/") or not volume:
            found.lost.append(f"tailing-sidecar: {entry} names no volume and file; is it of a TailingSidecarConfig?")
        elif not writers:
            found.lost.append(f"tailing-sidecar: no container mounts the volume {volume}")
        else:
            found.asked.append(Asked((path,), name[0] if name else "", writers[0]))
    return found


def _logsidecar(pod: Raw, said: Mapping[str, str]) -> _Found:
    """A map of containers, of their volumes, to lists of paths that begin where the volume is mounted."""
    found = _Found(lost=[f"{key} changes the agent's own configuration" for key in said if "jsonpatch" in key])
    try:
        wanted = json.loads(said.get("logging.kubesphere.io/logsidecar-config", "{}"))["containerLogConfigs"]
        pairs = [(each, volume, paths) for each, volumes in wanted.items() for volume, paths in volumes.items()]
    except (ValueError, LookupError, TypeError, AttributeError):
        found.lost.append("logging.kubesphere.io/logsidecar-config is not of the shape that the project reads")
        return found
    there = {each["name"]: each for each in _containers(pod)}
    for container, volume, paths in pairs:
        place = _mounts(there.get(container, {})).get(volume)
        if place is None:
            found.lost.append(f"logsidecar-injector: {container} does not mount the volume {volume}")
        elif paths:
            whole = tuple(f"{place.rstrip('/')}/{str(each).lstrip('/')}" for each in paths)
            found.asked.append(Asked(whole, container=container))
    return found


def _logging_operator(pod: Raw, said: Mapping[str, str]) -> _Found:
    """`[container:]file`, by commas; without a container it is the first."""
    found = _Found()
    there = [each["name"] for each in _containers(pod)]
    by_container: dict[str, list[str]] = {}
    for entry in filter(None, (each.strip() for each in said[_TAIL].split(","))):
        container, colon, path = entry.rpartition(":")
        container = container if colon else next(iter(there), "")
        if container not in there or not path.startswith("/"):
            found.lost.append(f"{_TAIL}: {entry} names no container and file")
        else:
            by_container.setdefault(container, []).append(path)
    found.asked += [Asked(tuple(paths), container=container) for container, paths in by_container.items()]
    return found


_H3 = "fluentd-sidecar-injector.h3poteto.dev/"
_TAIL = "sidecar.logging-extensions.banzaicloud.io/tail"
_H3_MEANS = {"time-key": "time-key", "time-format": "time-format"}
_H3_FORMATS = frozenset({"json", "nginx", "logfmt", "apache2", "none"})
_FORMATS = {"apache2": "apache", "none": "plain"}


def _fluentd_sidecar(pod: Raw, said: Mapping[str, str]) -> _Found:
    """A directory, of which everything is read, and about twenty settings of the agent."""
    del pod
    words = {key.removeprefix(_H3): value for key, value in said.items()}
    directory = words.pop("application-log-dir", "")
    if words.pop("injection", "") != "enabled" or not directory:
        return _Found(lost=[f"{_H3}application-log-dir is not said: nobody knows which files"])
    more = [(_H3_MEANS[key], words.pop(key)) for key in list(words) if key in _H3_MEANS]
    format_ = words.pop("log-format", "json")  # which is that project's default
    if format_ in _H3_FORMATS:
        more.append(("format", _FORMATS.get(format_, format_)))
    else:
        words["log-format"] = format_
    lost = [f"{_H3}{key}: {_H3_LOST.get(key, 'no counterpart')}" for key in sorted(words)]
    if not any(key.startswith("aggregator") for key in words):
        lost.append(
            f"{_H3}injection: it ships by itself: add loghook.dev/destination, which the administrator configures"
        )
    return _Found([Asked((f"{directory.rstrip('/')}/*.log",), more=tuple(more))], lost)


_H3_LOST = {
    "aggregator-host": "needs a destination of type forward, by the administrator, and loghook.dev/destination",
    "aggregator-port": "as aggregator-host",
    "collector": "add loghook.dev/agent beside a destination",
    "log-format": "no format of that name: a format of the administrator's own, or none",
}

PROJECTS: Mapping[str, tuple[str, _Read]] = {
    "tailing-sidecar": ("tailing-sidecar", _tailing_sidecar),
    "logsidecar-injector": ("logging.kubesphere.io/logsidecar", _logsidecar),
    "logging-operator": (_TAIL, _logging_operator),
    "fluentd-sidecar-injector": (_H3, _fluentd_sidecar),
}
"""Each project with what its annotations' keys begin with, and what reads them."""

KINDS = frozenset({"TailingSidecar", "TailingSidecarConfig", "SidecarInjector"})
"""Kinds of the projects' own, which say for many Pods what their annotations say for one."""


# All of them together.


def migrated(pod: Raw) -> Migration:
    """What turns the raw `pod`, or the template of one, into one that asks loghook for the same."""
    asked: list[Asked] = []
    projects: list[str] = []
    gone: list[str] = []
    lost: list[str] = []
    containers: list[str] = []
    for project, (start, read) in PROJECTS.items():
        said = {key: value or "" for key, value in annotations_of(pod).items() if key.startswith(start)}
        if not said:
            continue
        found = read(pod, said)
        projects.append(project)
        lost += found.lost
        asked += found.asked
        gone += said if found.asked else ()
    for container, found_ in _by_hand(pod):
        projects.append("a sidecar by hand")
        containers.append(container)
        asked.append(found_)
    return Migration(tuple(dict.fromkeys(projects)), tuple(gone), _annotations(asked), tuple(containers), tuple(lost))


def _annotations(asked: list[Asked]) -> dict[str, str]:
    """The annotations for all that is `asked`: one source without a name, or several by name."""
    added: dict[str, str] = {}
    for number, each in enumerate(asked, start=1):
        named = each.name or each.container
        name = named if _SOURCE_NAME.fullmatch(named) and f"{PREFIX}{named}.paths" not in added else f"source-{number}"
        prefix = PREFIX if len(asked) == 1 else f"{PREFIX}{name}."
        added[f"{prefix}paths"] = ",".join(each.paths)
        if each.container:
            added[f"{prefix}container"] = each.container
        added |= {f"{prefix}{key}": value for key, value in each.more}
    return added


def _containers(pod: Raw) -> list[Any]:
    return [{"name": "", **each} for each in (pod.get("spec") or {}).get("containers") or ()]


def _mounts(container: Raw) -> dict[str, str]:
    """Where `container` has each volume; those of which it has a part are passed over."""
    mounts = container.get("volumeMounts") or ()
    return {
        str(each.get("name", "")): str(each.get("mountPath", ""))
        for each in mounts
        if not each.get("subPath") and not each.get("subPathExpr")
    }


# Sidecars that were written by hand.

_TAILS = re.compile(r"\btail\b(?P<options>(?:\s+-\S+(?:\s+\+?\d+)?)*)(?P<files>(?:\s+/\S+)+)")


def _by_hand(pod: Raw) -> Iterator[tuple[str, Asked]]:
    """Each container that does nothing but follow files of a volume that another one mounts too."""
    every = _containers(pod)
    for container in every:
        found = [_elsewhere(path.strip("'\""), container, every) for path in _followed(container)]
        places = [each for each in found if each]
        writers = {each[0] for each in places}
        if places and len(places) == len(found) and len(writers) == 1:
            paths = tuple(each[1] for each in places)
            yield container["name"], Asked(paths, container["name"], writers.pop())


def _followed(container: Raw) -> list[str]:
    """The files that a container follows, by `tail -f` or by the image of tailing-sidecar."""
    if "tailing-sidecar" in str(container.get("image", "")):
        variables = [each for each in container.get("env") or () if each.get("name") == "PATH_TO_TAIL"]
        return [each["value"] for each in variables if each.get("value")]
    words = " ".join(map(str, (*(container.get("command") or ()), *(container.get("args") or ()))))
    found = _TAILS.search(words)
    is_followed = found and re.search(r"-\w*[fF]|--follow", found["options"])
    return found["files"].split() if found and is_followed else []


def _elsewhere(path: str, container: Raw, every: list[Any]) -> tuple[str, str] | None:
    """The container that has the file `path` of `container` too, and where."""
    for volume, place in _mounts(container).items():
        if not path.startswith(f"{place.rstrip('/')}/"):
            continue
        for other in every:
            if other is not container and volume in _mounts(other):
                return other["name"], _mounts(other)[volume].rstrip("/") + path[len(place.rstrip("/")) :]
    return None
