"""The kinds of text that a setting of a destination may be. None of them reaches an agent as anything but text."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from webhook.config.destinations.option import Option
from webhook.config.settings import Text

__all__ = ["DESTINATION_NAME", "PLACEHOLDER", "Host", "Port", "Template", "UrlPath", "Word"]

DESTINATION_NAME = r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?"
"""A name of a destination: without dots, so that the variables of two destinations never have one name."""

PLACEHOLDER = re.compile(
    r"\{(?P<what>namespace|pod|node|source|container|label:(?P<label>[A-Za-z0-9./_-]{1,317})|field:(?P<field>\w{1,63}))\}"
)
"""One placeholder of a template: `{namespace}`, `{pod}`, `{node}`, `{source}`, `{container}`, `{label:KEY}` or
`{field:KEY}`."""


# As a JSON Schema has it: it may take more than PLACEHOLDER, and is read by other engines of expressions than Python's.
_PLACEHOLDERS = r"\{(namespace|pod|node|source|container|label:[A-Za-z0-9./_-]{1,317}|field:[^{}\s]{1,63})\}"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,39}\]?"
_URL_PATH = r"(/[A-Za-z0-9._~!&'()*+,;=:@%/?-]*)?"


def _template(text: str) -> str:
    left = PLACEHOLDER.sub("", text)
    if "{" in left or "}" in left:
        known = "{namespace}, {pod}, {node}, {source}, {container}, {label:KEY} and {field:KEY}"
        raise ValueError(f"write placeholders as one of {known}")
    return _line(text)


def _line(text: str) -> str:
    if not text.isprintable() or "$" in text:
        raise ValueError("leave out control characters and '$'")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(_HOST, text):
        raise ValueError("write a host name or an address, without scheme, port and path")
    return text.strip("[]")


def _path(text: str) -> str:
    if not re.fullmatch(_URL_PATH, text):
        raise ValueError("write the path of a URL, e.g. /ingest")
    return text


Template = Annotated[
    Text,
    Field(min_length=1, max_length=256),
    AfterValidator(_template),
    Field(json_schema_extra={"pattern": rf"^([^{{}}$\x00-\x1f\x7f]|{_PLACEHOLDERS})*$"}),
]
Host = Annotated[Text, AfterValidator(_host), Field(json_schema_extra={"pattern": f"^({_HOST})$"})]
Word = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
UrlPath = Annotated[
    str,
    AfterValidator(_path),
    Field(json_schema_extra={"pattern": f"^{_URL_PATH}$"}),
    Option("the path of the URL, before what the API adds", "/logs"),
]
Port = Annotated[int, Field(gt=0, lt=65536), Option("its port", 8443)]
