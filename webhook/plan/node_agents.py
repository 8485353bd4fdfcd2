"""The annotations by which the log agent of a node is told how to read a streaming sidecar's output.

One table for each agent. Sources:
Fluent Bit: https://docs.fluentbit.io/manual/pipeline/filters/kubernetes#kubernetes-pod-annotations, with parsers of its
stock parsers.conf; `K8S-Logging.Parser` must be on.
Datadog: https://docs.datadoghq.com/containers/docker/log/?tab=containerlabels#log-integrations (container annotations)
and https://docs.datadoghq.com/agent/logs/advanced_log_collection.
Filebeat: https://www.elastic.co/guide/en/beats/filebeat/current/configuration-autodiscover-hints.html.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from webhook.config.formats import FORMATS
from webhook.sidecars import Parsing

__all__ = ["NODE_AGENTS", "Hint", "Output"]

_FLUENT_BIT_PARSERS = {
    "json": "json",
    "logfmt": "logfmt",
    "nginx": "nginx",
    "apache": "apache",
    "apache-error": "apache_error",
    "syslog-rfc3164": "syslog-rfc3164",
    "syslog-rfc5424": "syslog-rfc5424",
    "cri": "cri",
}

# Datadog picks its pipeline by the source; for others the application's name is as good as any.
_DATADOG_SOURCES = {
    "nginx": "nginx",
    "apache": "apache",
    "apache-error": "apache",
    "log4j": "java",
    "java": "java",
    "python": "python",
    "go": "go",
    "ruby": "ruby",
}
_DATADOG_READS = frozenset({"plain", "json", *_DATADOG_SOURCES})

_FILEBEAT_SETTINGS = {
    "json": {"json.keys_under_root": "true", "json.add_error_key": "true"},
    "nginx": {"module": "nginx", "fileset.stdout": "access"},
    "apache": {"module": "apache", "fileset.stdout": "access"},
    "apache-error": {"module": "apache", "fileset.stdout": "error"},
    "syslog-rfc3164": {"module": "system", "fileset.stdout": "syslog"},
}


class Output(msgspec.Struct, frozen=True):
    """The output of a streaming sidecar: whose it is, who wrote the files, how to read it, and what to put on it."""

    container: str
    writer: str
    parsing: Parsing
    fields: Sequence[tuple[str, str]] = ()


class Hint(msgspec.Struct, frozen=True):
    """The annotations for one output, and what they cannot say of it."""

    annotations: Mapping[str, str]
    left_unsaid: Sequence[str] = ()


def _fluent_bit(output: Output) -> Hint:
    """A parser by its name: one of the administrator's own has the format's name there, too."""
    format_ = output.parsing.format
    parser = _FLUENT_BIT_PARSERS.get(format_.name, None if format_.name in FORMATS else format_.name)
    said = {f"fluentbit.io/parser_stdout-{output.container}": parser} if parser else {}
    unsaid = [] if parser or format_.name == "plain" else [f"format {format_.name}"]
    return Hint(said, [*unsaid, *(["multiline-start"] if output.parsing.start else [])])


def _datadog(output: Output) -> Hint:
    name = output.parsing.format.name
    log: dict[str, object] = {"source": _DATADOG_SOURCES.get(name, output.writer), "service": output.writer}
    if output.fields:
        log["tags"] = [f"{key}:{value}" for key, value in output.fields]
    if output.parsing.start:
        rule = {"type": "multi_line", "name": "record_start", "pattern": output.parsing.start}
        log["log_processing_rules"] = [rule]
    said = {f"ad.datadoghq.com/{output.container}.logs": msgspec.json.encode([log]).decode()}
    return Hint(said, [] if name in _DATADOG_READS else [f"format {name}"])


def _filebeat(output: Output) -> Hint:
    name = output.parsing.format.name
    settings = dict(_FILEBEAT_SETTINGS.get(name, {}))
    unsaid = [] if settings or name == "plain" else [f"format {name}"]
    if output.parsing.start:
        settings |= {
            "multiline.type": "pattern",
            "multiline.pattern": output.parsing.start,
            "multiline.negate": "true",
            "multiline.match": "after",
        }
    return Hint({f"co.elastic.logs.{output.container}/{key}": value for key, value in settings.items()}, unsaid)


NODE_AGENTS: Mapping[str, Callable[[Output], Hint]] = {
    "fluent-bit": _fluent_bit,
    "datadog": _datadog,
    "filebeat": _filebeat,
}
"""What tells each agent of a node about an output, by its name in `node-agent-hints`."""
