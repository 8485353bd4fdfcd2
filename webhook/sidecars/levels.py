"""Levels of logs: where records have them, and what they are as severities of OpenTelemetry.

Source: OpenTelemetry's logs data model, "SeverityNumber", and its appendix B, with the names of syslog, Log4j, Zap,
java.util.logging and .NET. Where two of them differ, as over `critical`, the name is what languages call their last
level, and `crit` is syslog's. Besides these the short names of .NET's console, Serilog and zerolog; Go's slog
(`log/slog`, "Levels": OpenTelemetry's number is slog's and nine); npm's (winston); PostgreSQL's; Apache's; and those
that java.util.logging writes in other languages (its `logging_*.properties`).
"""

from collections.abc import Mapping

from webhook.config.formats import Format

__all__ = ["NAMES_OF_NUMBERS", "NUMBERS", "OF_SYSLOG", "PRIORITIES", "PRIORITY", "SEVERITIES", "fields"]

SEVERITIES: Mapping[int, tuple[str, ...]] = {
    1: (
        *("trace", "trace1", "finest", "t", "trce", "trc", "vrb", "silly", "debug-4"),
        *(
            "trace5",
            "trace6",
            "trace7",
            "trace8",
            "am feinsten",
            "le plus précis",
            "más detallado",
            "最も詳細",
            "非常详细",
        ),
    ),
    2: ("trace2", "debug-3"),
    3: ("trace3", "debug-2"),
    4: ("trace4", "debug-1"),
    5: (
        *("debug", "finer", "verbose", "d", "dbug", "dbg", "debug1"),
        *("feiner", "plus précis", "muy detallado", "詳細", "较详细"),
    ),
    6: ("debug2", "fine", "debug+1", "fein", "précis", "detallado", "普通", "详细"),
    7: ("debug3", "config", "debug+2", "konfiguration", "configurar", "構成", "配置"),
    8: ("debug4", "debug+3"),
    9: (
        *("info", "information", "informational", "i", "inf", "http", "log"),
        *("infos", "información", "情報", "信息"),
    ),
    10: ("info2", "notice", "info+1", "note", "hinweis"),
    11: ("info3", "info+2"),
    12: ("info4", "info+3"),
    13: ("warn", "warning", "w", "wrn", "warnung", "avertissement", "advertencia", "警告"),
    14: ("warn2", "warn+1"),
    15: ("warn3", "warn+2"),
    16: ("warn4", "warn+3"),
    17: ("error", "err", "severe", "e", "fail", "fehler", "schwerwiegend", "grave", "重大", "严重"),
    18: ("error2", "crit", "dpanic", "error+1"),
    19: ("error3", "alert", "panic", "error+2", "pnc"),
    20: ("error4", "error+3"),
    21: ("fatal", "critical", "emerg", "emergency", "f", "ftl", "error+4"),
    22: ("fatal2", "error+5"),
    23: ("fatal3", "error+6"),
    24: ("fatal4", "error+7"),
}
"""The names of each severity, in small letters: a level means the same in any."""

PRIORITY = "pri"
"""The field of syslog, whose number is that of a facility times eight, and of a severity."""

OF_SYSLOG = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Syslog's severities by their numbers (RFC 5424, 6.2.1)."""

NUMBERS: Mapping[str, int] = {name: number for number, names in SEVERITIES.items() for name in names}
"""The number of each name."""

PRIORITIES = 24 * 8
"""How many priorities there are: a facility times eight, and a severity."""

NAMES_OF_NUMBERS: Mapping[str, str] = {
    **{str(number): name for number, name in enumerate(OF_SYSLOG)},
    "10": "trace",
    "20": "debug",
    "30": "info",
    "40": "warn",
    "50": "error",
    "60": "fatal",
    "100": "debug",
    "200": "info",
    "250": "notice",
    "300": "warning",
    "400": "error",
    "500": "critical",
    "550": "alert",
    "600": "emergency",
}
"""The names of levels that are numbers: of GELF (and syslog), of pino and bunyan, of Monolog."""

_FIELDS = (
    *("level", "severity", "log.level", "levelname", "level_name", "lvl", "loglevel", "log_level"),
    *("LogLevel", "Level", "@l", "severity_text", "error_severity"),
)


def fields(format_: Format) -> tuple[str, ...]:
    """The fields in which a record of `format_` may have its level: the first that is a text or a whole number."""
    if format_.syntax == "text":
        return ()
    if format_.syntax in {"json", "logfmt"}:
        return _FIELDS
    return tuple(name for name in (*_FIELDS, PRIORITY) if f"(?P<{name}>" in format_.pattern)
