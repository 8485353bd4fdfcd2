"""What RE2, the collector's engine for regular expressions, cannot do of what Python's can."""

import functools
import re

from webhook.sidecars import classes

__all__ = ["objection", "translate"]

_REPEAT_LIMIT = 1000  # of a repetition, and of nested ones multiplied (Go, regexp/syntax)

_TOKEN = re.compile(
    r"""
    (?P<escape>\\(?:[pP]\{[^}]*\}|.))
    | (?P<set>\[\^?\]?(?:\\.|\[:[a-z]+:\]|[^\]\\])*\])
    | (?P<group>\((?:\?(?:P?<(?![=!])[A-Za-z_][A-Za-z0-9_]*>|P=\w+\)|[<]?[=!]|>|\(|\#|[aiLmsux-]+[:)]|:|P>|.))?)
    | (?P<end>\))
    | (?P<repeat>(?:[*+?]|\{(?P<low>[0-9]*)(?P<comma>,)?(?P<high>[0-9]*)\}))(?P<mode>[?+])?
    | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)

_GROUPS = (
    (re.compile(r"\(\?<?[=!]"), "it has no look-around"),
    (re.compile(r"\(\?>"), "it has no atomic groups"),
    (re.compile(r"\(\?(P=|\()"), "it has no back-references"),
    (re.compile(r"\(\?#"), "it has no comments"),
    (re.compile(r"\(\?[a-zA-Z-]*[aLux]"), "it knows no flags but i, m and s"),
)
_ESCAPES = (
    (re.compile(r"\\[1-9]"), "it has no back-references"),
    (re.compile(r"\\[Z]"), r"it has no \Z, write $"),
    (re.compile(r"\\[uUN]"), r"it has no \u, write the character itself or \x{…}"),
    (re.compile(r"\\[^\x00-\x7f]"), "it escapes no such character"),
)


@functools.lru_cache(maxsize=128)
def translate(pattern: str, *, is_searched: bool = False) -> str:
    r"""`pattern`, to which RE2 has no objection, with the meaning that it has for every agent.

    Where it `is_searched` in the text of a file, a line begins there with `^` only, never with `\A`.
    """
    return _TOKEN.sub(lambda token: _written(token, is_searched=is_searched), pattern)


def _written(token: re.Match[str], *, is_searched: bool) -> str:
    if token["set"] is not None:
        return _WHITE_IN_SET.sub(lambda found: classes.MEMBERS["s"] if found[0] == r"\s" else found[0], token["set"])
    if is_searched and token["escape"] == r"\A":
        return "^"
    return (token["escape"] and classes.alone(token["escape"])) or token[0]


_WHITE_IN_SET = re.compile(r"\\.", re.DOTALL)


@functools.lru_cache(maxsize=128)  # expressions of formats, and of annotations: of 1,024 characters at most
def objection(pattern: str) -> str | None:
    """Why RE2 refuses `pattern`, which Python's `re` accepts; None where it takes it too.

    Source: https://github.com/google/re2/wiki/Syntax, and package regexp/syntax of Go.
    """
    nesting: list[int] = []  # for each open group, what the repetitions within it multiply to
    largest = 1  # of what was last closed: the group or the single character before a repetition
    for token in _TOKEN.finditer(pattern):
        found = _of_token(token)
        if found:
            return found
        if token["group"] is not None and not token["group"].endswith(")"):
            nesting.append(1)
        elif token["end"] is not None and nesting:
            largest = nesting.pop()
            _enclose(nesting, largest)
        elif token["repeat"] is not None:
            largest *= _times(token)
            if largest > _REPEAT_LIMIT:
                return f"it repeats nothing more than {_REPEAT_LIMIT} times"
            _enclose(nesting, largest)
        else:
            largest = 1
    return None


def _enclose(nesting: list[int], times: int) -> None:
    if nesting:
        nesting[-1] = max(nesting[-1], times)


def _times(token: re.Match[str]) -> int:
    return max(int(token["high"] or 0), int(token["low"] or 0), 1)


def _of_token(token: re.Match[str]) -> str | None:
    for name, rules in (("group", _GROUPS), ("escape", _ESCAPES)):
        text = token[name]
        if text is not None:
            return next((problem for rule, problem in rules if rule.match(text)), None)
    if token["repeat"] is not None:
        if token["mode"] == "+":
            return "it has no possessive repetitions"
        if token["comma"] and not token["low"] and token["high"]:
            return "it takes {,n} literally, write {0,n}"
    if token["set"] is not None:
        return next((problem for rule, problem in _ESCAPES if rule.search(token["set"].replace("\\\\", ""))), None)
    return None
