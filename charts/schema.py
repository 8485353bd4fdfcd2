"""What the chart knows of the configuration, written from its models: `schema.py CHART`.

The part `config` of values.schema.json, and files/config.json, by which templates check what a schema cannot say.
"""

import json
import sys
from pathlib import Path
from typing import Any

from webhook.reference.schema import chart_facts, chart_schema


def values_schema(chart: Path) -> str:
    """Return values.schema.json of `chart` as it should be; what is not about `config` stays."""
    schema: dict[str, Any] = json.loads((chart / "values.schema.json").read_text("utf-8"))
    schema["properties"]["config"] = {"$ref": "#/$defs/config"}
    kept = {name: each for name, each in schema["$defs"].items() if name.partition(".")[0] != "config"}
    schema["$defs"] = {**kept, **chart_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def facts() -> str:
    """Return files/config.json as it should be."""
    return json.dumps(chart_facts(), indent=2) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "values.schema.json").write_text(values_schema(folder), "utf-8")
    (folder / "files" / "config.json").write_text(facts(), "utf-8")
