"""Headers that the administrator puts on each request.

Names are those of RFC 9110, values printable ASCII: no value ends a header's line. What frames a message is the agent's
own to say, and what lets a client in is named and never held.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from webhook.config.destinations.connections import KEY, SecretKey
from webhook.config.destinations.option import Option
from webhook.config.settings import Model, Text

__all__ = ["CREDENTIALS", "FRAMING", "Header", "Headers", "taken", "twice"]


def _in_any_case(expression: str) -> str:
    """`expression`, of small letters, for engines of which not all have a flag for it."""
    return re.sub("[a-z]", lambda letter: f"[{letter[0].upper()}{letter[0]}]", expression)


FRAMING = _in_any_case(
    "^(connection|content-encoding|content-length|expect|host|keep-alive|proxy-connection|te|trailer"
    "|transfer-encoding|upgrade)$"
)
"""Names of headers that say where a message ends and how it is sent: an agent writes them, a second would break it."""

CREDENTIALS = _in_any_case(
    "^x-honeycomb-team$|(^|[-_.])(auth|key)$"
    "|(^|[-_.])(authorization|cookie|token|secret|password|passwd|credentials?|apikey|api[-_.]key)($|[-_.])"
)
"""Names of headers whose value is a credential as a rule: it comes from a Secret."""

_VALUE = r"^[!-#%-~]([ -#%-~]*[!-#%-~])?$"


def _value(text: str) -> str:
    if not re.fullmatch(_VALUE, text):
        raise ValueError("write printable ASCII without '$', and without a space at either end")
    return text


Value = Annotated[
    Text, Field(min_length=1, max_length=256), AfterValidator(_value), Field(json_schema_extra={"pattern": _VALUE})
]
Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#%&'*+.^_`|~-]{1,64}$", json_schema_extra={"not": {"pattern": FRAMING}})
]

_SCHEMA: dict[str, Any] = {
    "if": {"properties": {"name": {"pattern": CREDENTIALS}}},
    "then": {"properties": {"value": {"type": "object"}}},
}


class Header(Model):
    """A header of each request; its value is a literal or comes from a Secret."""

    model_config = ConfigDict(json_schema_extra=_SCHEMA)

    name: Name
    value: Value | SecretKey

    @model_validator(mode="after")
    def _is_the_administrators(self) -> Self:
        if re.match(FRAMING, self.name):
            raise ValueError(f"the agent says {self.name} itself, leave it out")
        if isinstance(self.value, str) and re.search(CREDENTIALS, self.name):
            raise ValueError(f"name a key of a Secret for {self.name}, e.g. value: {{secret: logs, key: token}}")
        return self


Headers = Annotated[
    tuple[Header, ...],
    Option(
        "`name` and `value` of headers; a value is a text or a key of a Secret",
        [{"name": "X-Team", "value": "shop"}, {"name": "X-Key", "value": KEY}],
    ),
]


def twice(headers: Iterable[Header]) -> Iterator[str]:
    """The names that stand there more than once: agents differ in which of them they send."""
    seen: set[str] = set()
    for header in headers:
        if header.name.lower() in seen:
            yield header.name
        seen.add(header.name.lower())


def taken(headers: Iterable[Header], name: str) -> bool:
    """Whether one of `headers` is called `name`, which is in small letters."""
    return any(header.name.lower() == name for header in headers)
