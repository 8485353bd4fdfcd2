"""The parser of annotations, driven by the registry of keys.

It goes in one direction: each annotation becomes a word, the words of one source a level, and each level a source.

Values come from several levels, the first of which wins: the source's own key, the Pod's unprefixed key, the
configuration's defaults for the namespace, its general defaults, and what is built in.
"""

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from webhook.annotations.defaults import configured, details
from webhook.annotations.key import Key
from webhook.annotations.registry import BUILT_IN_FORMATS, KEYS, PREFIX, SOURCE_FIELDS, WRITTEN
from webhook.annotations.request import Request, Source
from webhook.annotations.values import PATHS_LIMIT, format_name, nearest, sound_paths
from webhook.diagnostics import Diagnostic, Mistake, Mistaken

__all__ = ["Parsed", "asks", "parse", "parse_said", "said"]

_SOURCE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_TAKEN_NAMES = frozenset({"agent", "drain", "config", "state", "token"})
_WRITTEN = frozenset(PREFIX + name for name in WRITTEN)
_SHORT = 160  # characters of an annotation's key and value
_SHORT_WORDS = 512  # that are remembered, of a few hundred bytes each
_SUGGESTIONS_LIMIT = 16  # what may be meant is looked up for the first few of what is wrong: it takes time


class Parsed(msgspec.Struct, frozen=True):
    """A request and all that is wrong with the annotations; what is wrong is not in the request."""

    request: Request
    diagnostics: tuple[Diagnostic, ...]


def asks(annotations: Mapping[str, str]) -> bool:
    """Whether any annotation is a user's word to loghook."""
    for key in annotations:  # noqa: SIM110 - asked of every Pod, and a generator costs as much again
        if key.startswith(PREFIX) and key not in _WRITTEN:
            return True
    return False


