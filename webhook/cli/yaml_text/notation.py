"""How a value is written into a document: on one line, or as lines of its own."""

import json
import re
from functools import lru_cache
from typing import Any

import yaml

from webhook.cli.yaml_text.scalars import is_plain_text

__all__ = ["block", "flow", "scalar"]

# Texts that need no quotes, where they are no numbers or the like, and texts of several lines that need them.
_PLAIN = re.compile(r"-?[A-Za-z0-9/](?:[A-Za-z0-9 ._/()%+=-]|:(?=[^ ]))*(?<! )")
_UNBLOCKABLE = re.compile(r"[ \t](\n|$)|\n\n\Z|\A[ \n]|[^\n -~]")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def flow(value: Any) -> str:
    """`value` as JSON that is YAML too."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def scalar(value: Any) -> str:
    """`value`, no list and no map with anything in it, on one line."""
    if isinstance(value, str) and "\n" in value:
        return flow(value)
    return yaml.dump(value, Dumper=_Dumper, width=float("inf"), allow_unicode=True).removesuffix("\n...\n").rstrip("\n")


def block(value: Any, column: int, *, indents_lists: bool) -> str:
    """`value` as lines that are indented by `column`; `indents_lists`: below their key, lists are further in."""
    return _dumped(json.dumps(value), column, indents_lists)


@lru_cache(maxsize=64)
def _dumped(value: str, column: int, indents_lists: bool) -> str:  # noqa: FBT001 - a part of the key
    """The lines of a value, which is given as JSON: manifests mostly get the same sidecars, and PyYAML takes long."""
    dumper = _DumperOfIndentedLists if indents_lists else _Dumper
    text = yaml.dump(
        json.loads(value), Dumper=dumper, sort_keys=False, default_flow_style=False, width=float("inf"),
        allow_unicode=True,
    )  # fmt: skip
    return "".join(" " * column + line if line.strip() else line for line in text.splitlines(keepends=True))


class _Dumper(yaml.SafeDumper):
    """Writes maps and lists in block style, and texts so that no reader of YAML 1.1 takes one for anything else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


class _DumperOfIndentedLists(_Dumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow=flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    if "\n" in text:
        return '"' if _UNBLOCKABLE.search(text) else "|"
    if _PLAIN.fullmatch(text) and is_plain_text(text):
        return None
    return "'" if '"' in text or "\\" in text else '"'


_Dumper.add_representer(str, _represent_text)
