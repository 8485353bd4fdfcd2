"""The lines of a soak, made and checked a block at a time, since a soak is only worth its length where it is cheap.

A line is its writer, its block, its number in the block, and dots: `2 000017 042 ....`. All blocks have the same shape,
so one template and one `bytes.replace` make a block, and a run of lines is compared with what it should be at once.
"""

from bisect import bisect_left

__all__ = ["BLOCK", "Ledger", "block"]

BLOCK = 1_000
"""Lines of a block."""

_HOLE = b"######"  # where the number of the block stands, which nothing else looks like
_LINES = [b"%03d %b\n" % (line, b"." * (line * 7 % 120)) for line in range(BLOCK)]
_TEMPLATE = b"".join(b"# %b %b" % (_HOLE, line) for line in _LINES)
_HEAD = len(b"# %b " % _HOLE)
_STARTS = [0]
for each in _LINES:
    _STARTS.append(_STARTS[-1] + _HEAD + len(each))
_FULL = (1 << BLOCK) - 1


def block(writer: int, number: int) -> bytes:
    """All lines of the block `number` of `writer`, of which there may be ten."""
    return _TEMPLATE.replace(_HOLE, b"%06d" % number).replace(b"#", b"%d" % writer)


class Ledger:
    """What has come of the blocks of each writer: which lines, as bits; `torn` and what came `twice`, in bytes."""

    def __init__(self, writers: int, blocks: int) -> None:
        self.torn = 0
        self.twice = 0
        self._came = [[0] * blocks for _writer in range(writers)]
        self._whole = [0] * writers  # how many of each writer's first blocks have all come
        self._rest = b""

    @property
    def lost(self) -> int:
        """How many lines have not come."""
        return sum(BLOCK - lines.bit_count() for blocks in self._came for lines in blocks)

    def have_come(self, written: list[int]) -> bool:
        """Whether so many of each writer's first blocks have come."""
        for writer, (blocks, count) in enumerate(zip(self._came, written, strict=True)):
            while self._whole[writer] < count and blocks[self._whole[writer]] == _FULL:
                self._whole[writer] += 1
            if self._whole[writer] < count:
                return False
        return True

    def take(self, piece: bytes) -> None:
        """Check a piece of the output; what of it begins a further line waits for the next one."""
        data = self._rest + piece
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        at = 0
        while at < end:
            at = self._take_run(data, at, end)

    def end(self) -> None:
        """The output has ended: with a whole line, or that is torn."""
        self.torn += bool(self._rest)
        self._rest = b""

    def _take_run(self, data: bytes, at: int, end: int) -> int:
        """Take the lines from `at` that belong together: where the next begin."""
        try:
            writer, number, first = map(int, data[at : at + _HEAD + 3].split(b" "))
            came = self._came[writer]
            before = came[number]
        except (ValueError, IndexError):
            return self._tear(data, at)
        text = memoryview(block(writer, number))[_STARTS[first] :]
        count = _lines_alike(data, at, end, text, first)
        if not count:
            return self._tear(data, at)
        lines = ((1 << count) - 1) << first
        came[number] = before | lines
        if before & lines:
            self.twice += _size(before & lines)
        return at + _STARTS[first + count] - _STARTS[first]

    def _tear(self, data: bytes, at: int) -> int:
        self.torn += 1
        return data.index(b"\n", at) + 1


def _lines_alike(data: bytes, at: int, end: int, text: memoryview, first: int) -> int:
    """How many whole lines at `at` are those of `text`, which begins with the line `first` of its block."""
    if data.startswith(text, at, end):
        return BLOCK - first
    return bisect_left(
        range(BLOCK - first),
        x=True,
        key=lambda count: not data.startswith(text[: _STARTS[first + count + 1] - _STARTS[first]], at, end),
    )


def _size(lines: int) -> int:
    """How many bytes these lines have, given as bits."""
    return sum(_HEAD + len(line) for number, line in enumerate(_LINES) if lines >> number & 1)
