"""Text in values of a Fluent Bit configuration, where `${NAME}` is a variable and nothing else has a meaning.

Fluent Bit expands the value of an option once or twice, and what comes out of the first time is expanded again: the
options of plugins of type string are expanded twice, lists and parsers once, rules of multiline parsers never (seen
with 5.1.1). It also gives up at a `}` that stands before a `${`. So both are written as variables themselves, once
for each time: `${dollar}` and `${brace}` of the section `env`.
"""

import re
import string

from webhook.sidecars import Text, Variable

__all__ = ["ENV", "PLAIN", "literal", "lua_text", "value"]

ENV = {"dollar": "$", "brace": "}"}
"""The section `env`, for configurations in which a literal needs it."""

PLAIN = frozenset(string.ascii_letters + string.digits)
"""The characters that mean nothing anywhere."""

_SPECIAL = re.compile(r"\$\{|\}")
_WRITTEN = {"${": "${dollar}{", "}": "${brace}"}


def literal(text: str, times: int = 2) -> str:
    """`text` as a value that is expanded `times` times."""
    return _escape(text, times) if "${" in text else text


def value(text: Text, times: int = 2) -> str:
    """`text` with its variables as a value that is expanded `times` times."""
    if not any(isinstance(part, Variable) for part in text):
        return literal("".join(map(str, text)), times)
    deep = times if any(isinstance(part, str) and "${" in part for part in text) else 1
    return "".join(f"${{{part.name}}}" if isinstance(part, Variable) else _escape(part, deep) for part in text)


def _escape(text: str, times: int) -> str:
    for _ in range(times):
        text = _SPECIAL.sub(lambda found: _WRITTEN[found[0]], text)
    return text


def lua_text(text: str) -> str:
    """A literal of Lua. What is neither letter nor digit is written as a number, so that nothing has a meaning."""
    return '"' + "".join(char if char in PLAIN else _as_numbers(char) for char in text) + '"'


def _as_numbers(char: str) -> str:
    return "".join(f"\\{byte:03}" for byte in char.encode())
