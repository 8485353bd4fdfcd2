r"""Regular expressions of the subset that all agents share: what is searched in records, and replaced in them.

An expression is read once, by Python's own parser, into parts that mean the same to every engine: sets of characters,
sequences, choices, repetitions, and the borders of a word and of the text. `^` and `$` are the start and the end of the
record, `\d`, `\s` and `\w` characters of ASCII, and `(?i)` makes no difference between the cases of ASCII's letters.
Whatever else an engine may know is refused, and so is what one that goes back could take for ever for.
"""

import functools
import warnings
from collections.abc import Iterable, Iterator
from re import DOTALL, IGNORECASE, MULTILINE, _parser, error  # type: ignore[attr-defined]  # Python's own parser
from typing import Any, TypeAlias

import msgspec

__all__ = [
    "BORDER",
    "END",
    "HIGHEST",
    "START",
    "Choice",
    "Edge",
    "Expression",
    "Repeat",
    "Sequence",
    "Set",
    "Unshared",
    "is_bound",
    "parse",
]

HIGHEST = 0x10FFFF
_SIZE_LIMIT = 1000  # of what repetitions multiply to (Go, regexp/syntax)
_LOOP_LIMIT = 256  # sets within a group that is repeated
_ASCII = 0x80

Range: TypeAlias = tuple[int, int]


class Unshared(ValueError):
    """What not every agent could be told; the text says which part, and what to write."""


class Set(msgspec.Struct, frozen=True):
    """One character of `ranges`, which are sorted, do not touch, and include their ends."""

    ranges: tuple[Range, ...]

    @property
    def others(self) -> tuple[Range, ...]:
        """The ranges of every other character."""
        borders = [-1, *(border for pair in self.ranges for border in pair), HIGHEST + 1]
        gaps = ((low + 1, high - 1) for low, high in zip(borders[::2], borders[1::2], strict=True))
        return tuple(gap for gap in gaps if gap[0] <= gap[1])


class Sequence(msgspec.Struct, frozen=True):
    """One part after the other; none is the empty text."""

    parts: "tuple[Expression, ...]"


class Choice(msgspec.Struct, frozen=True):
    """One of the options, the first that leads to a match."""

    options: "tuple[Expression, ...]"


class Repeat(msgspec.Struct, frozen=True):
    """`part` from `least` to `most` times (None: any number), as often as can be, or as seldom."""

    part: "Expression"
    least: int
    most: int | None
    is_greedy: bool = True


class Edge(msgspec.Struct, frozen=True):
    """A place between two characters, by its name."""

    name: str


START, END, BORDER = Edge("start"), Edge("end"), Edge("border")

Expression: TypeAlias = Set | Sequence | Choice | Repeat | Edge


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """The expression that is written as `text`. Raises Unshared."""
    try:
        with warnings.catch_warnings():  # Python's advice on odd sets is not for the author
            warnings.simplefilter("ignore")
            parsed = _parser.parse(text)
        found = _sequence(parsed, parsed.state.flags)
        _check(found)
    except (error, OverflowError) as problem:
        raise Unshared(str(problem).partition(" at position")[0]) from None
    except RecursionError:
        raise Unshared("it is nested too deep") from None
    return found


def is_bound(part: Expression) -> bool:
    """Whether `part` names the start or the end of the text."""
    match part:
        case Sequence():
            return any(map(is_bound, part.parts))
        case Choice():
            return any(map(is_bound, part.options))
        case Repeat():
            return is_bound(part.part)
        case _:
            return part in (START, END)


# From Python's tree.

_REFUSED = {
    _parser.ASSERT: "look-around",
    _parser.ASSERT_NOT: "look-around",
    _parser.GROUPREF: "back-references",
    _parser.GROUPREF_EXISTS: "conditions",
    _parser.ATOMIC_GROUP: "atomic groups",
    _parser.POSSESSIVE_REPEAT: "possessive repetitions",
}
_CLASSES: dict[Any, tuple[Range, ...]] = {
    _parser.CATEGORY_DIGIT: ((48, 57),),
    _parser.CATEGORY_SPACE: ((9, 13), (32, 32)),
    _parser.CATEGORY_WORD: ((48, 57), (65, 90), (95, 95), (97, 122)),
}
_NEGATED = {
    _parser.CATEGORY_NOT_DIGIT: _parser.CATEGORY_DIGIT,
    _parser.CATEGORY_NOT_SPACE: _parser.CATEGORY_SPACE,
    _parser.CATEGORY_NOT_WORD: _parser.CATEGORY_WORD,
}
_EDGES = {
    _parser.AT_BEGINNING: START,
    _parser.AT_BEGINNING_STRING: START,
    _parser.AT_END: END,
    _parser.AT_END_STRING: END,
    _parser.AT_BOUNDARY: BORDER,
}


def _sequence(items: Iterable[tuple[Any, Any]], flags: int) -> Expression:
    parts = tuple(_item(kind, argument, flags) for kind, argument in items)
    return parts[0] if len(parts) == 1 else Sequence(parts)


def _item(kind: Any, argument: Any, flags: int) -> Expression:
    if kind in _REFUSED:
        raise Unshared(f"no {_REFUSED[kind]}")
    if kind is _parser.AT:
        return _edge(argument, flags)
    if kind is _parser.BRANCH:
        return Choice(tuple(_sequence(option, flags) for option in argument[1]))
    if kind is _parser.SUBPATTERN:
        _, more, less, part = argument
        return _sequence(part, (flags | more) & ~less)
    if kind in {_parser.MAX_REPEAT, _parser.MIN_REPEAT}:
        least, most, part = argument
        bound = None if most is _parser.MAXREPEAT else int(most)
        return Repeat(_sequence(part, flags), int(least), bound, kind is _parser.MAX_REPEAT)
    return _set(kind, argument, flags)


