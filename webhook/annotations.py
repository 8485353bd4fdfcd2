"""The annotation API: one registry of keys, and the parser that it drives.

Nothing else in the project lists the keys: errors, `loghook explain`, the JSON Schema and the reference page read
`KEYS`. Values come from several levels, the first of which wins: the source's own key, the Pod's unprefixed key, the
configuration's defaults for the namespace, its general defaults, and what is built in.
"""

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal

import msgspec

from webhook import values
from webhook.destinations import DESTINATION_NAME
from webhook.diagnostics import Diagnostic, Mistake, Mistaken
from webhook.formats import FORMATS
from webhook.paths import LogPath
from webhook.values import PATHS_LIMIT

__all__ = ["KEYS", "PREFIX", "Key", "Parsed", "Request", "Source", "asks", "check_defaults", "parse"]

PREFIX = "loghook.dev/"

BUILT_IN_FORMATS = frozenset(FORMATS)

_SOURCE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_TAKEN_NAMES = frozenset({"agent", "drain", "config", "state", "token"})
_SUGGESTIONS_LIMIT = 16  # a review may bring thousands of unknown keys: the nearest match is looked up for the first


# The registry.


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One annotation key: everything that the parser, the messages and the documentation need to know of it.

    `default` is the text that is parsed where no level says a value; None where there is no such text. `names_format`:
    the administrator's own formats are values as well. `about_records`: it says how a record is read or what is put on
    it, which a streaming sidecar leaves to others.
    """

    name: str
    scope: Literal["pod", "source"]
    parse: Callable[[str], Any]
    default: str | None = None
    default_about: str = ""
    example: str
    about: str
    names_format: bool = False
    about_records: bool = False

    @property
    def field(self) -> str:
        """The attribute of Request or Source that holds the value."""
        return self.name.replace("-", "_")

    def value(self, text: str, formats: Collection[str]) -> Any:
        """What `text` means, where there are `formats`. Raises Mistaken."""
        return values.format_name(text, formats) if self.names_format else self.parse(text)


_SOURCE_KEYS = (
    Key(
        name="paths",
        scope="source",
        parse=values.log_paths,
        default_about="required",
        example="/var/log/app/*.log",
        about="The files to read: absolute paths or globs, separated by commas or newlines. `*`, `?` and `[…]` "
        "match within "
        "one segment; `*` matches no leading dot. A file that does not exist yet is waited for.",
    ),
    Key(
        name="exclude",
        scope="source",
        parse=values.name_globs,
        default="*.gz,*.zip,*.bz2,*.xz,*.zst",
        example="*.gz,*.old",
        about="Globs of file names that a glob in `paths` is not to match: rotated and compressed files, mostly.",
    ),
    Key(
        name="format",
        scope="source",
        parse=values.format_name,
        default="plain",
        example="json",
        about="How the application writes its records: a built-in format or one of the administrator's. A streaming "
        "sidecar passes every line on as it is, whatever the format; see `node-agent-hints`.",
        names_format=True,
    ),
    Key(
        name="container",
        scope="source",
        parse=values.containers,
        default_about="the one container whose writable mount covers the path, else the Pod's default "
        "container, else the first",
        example="app",
        about="The container or containers that write these files. Init containers may be named.",
    ),
    Key(
        name="mode",
        scope="source",
        parse=values.one_of("streaming", "agent"),
        default_about="`agent` where an annotation names a destination, else the configured one, else `streaming`",
        example="streaming",
        about="`streaming`: a sidecar writes the files' lines to its own stdout, for the node's log agent. "
        "`agent`: a log agent "
        "in the Pod ships them to a destination by itself.",
    ),
    Key(
        name="destination",
        scope="source",
        parse=values.matching(DESTINATION_NAME),
        default_about="for agents: the configured one",
        example="central",
        about="Where an agent ships the records: a destination that the administrator has configured under this name.",
    ),
    Key(
        name="read-from",
        scope="source",
        parse=values.one_of("beginning", "end"),
        default_about="`beginning`; on claims and hostPaths `end` for the files that are there at the first start",
        example="beginning",
        about="Where to start in files that are there already when the sidecar starts. Files that come later "
        "are always read "
        "from their beginning.",
    ),
    Key(
        name="multiline-start",
        scope="source",
        parse=values.expression,
        default_about="from the format",
        example=r"^\d{4}-\d{2}-\d{2}",
        about="A regular expression that matches the first line of a record of several lines.",
        about_records=True,
    ),
    Key(
        name="time-key",
        scope="source",
        parse=values.matching(r"[^\s\x00-\x1f]{1,64}"),
        default_about="from the format",
        example="time",
        about="The field that holds the record's time.",
        about_records=True,
    ),
    Key(
        name="time-format",
        scope="source",
        parse=values.line,
        default_about="from the format",
        example="%Y-%m-%dT%H:%M:%S%z",
        about="How the record's time is written, in the notation of strftime.",
        about_records=True,
    ),
    Key(
        name="time-zone",
        scope="source",
        parse=values.matching(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}|[+-][0-9]{2}:[0-9]{2}"),
        default_about="`UTC`",
        example="Europe/Berlin",
        about="The zone of times that are written without one.",
        about_records=True,
    ),
    Key(
        name="fields",
        scope="source",
        parse=values.fields,
        default_about="none",
        example="team=shop,tier=web",
        about="Up to 16 literals that are put on each record.",
        about_records=True,
    ),
)

_POD_KEYS = (
    Key(
        name="agent",
        scope="pod",
        parse=values.one_of("fluent-bit", "fluentd", "vector", "otel-collector"),
        default="fluent-bit",
        example="fluent-bit",
        about="The log agent of sources in agent mode: one sidecar, `loghook-agent`, ships for all of them.",
    ),
    Key(
        name="engine",
        scope="pod",
        parse=values.one_of("busybox", "fluent-bit"),
        default="busybox",
        example="busybox",
        about="What streams. busybox costs least, and reads each file from the start again when it restarts; Fluent "
        "Bit keeps `offsets`.",
    ),
    Key(
        name="offsets",
        scope="pod",
        parse=values.boolean,
        default="false",
        example="false",
        about="Whether the streaming sidecar remembers how far it has read, so that no line comes twice after "
        "it restarts. `true` needs `engine: fluent-bit`.",
    ),
    Key(
        name="native-sidecar",
        scope="pod",
        parse=values.boolean,
        default="true",
        example="true",
        about="A native sidecar (an init container with restartPolicy Always, KEP-753) starts before the "
        "application, ends after "
        "it, and lets Jobs complete. `false` adds a plain container, for clusters before Kubernetes 1.29.",
    ),
    Key(
        name="inject",
        scope="pod",
        parse=values.boolean,
        default_about="true where any other key is there",
        example="true",
        about="`false` opts the Pod out, whatever else is said. `true` opts in where the configured defaults "
        "give paths.",
    ),
    Key(
        name="on-error",
        scope="pod",
        parse=values.one_of("reject", "warn"),
        default="reject",
        example="reject",
        about="What a mistake in the Pod's annotations does: `reject` refuses the Pod, `warn` lets it start "
        "without any of ours "
        "and says so in `status`.",
    ),
    Key(
        name="volume-size-limit",
        scope="pod",
        parse=values.size_or_none,
        default="1Gi",
        example="1Gi",
        about="The `sizeLimit` of the volume that loghook adds, or `none`. The kubelet evicts a Pod that "
        "exceeds it: rotate.",
    ),
    Key(
        name="cpu-request",
        scope="pod",
        parse=values.quantity,
        default_about="small, per engine",
        example="10m",
        about="The CPU that each sidecar requests.",
    ),
    Key(
        name="cpu-limit",
        scope="pod",
        parse=values.quantity_or_none,
        default_about="per engine, or ten times `cpu-request` where that is more",
        example="100m",
        about="The CPU that each sidecar is limited to, or `none`.",
    ),
    Key(
        name="memory-request",
        scope="pod",
        parse=values.size,
        default_about="small, per engine",
        example="32Mi",
        about="The memory that each sidecar requests.",
    ),
    Key(
        name="memory-limit",
        scope="pod",
        parse=values.size,
        default_about="the request",
        example="64Mi",
        about="The memory that each sidecar is limited to.",
    ),
    Key(
        name="drain-seconds",
        scope="pod",
        parse=values.seconds(0, 600),
        default="5",
        example="5",
        about="An upper bound, in seconds, of reading on after the application has stopped.",
    ),
    Key(
        name="node-agent-hints",
        scope="pod",
        parse=values.one_of("none", "fluent-bit", "datadog", "filebeat"),
        default="none",
        example="none",
        about="Also write the annotation by which that agent of the node parses our stream, as `format` and "
        "`multiline-start` say.",
    ),
)

KEYS: Mapping[str, Key] = {key.name: key for key in _SOURCE_KEYS + _POD_KEYS}
"""Every key that a user may write, by its name without the domain."""

_SOURCE_FIELDS = frozenset(key.field for key in _SOURCE_KEYS)
_POD_FIELDS = tuple(key.field for key in _POD_KEYS)
_FIELDS_ABOUT_RECORDS = tuple(key.field for key in _SOURCE_KEYS if key.about_records)

WRITTEN = frozenset({"status", "config"})
"""The keys that loghook writes itself: overwritten on injection, ignored otherwise."""


# What the annotations ask for.


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One named set of log paths that are read the same way; the unnamed one is named ``""``.

    `said` has the whole key under which the Pod says a value, by field; a field that is not there has a default.
    """

    name: str
    paths: tuple[LogPath, ...]
    exclude: tuple[str, ...]
    format: str
    container: tuple[str, ...] = ()
    mode: str = "streaming"
    destination: str | None = None
    read_from: str | None = None
    multiline_start: str | None = None
    time_key: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"
    fields: tuple[tuple[str, str], ...] = ()
    said: Mapping[str, str] = {}

    def key(self, name: str) -> str:
        """The whole key `name` of this source, as a user would write it."""
        return f"{PREFIX}{self.name}.{name}" if self.name else PREFIX + name

    def said_of_records(self) -> Iterator[str]:
        """The whole keys by which the Pod says how records are read, and what is put on them."""
        yield from (self.said[field] for field in _FIELDS_ABOUT_RECORDS if field in self.said)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a Pod's annotations ask for, with the defaults filled in. `said` as in Source."""

    sources: tuple[Source, ...]
    agent: str
    engine: str
    offsets: bool
    native_sidecar: bool
    inject: bool | None = None
    on_error: str
    volume_size_limit: str
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    drain_seconds: int
    node_agent_hints: str
    said: Mapping[str, str] = {}


