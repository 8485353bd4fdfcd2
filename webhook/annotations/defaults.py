"""The administrator's defaults: texts of the configuration that stand where a Pod says nothing."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from webhook.annotations import values
from webhook.annotations.key import Key
from webhook.annotations.registry import BUILT_IN_FORMATS, KEYS, POD_FIELDS, SOURCE_FIELDS
from webhook.config.loghook_yaml import Config, ConfigError, load
from webhook.diagnostics import Diagnostic, Mistake, Mistaken

__all__ = ["Settled", "check_defaults", "configured", "details", "sound"]


class Settled(msgspec.Struct, frozen=True):
    """The parsed defaults by field: of the Pod, with None where there is none, and of its sources."""

    for_pod: Mapping[str, Any]
    for_sources: Mapping[str, Any]


@functools.lru_cache(maxsize=256)
def configured(defaults: tuple[tuple[str, str], ...], formats: frozenset[str]) -> Settled:
    """The defaults: the configuration's over the built-in ones. What is wrong in them is left out."""
    settled = {key.field: key.parse(key.default) for key in KEYS.values() if key.default is not None}
    for name, text in defaults:
        key = KEYS.get(name)
        if key is not None and not _problems(key, name, text, formats):
            settled[key.field] = key.value(text, formats)
    return Settled(
        for_pod={field: settled.get(field) for field in POD_FIELDS},
        for_sources={field: value for field, value in settled.items() if field in SOURCE_FIELDS},
    )


def sound(text: str, origin: str) -> Config:
    """The configuration in the YAML document `text`, which is from `origin`, with defaults that can be used.

    Raises ConfigError, with a line for each mistake.
    """
    config = load(text, origin)
    mistakes = [
        f"{origin}: {each}"
        for place, defaults in config.every_default()
        for each in check_defaults(defaults, place, config.format_names)
    ]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return config


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
            Diagnostic(mistake.code, where, mistake.value or text, details(key, mistake, text))
            for mistake in mistaken.each
        ]
    return []


def details(key: Key, mistake: Mistake, text: str) -> dict[str, str]:
    """What the message of `mistake` in the value `text` of `key` says besides the value.

    With an empty `text` nothing is looked for that it might mean.
    """
    meant = values.nearest(text, mistake.like) if mistake.like and text else None
    return {"example": key.example, **mistake.details, **({"example": meant} if meant else {})}
