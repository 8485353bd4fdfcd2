"""Who calls, by the certificate that he shows."""

from collections.abc import Iterator
from typing import Any

__all__ = ["stranger"]

_NAME_LENGTH = 64


def stranger(certificate: Any, allowed: frozenset[str]) -> str:
    """Why the holder of `certificate` (as `SSLSocket.getpeercert` has it) is not served; empty where it is."""
    names = list(_names(certificate or {}))
    if not allowed.isdisjoint(names):
        return ""
    shown = ascii(names[0][:_NAME_LENGTH])[1:-1] if names else "nobody"
    return f"the client certificate is for {shown}, who is not among those that are served"


def _names(certificate: Any) -> Iterator[str]:
    """The common name, and the DNS names."""
    for part in certificate.get("subject", ()):
        yield from (value for key, value in part if key == "commonName")
    yield from (value for key, value in certificate.get("subjectAltName", ()) if key == "DNS")