class Parsed(msgspec.Struct, frozen=True):
    """A request and all that is wrong with the annotations; what is wrong is not in the request."""

    request: Request
    diagnostics: tuple[Diagnostic, ...]


def asks(annotations: Mapping[str, str]) -> bool:
    """Whether any annotation is a user's word to loghook."""
    for key in annotations:  # noqa: SIM110 - asked of every Pod, and a generator costs as much again
        if key.startswith(PREFIX) and key[len(PREFIX) :] not in WRITTEN:
            return True
    return False


def parse(
    annotations: Mapping[str, str],
    defaults: Mapping[str, str] | None = None,
    formats: frozenset[str] = BUILT_IN_FORMATS,
) -> Parsed:
    """What `annotations` (all of the Pod's) ask for, over the configuration's `defaults` (by unprefixed key).

    `formats` are the names of all there are. Never raises: every mistake is in the diagnostics, in the order of the
    annotations' keys.
    """
    return _Parsing(annotations, _configured(tuple((defaults or {}).items()), formats), formats).run()


class _Said(msgspec.Struct, frozen=True):
    """One value that some level says."""

    value: Any
    key: str = ""


class _Parsing:
    """One run of the parser over one Pod's annotations."""

    def __init__(self, annotations: Mapping[str, str], defaults: Mapping[str, Any], formats: frozenset[str]) -> None:
        self.annotations = annotations
        self.defaults = defaults
        self.formats = formats
        self.diagnostics: list[Diagnostic] = []
        self.by_source: dict[str, dict[str, _Said]] = {"": {}}
        self.failed: set[tuple[str, str]] = set()  # (source, key's name) of values that could not be used
        self.unknown = 0

    def run(self) -> Parsed:
        for whole in sorted(key for key in self.annotations if key.startswith(PREFIX)):
            rest = whole[len(PREFIX) :]
            if rest not in WRITTEN:
                self._read(whole, rest)
        request = self._request()
        return Parsed(request, tuple(self.diagnostics))

    def _read(self, whole: str, rest: str) -> None:
        source, _, name = rest.rpartition(".")
        key = KEYS.get(name)
        if key is None:
            self._wrong("LH101", whole, suggestion=self._suggestion(source, name))
        elif "." in rest and not _SOURCE_NAME.fullmatch(source):
            self._wrong("LH102", whole)
        elif source in _TAKEN_NAMES:
            self._wrong("LH103", whole, source=source)
        elif source and key.scope == "pod":
            self._wrong("LH104", whole, name=name, example=key.example)
        else:
            self._take(source, key, whole, self.annotations[whole])

    def _take(self, source: str, key: Key, whole: str, text: str) -> None:
        own = self.by_source.setdefault(source, {})
        try:
            own[key.field] = _Said(key.value(text, self.formats), whole)
        except Mistaken as mistaken:
            self._refuse(source, key, whole, mistaken.each)

    def _refuse(self, source: str, key: Key, whole: str, mistakes: tuple[Mistake, ...]) -> None:
        self.failed.add((source, key.name))
        for mistake in mistakes:
            value = self.annotations[whole] if mistake.value is None else mistake.value
            self._wrong(mistake.code, whole, value, **_details(key, mistake))

    def _wrong(self, code: str, whole: str, value: str | None = None, /, **details: str) -> None:
        self.diagnostics.append(Diagnostic(code, whole, value, details))

    def _suggestion(self, source: str, name: str) -> str:
        self.unknown += 1
        nearest = values.nearest(name, KEYS) if self.unknown <= _SUGGESTIONS_LIMIT else None
        if nearest == "paths":
            self.failed.add((source, nearest))  # so that it is not also called missing
        takes_source = nearest and KEYS[nearest].scope == "source" and source not in _TAKEN_NAMES
        prefix = f"{source}." if takes_source and _SOURCE_NAME.fullmatch(source) else ""
        return f"{PREFIX}{prefix}{nearest}" if nearest else f"one of `loghook annotations`, e.g. {PREFIX}paths"

    def _request(self) -> Request:
        pod = self.by_source[""]
        said = {field: pod[field].key for field in _POD_FIELDS if field in pod}
        settled: dict[str, Any] = {
            field: pod[field].value if field in pod else self.defaults.get(field) for field in _POD_FIELDS
        }
        sources = self._sources(inject=settled["inject"])
        if settled["node_agent_hints"] == "none":
            self._warn_of_keys_without_effect(sources)
        return Request(sources=sources, said=said, **settled)

    def _warn_of_keys_without_effect(self, sources: tuple[Source, ...]) -> None:
        """What is said about records of streams alone: nobody reads it."""
        of_streams = [said for source in sources if source.mode == "streaming" for said in source.said_of_records()]
        used = {said for source in sources if source.mode == "agent" for said in source.said_of_records()}
        for said in dict.fromkeys(of_streams):
            if said not in used:
                self._wrong("LH191", said)

    def _sources(self, *, inject: bool | None) -> tuple[Source, ...]:
        if inject is False:
            return ()
        names = sorted(name for name in self.by_source if name)
        unnamed = self._gives_paths("") or ("paths" in self.defaults and (inject or not names))
        if not names and not unnamed and ("", "paths") not in self.failed:
            self._wrong("LH105", PREFIX + "paths")
        sources = [self._source(name) for name in (["", *names] if unnamed else names)[: PATHS_LIMIT + 1]]
        found = [source for source in sources if source is not None]
        if len(sources) > PATHS_LIMIT or sum(len(source.paths) for source in found) > PATHS_LIMIT:
            self._wrong("LH116", PREFIX + "paths")
            return ()
        return tuple(found)

    def _gives_paths(self, source: str) -> bool:
        return "paths" in self.by_source[source]

    def _source(self, name: str) -> Source | None:
        own = self.by_source[name]
        if name and "paths" not in own:
            if (name, "paths") not in self.failed:
                self._wrong("LH105", f"{PREFIX}{name}.paths")
            return None
        settled = dict(self._source_defaults)
        settled["mode"] = self._mode(own)
        said = dict(self._said_for_all)
        for field in own.keys() & _SOURCE_FIELDS:
            settled[field] = own[field].value
            said[field] = own[field].key
        self._check_mode(name, own)
        return Source(name=name, said=said, **settled)

    def _mode(self, own: Mapping[str, _Said]) -> str:
        """The mode that the narrowest level says; one that only names a destination means an agent."""
        for level in (own, self.by_source[""]):
            if "mode" in level:
                return str(level["mode"].value)
            if "destination" in level:
                return "agent"
        return str(self.defaults.get("mode", "streaming"))

    def _check_mode(self, name: str, own: Mapping[str, _Said]) -> None:
        """`mode: streaming` and a `destination` of one level contradict one another."""
        mode, destination = own.get("mode"), (name, "destination") in self.failed or "destination" in own
        if destination and mode is not None and mode.value == "streaming":
            self._wrong("LH131", f"{PREFIX}{name}.destination" if name else PREFIX + "destination")

    @functools.cached_property
    def _source_defaults(self) -> dict[str, Any]:
        """What holds for a source that says nothing itself: the Pod's unprefixed keys over the defaults."""
        settled = {field: value for field, value in self.defaults.items() if field in _SOURCE_FIELDS}
        settled.update({field: said.value for field, said in self.by_source[""].items() if field in _SOURCE_FIELDS})
        return settled

    @functools.cached_property
    def _said_for_all(self) -> dict[str, str]:
        return {field: said.key for field, said in self.by_source[""].items() if field in _SOURCE_FIELDS}


