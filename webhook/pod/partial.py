"""A part of an object of Kubernetes: of its fields those that are looked at."""

import msgspec

__all__ = ["Partial"]


class Partial(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A struct of Kubernetes' field names. `gc=False`: no view refers back to itself."""
