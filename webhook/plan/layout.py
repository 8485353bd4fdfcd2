"""How the sidecars see the files: where each volume is mounted in them, and which source a file belongs to.

The layout is one for the whole Pod, so that a path means the same in each of its sidecars.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Source
from webhook.diagnostics import Diagnostic
from webhook.plan.agreed import Agreed
from webhook.plan.names import ADDED_VOLUME, STATE_VOLUME, sidecar_name
from webhook.plan.readings import Missing, Reader, Reading
from webhook.plan.volumes import Located
from webhook.pod.paths import LogPath, ancestors, leaves_nothing
from webhook.pod.refused_places import TOKEN_PATH, holds_data, is_of_data
from webhook.sidecars import CA_DIRECTORY, CONFIG_DIRECTORY, STATE_DIRECTORY
from webhook.sidecars.programs import AGENTS, ENGINES

__all__ = ["Addition", "Files", "LaidOut", "lay_out"]

_OWN_ROOT = "/loghook"

File = tuple[object, str]
"""What tells files apart, as of `Reading.file`: the tree, and the path in it."""

Readings = Mapping[str, Mapping[File, Reading]]
"""What is read of each source, by the files."""


class Files(msgspec.Struct, frozen=True):
    """The files of one source as its sidecar sees them.

    `readers` are mounted at `mount_paths`, in the same order. `paths` and `exclude` are what the engine is told.
    """

    source: Source
    readers: tuple[Reader, ...]
    mount_paths: tuple[str, ...]
    paths: tuple[str, ...]
    exclude: tuple[str, ...]

    @property
    def writers(self) -> list[str]:
        """The names of the containers that write the files, each once."""
        return list(dict.fromkeys([reader.container for reader in self.readers]))


class Addition(msgspec.Struct, frozen=True):
    """An emptyDir that is added to the Pod and mounted at `directory` of one container."""

    volume: str
    container: str
    directory: str


class LaidOut(msgspec.Struct, frozen=True):
    """How the sidecars see the files of each source that has any, and the volumes that must be added for them.

    `additions` are those that the application writes to. `empty_dirs` are the same as the API has them, and the one
    where a sidecar keeps its state.
    """

    files: tuple[Files, ...]
    additions: tuple[Addition, ...]
    empty_dirs: tuple[dict[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]


def lay_out(agreed: Agreed, located: Located) -> LaidOut:
    """Lay out the files that were `located` for the sources that go on.

    There is a warning for each path of which nothing would be read: that is one that an earlier source has already, or
    a glob of which `exclude` leaves nothing.
    """
    sources = [source for source in agreed.request.sources if source.name in located.found]
    additions, readings = _readings(sources, located.found)
    owned, doubles = _without_doubles(sources, readings) if len(readings) > 1 else (readings, [])
    taken = _ground_of(agreed.engine.name if agreed.engine else None, agreed.agent.name if agreed.agent else None)
    places = _Places([file for several in owned.values() for file in several.items()], taken)
    present = [source for source in sources if source.name in owned]
    files = tuple([_files(source, present, owned, places) for source in present])
    return LaidOut(
        files=files,
        additions=additions,
        empty_dirs=_empty_dirs(agreed, [*[each.volume for each in additions], *_lost(files)]),
        diagnostics=(*doubles, *_emptied(present, owned), *_about_users(files)),
    )


def _lost(files: Iterable[Files]) -> list[str]:
    """The volumes of ours that are to be added once more."""
    return [reader.volume for each in files for reader in each.readers if reader.is_lost]


def _empty_dirs(agreed: Agreed, added: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """The volumes that are written to; those `added` for log files first."""
    limits = dict.fromkeys(added, agreed.request.volume_size_limit)
    if agreed.agent or (agreed.engine and agreed.engine.has_state):
        limits[STATE_VOLUME] = agreed.asked.config.state_size_limit
    return tuple([_empty_dir(name, limit) for name, limit in limits.items()])


def _empty_dir(name: str, limit: str) -> dict[str, Any]:
    return {"name": name, "emptyDir": {} if limit == "none" else {"sizeLimit": limit}}


def _about_users(files: Iterable[Files]) -> list[Diagnostic]:
    """A warning for each sidecar whose one user may not read all of its files."""
    together: dict[str, list[Files]] = {}
    for each in files:
        together.setdefault(sidecar_name(each.source), []).append(each)
    warnings = []
    for several in together.values():
        source = several[0].source
        users = [reader.user.uid for each in several for reader in each.readers]
        if 0 in users:
            warnings.append(Diagnostic("LH402", source.key("paths")))
        if len(users) > 1 and len(set(users)) > 1:
            user = "the image's user" if users[0] is None else str(users[0])
            example = "a source for each" if len(several) == 1 else "mode: streaming"
            warnings.append(Diagnostic("LH403", source.key("container"), None, {"user": user, "example": example}))
    return warnings


def _readings(
    sources: Iterable[Source], found: Mapping[str, Sequence[Reading | Missing]]
) -> tuple[tuple[Addition, ...], Readings]:
    """The volumes that must be added for what was `found`, and every reading once, those of these volumes included."""
    additions = _additions([each for source in sources for each in found[source.name] if isinstance(each, Missing)])
    added = {(addition.container, addition.directory): addition.volume for addition in additions}
    trees: dict[tuple[str, str], Reader] = {}
    readings: dict[str, dict[File, Reading]] = {}
    for source in sources:
        readings[source.name] = own = {}
        for each in found[source.name]:
            if isinstance(each, Reading):
                reading = each
            else:
                place = _outermost(each.container, each.path.directory, added)
                reader = trees.get(place)
                if reader is None:
                    trees[place] = reader = Reader(added[place], place[1], each.container, user=each.user)
                reading = Reading(each.path, reader)
            own[reading.reader.tree, reading.path.text] = reading
    return additions, readings


def _outermost(container: str, directory: str, added: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The place that is `added` to `container` for `directory`: that itself, or one above it."""
    place = container, directory
    if place in added:
        return place
    return next((container, above) for above in ancestors(directory) if (container, above) in added)


