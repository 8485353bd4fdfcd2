"""What `loghook lint` finds, and the ways to write it: for people, for programs, and for two that show it in place."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from webhook import __version__
from webhook.diagnostics import CODES

__all__ = ["FORMATS", "MANIFEST", "Finding", "summary"]

MANIFEST = "manifest"
"""The rule of what is no manifest, or one that no Pod can be read from."""

_ABOUT = {
    MANIFEST: "A file that cannot be read as manifests of Kubernetes.",
    **{code.id: code.about for code in CODES.values()},
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where: `line` and `column` from 1, or 0 for the file as a whole."""

    file: str
    line: int
    column: int
    severity: str
    code: str
    object: str
    message: str


def summary(findings: Sequence[Finding]) -> str:
    """How many there are: `2 errors, 1 warning`."""
    counted = Counter(finding.severity for finding in findings)
    parts = [f"{counted[each]} {each}{'' if counted[each] == 1 else 's'}" for each in ("error", "warning")]
    return ", ".join(parts)


def _text(findings: Iterable[Finding]) -> str:
    return "".join(f"{_place(each)}: {each.severity} {each.code}: {_subject(each)}\n" for each in findings)


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}:{finding.column}" if finding.line else finding.file


def _subject(finding: Finding) -> str:
    return f"{finding.object}: {finding.message}" if finding.object else finding.message


def _json(findings: Iterable[Finding]) -> str:
    return json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False) + "\n"


def _github(findings: Iterable[Finding]) -> str:
    """Workflow commands, by which GitHub shows each at its line (docs.github.com, "Workflow commands")."""
    return "".join(map(_command, findings))


def _command(finding: Finding) -> str:
    said = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.code}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in said.items() if value)
    return f"::{finding.severity} {properties}::{_data(_subject(finding))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(findings: Iterable[Finding]) -> str:
    """SARIF 2.1.0, as code scanning takes it (docs.oasis-open.org/sarif/sarif/v2.1.0)."""
    every = list(findings)
    rules = sorted({each.code for each in every})
    driver = {
        "name": "loghook",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": _ABOUT[rule]}} for rule in rules],
    }
    run = {"tool": {"driver": driver}, "results": [_result(each, rules.index(each.code)) for each in every]}
    return json.dumps({"version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": finding.column}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": _subject(finding)},
        "locations": [{"physicalLocation": place}],
    }


FORMATS: Mapping[str, Callable[[Iterable[Finding]], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
"""What `-o` takes."""
