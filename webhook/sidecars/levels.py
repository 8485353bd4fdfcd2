"""Levels of logs: where records have them, and what they are as severities of OpenTelemetry.

Source: OpenTelemetry's logs data model, "SeverityNumber", and its appendix B, with the names of syslog, Log4j, Zap,
java.util.logging and .NET. Where two of them differ, as over `critical`, the name is what languages call their last
level, and `crit` is syslog's.
"""

from collections.abc import Mapping

from webhook.config.formats import Format

__all__ = ["NUMBERS", "OF_SYSLOG", "PRIORITY", "SEVERITIES", "fields"]

SEVERITIES: Mapping[int, tuple[str, ...]] = {
    1: ("trace", "trace1", "finest", "t"),
    2: ("trace2",),
    3: ("trace3",),
    4: ("trace4",),
    5: ("debug", "finer", "verbose", "d"),
    6: ("debug2", "fine"),
    7: ("debug3", "config"),
    8: ("debug4",),
    9: ("info", "information", "informational", "i"),
    10: ("info2", "notice"),
    11: ("info3",),
    12: ("info4",),
    13: ("warn", "warning", "w"),
    14: ("warn2",),
    15: ("warn3",),
    16: ("warn4",),
    17: ("error", "err", "severe", "e"),
    18: ("error2", "crit", "dpanic"),
    19: ("error3", "alert", "panic"),
    20: ("error4",),
    21: ("fatal", "critical", "emerg", "emergency", "f"),
    22: ("fatal2",),
    23: ("fatal3",),
    24: ("fatal4",),
}
"""The names of each severity, in small letters: a level means the same in any."""

PRIORITY = "pri"
"""The field of syslog, whose number is that of a facility times eight, and of a severity."""

OF_SYSLOG = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Syslog's severities by their numbers (RFC 5424, 6.2.1)."""

NUMBERS: Mapping[str, int] = {name: number for number, names in SEVERITIES.items() for name in names}
"""The number of each name."""

_FIELDS = ("level", "severity", "log.level", "levelname")


def fields(format_: Format) -> tuple[str, ...]:
    """The fields in which a record of `format_` may have its level; the first that is there has it."""
    if format_.syntax == "text":
        return ()
    if format_.syntax in {"json", "logfmt"}:
        return _FIELDS
    return tuple(name for name in (*_FIELDS, PRIORITY) if f"(?P<{name}>" in format_.pattern)
