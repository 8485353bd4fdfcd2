"""What is said of an option beside its type: it stands in the field's annotation, and pydantic leaves it alone."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec
from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

__all__ = ["Option", "option_of"]


class Option(msgspec.Struct, frozen=True, eq=False):
    """A line of a destination's page, and what the option is tried with to find out which agent can do it.

    `tried` is one value. `tries` are several, by what is said of each (`tls.verify: false`), where that makes a
    difference. An option that has its choices in its type, or is a boolean, needs neither.
    """

    about: str
    tried: Any = None
    tries: Mapping[str, Any] = {}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What editors show beside the option."""
        return {**handler(schema), "description": self.about}


def option_of(field: FieldInfo) -> Option | None:
    """What is said of `field`; None where nothing is."""
    return next(_options((*field.metadata, field.annotation)), None)


def _options(found: tuple[Any, ...]) -> Iterator[Option]:
    for each in found:
        if isinstance(each, Option):
            yield each
        else:
            yield from _options(get_args(each))
