"""Every program for Vector compiles: VRL refuses what can fail without a word for it, and a word where it cannot."""

from pathlib import Path

import msgspec
import pytest
from agents import by_vrl
from shipments import parsing, stream, target

from webhook.config.formats import FORMATS
from webhook.config.replacements import BUILT_IN
from webhook.sidecars.vector.remap import program
from webhook.sidecars.vector.shapes import shape

EVENT = {"message": "x me@example.org", "file": "/logs/x.log", "@timestamp": "2026-11-29T12:00:00Z"}


@pytest.mark.parametrize("type_", ["http", "otlp", "syslog", "datadog"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_program_compiles_and_replaces(format_: str, type_: str, tmp_path: Path) -> None:
    plain = stream(parsing=parsing(format_), target=target(type_))
    redacting = msgspec.structs.replace(plain, redact=tuple(BUILT_IN.values()), keep="x", drop="unknown")
    for each, found in ((plain, True), (redacting, False)):
        (written,) = by_vrl(program(each, shape(each)), [EVENT], tmp_path)
        assert ("me@example.org" in written) is found
