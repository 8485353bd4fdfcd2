"""How `otel-collector.json` was made: names and types of the options of the collector's parts, without its sentences.

    python otel_collector.py COLLECTOR CONTRIB > otel-collector.json

COLLECTOR and CONTRIB are checkouts of github.com/open-telemetry/opentelemetry-collector and -contrib, near 0.159, where
each part describes its options in a `config.schema.yaml`. A group of options becomes an object (with `*` for names that
are free), a list an array of one, anything else the name of its type.

Datadog's and Google's exporters have their options in other repositories and no schema: those that we use, and their
neighbours, were written into one by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

COLLECTOR = "go.opentelemetry.io/collector/"

PARTS = {
    "exporters": {
        "otlp_http": f"{COLLECTOR}exporter/otlphttpexporter",
        "otlp_grpc": f"{COLLECTOR}exporter/otlpexporter",
        "elasticsearch": "/exporter/elasticsearchexporter",
        "opensearch": "/exporter/opensearchexporter",
        "splunk_hec": "/exporter/splunkhecexporter",
        "kafka": "/exporter/kafkaexporter",
        "awss3": "/exporter/awss3exporter",
        "awscloudwatchlogs": "/exporter/awscloudwatchlogsexporter",
        "datadog": "/exporter/datadogexporter",
        "syslog": "/exporter/syslogexporter",
        "googlecloud": "/exporter/googlecloudexporter",
        "file": "/exporter/fileexporter",
    },
    "extensions": {
        "file_storage": "/extension/storage/filestorage",
        "basicauth": "/extension/basicauthextension",
        "sigv4auth": "/extension/sigv4authextension",
        "text_encoding": "/extension/encoding/textencodingextension",
    },
}


class Schemas:
    """The schemas of both checkouts."""

    def __init__(self, collector: Path, contrib: Path) -> None:
        self.collector, self.contrib = collector, contrib

    def options(self, package: str) -> Any:
        """The options of the part in `package`."""
        folder = self._folder(package, self.contrib)
        return self._plain(_read(folder), folder)

    def _folder(self, package: str, root: Path) -> Path:
        """Where `package` is, as it is written in a file of the checkout `root`."""
        inner = package.removeprefix(COLLECTOR)
        return root / package.lstrip("/") if inner == package else self.collector / inner

    def _plain(self, schema: Any, folder: Path) -> Any:
        """`schema`, which stands in `folder`, as names and types."""
        if "$ref" in schema:
            return self._referred(schema["$ref"], folder)
        parts = [self._plain(part, folder) for part in schema.get("allOf", [])]
        if schema.get("type") == "array":
            return [self._plain(schema.get("items", {"type": "string"}), folder)]
        if not parts and not schema.keys() & {"properties", "additionalProperties"}:
            return schema.get("type", "string")
        options: dict[str, Any] = {}
        for part, said in zip(parts, schema.get("allOf", []), strict=True):
            if said.get("$ref", "").endswith("configretry.back_off_config"):  # embedded, but under a name
                options["retry_on_failure"] = part
            else:
                options |= part if isinstance(part, dict) else {}
        if isinstance(schema.get("additionalProperties"), dict):
            options["*"] = self._plain(schema["additionalProperties"], folder)
        own = {name: self._plain(each, folder) for name, each in schema.get("properties", {}).items()}
        return dict(sorted((options | own).items()))

    def _referred(self, reference: str, folder: Path) -> Any:
        """A definition: of the same file, or `PACKAGE.NAME`, or `./PACKAGE.NAME` below it."""
        place, _, name = reference.rpartition(".")
        if "/" in place:
            root = self.collector if folder.is_relative_to(self.collector) else self.contrib
            folder = folder / place if place.startswith("./") else self._folder(place, root)
        else:
            name = reference
        if name == "map_list":  # also written as a mapping
            return {"*": "string"}
        found = _read(folder)["$defs"].get(name, {"type": "string"})
        return self._plain(found, folder)


def _read(folder: Path) -> Any:
    file = folder / "config.schema.yaml"
    return yaml.safe_load(file.read_text("utf-8")) if file.exists() else {"$defs": {}}


def main() -> None:
    """Print the data."""
    schemas = Schemas(*map(Path, sys.argv[1:3]))
    data = {group: {part: schemas.options(path) for part, path in parts.items()} for group, parts in PARTS.items()}
    print(json.dumps(data, indent=1))  # noqa: T201 - it is a script


if __name__ == "__main__":
    main()
