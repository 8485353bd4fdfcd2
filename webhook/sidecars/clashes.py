"""Names of the application's fields that cannot stand beside ours.

Elasticsearch and OpenSearch make objects of dots, and refuse each record that has the text `log` beside `log.file.path`
(OpenSearch 2.19: "can't merge a non object mapping [log] with an object mapping"); `log` is Docker's own field. So a
field that stands where an object of ours would is called `log.value`, if it is no object itself. And the field that has
our time is ours alone: what the application has there is read as the record's time, or renamed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from webhook.config.formats import Format
from webhook.sidecars import Stream

__all__ = ["PATH", "TIME", "VALUE", "kept", "may_have", "paths", "stems", "told_apart"]

PATH = "log.file.path"
"""Our field for the application's name of the file."""

TIME = "@timestamp"
"""Our field for the record's time, where the destination has no other."""

VALUE = ".value"
"""What is put behind a name that clashes; objects whose names clash with a text's are told apart so by others too."""

_T = TypeVar("_T")


def kept(name: str) -> str:
    """What the application's own field is called where `name` has our time, and it was not read as the record's."""
    return f"{name}_original"


def stems(stream: Stream) -> tuple[str, ...]:
    """The names that dots make objects of, and that a record of the application's may have. The shortest first.

    They are what is before each dot in the names of our fields.
    """
    found = filter(may_have(stream.parsing.format), _stems((PATH, *stream.attributes)))
    return tuple(sorted(found, key=lambda stem: (stem.count("."), stem)))


def paths(stream: Stream) -> Iterator[tuple[str, ...]]:
    """Where a field can stand in the way: each of `stems` as one name, and in JSON as names in objects."""
    for stem in stems(stream):
        yield (stem,)
        if "." in stem and stream.parsing.format.syntax == "json":
            yield tuple(stem.split("."))


def may_have(format_: Format) -> Callable[[str], bool]:
    """Whether a record of `format_` can have a field of that name."""
    if format_.syntax in {"json", "logfmt"}:
        return lambda _: True
    names = {*format_.columns, *re.findall(r"\(\?P<(\w+)>", format_.pattern)}
    return names.__contains__


def told_apart(attributes: Mapping[str, _T]) -> dict[str, _T]:
    """Our own fields, none the beginning of another: labels may be called `app` and `app.kubernetes.io/name`."""
    above = _stems((PATH, *attributes))
    return {f"{name}{VALUE}" if name in above else name: value for name, value in attributes.items()}


def _stems(names: Iterable[str]) -> frozenset[str]:
    """What is before each dot in `names`, a dot that comes first aside."""
    found = set()
    for name in names:
        place = name.find(".", 1)
        while place > 0:
            found.add(name[:place])
            place = name.find(".", place + 1)
    return frozenset(found)
