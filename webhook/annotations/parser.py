"""The parser of annotations, driven by the registry of keys.

Values come from several levels, the first of which wins: the source's own key, the Pod's unprefixed key, the
configuration's defaults for the namespace, its general defaults, and what is built in.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from webhook.annotations import values
from webhook.annotations.defaults import configured, details
from webhook.annotations.registry import BUILT_IN_FORMATS, KEYS, POD_FIELDS, PREFIX, SOURCE_FIELDS, WRITTEN, Key
from webhook.annotations.request import Request, Source
from webhook.annotations.values import PATHS_LIMIT
from webhook.diagnostics import Diagnostic, Mistake, Mistaken

__all__ = ["Parsed", "asks", "parse"]

_SOURCE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_TAKEN_NAMES = frozenset({"agent", "drain", "config", "state", "token"})
_SUGGESTIONS_LIMIT = 16  # a review may bring thousands of unknown keys: the nearest match is looked up for the first


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
    return _Parsing(annotations, configured(tuple((defaults or {}).items()), formats), formats).run()


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
            self._wrong(mistake.code, whole, value, **details(key, mistake))

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
        said = {field: pod[field].key for field in POD_FIELDS if field in pod}
        settled: dict[str, Any] = {
            field: pod[field].value if field in pod else self.defaults.get(field) for field in POD_FIELDS
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
        for field in own.keys() & SOURCE_FIELDS:
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
        settled = {field: value for field, value in self.defaults.items() if field in SOURCE_FIELDS}
        settled.update({field: said.value for field, said in self.by_source[""].items() if field in SOURCE_FIELDS})
        return settled

    @functools.cached_property
    def _said_for_all(self) -> dict[str, str]:
        return {field: said.key for field, said in self.by_source[""].items() if field in SOURCE_FIELDS}
