"""What the log agent of a node is told of a stream."""

import json
from typing import Any

import pytest

from webhook.annotations.registry import KEYS
from webhook.config.formats import FORMATS
from webhook.plan.node_agents import NODE_AGENTS, Output
from webhook.sidecars import Parsing


def output(format_: str = "plain", **fields: Any) -> Output:
    start = fields.pop("start", FORMATS[format_].start)
    return Output("loghook-a", "app", Parsing(format=FORMATS[format_], start=start), **fields)


def test_knows_the_agents_of_the_annotation_api() -> None:
    for name in NODE_AGENTS:
        assert KEYS["node-agent-hints"].parse(name) == name
    with pytest.raises(Exception, match="LH121"):
        KEYS["node-agent-hints"].parse("vector")


@pytest.mark.parametrize("agent", NODE_AGENTS)
@pytest.mark.parametrize("format_", FORMATS)
def test_tells_each_format_or_says_that_it_cannot(agent: str, format_: str) -> None:
    hint = NODE_AGENTS[agent](output(format_))
    assert hint.annotations or hint.left_unsaid or format_ == "plain"
    for key, value in hint.annotations.items():
        domain, _, name = key.partition("/")
        assert "loghook-a" in key
        assert len(domain) <= 253
        assert len(name) <= 63, "a name that the API server takes"
        assert isinstance(value, str)


def test_names_a_parser_of_the_nodes_fluent_bit() -> None:
    assert NODE_AGENTS["fluent-bit"](output("apache-error")).annotations == {
        "fluentbit.io/parser_stdout-loghook-a": "apache_error"
    }
    assert NODE_AGENTS["fluent-bit"](output()).annotations == {}
    assert NODE_AGENTS["fluent-bit"](output("klog")).left_unsaid == ["format klog"]
    assert NODE_AGENTS["fluent-bit"](output(start="^a")).left_unsaid == ["multiline-start"]


def test_tells_datadog_source_service_tags_and_the_start_of_records() -> None:
    made = output("java", start=r'^\d "x"', fields=[("team", "shop"), ("tier", "a:b")])
    (value,) = NODE_AGENTS["datadog"](made).annotations.values()
    assert json.loads(value) == [
        {
            "source": "java",
            "service": "app",
            "tags": ["team:shop", "tier:a:b"],
            "log_processing_rules": [{"type": "multi_line", "name": "record_start", "pattern": r'^\d "x"'}],
        }
    ]


def test_tells_filebeat_by_settings_or_by_a_module() -> None:
    assert NODE_AGENTS["filebeat"](output("json", start="^{")).annotations == {
        "co.elastic.logs.loghook-a/json.keys_under_root": "true",
        "co.elastic.logs.loghook-a/json.add_error_key": "true",
        "co.elastic.logs.loghook-a/multiline.type": "pattern",
        "co.elastic.logs.loghook-a/multiline.pattern": "^{",
        "co.elastic.logs.loghook-a/multiline.negate": "true",
        "co.elastic.logs.loghook-a/multiline.match": "after",
    }
    assert NODE_AGENTS["filebeat"](output("nginx")).annotations == {
        "co.elastic.logs.loghook-a/module": "nginx",
        "co.elastic.logs.loghook-a/fileset.stdout": "access",
    }
