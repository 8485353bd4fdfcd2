r"""What `\d`, `\s` and `\w` mean to every agent alike: characters of ASCII, whatever an engine makes of them by itself.

Go's RE2 has ASCII for all three but leaves the vertical tab out of `\s`; Rust's regex has all of Unicode; Ruby's
Onigmo has ASCII, but a `\b` of Unicode. Sources: github.com/google/re2/wiki/Syntax; docs.rs/regex, "Unicode"; doc/RE of
Onigmo.
"""

__all__ = ["MEMBERS", "alone", "within"]

MEMBERS = {"d": "0-9", "s": r"\t\n\v\f\r ", "w": "0-9A-Za-z_"}
"""The members of each class, by its letter, as they stand in a set of any engine."""


def alone(escape: str) -> str | None:
    r"""The set that stands for the escape `\d`, `\D`, …; None for every other escape."""
    letter = escape[1:]
    members = MEMBERS.get(letter.lower())
    if members is None:
        return None
    return f"[{members}]" if letter.islower() else f"[^{members}]"


def within(escape: str) -> str | None:
    """The same within a set, of an engine that can have one set in another."""
    return MEMBERS.get(escape[1:]) or alone(escape)