@functools.lru_cache(maxsize=256)
def _configured(defaults: tuple[tuple[str, str], ...], formats: frozenset[str]) -> Mapping[str, Any]:
    """The parsed defaults by field: the configuration's over the built-in ones. What is wrong in them is left out."""
    settled = {key.field: key.parse(key.default) for key in KEYS.values() if key.default is not None}
    for name, text in defaults:
        key = KEYS.get(name)
        if key is not None and not _problems(key, name, text, formats):
            settled[key.field] = key.value(text, formats)
    return settled


def check_defaults(
    defaults: Mapping[str, str], place: str = "defaults", formats: frozenset[str] = BUILT_IN_FORMATS
) -> Iterator[Diagnostic]:
    """What is wrong with the `defaults` of a configuration, whose keys stand under `place` in the file."""
    for name, text in defaults.items():
        key = KEYS.get(name)
        if key is None:
            suggestion = values.nearest(name, KEYS) or "e.g. format"
            yield Diagnostic("LH101", f"{place}.{name}", None, {"suggestion": suggestion})
        else:
            yield from _problems(key, f"{place}.{name}", text, formats)


def _problems(key: Key, where: str, text: str, formats: frozenset[str]) -> list[Diagnostic]:
    try:
        key.value(text, formats)
    except Mistaken as mistaken:
        return [
            Diagnostic(mistake.code, where, mistake.value or text, _details(key, mistake)) for mistake in mistaken.each
        ]
    return []


def _details(key: Key, mistake: Mistake) -> dict[str, str]:
    return {"example": key.example, **mistake.details}
