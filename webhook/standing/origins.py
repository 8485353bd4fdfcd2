"""Where each value comes from that a Pod is injected by: a key of the Pod, a default, or a rule."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from webhook.annotations.key import Key
from webhook.annotations.registry import FIELDS_ABOUT_RECORDS, KEYS
from webhook.annotations.request import Request, Source
from webhook.config.engines import Images
from webhook.config.loghook_yaml import Config
from webhook.inject import Added
from webhook.plan.asked import Asked, ask
from webhook.plan.volumes import Located, locate
from webhook.pod.view import Pod
from webhook.standing.ours import Raw

__all__ = ["Sidecars", "Value", "of_asked"]

Kind = Literal["annotation", "configuration", "built-in", "rule"]


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `value` of `key`, and `where` it comes from.

    `about` is the source (empty for the one without a name), the container of ours, or `pod`.
    """

    about: str
    key: str
    value: str
    kind: Kind
    where: str


def of_asked(pod: Pod, config: Config, namespace: str) -> Iterator[Value]:
    """Each value that `pod` asks for in `namespace`: those of its sources, then its own."""
    asked = ask(pod.annotations, config, namespace)
    origins = _Origins(pod, asked, locate(pod, asked))
    for source in asked.request.sources:
        yield from origins.of_source(source)
    yield from origins.of_pod(asked.request)


_OF_SIDECARS = {f"{what}-{kind}" for what in ("cpu", "memory", "ephemeral-storage") for kind in ("request", "limit")}
"""Keys whose values each sidecar has its own of."""


class _Origins:
    """The look at one Pod."""

    def __init__(self, pod: Pod, asked: Asked, located: Located) -> None:
        self._pod, self._asked, self._located = pod, asked, located
        self._defaults = asked.config.defaults_for(asked.namespace)
        self._cut = {each.key: each.details["most"] for each in asked.diagnostics if each.code == "LH504"}

    def of_source(self, source: Source) -> Iterator[Value]:
        about = source.name
        for key in (key for key in KEYS.values() if key.scope == "source"):
            if key.name == "container" and "container" not in source.said:
                writers = dict.fromkeys(each.writer for each in self._located.found.get(source.name, ()))
                yield Value(about, key.name, ", ".join(writers), "rule", _plain(key.default_about))
            elif key.name == "mode" and "mode" not in source.said and "destination" in source.said:
                yield Value(about, key.name, source.mode, "rule", f"{source.said['destination']} names a destination")
            elif self._is_of_interest(key, source):
                yield self._value(about, key, source)

    def _is_of_interest(self, key: Key, source: Source) -> bool:
        """Whether there is anything to say: a stream is sent on as it is, and has no destination."""
        if key.field in source.said:
            return True
        if source.mode != "agent" and (key.field in FIELDS_ABOUT_RECORDS or key.name == "destination"):
            return False
        return getattr(source, key.field) is not None and getattr(source, key.field) != ()

    def of_pod(self, request: Request) -> Iterator[Value]:
        modes = {source.mode for source in request.sources}
        for key in (key for key in KEYS.values() if key.scope == "pod" and key.name not in _OF_SIDECARS):
            unused = (key.name == "agent" and "agent" not in modes) or (
                key.name in {"engine", "offsets", "free", "node-agent-hints"} and "streaming" not in modes
            )
            if key.field in request.said or (getattr(request, key.field) is not None and not unused):
                yield self._value("pod", key, request)

    def _value(self, about: str, key: Key, holder: Source | Request) -> Value:
        said = holder.said.get(key.field)
        if said is not None:
            if said in self._cut:
                return Value(
                    about, key.name, self._cut[said], "configuration", f"policy.ceiling, which is less than {said}"
                )
            return Value(about, key.name, self._pod.annotations.get(said, ""), "annotation", said)
        if key.name in self._defaults:
            where = self._asked.config.where(self._asked.namespace, key.name)
            return Value(about, key.name, self._defaults[key.name], "configuration", where)
        if key.default is not None:
            return Value(about, key.name, key.default, "built-in", "built in")
        text, rule = _text(getattr(holder, key.field)), _plain(key.default_about)
        if text == rule:
            return Value(about, key.name, text, "built-in", "built in")
        return Value(about, key.name, text, "rule", rule)


def _plain(about: str) -> str:
    return about.replace("`", "")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class Sidecars:
    """Those that a Pod gets for a `request` under `config`."""

    def __init__(self, added: Iterable[Added], request: Request, config: Config) -> None:
        self._added = {each.name: each for each in added}
        self._request, self._config = request, config

    def values(self, container: Raw) -> Iterator[Value]:
        """Image and resources of a container of ours, as it is in the Pod that is made."""
        name, added = str(container["name"]), self._added[container["name"]]
        yield self._image(name, str(container["image"]), added.agent)
        engine = "drain" if added.mode == "drain" else added.agent
        for kind in ("requests", "limits"):
            for what, amount in ((container.get("resources") or {}).get(kind) or {}).items():
                yield self._amount(name, engine, f"{what}-{kind.removesuffix('s')}", str(amount))

    def _image(self, name: str, image: str, engine: str) -> Value:
        if image in _built_in_images():
            return Value(name, "image", image, "built-in", "built in")
        where = "images.registry" if self._config.images.registry else f"images.{_camel(engine)}"
        return Value(name, "image", image, "configuration", where)

    def _amount(self, name: str, engine: str, key: str, amount: str) -> Value:
        field = key.replace("-", "_")
        settled = self._config.resources.of(engine)
        is_settled = str(getattr(settled, field, None)) == amount
        if field in self._request.said and not (engine == "drain" and is_settled):
            return Value(name, key, amount, "annotation", self._request.said[field])
        if not is_settled:
            return Value(name, key, amount, "rule", "fitted to what the Pod's containers have, and to what was asked")
        if field not in settled.model_fields_set:
            return Value(name, key, amount, "built-in", "built in")
        return Value(name, key, amount, "configuration", f"resources.{_camel(engine)}.{_camel(key)}")


@functools.cache
def _built_in_images() -> frozenset[str]:
    """Every image that is built in, those of variants too."""
    values = Images().model_dump().values()
    return frozenset(each for value in values for each in (value.values() if isinstance(value, dict) else (value,)))


def _camel(name: str) -> str:
    """`name` as the configuration's file has it."""
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)
