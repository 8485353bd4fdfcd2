"""Kubernetes quantities: `250m`, `64Mi`, `1e3`.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import functools
import math
import re
from decimal import Decimal

__all__ = ["MOST", "as_read", "parse", "text"]

MOST = 2**63 - 1
"""The most that a quantity can be; the API server takes what is more for this (apimachinery, pkg/api/resource)."""

_LONGEST = 1024  # characters, spaces among them
_SHOWN = 80  # characters of what is none

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_FACTORS = {
    **{suffix: Decimal(10) ** exponent for suffix, exponent in _DECIMAL.items()},
    **{suffix: Decimal(1024) ** exponent for suffix, exponent in _BINARY.items()},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,32}(?:\.[0-9]{0,32})?|\.[0-9]{1,32}))([eE][+-]?[0-9]{1,3}|[a-zA-Z]{0,2})")
_NO_DIGITS = re.compile(r"(?=.)[+-]?\.?(?:[numkMGTP]|[KMGTP]i)?")


@functools.lru_cache(maxsize=1024)
def parse(quantity: str | float) -> Decimal:
    """The value of `quantity` (a string, or a number as YAML may give it) in its base unit: cores or bytes.

    Raises ValueError for what the API server would not take either, and for what it takes although nobody means it:
    `Gi` is 0 to it.
    """
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None:
        raise ValueError(f"not a quantity: {quantity[:_SHOWN] if isinstance(quantity, str) else quantity!r}")
    number, suffix = match.groups()
    if suffix in _FACTORS:
        return Decimal(number) * _FACTORS[suffix]
    if suffix[0] in "eE" and len(suffix) > 1:
        return Decimal(number).scaleb(int(suffix[1:]))
    raise ValueError(f"not a quantity: {quantity!r}")


def as_read(quantity: str | float) -> Decimal:
    """The value that the API server finds in a quantity of a Pod: it trims spaces, and a unit without a number is 0.

    Raises ValueError for what it refuses, and for more than 1,024 characters, which are not copied. Source:
    `UnmarshalJSON` and `ParseQuantity` of k8s.io/apimachinery 0.37.2, pkg/api/resource, of which
    findings/quantity-without-a-number.sh shows both.
    """
    said = quantity
    if isinstance(quantity, str):
        if len(quantity) > _LONGEST:
            raise ValueError("not a quantity: it is too long")
        said = quantity.strip(" ")
    return Decimal(0) if _NO_DIGITS.fullmatch(str(said)) else parse(said)


def text(value: Decimal) -> str:
    """A quantity of the value `value`, as short as one would write it; what is below a thousandth is rounded up."""
    value = max(min(value, Decimal(MOST)), -Decimal(MOST))
    if value != value.to_integral_value():
        return f"{math.ceil(value * 1000)}m"
    mebibytes = _FACTORS["Mi"]
    return f"{int(value / mebibytes)}Mi" if value and value % mebibytes == 0 else str(int(value))
