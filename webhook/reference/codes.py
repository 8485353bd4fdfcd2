"""The page of diagnostics: every code, and every reason to leave a Pod alone."""

from collections.abc import Iterator

from webhook.diagnostics import CODES, Reason

__all__ = ["diagnostics_page"]

_DIAGNOSTICS = """# Diagnostics

Every message has a stable code. An **error** in a Pod's own annotations refuses the Pod (or, with
`loghook.dev/on-error: warn`, lets it start without any of ours); a **warning** is shown to whoever creates the Pod and
changes nothing. Below, words in braces stand for what the message fills in. `loghook explain LH101` shows the same in a
terminal.
"""


def diagnostics_page() -> Iterator[str]:
    """docs/diagnostics.md: every code, and every reason to leave a Pod alone."""
    yield _DIAGNOSTICS
    for code in CODES.values():
        fix = code.fix.replace("{{", "{").replace("}}", "}")
        yield f"### {code.id}\n\n*{code.severity}*: `{fix}`\n\n{code.about}\n"
    yield "## Why a Pod was left alone\n"
    yield "The reason stands in the log, in the metrics, and in what `loghook inject` prints.\n"
    yield "\n".join(f"- `{reason.value}`: {reason.sentence}" for reason in Reason) + "\n"