def _edge(kind: Any, flags: int) -> Edge:
    if kind not in _EDGES:
        raise Unshared(r"no \B")
    if flags & MULTILINE and kind in {_parser.AT_BEGINNING, _parser.AT_END}:
        raise Unshared("not the flag m")
    return _EDGES[kind]


def _set(kind: Any, argument: Any, flags: int) -> Set:
    if kind is _parser.ANY:
        return Set(((0, HIGHEST),) if flags & DOTALL else ((0, 9), (11, HIGHEST)))
    items = argument if kind is _parser.IN else [(kind, argument)]
    ranges = [each for item in items for each in _ranges(*item)]
    if flags & IGNORECASE:
        ranges += [each for found in ranges for each in _other_case(found)]
    found = Set(_merged(ranges))
    is_negated = kind is _parser.NOT_LITERAL or items[0][0] is _parser.NEGATE
    return Set(found.others) if is_negated else found


def _ranges(kind: Any, argument: Any) -> Iterator[Range]:
    if kind in {_parser.LITERAL, _parser.NOT_LITERAL}:
        yield argument, argument
    elif kind is _parser.RANGE:
        yield argument
    elif kind is _parser.CATEGORY:
        yield from _CLASSES[argument] if argument in _CLASSES else Set(_CLASSES[_NEGATED[argument]]).others


def _other_case(found: Range) -> Iterator[Range]:
    for first, last, way in ((65, 90, 32), (97, 122, -32)):
        low, high = max(found[0], first), min(found[1], last)
        if low <= high:
            yield low + way, high + way


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


_TWO_WAYS = "in a repeated group no character may have two ways, as in (a+)+"

# What is refused, since an engine that goes back could take for ever for it, or would find something everywhere.


class _Shape(msgspec.Struct, frozen=True):
    """How a part can begin and end, by sets as bits: `bits` of each place, those that are `first` and `last`.

    `follow` has the places that can come after a place. `is_empty`: it may match nothing. `size`: how many characters
    it matches at least where each repetition is written out.
    """

    is_empty: bool
    size: int
    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()


def _check(expression: Expression) -> None:
    walk = _Walk()
    if walk.shape(expression).is_empty and not is_bound(expression):
        raise Unshared("it matches every text")


class _Walk:
    """A walk over an expression, which numbers the sets in it."""

    def __init__(self) -> None:
        self.bits: list[int] = []
        self.follow: list[set[int]] = []

    def shape(self, part: Expression) -> _Shape:
        match part:
            case Set():
                self.bits.append(_bits(part))
                self.follow.append(set())
                place = frozenset({len(self.bits) - 1})
                return _Shape(is_empty=False, size=1, first=place, last=place)
            case Sequence():
                return self._sequence([self.shape(each) for each in part.parts])
            case Choice():
                return self._choice([self.shape(each) for each in part.options])
            case Repeat():
                return self._repeat(part)
            case _:
                return _Shape(is_empty=True, size=0)

    def _sequence(self, shapes: list[_Shape]) -> _Shape:
        first: frozenset[int] = frozenset()
        last: frozenset[int] = frozenset()
        is_empty, size = True, 0
        for shape in shapes:
            self._lead(last, shape.first)
            first = first | shape.first if is_empty else first
            last = last | shape.last if shape.is_empty else shape.last
            is_empty, size = is_empty and shape.is_empty, size + shape.size
        return _Shape(is_empty, _bounded(size), first, last)

    def _choice(self, shapes: list[_Shape]) -> _Shape:
        return _Shape(
            any(shape.is_empty for shape in shapes),
            _bounded(sum(shape.size for shape in shapes)),
            frozenset().union(*(shape.first for shape in shapes)),
            frozenset().union(*(shape.last for shape in shapes)),
        )

    def _repeat(self, part: Repeat) -> _Shape:
        before = len(self.bits)
        shape = self.shape(part.part)
        if part.most != 1:
            if shape.is_empty:
                raise Unshared("no repetition of what may be nothing")
            if any(self.follow[place] & shape.first for place in shape.last):
                raise Unshared(_TWO_WAYS)
            if not (isinstance(part.part, Set) and part.least == part.most):  # so many characters are one way
                self._lead(shape.last, shape.first)
            if not isinstance(part.part, Set):
                self._check_loop(before, shape)
        times = max(part.least, 1) if part.most is None else part.most
        return _Shape(shape.is_empty or part.least == 0, _bounded(shape.size * times), shape.first, shape.last)

    def _lead(self, places: Iterable[int], to: frozenset[int]) -> None:
        for place in places:
            self.follow[place] |= to

    def _check_loop(self, before: int, shape: _Shape) -> None:
        """In a group that is repeated each next character must say how it goes on, so that there is one way only."""
        if len(self.bits) - before > _LOOP_LIMIT:
            raise Unshared("too much in one repetition")
        for places in (shape.first, *self.follow[before:]):
            seen = 0
            for place in places:
                if place >= before and seen & self.bits[place]:
                    raise Unshared(_TWO_WAYS)
                seen |= self.bits[place]


def _bounded(size: int) -> int:
    if size > _SIZE_LIMIT:
        raise Unshared(f"at most {_SIZE_LIMIT} characters, with each repetition written out")
    return size


def _bits(part: Set) -> int:
    """The characters of ASCII in `part` as bits, and one bit for all others."""
    found = 0
    for low, high in part.ranges:
        if low < _ASCII:
            found |= (1 << (min(high, _ASCII - 1) + 1)) - (1 << low)
        if high >= _ASCII:
            found |= 1 << _ASCII
    return found
