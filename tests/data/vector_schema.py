"""Write down what Vector can be told: the JSON Schema that it prints of itself, without its sentences.

    vector generate-schema 2>/dev/null | python tests/data/vector_schema.py > tests/data/vector.json

Of the sources, transforms, sinks and secret backends, only those stay that a configuration of ours has.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

PROSE = {"description", "title", "_metadata", "examples", "default", "$schema", "deprecated"}
TYPES = {
    *("file", "remap", "exec", "console", "elasticsearch", "loki", "splunk_hec_logs", "humio_logs", "kafka"),
    *("aws_s3", "opentelemetry", "http", "datadog_logs", "aws_cloudwatch_logs", "socket", "azure_logs_ingestion"),
}
KINDS = re.compile(r"vector::(sources|transforms|sinks|secrets|enrichment_tables)::.*|codecs::encoding::.*")
SECTIONS = {"sources", "transforms", "sinks", "secret", "data_dir", "api", "healthchecks", "log_schema"}


def plain(node: Any) -> Any:
    """`node` without what only a reader wants."""
    if isinstance(node, dict):
        kept = {key: plain(value) for key, value in node.items() if key not in PROSE or key == "properties"}
        if isinstance(node.get("properties"), dict):
            kept["properties"] = {key: plain(value) for key, value in node["properties"].items()}
        return kept
    return [plain(each) for each in node] if isinstance(node, list) else node


def is_ours(choice: Any) -> bool:
    """Whether a choice among components is one that we write, or no choice among components at all."""
    types = list(_types(choice, 3))
    return not types or bool(TYPES & {*types})


def _types(node: Any, depth: int) -> Iterator[str]:
    if isinstance(node, dict) and depth:
        constant = node.get("properties", {}).get("type", {}) if isinstance(node.get("properties"), dict) else {}
        if isinstance(constant, dict) and isinstance(constant.get("const"), str):
            yield constant["const"]
        for each in node.get("allOf", []):
            yield from _types(each, depth - 1)


def chosen(node: Any) -> Any:
    """`node` with only our components where there is a choice of many."""
    if isinstance(node, list):
        return [chosen(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: chosen(value) for key, value in node.items()}
    for key in ("oneOf", "anyOf"):
        if isinstance(node.get(key), list) and len(node[key]) > 1:
            node[key] = [choice for choice in node[key] if is_ours(choice)] or node[key]
    return node


def reached(node: Any) -> Iterator[str]:
    """The definitions that `node` refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/definitions/")
        for value in node.values():
            yield from reached(value)
    elif isinstance(node, list):
        for each in node:
            yield from reached(each)


def main() -> None:
    """Read the schema from stdin, print ours."""
    schema = chosen(plain(json.load(sys.stdin)))
    definitions = schema.pop("definitions")
    for part in schema["allOf"]:
        part["properties"] = {key: value for key, value in part.get("properties", {}).items() if key in SECTIONS}
    needed: dict[str, Any] = {}
    waiting = [*reached(schema)]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = definitions[name]
            waiting += reached(definitions[name])
    json.dump({**schema, "definitions": needed}, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
