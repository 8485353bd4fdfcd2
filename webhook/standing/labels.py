"""Label selectors: those of registrations, and those that are typed, as kubectl has them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["SelectorError", "is_selected", "selector_of", "typed", "unmet"]


class SelectorError(ValueError):
    """What was typed is no selector. Its text is one line that says so."""


def is_selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether the `selector` of an object of the API selects what has `labels`."""
    return next(unmet(selector, labels), None) is None


def unmet(selector: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    """What `selector` wants that `labels` do not have, each as a few words."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            yield f"{_label(key, labels)}, where {key}={value} is wanted"
    for wanted in selector.get("matchExpressions") or ():
        key, operator, values = wanted["key"], wanted["operator"], wanted.get("values") or ()
        if not _MEETS[operator](labels.get(key), values):
            listed = f" ({', '.join(values)})" if values else ""
            yield f"{_label(key, labels)}, where {key} {operator}{listed} is wanted"


_MEETS: Mapping[str, Callable[[str | None, Any], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}
"""What each operator asks of a label's value, None where there is no such label."""


def _label(key: str, labels: Mapping[str, str]) -> str:
    return f"the label {key}={labels[key]}" if key in labels else f"no label {key}"


_KEY = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_REQUIREMENTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"(?P<key>{_KEY})\s+in\s+\((?P<values>[^()]*)\)"), "In"),
    (re.compile(rf"(?P<key>{_KEY})\s+notin\s+\((?P<values>[^()]*)\)"), "NotIn"),
    (re.compile(rf"(?P<key>{_KEY})\s*!=\s*(?P<values>[^,()=!\s]*)"), "NotIn"),
    (re.compile(rf"(?P<key>{_KEY})\s*==?\s*(?P<values>[^,()=!\s]*)"), "In"),
    (re.compile(rf"!\s*(?P<key>{_KEY})"), "DoesNotExist"),
    (re.compile(rf"(?P<key>{_KEY})"), "Exists"),
)
"""What may stand between the commas of a selector, and what it means."""


def selector_of(text: str) -> dict[str, Any]:
    """The selector in `text` (`app=web,tier!=db,!old,env in (a, b)`), as the API has it. Raises SelectorError."""
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", text) if part.strip()]
    return {"matchExpressions": [_requirement(part) for part in parts]}


def typed(selector: Mapping[str, Any]) -> str:
    """The `selector` of an object of the API as it would be typed."""
    equal = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*equal, *map(_typed, selector.get("matchExpressions") or ())])


def _typed(wanted: Mapping[str, Any]) -> str:
    key, operator = wanted["key"], wanted["operator"]
    if operator in {"In", "NotIn"}:
        return f"{key} {operator.lower()} ({','.join(wanted.get('values') or ())})"
    return key if operator == "Exists" else f"!{key}"


def _requirement(part: str) -> dict[str, Any]:
    for pattern, operator in _REQUIREMENTS:
        if found := pattern.fullmatch(part):
            values = found.groupdict().get("values")
            listed = [] if values is None else [each.strip() for each in values.split(",")]
            return {"key": found["key"], "operator": operator, "values": listed}
    raise SelectorError(f"{part!r} is no selector of labels")
