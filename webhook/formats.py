"""The formats in which an application writes its records, by name."""

import msgspec

__all__ = ["FORMATS", "Format"]


class Format(msgspec.Struct, frozen=True):
    """One way of writing a record: its name and a sentence for the reference page."""

    name: str
    about: str


FORMATS = {
    format_.name: format_
    for format_ in (
        Format("plain", "Lines of text; nothing is read out of them."),
        Format("json", "A JSON object a line."),
        Format("logfmt", "`key=value` pairs, as Heroku and many Go programs write them."),
        Format("nginx", "nginx's `combined` access log."),
        Format("apache", "Apache's `combined` access log."),
        Format("apache-error", "Apache's error log."),
        Format("syslog-rfc3164", "BSD syslog, RFC 3164."),
        Format("syslog-rfc5424", "Syslog, RFC 5424."),
        Format("cri", "The container runtimes' own format: time, stream, flag, line."),
        Format("klog", "Kubernetes' own components: severity and date in front."),
        Format("csv", "Comma-separated values, RFC 4180."),
        Format("log4j", "A time in front, as Log4j and Logback write by default; records of several lines."),
        Format("java", "Java stack traces."),
        Format("python", "Python tracebacks."),
        Format("go", "Go panics."),
        Format("ruby", "Ruby backtraces."),
    )
}
"""Every format by its name."""
