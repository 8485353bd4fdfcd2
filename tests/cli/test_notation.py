"""How values are written: no reader of YAML takes a text for anything else."""

from typing import Any

import pytest
import yaml

from webhook.cli.yaml_text.documents import split
from webhook.cli.yaml_text.notation import block, flow, scalar


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("web", "web"),
        ("on", '"on"'),
        ("1:30", '"1:30"'),
        ('{"a":1}', "'{\"a\":1}'"),
        ("a\nb", '"a\\nb"'),
        (True, "true"),
        ([], "[]"),
    ],
)
def test_one_line(value: Any, written: str) -> None:
    assert scalar(value) == written
    assert split(f"a: {written}\n")[0].value == {"a": value}


def test_a_flow_is_json_that_every_parser_of_yaml_reads() -> None:
    assert flow({"a": ["\u2028", "é"]}) == '{"a": ["\\u2028", "é"]}'
    assert yaml.safe_load(flow("\x7f")) == "\x7f"


@pytest.mark.parametrize(
    ("indents_lists", "lines"),
    [(False, "  a:\n  - b: |\n      x\n      y\n"), (True, "  a:\n    - b: |\n        x\n        y\n")],
)
def test_lines_of_their_own(indents_lists: bool, lines: str) -> None:  # noqa: FBT001 - a case
    assert block({"a": [{"b": "x\ny\n"}]}, 2, indents_lists=indents_lists) == lines
