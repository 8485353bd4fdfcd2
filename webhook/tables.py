"""What the tables of the code owe one another.

An entry in one table often needs its piece in another: a key needs the field that holds its value. What is missing is
said in one sentence when the code is imported, or by `make docs`, to whoever added the entry.
"""

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

__all__ = ["TableError", "by_name", "demand"]

_Entry = TypeVar("_Entry")


class TableError(Exception):
    """A table has an entry twice, or one that lacks its piece elsewhere; the text says which, and what to do."""


def by_name(table: str, entries: Iterable[_Entry], name: Callable[[_Entry], str]) -> dict[str, _Entry]:
    """The `entries` by their names. Raises TableError where two have one name; `table` is what people call it."""
    found: dict[str, _Entry] = {}
    for entry in entries:
        if name(entry) in found:
            raise TableError(f"{table} has {name(entry)} twice: give one of them another name")
        found[name(entry)] = entry
    return found


def demand(names: Iterable[str], there: Container[str], sentence: str) -> None:
    """Each of `names` is `there`. Raises TableError for the first that is not: `sentence`, with it as `{name}`."""
    for name in names:
        if name not in there:
            raise TableError(sentence.format(name=name))