def _additions(missing: Iterable[Missing]) -> tuple[Addition, ...]:
    """One emptyDir for each container and outermost directory: nested directories share one."""
    wanted: dict[str, dict[str, None]] = {}
    for each in missing:
        wanted.setdefault(each.container, {})[each.path.directory] = None
    outermost = [
        (container, directory)
        for container, directories in wanted.items()
        for directory in directories
        if len(directories) == 1 or directories.keys().isdisjoint(ancestors(directory))
    ]
    return tuple(
        [
            Addition(ADDED_VOLUME if number == 1 else f"{ADDED_VOLUME}-{number}", *place)
            for number, place in enumerate(outermost, start=1)
        ]
    )


def _files(source: Source, sources: Iterable[Source], readings: Readings, places: "_Places") -> Files:
    own = readings[source.name]
    readers = {tree: reading.reader for (tree, _), reading in own.items()}
    of_others = _of_others(source, sources, readings, places) if len(readings) > 1 else ()
    return Files(
        source=source,
        readers=tuple(readers.values()),
        mount_paths=tuple([places.mount_paths[tree] for tree in readers]),
        paths=tuple(dict.fromkeys([places.path(tree, reading) for (tree, _), reading in own.items()])),
        exclude=(*source.exclude, *of_others),
    )


def _without_doubles(sources: Iterable[Source], readings: Readings) -> tuple[Readings, list[Diagnostic]]:
    """`readings` without the paths that an earlier source has as well, and a warning for each."""
    owner: dict[object, Source] = {}
    kept: dict[str, dict[File, Reading]] = {}
    warnings = []
    for source in sources:
        for file, reading in readings[source.name].items():
            first = owner.setdefault(file, source)
            if first is source:
                kept.setdefault(source.name, {})[file] = reading
            else:
                details = {"source": first.key("paths"), "other": source.key("paths").removeprefix(PREFIX)}
                warnings.append(Diagnostic("LH210", source.key("paths"), reading.path.text, details))
    return kept, warnings


def _emptied(sources: Iterable[Source], readings: Readings) -> list[Diagnostic]:
    """A warning for each glob of which a source's own `exclude` leaves nothing."""
    return [
        Diagnostic("LH212", source.key("exclude"), path.text)
        for source in sources
        for path in dict.fromkeys([reading.path for reading in readings[source.name].values() if reading.path.is_glob])
        if leaves_nothing(source.exclude, path)
    ]


