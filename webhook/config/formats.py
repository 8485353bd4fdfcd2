r"""The formats in which an application writes its records, by name.

A format is described once, for every agent: a regular expression in what RE2 (the OpenTelemetry Collector), Rust's
regex (Vector) and Onigmo (Fluent Bit, Fluentd) all understand, or the name of a syntax that each of them has a parser
for. How an agent is told is in its renderer (`webhook.sidecars`). A line that does not match is shipped as it is.

Groups are written `(?P<name>…)`, any character also across lines `[\s\S]`, and neither look-around nor back-references
are used. Times are in the notation of strftime, with `%L` for a fraction of any number of digits; no time format at all
means ISO-8601 (`T` or a space; with a fraction or without; `Z`, `+02:00`, `+0200` or no zone) or seconds or
milliseconds since 1970.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from webhook.tables import by_name

__all__ = ["CSV_COLUMNS", "FORMATS", "Format", "csv_pattern"]

CSV_COLUMNS = tuple(f"column{number}" for number in range(1, 17))
"""What the columns of the built-in `csv` are called; the administrator's own formats name theirs."""

FieldType = Literal["integer", "float", "boolean"]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One way of writing a record.

    `syntax` says what reads a record: nothing (`text`), a parser that every agent has (`json`, `logfmt`), or `pattern`
    (`regex`, and `csv`, whose `columns` are the pattern's groups in order). `time_key` is the field that holds the
    time, written in `time_format`. `types` are fields that are no text.

    A record of several lines begins with a line that matches `start`; or else it goes on with lines that belong to a
    stack trace of the language `trace`, or, for container runtimes' logs (`is_partial`), after a line that is marked
    as partial. `sample` is a record for the documentation and the tests.
    """

    name: str
    about: str
    sample: str
    syntax: Literal["text", "json", "logfmt", "csv", "regex"] = "text"
    pattern: str = ""
    columns: tuple[str, ...] = ()
    time_key: str | None = None
    time_format: str | None = None
    types: Mapping[str, FieldType] = {}
    start: str | None = None
    trace: Literal["java", "python", "go", "ruby"] | None = None
    is_partial: bool = False


def csv_pattern(columns: tuple[str, ...]) -> str:
    """A pattern whose groups are `columns`: comma-separated values, quoted where they hold a comma (RFC 4180).

    A quote stands around a value or twice within such a one, and nowhere else. Columns from the second on may be
    missing, and more of them than were named are left alone.
    """
    value = r'(?P<{}>"(?:[^"]|"")*"|[^,"]*)'
    first, *others = columns
    optional = "".join(f"(?:,{value.format(name)}" for name in others)
    more = r'(?:,(?:"(?:[^"]|"")*"|[^,"]*))*'
    return f"^{value.format(first)}{optional}{more}{')?' * len(others)}$"


_ESCAPED = r'[^"\\]*(?:\\.[^"\\]*)*'  # Apache writes a quote in a value as \"
_COMBINED = (
    r"^(?P<remote>\S*) \S* (?P<user>[^\[]*) \[(?P<time>[^\]]*)\] "
    r'"(?P<method>[^\s"]*)(?: +(?P<path>[^"\\]*?(?:\\.[^"\\]*?)*?)(?: +[^\s"]*)?)?" '
    r"(?:(?P<code>[0-9]+)|-) (?:(?P<size>[0-9]+)|-)"
    rf'(?: "(?P<referer>{_ESCAPED})" "(?P<agent>{_ESCAPED})")?(?: .*)?$'
)
_COMBINED_SAMPLE = '192.0.2.7 - alice [23/Nov/2026:10:20:30 +0100] "GET /cart?id=7 HTTP/1.1" 200 512 "-" "curl/8.5"'

FORMATS = by_name(
    "FORMATS in webhook/config/formats.py",
    (
        Format(name="plain", about="Lines of text; nothing is read out of them.", sample="listening on port 8080"),
        Format(
            name="json",
            about="A JSON object a line, its time in `time`.",
            syntax="json",
            time_key="time",
            sample='{"time":"2026-11-23T10:20:30.123Z","level":"info","message":"ready","port":8080}',
        ),
        Format(
            name="logfmt",
            about="`key=value` pairs, as Heroku and many Go programs write them, the time in `time`.",
            syntax="logfmt",
            time_key="time",
            sample='time=2026-11-23T10:20:30Z level=info msg="order placed" order=7',
        ),
        Format(
            name="nginx",
            about="nginx's `combined` access log.",
            syntax="regex",
            pattern=_COMBINED,
            time_key="time",
            time_format="%d/%b/%Y:%H:%M:%S %z",
            types={"code": "integer", "size": "integer"},
            sample=_COMBINED_SAMPLE,
        ),
        Format(
            name="apache",
            about="Apache's `combined` or `common` access log.",
            syntax="regex",
            pattern=_COMBINED,
            time_key="time",
            time_format="%d/%b/%Y:%H:%M:%S %z",
            types={"code": "integer", "size": "integer"},
            sample=_COMBINED_SAMPLE,
        ),
        Format(
            name="apache-error",
            about="Apache's error log.",
            syntax="regex",
            pattern=r"^\[\S* (?P<time>[^\]]*)\] \[(?:(?P<module>[^\]:]*):)?(?P<level>[^\]]*)\]"
            r"(?: \[pid (?P<pid>[^\]]*)\])?(?: \[client (?P<client>[^\]]*)\])? (?P<message>.*)$",
            time_key="time",
            time_format="%b %d %H:%M:%S.%L %Y",
            sample="[Mon Nov 23 10:20:30.123456 2026] [core:error] [pid 35:tid 42] [client 192.0.2.7:72] "
            "File does not exist: /var/www/favicon.ico",
        ),
        Format(
            name="syslog-rfc3164",
            about="BSD syslog, RFC 3164, also without its priority.",
            syntax="regex",
            pattern=r"^(?:<(?P<pri>[0-9]{1,3})>)?(?P<time>[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9:]{8}) (?P<host>\S+) "
            r"(?P<ident>[^\[:\s]+)(?:\[(?P<pid>[^\]]+)\])?: ?(?P<message>.*)$",
            time_key="time",
            time_format="%b %e %H:%M:%S",
            sample="<34>Nov 23 10:20:30 web-1 su[230]: 'su root' failed for alice on /dev/pts/8",
        ),
        Format(
            name="syslog-rfc5424",
            about="Syslog, RFC 5424.",
            syntax="regex",
            pattern=r"^<(?P<pri>[0-9]{1,3})>[0-9]{1,2} (?P<time>\S+) (?P<host>\S+) (?P<ident>\S+) (?P<pid>\S+) "
            r"(?P<msgid>\S+) (?P<extradata>-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: (?P<message>.*))?$",
            time_key="time",
            sample='<165>1 2026-11-23T10:20:30.003Z web-1 shop 230 ID47 [origin@32473 ip="192.0.2.7"] order placed',
        ),
        Format(
            name="cri",
            about="The container runtimes' own format: time, stream, flag, line. Partial lines are joined.",
            syntax="regex",
            pattern=r"^(?P<time>\S+) (?P<stream>stdout|stderr) (?P<logtag>[FP]) (?P<message>[\s\S]*)$",
            time_key="time",
            is_partial=True,
            sample="2026-11-23T10:20:30.123456789+01:00 stdout F order placed",
        ),
        Format(
            name="klog",
            about="Kubernetes' own components: severity and date in front.",
            syntax="regex",
            pattern=r"^(?P<severity>[IWEF])(?P<time>[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+)\s+(?P<pid>[0-9]+)\s"
            r"(?P<caller>[^ \]]+)\]\s(?P<message>.*)$",
            time_key="time",
            time_format="%m%d %H:%M:%S.%L",
            sample="I1123 10:20:30.123456       7 controller.go:116] Starting workers",
        ),
        Format(
            name="csv",
            about="Comma-separated values, RFC 4180, as `column1` to `column16`; the administrator may name them.",
            syntax="csv",
            columns=CSV_COLUMNS,
            pattern=csv_pattern(CSV_COLUMNS),
            sample='2026-11-23T10:20:30Z,"Doe, Jane",7,19.99',
        ),
        Format(
            name="log4j",
            about="Time, thread, level, logger, message, as Log4j and Logback write by default; records of several "
            "lines.",
            syntax="regex",
            pattern=r"^(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}[,.][0-9]{3})\s+"
            r"(?:\[(?P<thread>[^\]]+)\]\s+)?(?P<level>[A-Z]+)\s+(?P<logger>\S+)\s+-\s+(?P<message>[\s\S]*)$",
            time_key="time",
            start=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}",
            sample="2026-11-23 10:20:30,123 [main] ERROR com.example.Cart - no such item\n"
            "java.lang.IllegalStateException: 7\n\tat com.example.Cart.add(Cart.java:42)",
        ),
        Format(
            name="java",
            about="Lines of text, with Java stack traces joined to the line before them.",
            trace="java",
            sample='Exception in thread "main" java.lang.IllegalStateException: 7\n'
            "\tat com.example.Cart.add(Cart.java:42)\nCaused by: java.io.IOException: gone\n\t... 1 more",
        ),
        Format(
            name="python",
            about="Lines of text, with Python tracebacks joined.",
            trace="python",
            sample="Traceback (most recent call last):\n"
            '  File "cart.py", line 42, in add\n    raise ValueError(7)\nValueError: 7',
        ),
        Format(
            name="go",
            about="Lines of text, with Go panics joined.",
            trace="go",
            sample="panic: no such item\n\ngoroutine 1 [running]:\nmain.add(0x7)\n\t/src/cart.go:42 +0x1d",
        ),
        Format(
            name="ruby",
            about="Lines of text, with Ruby backtraces joined.",
            trace="ruby",
            sample="cart.rb:42:in `add': no such item (ArgumentError)\n\tfrom cart.rb:50:in `<main>'",
        ),
    ),
    lambda format_: format_.name,
)
"""Every format by its name."""
