"""What a user must know of destinations and formats that is in no other table.

The words of a page are in `advice/<type>.md` or `advice/formats/<family>.md`, by hand. Facts about an agent are those
of its page in `docs/agents`; facts about a service are its vendor's documentation.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

__all__ = ["REFUSALS", "TITLES", "advice"]

_WORDS = files("webhook.reference") / "advice"

TITLES: Mapping[str, str] = {
    "stdout": "Standard output",
    "elasticsearch": "Elasticsearch",
    "opensearch": "OpenSearch",
    "loki": "Grafana Loki",
    "splunk": "Splunk",
    "logscale": "CrowdStrike Falcon LogScale",
    "kafka": "Apache Kafka",
    "s3": "Amazon S3",
    "otlp": "OTLP",
    "http": "HTTP",
    "datadog": "Datadog",
    "cloudwatch": "Amazon CloudWatch Logs",
    "forward": "Fluentd's forward protocol",
    "syslog": "Syslog",
    "google-cloud": "Google Cloud Logging",
    "azure": "Azure Monitor",
}
"""What people call each type."""


def advice(name: str) -> str:
    """What stands on the page `name` between its example and its options; `<!-- x -->` stands for what is in `x.md`."""
    text = (_WORDS / f"{name}.md").read_text("utf-8")
    return re.sub(r"<!-- (\w+) -->\n", lambda found: advice(found[1]), text)


_UNTIL_THERE = "tries again whatever the answer is"
_GIVES_UP = "tries again after 408, 429 and 5xx; gives up after another 4xx, with an error in its log"
_VECTOR = "tries again after 429 and 5xx; gives up after another 4xx, with an error in its log"
_VECTOR_LONGER = "tries again after 401, 403, 404, 407, 408, 425, 429 and 5xx; gives up after another 4xx"
_FLUENTD = "tries again; what is refused for good goes to a backup in the state volume, with a warning in its log"
_FLUENTD_LONGER = f"{_VECTOR_LONGER.partition(';')[0]}; else it goes to a backup in the state volume"
_COLLECTOR = "gives up what is refused for good (400, 401 or 403, say), with an error in its log"

REFUSALS: Mapping[str, Mapping[str, str]] = {
    "elasticsearch": {
        "fluent-bit": _UNTIL_THERE,
        "fluentd": _FLUENTD,
        "vector": _VECTOR,
        "otel-collector": "tries again after 429 and 5xx; gives up after another",
    },
    "opensearch": {
        "fluent-bit": _UNTIL_THERE,
        "fluentd": _FLUENTD,
        "vector": _VECTOR,
        "otel-collector": _COLLECTOR,
    },
    "loki": {"fluent-bit": _UNTIL_THERE, "vector": _VECTOR, "otel-collector": _COLLECTOR},
    "splunk": {
        "fluent-bit": _GIVES_UP,
        "fluentd": _FLUENTD_LONGER,
        "vector": _VECTOR,
        "otel-collector": _COLLECTOR,
    },
    "logscale": {
        "fluent-bit": f"{_GIVES_UP}; with `elastic-bulk` it {_UNTIL_THERE}",
        "fluentd": _FLUENTD_LONGER,
        "vector": f"{_VECTOR}; with `otlp` it {_VECTOR_LONGER.partition(';')[0]}",
        "otel-collector": _COLLECTOR,
    },
    "otlp": {"fluent-bit": _GIVES_UP, "vector": _VECTOR_LONGER, "otel-collector": _COLLECTOR},
    "http": {"fluent-bit": _GIVES_UP, "fluentd": _FLUENTD_LONGER, "vector": _VECTOR_LONGER},
    "datadog": {
        "fluent-bit": _UNTIL_THERE,
        "fluentd": _FLUENTD,
        "vector": _VECTOR,
        "otel-collector": _COLLECTOR,
    },
    "azure": {"vector": _VECTOR_LONGER},
}
"""What each agent does when a destination answers that it will not take a request; others have no such answers, or the
client of a cloud decides about them."""
