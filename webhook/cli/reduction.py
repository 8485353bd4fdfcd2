"""What has to go from a value so that another is left: paths of keys and items, and the few that come or change."""

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["GONE", "Step", "reduced", "reduction"]

Step = tuple[tuple[str, ...], Any]
"""A path, and what stands there in the end; `GONE` where nothing does."""

GONE = object()


def reduction(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Step]:
    """The steps from `before` to `after`, the last place of the document first: so each path holds until its turn.

    New keys of a map come first, and a list gets no new items. Items of a list are the same where they are equal, or
    maps with the same name (and place, of mounts).
    """
    if isinstance(before, dict) and isinstance(after, dict):
        yield from (((*path, key), after[key]) for key in after if key not in before)
        for key in reversed(before):
            if key not in after:
                yield (*path, key), GONE
            elif before[key] != after[key]:
                yield from reduction(before[key], after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        left = list(after)
        for index in range(len(before) - 1, -1, -1):
            here = (*path, str(index))
            if left and _is_same(before[index], left[-1]):
                yield from reduction(before[index], left.pop(), here)
            else:
                yield here, GONE
    elif before != after:
        yield path, after


def reduced(value: Any, steps: Iterable[Step]) -> Any:
    """`value`, changed in place by `steps`."""
    for path, new in steps:
        parent = value
        for step in path[:-1]:
            parent = parent[int(step) if isinstance(parent, list) else step]
        last = int(path[-1]) if isinstance(parent, list) else path[-1]
        if new is GONE:
            del parent[last]
        else:
            parent[last] = new
    return value


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict) and "name" in one:
        return all(one.get(field) == other.get(field) for field in ("name", "mountPath"))
    return bool(one == other)
