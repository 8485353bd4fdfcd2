"""The variables that a sub-path needs, under names of our own.

A `subPathExpr` names variables of its container, and a sidecar that mounts the same part of the volume needs their
values. Under the author's names they would speak to the program in the sidecar as well: `HTTPS_PROXY` to a collector,
`RUBYOPT` to Fluentd. So each variable is named by a digest of what it says. Like ones have one name in every container,
unlike ones never share one, and two expressions mean the same where they read the same.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from webhook.diagnostics import Mistake
from webhook.pod.paths import LENGTH_LIMIT
from webhook.pod.view import Container, EnvVar

__all__ = ["NAME_PREFIX", "SubPath", "Variables"]

NAME_PREFIX = "LOGHOOK_SUB_PATH_"
"""What the names of all these variables begin with. No secret's has it: those have `__` after the destination."""

_DIGITS = 12  # of the digest; two variables that share a name by force are both their author's


class SubPath(msgspec.Struct, frozen=True):
    """A `subPathExpr` over variables of ours, and these variables, each after those that it refers to."""

    expression: str
    env: tuple[EnvVar, ...] = ()


class _Definition(NamedTuple):
    """One variable as we define it, and the places of those that it refers to; or the name of what is in the way."""

    variable: EnvVar
    uses: tuple[int, ...] = ()
    missing: str | None = None


class Variables:
    """The variables of one container, as its sub-paths may use them.

    They are read as the kubelet does (makeEnvironmentVariables): in their order, a later one of a name in the place of
    an earlier, and a reference to one that comes only later is text.
    """

    def __init__(self, container: Container) -> None:
        self._names = {variable.name for variable in container.env or ()}
        self._has_others = bool(container.env_from)
        self._definitions: list[_Definition] = []
        self._places: dict[str, int] = {}
        self._known: dict[str, SubPath] = {}  # by expression: each source asks for the same
        for variable in container.env or ():
            self._definitions.append(self._defined(variable))
            self._places[variable.name] = len(self._definitions) - 1

    def sub_path(self, expression: str) -> SubPath:
        """`expression`, which Kubernetes expands by this container's variables, over variables of our own.

        Raises Mistake where one that it needs is neither a literal nor a fieldRef: a sidecar that reads logs is given
        no Secrets. Nor is a text of use here that is longer than any log path.
        """
        known = self._known.get(expression)
        if known is None:
            self._known[expression] = known = self._sub_path(expression)
        return known

    def _sub_path(self, expression: str) -> SubPath:
        written, uses, missing = self._written(expression, in_value=False)
        if missing is not None:
            raise Mistake("LH208", variable=missing)
        needed = {self._definitions[place].variable.name: place for place in sorted(self._all_used(uses))}
        return SubPath(written, tuple(self._definitions[place].variable for place in needed.values()))

    def _defined(self, variable: EnvVar) -> _Definition:
        source = variable.value_from
        said = variable.value or "" if source is None else source.field_ref.field_path if source.field_ref else ""
        if len(said) > LENGTH_LIMIT:
            return _Definition(variable, missing=variable.name)
        if source is None:
            text, uses, missing = self._written(said, in_value=True)
            named = EnvVar(_name("value", text), value=text)
            return _Definition(named, uses, missing)
        field = source.field_ref
        if field is None:
            return _Definition(variable, missing=variable.name)
        named = EnvVar(_name("field", field.api_version or "v1", field.field_path), value_from=source)
        return _Definition(named)

    def _written(self, text: str, *, in_value: bool) -> tuple[str, tuple[int, ...], str | None]:
        """`text` over our names, the places of the variables in it, and the name of one that cannot be had."""
        parts: list[str] = []
        uses: dict[int, None] = {}
        for literal, name in _parts(text):
            parts.append(literal)
            if name is None:
                continue
            place = self._places.get(name)
            if place is None:
                if not in_value or name not in self._names or self._has_others:
                    return "", (), name
                parts.append(f"$$({name})")
                continue
            definition = self._definitions[place]
            if definition.missing is not None:
                return "", (), definition.missing
            uses[place] = None
            parts.append(f"$({definition.variable.name})")
        return "".join(parts), tuple(uses), None

    def _all_used(self, places: Iterable[int]) -> set[int]:
        """`places`, and those of the variables that these refer to."""
        used: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in used:
                used.add(place)
                waiting += self._definitions[place].uses
        return used


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """`text` as literals, each with the name that is referred to behind it; None after the last.

    `$(NAME)` is a reference and `$$` a dollar sign, as in every field that Kubernetes expands
    (k8s.io/kubernetes/third_party/forked/golang/expansion). A `$` before anything else is text, and so is `$(` without
    an end. Each character is looked at twice at most, whatever the text.
    """
    start = 0
    place = 0 if "$(" in text else len(text)
    while (place := text.find("$", place)) >= 0:
        if not text.startswith("$(", place):
            place += len("$$") if text.startswith("$$", place) else 1
            continue
        end = text.find(")", place)
        if end < 0:
            break
        name = text[place + len("$(") : end]
        if name:
            yield text[start:place], name
            start = end + 1
        place = end + 1
    yield text[start:], None


def _name(*said: str) -> str:
    digest = hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()
    return NAME_PREFIX + digest[:_DIGITS].upper()
