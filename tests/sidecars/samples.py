"""What the sample of each format becomes, in every agent: its time and its fields."""

from collections.abc import Mapping
from typing import Any

from webhook.config.formats import FORMATS

__all__ = ["EXPECTED"]

EXPECTED: Mapping[str, tuple[str | None, dict[str, Any]]] = {
    "plain": (None, {"message": "listening on port 8080"}),
    "json": (
        "2026-11-23T10:20:30.123",
        {"time": "2026-11-23T10:20:30.123Z", "level": "info", "message": "ready", "port": 8080},
    ),
    "logfmt": (
        "2026-11-23T10:20:30",
        {"time": "2026-11-23T10:20:30Z", "level": "info", "msg": "order placed", "order": "7"},
    ),
    **dict.fromkeys(
        ("nginx", "apache"),
        (
            "2026-11-23T09:20:30",
            {
                "remote": "192.0.2.7",
                "user": "alice",
                "time": "23/Nov/2026:10:20:30 +0100",
                "method": "GET",
                "path": "/cart?id=7",
                "code": 200,
                "size": 512,
                "referer": "-",
                "agent": "curl/8.5",
            },
        ),
    ),
    "apache-error": (
        "2026-11-23T10:20:30.123456",
        {
            "time": "Nov 23 10:20:30.123456 2026",
            "module": "core",
            "level": "error",
            "pid": "35:tid 42",
            "client": "192.0.2.7:72",
            "message": "File does not exist: /var/www/favicon.ico",
        },
    ),
    "syslog-rfc3164": (
        "????-11-23T10:20:30",
        {
            "pri": "34",
            "time": "Nov 23 10:20:30",
            "host": "web-1",
            "ident": "su",
            "pid": "230",
            "message": "'su root' failed for alice on /dev/pts/8",
        },
    ),
    "syslog-rfc5424": (
        "2026-11-23T10:20:30.003",
        {
            "pri": "165",
            "time": "2026-11-23T10:20:30.003Z",
            "host": "web-1",
            "ident": "shop",
            "pid": "230",
            "msgid": "ID47",
            "extradata": '[origin@32473 ip="192.0.2.7"]',
            "message": "order placed",
        },
    ),
    "cri": (
        "2026-11-23T09:20:30.123456789",
        {
            "time": "2026-11-23T10:20:30.123456789+01:00",
            "stream": "stdout",
            "logtag": "F",
            "message": "order placed",
        },
    ),
    "klog": (
        "????-11-23T10:20:30.123456",
        {
            "severity": "I",
            "time": "1123 10:20:30.123456",
            "pid": "7",
            "caller": "controller.go:116",
            "message": "Starting workers",
        },
    ),
    "csv": (
        None,
        {"column1": "2026-11-23T10:20:30Z", "column2": "Doe, Jane", "column3": "7", "column4": "19.99"},
    ),
    "log4j": (
        "2026-11-23T10:20:30.123",
        {
            "time": "2026-11-23 10:20:30,123",
            "thread": "main",
            "level": "ERROR",
            "logger": "com.example.Cart",
            "message": "no such item\njava.lang.IllegalStateException: 7\n\tat com.example.Cart.add(Cart.java:42)",
        },
    ),
    **{name: (None, {"message": FORMATS[name].sample}) for name in ("java", "python", "go", "ruby")},
}
"""The time as UTC, `????` for a year that is not said, None where no time is read; and the fields."""
