"""Log paths: absolute file names and globs, and which path stands under which.

Everything here is about text. No file is ever looked at, and a path is compared by its segments, never by its prefix as
a string: `/var/log/app2` is not in `/var/log/app`.
"""

import re
from collections.abc import Iterable

import msgspec

from webhook.diagnostics import Mistake

__all__ = ["LENGTH_LIMIT", "LogPath", "ancestors", "is_under", "leaves_nothing", "parse", "parse_name_glob"]

LENGTH_LIMIT = 512
_NAME_LIMIT = 255  # of a file, on every file system of Linux

# What most paths are: nothing is wrong with such a one, and nothing more need be asked but whether it has `**`. As many
# segments as are literal, and have another behind them, are the directory.
_PLAIN = re.compile(
    r"((?:/[A-Za-z0-9_-][A-Za-z0-9._-]*+)*)/([A-Za-z0-9_*?-][A-Za-z0-9._*?-]*+(?:/[A-Za-z0-9_*?-][A-Za-z0-9._*?-]*+)*+)"
)
_GLOB = re.compile(r"[*?\[]")
_SHORT_DIRECTORY = re.compile(r"(?=.{1,40}\Z)(/[A-Za-z0-9._-]+)+/")
_BRACKETS = re.compile(r"\[[!^]?+(?:\][^]/]*|[^]/]+)\]")
_ONE_OF_MANY = re.compile(rf"{_BRACKETS.pattern}|[*?]")


class LogPath(msgspec.Struct, frozen=True):
    """One absolute path or glob, as the application's container sees it.

    `directory` is the part before the first glob character, or the directory of a literal path: what must be on a
    volume.
    """

    text: str
    directory: str
    is_glob: bool

    @property
    def anchor(self) -> str:
        """What a mount must cover: the file itself, or the directory in which the glob starts."""
        return self.directory if self.is_glob else self.text


def parse(text: str) -> LogPath:
    """The path written in `text`. Raises Mistake."""
    plain = _PLAIN.fullmatch(text) if len(text) <= LENGTH_LIMIT and "**" not in text else None
    if plain is not None:
        directory, rest = plain.groups()
        return LogPath(text, directory or "/", "*" in rest or "?" in rest)
    code = _objection(text)
    if code:
        raise Mistake(code, text, path=text if _SHORT_DIRECTORY.fullmatch(text) else "/var/log/app/")
    glob = _GLOB.search(text)
    literal = text[: glob.start()] if glob else text
    directory = literal[: literal.rindex("/")] or "/"
    if ":" in directory:
        raise Mistake("LH118", text)
    return LogPath(text, directory, glob is not None)


def parse_name_glob(text: str) -> str:
    """The glob of file names in `text`, as `exclude` takes it. Raises Mistake."""
    if len(text) > _NAME_LIMIT or "/" in text or "**" in text or _has_bad_characters(text):
        raise Mistake("LH120", text)
    return text


def _objection(text: str) -> str | None:
    """The id of what is wrong with `text`, the plainest mistake first."""
    if len(text) > LENGTH_LIMIT:
        return "LH117"
    if not text.startswith("/"):
        return "LH111"
    if "**" in text or "{" in text or "}" in text:
        return "LH114"
    if _has_bad_characters(text):
        return "LH115"
    if text != "/" and any(segment in {"", ".", ".."} for segment in text[1:].removesuffix("/").split("/")):
        return "LH112"
    return "LH113" if text.endswith("/") else None


def _has_bad_characters(text: str) -> bool:
    """Whether `text` has what Kubernetes, a shell's pattern or a terminal would take for more than a character."""
    return not text.isprintable() or "$" in text or "\\" in text or _is_left_open(text)


def _is_left_open(text: str) -> bool:
    """Whether some `[` in `text` opens nothing. The first one ends the search: each other has its end behind it."""
    place = text.find("[")
    while place >= 0:
        brackets = _BRACKETS.match(text, place)
        if brackets is None:
            return True
        place = text.find("[", brackets.end())
    return False


def leaves_nothing(exclude: Iterable[str], path: LogPath) -> bool:
    """Whether one of the globs of file names in `exclude` surely matches every name that the glob `path` matches.

    Not each such case is found: a `?` or `[…]` in `exclude` is taken to leave something.
    """
    if not path.text.endswith(tuple([glob.rpartition("*")[2] for glob in exclude])):
        return False  # as nearly always
    name = _ONE_OF_MANY.sub("\0", path.text.rpartition("/")[2])
    return any(not set(glob) & set("?[") and _has_parts(name, glob.split("*")) for glob in exclude)


def _has_parts(name: str, parts: list[str]) -> bool:
    """Whether `name` is made of `parts` in their order, with anything between them; in linear time."""
    if len(parts) == 1:
        return name == parts[0]
    first, *between, last = parts
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    place, end = len(first), len(name) - len(last)
    for part in between:
        place = name.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def ancestors(path: str) -> list[str]:
    """The directories above the normal path `path`, the nearest first."""
    above = []
    end = path.rfind("/")
    while end > 0:
        path = path[:end]
        above.append(path)
        end = path.rfind("/")
    if len(path) > 1:
        above.append("/")
    return above


def is_under(path: str, directory: str) -> bool:
    """Whether the normal path `path` is `directory` or stands below it."""
    return directory in (path, "/") or path.startswith(directory + "/")
