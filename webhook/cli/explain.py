"""What `loghook explain` does: look a term up in what `make docs` has written of the tables.

Neither the tables nor rich are imported, so that an answer comes at once.
"""

import json
import os
import shutil
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypedDict

import click

import webhook
from webhook.cli.failures import InputError

__all__ = ["keys", "names", "run"]

PREFIX = "loghook.dev/"

_FILE = Path(webhook.__file__).with_name("reference") / "terms.json"
_WIDTH = 100
_TITLES = {
    "key": f"Annotation keys: {PREFIX}KEY, or {PREFIX}SOURCE.KEY for one source",
    "format": f"Formats: {PREFIX}format",
    "destination": "Types of destinations, which the administrator configures",
    "agent": f"Agents: {PREFIX}agent",
    "code": "Codes of diagnostics",
    "reason": "Why a Pod was left alone",
}


class Term(TypedDict):
    """A term as `webhook.reference.terms` writes it, which explains the fields."""

    name: str
    kind: str
    line: str
    text: str


@cache
def _terms() -> list[Term]:
    found: list[Term] = json.loads(_FILE.read_bytes())
    return found


def names() -> list[str]:
    """Everything that can be explained."""
    return [term["name"] for term in _terms()] + [f"{kind}s" for kind in _TITLES]


def keys() -> list[str]:
    """The keys among that, as they stand in a manifest."""
    return [PREFIX + term["name"] for term in _terms() if term["kind"] == "key"]


def run(asked: str | None) -> int:
    """Explain what is `asked`, or list all there is, and return the exit code. Raises InputError."""
    if asked is None:
        lines = list(_everything())
    elif asked.lower() in {f"{kind}s" for kind in _TITLES}:
        lines = list(_kind(asked.lower().removesuffix("s")))
    else:
        lines = list(_explained(_found(asked)))
    click.echo("\n".join(lines), color=False if os.environ.get("NO_COLOR") else None)
    return 0


def _found(asked: str) -> Term:
    """The term that is `asked` for: in any case, with our prefix or without, a key behind a source's name or not."""
    word = asked.lower().removeprefix(PREFIX)
    for wanted in (word, word.rpartition(".")[2]):
        for term in _terms():
            if term["name"].lower() == wanted:
                return term
    from difflib import get_close_matches  # noqa: PLC0415 - most questions are about something that exists

    written = {name.lower(): name for name in names()}
    begun = [name for lower, name in written.items() if lower.startswith(word)]
    near = begun or [written[lower] for lower in get_close_matches(word, written, n=1)]
    told = f", did you mean {near[0]}?" if near else ""
    raise InputError(f"nothing is called {asked!r} here{told} (`loghook explain` lists everything)")


def _explained(term: Term) -> Iterator[str]:
    title = f"{PREFIX}{term['name']}" if term["kind"] == "key" else term["name"]
    yield f"{click.style(title, bold=True)} ({term['kind']})"
    for paragraph in term["text"].split("\n\n"):
        yield ""
        yield paragraph if paragraph.startswith("    ") else textwrap.fill(paragraph, _width(), break_on_hyphens=False)


def _everything() -> Iterator[str]:
    for kind in ("key", "format", "destination", "agent"):
        yield from _kind(kind)
        yield ""
    yield click.style("`loghook explain codes` and `loghook explain reasons` list what is said of Pods.", dim=True)


def _kind(kind: str) -> Iterator[str]:
    """All terms of a kind, a line each."""
    terms = [term for term in _terms() if term["kind"] == kind]
    width = max(len(term["name"]) for term in terms)
    yield click.style(_TITLES[kind], bold=True)
    for term in terms:
        line = textwrap.shorten(term["line"], max(20, _width() - width - 4), placeholder="…")
        yield f"  {term['name']:<{width}}  {line}"


def _width() -> int:
    return min(_WIDTH, shutil.get_terminal_size().columns)
