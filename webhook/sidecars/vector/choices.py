"""What leaves records out, and what is replaced in them, in VRL: with `text` and `record` at hand."""

from collections.abc import Iterator

from webhook.sidecars import Stream
from webhook.sidecars.rust import BORDER
from webhook.sidecars.shared import written
from webhook.sidecars.vector.literals import program_regex, program_text

__all__ = ["choice", "redaction"]


def choice(stream: Stream, searched: str) -> Iterator[str]:
    """What leaves a record out; Vector counts it as an event that is discarded by intention."""
    for pattern, is_wanted in ((stream.keep, "!"), (stream.drop, "")):
        if pattern is not None:
            yield f"if {is_wanted}match({searched}, {program_regex(written(pattern, BORDER))}) {{ abort }}"


def redaction(stream: Stream) -> Iterator[str]:
    """Every text in the record; and the line, which is what a syslog server gets. Most have nothing of any rule."""
    if not stream.redact:
        return
    every = program_regex("|".join(f"(?:{written(each.pattern, BORDER)})" for each in stream.redact))
    replaced = "value"
    for each in stream.redact:
        pattern, text = program_regex(written(each.pattern, BORDER)), program_text(each.text.replace("$", "$$"))
        replaced = f"replace({replaced}, {pattern}, {text})"
    yield (
        "record = map_values(record, recursive: true) -> |value| {\n"
        f"  if is_string(value) && match(string!(value), {every}) {{\n"
        f"    value = string!(value)\n    {replaced}\n"
        "  } else { value }\n}"
    )
    if stream.target.settings.type == "syslog":
        yield f"value = text\ntext = {replaced}"