def said(annotations: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those of `annotations` by which a user speaks to loghook: all that is ever asked for."""
    return tuple([pair for pair in annotations.items() if pair[0].startswith(PREFIX) and pair[0] not in _WRITTEN])


def parse(
    annotations: Mapping[str, str],
    defaults: Mapping[str, str] | None = None,
    formats: frozenset[str] = BUILT_IN_FORMATS,
) -> Parsed:
    """What `annotations` (all of the Pod's) ask for, over the configuration's `defaults` (by unprefixed key).

    `formats` are the names of all there are. Never raises: every mistake is in the diagnostics, in the order of the
    annotations' keys.
    """
    return parse_said(said(annotations), defaults, formats)


def parse_said(
    said: tuple[tuple[str, str], ...], defaults: Mapping[str, str] | None, formats: frozenset[str]
) -> Parsed:
    """As `parse`, of those annotations by which a user speaks to loghook."""
    settled = configured(tuple(defaults.items()) if defaults else (), formats)
    words, mistakes = _words(said, formats)
    pod, named = _levels(words)
    for_pod, keys = dict(settled.for_pod), {}
    for field, word in pod.said.items():
        if field in for_pod:
            for_pod[field], keys[field] = word.value, word.whole
    opt_out = for_pod["inject"] is False
    sources, wrong = ((), []) if opt_out else _sources(pod, named, settled.for_sources, inject=for_pod["inject"])
    if for_pod["node_agent_hints"] == "none" and True in [
        word.key is not None and word.key.about_records for word in words
    ]:
        wrong += _without_effect(sources)
    if True in [word.key is not None and word.key.needs_agent for word in words]:
        wrong += _without_an_agent(sources)
    return Parsed(Request(sources=sources, said=keys, **for_pod), (*mistakes, *wrong))


# Words.


class _Word(msgspec.Struct, frozen=True):
    """One annotation: the whole key, the source and the known key that it speaks of, and what it says or what is wrong.

    `key` is None where it speaks of none; then `meant` is the name of the key that it is most like.
    """

    whole: str
    source: str = ""
    key: Key | None = None
    value: Any = None
    wrong: tuple[Diagnostic, ...] = ()
    meant: str | None = None


def _words(annotations: Iterable[tuple[str, str]], formats: frozenset[str]) -> tuple[list[_Word], list[Diagnostic]]:
    """What `annotations` say to loghook, in the order of their keys, and all that is wrong with them."""
    words: list[_Word] = []
    mistakes: list[Diagnostic] = []
    guesses = _SUGGESTIONS_LIMIT
    for whole, text in sorted(annotations):
        word = (_word if len(whole) + len(text) > _SHORT else _short_word)(whole, text, formats, guesses > 0)
        words.append(word)
        if word.wrong:
            mistakes += word.wrong
            guesses -= 1
    return words, mistakes


def _word(whole: str, text: str, formats: frozenset[str], is_guessed: bool) -> _Word:  # noqa: FBT001 - see below
    source, dot, name = whole[len(PREFIX) :].rpartition(".")
    key = KEYS.get(name)
    if key is None:
        return _unknown(whole, source, nearest(name, KEYS) if is_guessed else None)
    if dot and not _SOURCE_NAME.fullmatch(source):
        return _Word(whole, wrong=(Diagnostic("LH102", whole),))
    if source in _TAKEN_NAMES:
        return _Word(whole, wrong=(Diagnostic("LH103", whole, None, {"source": source}),))
    if source and key.scope == "pod":
        return _Word(whole, wrong=(Diagnostic("LH104", whole, None, {"name": name, "example": key.example}),))
    try:
        return _Word(whole, source, key, format_name(text, formats) if key.names_format else key.parse(text))
    except Mistaken as mistaken:
        wrong = tuple(_mistake(whole, text, key, each, is_guessed=is_guessed) for each in mistaken.each)
        return _Word(whole, source, key, sound_paths(text) if name == "paths" else None, wrong)


# Pods that have nothing else alike still say the same words: a format, a container's name, a number of seconds. What is
# remembered of a call is found fastest by its place, not by a name.
_short_word = functools.lru_cache(maxsize=_SHORT_WORDS)(_word)


def _mistake(whole: str, text: str, key: Key, mistake: Mistake, *, is_guessed: bool) -> Diagnostic:
    more = details(key, mistake, text if is_guessed else "")
    return Diagnostic(mistake.code, whole, text if mistake.value is None else mistake.value, more)


def _unknown(whole: str, source: str, meant: str | None) -> _Word:
    """A word of no known key, which may mean the key `meant`."""
    takes_source = meant and KEYS[meant].scope == "source" and source not in _TAKEN_NAMES
    prefix = f"{source}." if takes_source and _SOURCE_NAME.fullmatch(source) else ""
    suggestion = (
        f"{PREFIX}{prefix}{meant}" if meant else f"one of those that `loghook explain` lists, e.g. {PREFIX}paths"
    )
    return _Word(whole, source, wrong=(Diagnostic("LH101", whole, None, {"suggestion": suggestion}),), meant=meant)


# Levels.


class _Level(msgspec.Struct, frozen=True):
    """What one source says, or with the empty name the Pod: sound words by field, and the names of keys that failed."""

    name: str
    said: Mapping[str, _Word]
    failed: Collection[str]

    def key(self, name: str) -> str:
        """The whole key `name` of this level."""
        return f"{PREFIX}{self.name}.{name}" if self.name else PREFIX + name


def _levels(words: Iterable[_Word]) -> tuple[_Level, list[_Level]]:
    """The Pod's level, and those of the sources that have a name, by name."""
    said: dict[str, dict[str, _Word]] = {"": {}}
    failed: dict[str, set[str]] = {}
    for word in words:
        if word.key is not None:
            own = said.setdefault(word.source, {})
            # Paths that are sound are looked at beside those that are not, so that all mistakes are told at once.
            if not word.wrong or word.key.name == "paths":
                own[word.key.field] = word
        elif word.meant == "paths" and (not word.source or _SOURCE_NAME.fullmatch(word.source)):
            said.setdefault(word.source, {}).setdefault("paths", msgspec.structs.replace(word, value=()))
        if word.wrong:
            failed.setdefault(word.source, set()).add(word.key.name if word.key else word.meant or "")
    pod, *named = [_Level(name, said[name], failed.get(name, ())) for name in sorted(said)]
    return pod, named


# Sources.


def _sources(
    pod: _Level, named: Sequence[_Level], shared: Mapping[str, Any], *, inject: bool | None
) -> tuple[tuple[Source, ...], list[Diagnostic]]:
    """The sources that have paths, over the defaults that are `shared`; and what is wrong with the others."""
    has_unnamed = "paths" in pod.said or ("paths" in shared and (inject or not named))
    levels = [pod, *named] if has_unnamed else named
    if not levels:
        return (), [] if "paths" in pod.failed else [Diagnostic("LH105", pod.key("paths"))]
    sources: list[Source] = []
    wrong: list[Diagnostic] = []
    paths = 0
    for level in levels[: PATHS_LIMIT + 1]:
        objection = _objection(level, is_unnamed=level is pod)
        if objection is not None:
            wrong.append(objection)
        if level is pod or "paths" in level.said:
            sources.append(_source(level, pod, shared))
            paths += len(sources[-1].paths)
    if len(levels) > PATHS_LIMIT or paths > PATHS_LIMIT:
        return (), [*wrong, Diagnostic("LH116", pod.key("paths"))]
    return tuple(sources), wrong


def _objection(level: _Level, *, is_unnamed: bool) -> Diagnostic | None:
    """What is wrong with the source of `level` as a whole."""
    if not is_unnamed and "paths" not in level.said:
        return None if "paths" in level.failed else Diagnostic("LH105", level.key("paths"))
    names_destination = "destination" in level.said or "destination" in level.failed
    if names_destination and "mode" in level.said and level.said["mode"].value == "streaming":
        return Diagnostic("LH131", level.key("destination"))  # of one level, they contradict one another
    return None


def _source(level: _Level, pod: _Level, shared: Mapping[str, Any]) -> Source:
    """The source of `level`: what it says, over what the Pod says for all, over what is `shared`."""
    values, said = dict(shared), {}
    for each in (pod,) if level is pod else (pod, level):
        for field, word in each.said.items():
            if field in SOURCE_FIELDS:
                values[field], said[field] = word.value, word.whole
    values["mode"] = _mode(level, pod, shared)
    return Source(name=level.name, said=said, **values)


def _mode(level: _Level, pod: _Level, shared: Mapping[str, Any]) -> str:
    """The mode that the narrowest level says; one that only names a destination means an agent."""
    for each in (level, pod):
        if "mode" in each.said:
            return str(each.said["mode"].value)
        if "destination" in each.said:
            return "agent"
    return str(shared.get("mode", "streaming"))


def _without_an_agent(sources: Iterable[Source]) -> Iterator[Diagnostic]:
    """What is asked of streams that only an agent does: who asks for it must not think that it is done."""
    asked = [said for source in sources if source.mode == "streaming" for said in source.said_to_agents()]
    return (Diagnostic("LH137", said) for said in dict.fromkeys(asked))


def _without_effect(sources: Iterable[Source]) -> Iterator[Diagnostic]:
    """A warning for each key that is about the records of streams alone: nobody reads it."""
    of_streams = [said for source in sources if source.mode == "streaming" for said in source.said_of_records()]
    used = {said for source in sources if source.mode == "agent" for said in source.said_of_records()}
    return (Diagnostic("LH191", said) for said in dict.fromkeys(of_streams) if said not in used)
