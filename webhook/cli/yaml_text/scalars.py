"""What a plain scalar means to Kubernetes.

That is what kubectl takes it for: YAML 1.1 as sigs.k8s.io/yaml reads it, in which a plain `on` is a boolean and a plain
`0o14` a number.
"""

import re
from typing import Any

__all__ = ["is_plain_text", "plain_value"]

# gopkg.in/yaml.v2, resolve.go, which sigs.k8s.io/yaml keeps a copy of.
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGERS = (
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_DIGITS_LIMIT = 64  # no number of Kubernetes has more, and Python refuses integers of thousands of digits
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

# What other readers of YAML 1.1 take for a number or a date: `1:30` is ninety to them.
_ELSEWHERE = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<")


def plain_value(text: str) -> Any:
    """What kubectl takes the plain scalar `text` for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _DIGITS_LIMIT:
        return text
    digits = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(digits):
            return int(digits, base) if base != 8 else int(re.sub("[oO]", "", digits), base)  # noqa: PLR2004 - as above
    return float(digits) if _FLOAT.fullmatch(digits) else text


def is_plain_text(text: str) -> bool:
    """Whether every reader of YAML takes the plain scalar `text` for that very text, not for a number or the like."""
    return plain_value(text) == text and not _ELSEWHERE.fullmatch(text)
