"""Globs of one segment of a path, as a shell has them: `*`, `?`, `[…]`. `fnmatch` would cost a megabyte for `re`."""

__all__ = ["is_glob", "matches"]


def is_glob(segment: str) -> bool:
    """Whether `segment` stands for more than one name."""
    return any(char in segment for char in "*?[")


def matches(pattern: str, name: str, *, hidden: bool = False) -> bool:
    """Whether `name` is one that `pattern` stands for. A leading dot must be written, unless `hidden`."""
    if name.startswith(".") and not hidden and not pattern.startswith("."):
        return False
    at = done = 0
    star = -1  # where the last `*` stands; `resume` is what of the name comes after what it has taken so far
    resume = 0
    while done < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resume, at = at, done, at + 1
        elif at < len(pattern) and (width := _width(pattern, at, name[done])):
            at, done = at + width, done + 1
        elif star >= 0:
            resume += 1
            at, done = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _width(pattern: str, at: int, char: str) -> int:
    """How long the part of `pattern` at `at` is, where it takes `char`; else 0."""
    if pattern[at] == "?":
        return 1
    end = _end_of_brackets(pattern, at) if pattern[at] == "[" else 0
    if not end:
        return int(pattern[at] == char)
    inside = pattern[at + 1 : end]
    is_negated = inside[0] in "!^"
    return (end + 1 - at) if _is_among(inside[is_negated:], char) != is_negated else 0


def _end_of_brackets(pattern: str, at: int) -> int:
    """Where the brackets that begin at `at` end; 0 where they do not. A `]` that comes first is a character."""
    first = at + 1
    if pattern[first : first + 1] in ("!", "^"):
        first += 1
    return max(0, pattern.find("]", first + 1))


def _is_among(inside: str, char: str) -> bool:
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            if inside[at] <= char <= inside[at + 2]:
                return True
            at += 3
        else:
            if inside[at] == char:
                return True
            at += 1
    return False
