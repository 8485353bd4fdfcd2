"""One annotation key: everything that is known of it."""

from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec

from webhook.annotations import values

__all__ = ["Key"]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One annotation key: everything that the parser, the messages and the documentation need to know of it.

    `default` is the text that is parsed where no level says a value; None where there is no such text. `names_format`:
    the administrator's own formats are values as well. `about_records`: it says how a record is read or what is put on
    it, which a streaming sidecar leaves to others. `needs_agent`: beside a stream it is a mistake.
    """

    name: str
    scope: Literal["pod", "source"]
    parse: Callable[[str], Any]
    default: str | None = None
    default_about: str = ""
    example: str
    about: str
    names_format: bool = False
    about_records: bool = False
    needs_agent: bool = False
    field: str = ""
    """The attribute of Request or Source that holds the value; follows from the name."""

    def __post_init__(self) -> None:
        """Name the field, once: each annotation of each Pod asks for it."""
        msgspec.structs.force_setattr(self, "field", self.name.replace("-", "_"))

    def value(self, text: str, formats: Collection[str]) -> Any:
        """What `text` means, where there are `formats`. Raises Mistaken."""
        return values.format_name(text, formats) if self.names_format else self.parse(text)
