"""Expressions of the subset that all agents share, as RE2, Rust's `regex` and Onigmo read them.

Sets are written with all characters of ASCII but letters and digits by their numbers, so that nothing in them has a
meaning. Only the border of a word is not the same in all: each engine says what it calls it.
"""

from collections.abc import Callable, Iterator

from webhook.config.expressions import (
    BORDER,
    END,
    HIGHEST,
    START,
    Choice,
    Edge,
    Expression,
    Repeat,
    Sequence,
    Set,
    Unshared,
    parse,
)

__all__ = ["of_line", "written"]

_LINE_FEED = 10


def written(text: str, border: str = r"\b", without: int | None = None) -> str:
    """The expression `text` for an engine whose border of a word of ASCII is written `border`.

    No set in it has the character `without`.
    """
    found = parse(text)
    return _written(found if without is None else _without(found, without), {START: r"\A", END: r"\z", BORDER: border})


def of_line(
    text: str, otherwise: Callable[[str], str], border: str = r"\b", ends: tuple[str, str] = (r"\A", r"\Z")
) -> str:
    """The expression `text`, searched in a line behind which its line feed may stand, or even the next line.

    No set in it has a line feed, which Vector cuts off before it searches, and other agents do not. `ends` are how an
    engine calls the start and the end of a line. What is not of the subset is written by `otherwise`.
    """
    try:
        found = _without(parse(text), _LINE_FEED)
    except Unshared:
        return otherwise(text)
    return _written(found, {START: ends[0], END: ends[1], BORDER: border})


def _without(part: Expression, code: int) -> Expression:
    match part:
        case Set():
            return Set(tuple(cut for each in part.ranges for cut in _cut(each, code)))
        case Sequence():
            return Sequence(tuple(_without(each, code) for each in part.parts))
        case Choice():
            return Choice(tuple(_without(each, code) for each in part.options))
        case Repeat():
            return Repeat(_without(part.part, code), part.least, part.most, part.is_greedy)
        case _:
            return part


def _cut(range_: tuple[int, int], code: int) -> Iterator[tuple[int, int]]:
    low, high = range_
    if not low <= code <= high:
        yield range_
        return
    yield from (each for each in ((low, code - 1), (code + 1, high)) if each[0] <= each[1])


def _written(part: Expression, edges: dict[Edge, str]) -> str:
    match part:
        case Set():
            return _set(part)
        case Sequence():
            return "".join(
                f"(?:{_written(each, edges)})" if isinstance(each, Choice) else _written(each, edges)
                for each in part.parts
            )
        case Choice():
            return "|".join(_written(each, edges) for each in part.options)
        case Repeat():
            inner = _written(part.part, edges)
            return (inner if isinstance(part.part, Set) else f"(?:{inner})") + _times(part)
        case _:
            return edges[part]


def _times(part: Repeat) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    bounds = (
        f"{{{part.least}}}" if part.least == part.most else f"{{{part.least},{'' if part.most is None else part.most}}}"
    )
    return known.get((part.least, part.most), bounds) + ("" if part.is_greedy else "?")


def _set(part: Set) -> str:
    if part.ranges == ((0, HIGHEST),):
        return r"[\s\S]"
    if not part.ranges:
        return r"[^\s\S]"
    is_negated = part.ranges[-1][1] == HIGHEST
    ranges = part.others if is_negated else part.ranges
    if not is_negated and len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _character(ranges[0][0])
    members = "".join(
        _character(low) if low == high else f"{_character(low)}-{_character(high)}" for low, high in ranges
    )
    return f"[{'^' if is_negated else ''}{members}]"


def _character(code: int) -> str:
    char = chr(code)
    return char if char.isalnum() or not char.isascii() else rf"\x{code:02x}"
