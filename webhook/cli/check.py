"""What `loghook check` does: write what is found as it is found."""

import sys
from collections.abc import Iterator

import msgspec

from webhook.cli.terminal import folded, progress, say, show, styled
from webhook.cluster.checkup import look_over as after
from webhook.cluster.checkup import look_over_before as before
from webhook.diagnostics import escape
from webhook.standing.checks import Check, Report

__all__ = ["after", "before", "run"]

_MARKS = {
    "ok": ("ok  ", "green"),
    "warning": ("warn", "yellow"),
    "error": ("FAIL", "bold red"),
    "skipped": ("skip", "dim"),
}

_INDENT = 8
"""Columns before what is said of a check."""


def run(checks: Iterator[Check], output: str) -> int:
    """Write `checks` and return the exit code."""
    if output == "json":
        report = Report.of(tuple(progress("checks", checks)))
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
        sys.stdout.flush()
        return 0 if report.ok else 1
    found, section = [], ""
    for each in checks:
        if each.section != section:
            show(*([""] if section else []), styled((each.section, "bold")))
            section = each.section
        _show(each)
        found.append(each)
    counts = [f"{sum(each.status == word for each in found)} {word}" for word in ("ok", "warning", "error", "skipped")]
    say("", ", ".join(counts))
    return 0 if Report.of(tuple(found)).ok else 1


def _show(check: Check) -> None:
    show(*folded(styled("  ", _MARKS[check.status], f"  {check.name}: {escape(check.said, 1000)}"), _INDENT))
    if check.fix:
        page = styled(" " * _INDENT, (check.page, "dim"))
        show(*folded(styled(f"{' ' * _INDENT}{check.fix}"), _INDENT), page)
