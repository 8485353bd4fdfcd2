"""A webhook as it is registered with the API server: its entry, and how it is called by it."""

from collections.abc import Callable
from typing import Any

from webhook.cluster.api import ApiError
from webhook.cluster.endpoint import Endpoint

__all__ = ["Unproven", "bundled", "entry"]

_MANY_CERTIFICATES = 2


class Unproven(Exception):
    """A webhook does not work, or not yet. Its text is one line that says what is wrong and where to look."""


def entry(read: Callable[[str], Any], kind: str, configuration: str, webhook: str) -> dict[str, Any]:
    """Return the entry `webhook` of a `configuration` of that kind, which `read` reads. Raises Unproven."""
    try:
        found = read(configuration)
    except ApiError as error:
        raise Unproven(str(error)) from None
    for each in found.get("webhooks") or []:
        if each["name"] == webhook:
            return dict(each)
    raise Unproven(f"the {kind} {configuration} has no webhook {webhook}")


def bundled(place: Endpoint) -> str:
    """Say what is in the caBundle: `its caBundle holds 1 CA`."""
    count = place.bundle.count("BEGIN CERTIFICATE")
    return f"its caBundle holds {f'{count} CAs' if count >= _MANY_CERTIFICATES else '1 CA'}"
