"""Write down what Fluent Bit can be told: the names and types of its options, nothing else.

    python tests/data/fluent_bit_options.py PROGRAM SOURCE > tests/data/fluent-bit-5.1.1.json

PROGRAM is asked for its schema (`-J`), for the plugins that are used. The schema leaves out the sections that are no
plugins, and `--dry-run` takes any key there: the keys of `service` and of parsers come out of the SOURCE of the same
version.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USED = {
    "inputs": ["tail"],
    "filters": ["lua", "modify", "parser"],
    "processors": ["content_modifier", "opentelemetry_envelope"],
    "outputs": [
        "azure_logs_ingestion", "cloudwatch_logs", "datadog", "es", "file", "forward", "http", "kafka", "loki",
        "opensearch", "opentelemetry", "s3", "splunk", "stackdriver", "stdout", "syslog",
    ],
}  # fmt: skip
_LISTS = {"comma delimited": "comma list", "space delimited": "space list", "prefixed": "prefix"}
_SERVICE = re.compile(r'#define FLB_CONF_\w+\s+"([\w.]+)"')
_PARSER = re.compile(r'get_parser_key\(config, cf, s, "(\w+)"\)')
_DEFINITIONS = re.compile(r"^int flb_parser_load_(\w+)_definitions.*?^}", re.MULTILINE | re.DOTALL)


def main(program: str, source: str) -> None:
    """Print them as JSON."""
    schema = json.loads(subprocess.run([program, "-J"], check=True, capture_output=True).stdout)
    plugins = {kind: {each["name"]: dict(sorted(_options(each))) for each in schema[kind]} for kind in USED}
    found: dict[str, Any] = {kind: {name: plugins[kind][name] for name in names} for kind, names in USED.items()}
    header = (Path(source) / "include" / "fluent-bit" / "flb_config.h").read_text("utf-8")
    found["service"] = sorted({key.lower() for key in _SERVICE.findall(header)})
    code = (Path(source) / "src" / "flb_parser.c").read_text("utf-8")
    for section in _DEFINITIONS.finditer(code):
        found[f"{section[1]}s"] = sorted(set(_PARSER.findall(section[0])))
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _options(plugin: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each option's name in small letters, and its type."""
    for group in plugin["properties"].values():
        for option in group:
            kind = next((short for sign, short in _LISTS.items() if sign in option["type"]), option["type"])
            yield option["name"].lower(), kind


if __name__ == "__main__":
    main(*sys.argv[1:])