def _of_others(source: Source, sources: Iterable[Source], readings: Readings, places: "_Places") -> Iterator[str]:
    """Patterns of the files that the globs of `source` match too, but that belong to another source.

    Those that another one names literally, and those that globs of a source before it match. Only patterns of as many
    segments can match the same file, which also keeps a `*` of the shell's `case` from crossing a slash.
    """
    globs = [(tree, reading.path) for (tree, _), reading in readings[source.name].items() if reading.path.is_glob]
    for other in sources if globs else ():
        # One path may be read in many containers, and is asked about once.
        leaves = functools.cache(functools.partial(leaves_nothing, other.exclude))
        for (tree, _), reading in readings[other.name].items() if other is not source else ():
            is_stronger = not reading.path.is_glob or other.name < source.name
            if is_stronger and any(tree == of and _may_overlap(reading.path, glob, leaves) for of, glob in globs):
                yield places.path(tree, reading)


def _may_overlap(path: LogPath, glob: LogPath, leaves: Callable[[LogPath], bool]) -> bool:
    """Whether a file of `path` may match `glob` too, in one tree, of which its source `leaves` nothing, maybe."""
    return path.text.count("/") == glob.text.count("/") and not (path.is_glob and leaves(glob))


class _Places:
    """The mount path of each tree in the sidecars, the same in all of them.

    The application's own path where that is free in a sidecar, else a directory of ours. Not free is what another tree
    needs too (two containers may use one path for different files), and what would hide the engine's own files or the
    mount that hides the token.
    """

    def __init__(self, readings: Iterable[tuple[File, Reading]], taken: "_Ground") -> None:
        trees = {tree: reading.reader for (tree, _), reading in readings}
        ground = _Ground([reader.mount_path for reader in trees.values()]) if len(trees) > 1 else _FREE
        self.mount_paths: dict[object, str] = {}
        """By tree, where a sidecar mounts it."""
        for tree, reader in trees.items():
            where = reader.mount_path
            is_free = is_of_data(where) and not taken.touches(where) and ground.has_room_for(where)
            self.mount_paths[tree] = where if is_free else self._place_of_ours(reader)

    def _place_of_ours(self, reader: Reader) -> str:
        """`/loghook/<container>/<volume>`, with a number where several parts of one volume are mounted."""
        base = f"{_OWN_ROOT}/{reader.container}/{reader.volume}"
        taken, place, number = self.mount_paths.values(), base, 1
        while place in taken:
            number += 1
            place = f"{base}.{number}"
        return place

    def path(self, tree: object, reading: Reading) -> str:
        """The path or glob of a `reading` in `tree`, as a sidecar sees it."""
        reader = reading.reader
        mounted = self.mount_paths[tree]
        if mounted == reader.mount_path:
            return reading.path.text
        return mounted + reading.path.text[len(reader.mount_path.rstrip("/")) :]


class _Ground:
    """Directories, each with those above it, to be asked what stands on what: one look for each segment of a path."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._there: dict[str, int] = {}
        self._above: set[str] = set()
        for directory in directories:
            if directory not in self._there:
                self._above.update(ancestors(directory))
            self._there[directory] = self._there.get(directory, 0) + 1

    def touches(self, path: str) -> bool:
        """Whether `path` is one of the directories, stands in one, or holds one."""
        return bool(self._there) and (path in self._there or self._is_above_or_below(path))

    def has_room_for(self, path: str) -> bool:
        """Whether `path` is one of the directories once at most, stands in none, and holds none."""
        return not self._there or (self._there.get(path, 0) <= 1 and not self._is_above_or_below(path))

    def _is_above_or_below(self, path: str) -> bool:
        if path in self._above:
            return True
        return not self._there.keys().isdisjoint(ancestors(path))


_FREE = _Ground(())


@functools.cache
def _ground_of(engine: str | None, agent: str | None) -> _Ground:
    """Where no file of the application's may be mounted in a sidecar, by the names of the programs.

    Only what is among data counts: nowhere else is anything mounted at a path of the application's.
    """
    needed = {TOKEN_PATH, _OWN_ROOT}
    if engine:
        needed |= ENGINES[engine].files
    if agent:
        needed |= AGENTS[agent].files | {STATE_DIRECTORY, CONFIG_DIRECTORY, CA_DIRECTORY}
    return _Ground([each for each in needed if is_of_data(each) or holds_data(each)])
