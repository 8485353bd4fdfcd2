"""A message to a user, and the texts that it may safely show."""

from collections.abc import Collection, Iterable

import msgspec

from webhook.diagnostics.codes import CODES, Severity

__all__ = ["MESSAGE_LIMIT", "Diagnostic", "Mistake", "Mistaken", "Mistakes", "escape", "join", "printable", "warnings"]

MESSAGE_LIMIT = 256  # characters; the API server cuts a longer warning (apiserver pkg/warning)
_WARNINGS_LIMIT = 4096  # characters in all; the API server drops what is more (apiserver pkg/endpoints/warning)
JOINED_LIMIT = 1000  # characters of a whole refusal
_VALUE_LIMIT = 64
_KEY_LIMIT = 80
_SHORTEST_FIT = 25  # no message is so short that more of them would fit into a refusal


class Diagnostic(msgspec.Struct, frozen=True):
    """One message to a user: a code, the annotation's whole key, its value where one was given, and details."""

    code: str
    key: str
    value: str | None = None
    details: dict[str, str] = {}

    @property
    def severity(self) -> Severity:
        """`error` where the Pod is not injected because of it, else `warning`."""
        return CODES[self.code].severity

    def __str__(self) -> str:
        """One line of at most 256 printable characters: code, key, what to do with an example, and the value."""
        details = {name: escape(detail, _KEY_LIMIT) for name, detail in self.details.items()}
        fix = CODES[self.code].fix.format(key=escape(self.key, _KEY_LIMIT), **details)
        sentence = f"{self.code} {escape(self.key, _KEY_LIMIT)}: {fix}"
        if self.value is not None:
            room = min(MESSAGE_LIMIT - len(sentence) - len(' (got "")'), _VALUE_LIMIT)
            sentence += f' (got "{escape(self.value, max(room, 1))}")'
        return sentence[:MESSAGE_LIMIT]


class Mistaken(Exception):
    """Something that a user said cannot be used."""

    @property
    def each(self) -> "tuple[Mistake, ...]":
        """The mistakes one by one."""
        raise NotImplementedError


class Mistake(Mistaken):
    """One mistake, not yet tied to an annotation: a code, the part that is wrong where it is known, and details.

    `like` are texts of which one could be meant; to find out which costs time.
    """

    def __init__(self, code: str, value: str | None = None, *, like: Collection[str] = (), **details: str) -> None:
        super().__init__(code)
        self.code = code
        self.value = value
        self.like = like
        self.details = details

    @property
    def each(self) -> "tuple[Mistake, ...]":
        """Itself: made anew, for one that kept itself would keep the Pod too, until the garbage collector comes by."""
        return (self,)


class Mistakes(Mistaken):
    """Several of them."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        super().__init__()
        self._each = tuple(mistakes)

    @property
    def each(self) -> tuple[Mistake, ...]:
        """The mistakes, in their order."""
        return self._each


def escape(text: str, limit: int = _VALUE_LIMIT) -> str:
    """`text` with everything unprintable, and the quote, as an escape, cut to `limit` characters.

    What a terminal would obey never leaves us (CVE-2021-25743): neither control nor format nor bidirectional
    characters.
    """
    cut = text[: limit + 1]
    is_plain = cut.isprintable() and '"' not in cut and "\\" not in cut
    escaped = cut if is_plain else "".join(map(_escaped, cut))
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def printable(text: str, limit: int = _VALUE_LIMIT) -> str:
    """As `escape`, of a whole sentence: its quotes and backslashes are its own."""
    shown = "".join(map(_printable, text[: limit + 1]))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _escaped(character: str) -> str:
    return "\\" + character if character in '"\\' else _printable(character)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def join(diagnostics: Iterable[Diagnostic]) -> str:
    """All of `diagnostics` in one line of at most 1,000 characters; what does not fit is counted at the end."""
    every = list(diagnostics)
    sentences = [str(diagnostic) for diagnostic in every[:_SHORTEST_FIT]]
    for kept in range(len(sentences), 0, -1):
        left = len(every) - kept
        line = "; ".join(sentences[:kept]) + (f"; and {left} more" if left else "")
        if len(line) <= JOINED_LIMIT:
            return line
    return ""


def warnings(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Those of `diagnostics` that fit into the warnings of one answer, each as one line, as kubectl shows them."""
    lines: list[str] = []
    room = _WARNINGS_LIMIT
    for diagnostic in diagnostics:
        if room < MESSAGE_LIMIT:
            break
        lines.append(str(diagnostic))
        room -= len(lines[-1])
    return lines
