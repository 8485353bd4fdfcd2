"""What `redact` replaces: the built-in expressions by name, and the administrator's own, with what takes their place.

Each is of the subset that all agents share (`expressions`), so that every agent makes the same of a text.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field

from webhook.config.expressions import Unshared, is_bound, parse
from webhook.config.settings import Model, Text
from webhook.tables import by_name

__all__ = ["BUILT_IN", "REPLACEMENT_NAME", "OwnReplacement", "Replacement", "ReplacementName"]

REPLACEMENT_NAME = r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?"


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """Each match of `pattern` becomes `text`, in which nothing has a meaning. `about` says what it finds.

    Every match has one of `hint`, which is simpler: most lines have none, and some engines are slow to see that.
    """

    name: str
    pattern: str
    text: str
    about: str = ""
    hint: str = ""

    @property
    def sign(self) -> str:
        """The expression without which there is no match."""
        return self.hint or self.pattern


_HEX = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:2(?:5[0-5]?|[0-4][0-9]?|[6-9])?|1[0-9]{0,2}|[3-9][0-9]?|0)"
# By the issuers' prefixes and their lengths (ISO/IEC 7812-1): sixteen digits in fours, American Express, Diners Club,
# and what may be longer or shorter.
_IN_FOURS = (
    "(?:4[0-9]{3}|5[1-5][0-9]{2}|2(?:2(?:2[1-9]|[3-9][0-9])|[3-6][0-9]{2}|7(?:[01][0-9]|20))"
    "|6(?:011|4[4-9][0-9]|5[0-9]{2})|35(?:2[89]|[3-8][0-9]))(?:[ -]?[0-9]{4}){3}"
)
_OTHER_CARDS = (
    "3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}|3(?:0[0-5]|[689][0-9])[0-9][ -]?[0-9]{6}[ -]?[0-9]{4}"
    "|(?:4[0-9]{3}|6(?:011|4[4-9][0-9]|5[0-9]{2}))[0-9]{15}|4[0-9]{12}"
)

BUILT_IN: Mapping[str, Replacement] = by_name(
    "BUILT_IN in webhook/config/replacements.py",
    (
        Replacement(
            name="email",
            pattern=r"\b[A-Za-z0-9_][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}",
            text="[email]",
            hint=r"@[A-Za-z0-9-]+\.",
            about="An address of e-mail: a name of ASCII, `@`, and a domain with a dot in it.",
        ),
        Replacement(
            name="ipv4",
            pattern=rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b",
            text="[ipv4]",
            hint=r"[0-9]\.[0-9]{1,3}\.[0-9]",
            about="An address of IPv4: four numbers up to 255. A version of four numbers looks the same.",
        ),
        Replacement(
            name="ipv6",
            pattern=rf"\b(?:(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{1,7}}:(?:{_HEX}(?::{_HEX}){{0,5}}\b)?)"
            rf"|::(?:[Ff]{{4}}:)?[0-9][0-9A-Fa-f]{{0,3}}(?::{_HEX}){{0,6}}\b",
            text="[ipv6]",
            hint=":[0-9A-Fa-f]{0,4}:",
            about="An address of IPv6: eight groups, or fewer with `::`. One that begins with `::` and a letter is "
            "left alone, since names in programs look the same.",
        ),
        Replacement(
            name="card",
            pattern=rf"\b(?:{_IN_FOURS}|{_OTHER_CARDS})\b",
            text="[card]",
            hint="[0-9]{4}[ -]?[0-9]{4}",
            about="The number of a payment card, by the issuer's prefix and the length (Visa, Mastercard, American "
            "Express, Discover, Diners Club, JCB), alone or in groups with spaces or hyphens. No check digit is "
            "computed, so other numbers of that kind go as well; a number of JSON is no text and stays.",
        ),
        Replacement(
            name="bearer",
            pattern=r"\b[Bb]earer +[A-Za-z0-9._~+/=-]{8,}",
            text="Bearer [token]",
            hint="earer ",
            about="What stands after `Bearer` in a header (RFC 6750).",
        ),
        Replacement(
            name="jwt",
            pattern=r"\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
            text="[jwt]",
            hint="eyJ",
            about="A JSON Web Token (RFC 7519).",
        ),
        Replacement(
            name="aws-key",
            pattern=r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
            text="[aws-key]",
            hint="A[KS]IA",
            about="The ID of an access key of AWS. The secret that belongs to it looks like any text and is not found.",
        ),
    ),
    lambda replacement: replacement.name,
)
"""Every built-in replacement by its name."""


def _pattern(text: str) -> str:
    try:
        if is_bound(parse(text)):
            raise ValueError("leave out ^ and $: a replacement is searched everywhere in a text")
    except Unshared as problem:
        raise ValueError(f"not what every agent understands: {problem}") from None
    if not text.isprintable():
        raise ValueError("leave out control characters")
    return text


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("leave out control characters")
    return text


class OwnReplacement(Model):
    """A replacement of the administrator's: what is found, and the text that stands in its place."""

    regex: Annotated[Text, Field(min_length=1, max_length=1024), AfterValidator(_pattern)]
    """Of the subset that all agents share."""
    text: Annotated[Text, Field(max_length=128), AfterValidator(_line)] | None = None
    """Without it the name, in brackets."""

    def replacement(self, name: str) -> Replacement:
        """The replacement under `name`."""
        text = f"[{name}]" if self.text is None else self.text
        return Replacement(name=name, pattern=self.regex, text=text, about="One of the administrator's.")


def _own_name(name: str) -> str:
    if name in BUILT_IN:
        raise ValueError("this is a built-in replacement, give yours another name")
    return name


ReplacementName = Annotated[str, Field(pattern=rf"^{REPLACEMENT_NAME}$"), AfterValidator(_own_name)]
