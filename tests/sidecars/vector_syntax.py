"""Readers of what Vector reads: its configuration, with its secrets' names told apart, and the strings of a program."""

import json
import re
from typing import Any

import yaml

__all__ = ["load", "strings"]

_NAME = re.compile(r"SECRET\[([\w-]+)\.([\w.\-/]+)\]")
"""As Vector finds them in the text of a configuration, before it is parsed."""

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|r\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def load(text: str) -> dict[str, Any]:
    """The configuration, which is the same as JSON and as YAML. Each secret's name stands between noncharacters."""
    marked = _NAME.sub(lambda match: f"\\ufdd0{match[2]}\\ufdd1", text)
    found: dict[str, Any] = json.loads(marked)
    assert yaml.load(marked, Loader=yaml.CSafeLoader) == found
    return found


def strings(program: str) -> tuple[list[str], str]:
    """The strings of a VRL program, and the program without them. Fails where one is a template."""
    found: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if match[2] is not None:
            found.append(match[2])
        else:
            assert "{{" not in re.sub(r"\\.", "", match[1]), match[0]
            found.append(re.sub(r"\\(.)", lambda escape: _ESCAPED.get(escape[1], escape[1]), match[1], flags=re.DOTALL))
        return "STRING"

    return found, _STRING.sub(keep, program)
