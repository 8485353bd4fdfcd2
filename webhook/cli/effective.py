"""What `loghook config show` does: the configuration that holds, each value with where it comes from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from webhook.cli import configuration, contents
from webhook.config.faults import Place, written_at
from webhook.config.loghook_yaml import Config

__all__ = ["run"]

_BUILT_IN = "built in"


def run(file: Path | None, namespace: str | None) -> int:
    """Write what holds, in `namespace` where one is given, and return the exit code. Raises InputError."""
    written = contents.of(file, str(file)) if file else b""
    config = configuration.parse(written, file or "")
    root = yaml.compose(written.decode("utf-8"), Loader=yaml.CSafeLoader)
    click.echo("\n".join(_aligned(_rows(_values(config, namespace), (), _Origin(file, root, namespace)))))
    return 0


def _values(config: Config, namespace: str | None) -> dict[str, Any]:
    """The whole configuration as plain data; of a namespace, what holds there."""
    values = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    if namespace is not None:
        values["defaults"] = dict(config.defaults_for(namespace))
        allowed = config.destinations_for(namespace)
        values["destinations"] = {name: each for name, each in values["destinations"].items() if name in allowed}
        del values["namespaces"]
    return values


class _Origin:
    """Where values come from: lines of a file."""

    def __init__(self, file: Path | None, root: yaml.Node | None, namespace: str | None) -> None:
        self._file, self._root, self._namespace = file, root, namespace

    def of(self, place: Place) -> str:
        """Where what holds at `place` is written; a namespace's own defaults come before the general ones."""
        own: Place = ("namespaces", self._namespace or "", *place)
        lines = (written_at(self._root, each) for each in ((own, place) if place[0] == "defaults" else (place,)))
        return next((f"{self._file}:{line}" for line in lines if line is not None), _BUILT_IN)


def _rows(values: dict[str, Any], place: Place, origin: _Origin) -> Iterator[tuple[str, str]]:
    """A line of YAML for each value, and where it comes from; empty where the lines below say so."""
    for name, value in values.items():
        here = (*place, name)
        indent = "  " * len(place) + _scalar(name)
        if isinstance(value, dict) and value:
            yield f"{indent}:", ""
            yield from _rows(value, here, origin)
        else:
            yield f"{indent}: {_scalar(value)}", origin.of(here)


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _aligned(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    every = list(rows)
    width = max(len(line) for line, _ in every if len(line) <= _LONGEST)
    yield from (f"{line:<{width}}  # {origin}" if origin else line for line, origin in every)


_LONGEST = 60
"""A line that is longer has its origin behind it, wherever that is."""
