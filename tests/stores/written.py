"""What the application writes in the tests of stores, and what of it is to be in a store."""

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["ALL_TYPES", "TIME", "assert_whole", "has", "line"]

TIME = "2026-11-29T11:22:33.123Z"
ALL_TYPES: Mapping[str, Any] = {
    "text": "a",
    "whole": 2**53 + 1,
    "half": 1.5,
    "is": True,
    "list": [1, "b"],
    "in": {"x": 1},
}


def line(message: str, **more: Any) -> str:
    """A line of JSON with that message, at `TIME`, and `more` fields."""
    return json.dumps({"time": TIME, "message": message, **more})


def has(message: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Whether one of the records of a store has that message."""
    return lambda records: any(each.get("message") == message for each in records)


def assert_whole(record: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Hold a record to what was written at `TIME` with `fields`, and to what an agent puts on it."""
    assert {name: record[name] for name in fields} == fields
    assert record["@timestamp"].startswith(TIME.removesuffix("Z"))
    assert record["k8s.pod.name"] == "shop-1"
    assert record["log.file.path"] == "/var/log/app/app.log"
