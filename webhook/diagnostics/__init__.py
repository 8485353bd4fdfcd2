"""What goes wrong: every message that loghook gives has a stable code from one table.

It feeds refusals, patch warnings, the command line, logs, metrics and the reference page.
"""

from webhook.diagnostics.codes import CODES, Code
from webhook.diagnostics.messages import (
    MESSAGE_LIMIT,
    Diagnostic,
    Mistake,
    Mistaken,
    Mistakes,
    escape,
    join,
    printable,
    warnings,
)
from webhook.diagnostics.reasons import Reason

__all__ = [
    "CODES",
    "MESSAGE_LIMIT",
    "Code",
    "Diagnostic",
    "Mistake",
    "Mistaken",
    "Mistakes",
    "Reason",
    "escape",
    "join",
    "printable",
    "warnings",
]
