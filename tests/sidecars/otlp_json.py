"""OTLP in JSON, as a receiver of it gets values: what they are in Python."""

from typing import Any

__all__ = ["attributes", "plain"]


def plain(value: dict[str, Any]) -> Any:
    """A value (`AnyValue`) as Python has it; one without a kind is None."""
    for kind, inner in value.items():
        if kind == "kvlistValue":
            return attributes(inner.get("values", []))
        if kind == "arrayValue":
            return [plain(each) for each in inner.get("values", [])]
        return int(inner) if kind == "intValue" else inner
    return None


def attributes(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """A list of keys and values as a dict; protobuf's JSON leaves an empty key out."""
    return {each.get("key", ""): plain(each.get("value", {})) for each in listed}
