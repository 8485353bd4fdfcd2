"""What `loghook.dev/status` says besides what was done: the codes, and their words. Nothing is ever decided from it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from webhook import __version__
from webhook.diagnostics import Diagnostic, join

__all__ = ["left_alone", "with_words"]


def left_alone(diagnostics: Sequence[Diagnostic], *, in_words: bool = True) -> str:
    """The status of a Pod that asked, and starts without any of ours: why, and which version has decided it."""
    said = _words(diagnostics) if in_words else {"codes": _codes(diagnostics)}
    return _written({"version": __version__, "injected": False, **said})


def with_words(status: str, diagnostics: Sequence[Diagnostic]) -> str:
    """The `status` of an injected Pod, with what its creator was told, who may be a controller that reads nothing."""
    done = msgspec.json.decode(status)
    head = {key: done[key] for key in ("version", "injected")}
    return _written({**head, **_words(diagnostics), **done})


def _words(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """At most 1,000 characters, as in a refusal: each Pod of a ReplicaSet carries them."""
    return {"codes": _codes(diagnostics), "says": join(diagnostics)}


def _codes(diagnostics: Iterable[Diagnostic]) -> list[str]:
    return sorted({diagnostic.code for diagnostic in diagnostics})


def _written(status: dict[str, Any]) -> str:
    return msgspec.json.encode(status).decode()
