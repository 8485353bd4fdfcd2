"""Formats of the administrator's own, as the configuration has them."""

import difflib
import re
import warnings
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AfterValidator, Field, model_validator

from webhook.config.destinations import DESTINATION_NAME
from webhook.config.formats import FORMATS, Format, csv_pattern
from webhook.config.settings import Model, Text

__all__ = ["FormatName", "OwnFormat"]


def _pattern(text: str) -> str:
    """An expression that Python understands; what the agents make of it is for their renderers to say."""
    try:
        with warnings.catch_warnings():  # Python's advice on odd sets
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        hint = "; write groups as (?P<name>…)" if "(?<" in text else ""
        raise ValueError(f"not a regular expression: {error}{hint}") from None
    if not text.isprintable():
        raise ValueError("leave out control characters")
    return text


def _built_in(name: str) -> str:
    if name not in FORMATS:
        nearest = difflib.get_close_matches(name, list(FORMATS), n=1) or ["json"]
        raise ValueError(f"no such built-in format, write e.g. {nearest[0]}")
    return name


Pattern = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_pattern)]
FieldName = Annotated[Text, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class OwnFormat(Model):
    """A format of the administrator's: an expression, columns, or a built-in one in which something is different."""

    regex: Pattern | None = None
    """With a group `(?P<name>…)` for each field, in what RE2, Rust and Onigmo all understand."""
    columns: Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=64)] | None = None
    """The names of comma-separated values."""
    like: Annotated[str, AfterValidator(_built_in), Field(json_schema_extra={"enum": list(FORMATS)})] | None = None
    time_key: Annotated[Text, Field(pattern=r"^[^\s\x00-\x1f]{1,64}$")] | None = None
    time_format: Annotated[Text, Field(pattern=r"^[^\x00-\x1f]{1,256}$")] | None = None
    multiline_start: Pattern | None = None
    types: dict[Annotated[str, Field(min_length=1, max_length=64)], Literal["integer", "float", "boolean"]] = {}

    @model_validator(mode="after")
    def _one_way_to_read(self) -> Self:
        if sum(way is not None for way in (self.regex, self.columns, self.like)) != 1:
            raise ValueError("give exactly one of regex, columns and like")
        known = set(self.columns or (re.compile(self.regex).groupindex if self.regex else ()))
        if self.like is None and not known:
            raise ValueError("name the fields with groups, e.g. (?P<message>.*)")
        for name in (self.time_key, *self.types):
            if self.like is None and name is not None and name not in known:
                raise ValueError(f"there is no field {name}; there are {', '.join(sorted(known))}")
        return self

    def format(self, name: str) -> Format:
        """The format under `name`."""
        said: dict[str, Any] = {
            "time_key": self.time_key,
            "time_format": self.time_format,
            "start": self.multiline_start,
            "types": self.types,
        }
        changed = {field: value for field, value in said.items() if value}
        return msgspec.structs.replace(self._base(name), name=name, **changed)

    def _base(self, name: str) -> Format:
        if self.like is not None:
            return FORMATS[self.like]
        about = "A format of the administrator's."
        if self.columns is not None:
            pattern = csv_pattern(self.columns)
            return Format(name=name, about=about, sample="", syntax="csv", columns=self.columns, pattern=pattern)
        return Format(name=name, about=about, sample="", syntax="regex", pattern=self.regex or "")


def _own_name(name: str) -> str:
    if name in FORMATS:
        raise ValueError("this is a built-in format, give yours another name")
    return name


FormatName = Annotated[str, Field(pattern=rf"^{DESTINATION_NAME}$"), AfterValidator(_own_name)]
