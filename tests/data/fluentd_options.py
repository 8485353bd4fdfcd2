"""Write down what Fluentd and the plugins of its daemonset images can be told: names and types, nothing else.

    python tests/data/fluentd_options.py DIRECTORY… > tests/data/fluentd.json

DIRECTORY is the source of Fluentd or of a plugin, at the version that `docker-image/v1.19` of
fluentd-kubernetes-daemonset locks. A parameter is what a class declares with `config_param`, in sections declared with
`config_section`; what a class includes (TLS options, say) counts for its outputs.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

FILES = {
    "system": ["fluent/system_config.rb"],
    "source.tail": ["fluent/plugin/in_tail.rb"],
    "parse.none": ["fluent/plugin/parser.rb"],
    "parse.multiline": ["fluent/plugin/parser.rb", "fluent/plugin/parser_multiline.rb"],
    "format.json": ["fluent/plugin/formatter.rb", "fluent/plugin/formatter_json.rb"],
    "format.single_value": ["fluent/plugin/formatter.rb", "fluent/plugin/formatter_single_value.rb"],
    "buffer.file": ["fluent/plugin/output.rb", "fluent/plugin/buffer.rb", "fluent/plugin/buf_file.rb"],
    "match.stdout": ["fluent/plugin/out_stdout.rb"],
    "match.http": ["fluent/plugin/out_http.rb"],
    "match.forward": ["fluent/plugin/out_forward.rb"],
    "match.elasticsearch": ["fluent/plugin/out_elasticsearch.rb", "fluent/plugin/elasticsearch_tls.rb"],
    "match.opensearch": ["fluent/plugin/out_opensearch.rb", "fluent/plugin/opensearch_tls.rb"],
    "match.kafka2": ["fluent/plugin/out_kafka2.rb", "fluent/plugin/kafka_plugin_util.rb"],
    "match.s3": ["fluent/plugin/out_s3.rb"],
    "match.cloudwatch_logs": ["fluent/plugin/out_cloudwatch_logs.rb"],
    "match.datadog": ["fluent/plugin/out_datadog.rb"],
}

PARAMETER = re.compile(r"(\s*)config_param\s*\(?:?(?:\"|')?(@?\w+)(?:\"|')?(?:,\s*:(\w+))?")
SECTION = re.compile(r"(\s*)config_section :(\w+)")
ARGUMENT = re.compile(r"(\s*)config_argument :(\w+)")


def options(text: str) -> dict[str, Any]:
    """The parameters of a Ruby source by their names: a type each, or for a section its parameters."""
    found: dict[str, Any] = {}
    sections: list[tuple[int, dict[str, Any]]] = [(-1, found)]
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        while line.strip() and indent <= sections[-1][0] and not line.strip().startswith("#"):
            sections.pop()
        if section := SECTION.match(line):
            inner = sections[-1][1].setdefault(section[2], {})
            sections.append((indent, inner))
        elif parameter := PARAMETER.match(line):
            listed = re.search(r"list: \[([^\]]*)\]", line)
            values = re.findall(r":\"?([\w/-]+)\"?", listed[1]) if listed else []
            sections[-1][1][parameter[2]] = values or parameter[3] or "any"
    return found


def main(directories: list[str]) -> None:
    """Print them for each directive and type."""
    sources = {str(file).partition("/lib/")[2]: file for place in directories for file in Path(place).rglob("*.rb")}
    found: dict[str, dict[str, Any]] = {}
    for name, files in FILES.items():
        found[name] = {}
        for file in files:
            if file in sources:
                found[name] |= options(sources[file].read_text("utf-8"))
    # The parameters of an output's buffer are declared in a section of the output itself.
    found["buffer.file"] = {**found["buffer.file"].pop("buffer", {}), **found["buffer.file"]}
    json.dump(found, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
