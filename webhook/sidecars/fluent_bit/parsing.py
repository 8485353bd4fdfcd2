"""How Fluent Bit reads records: the parsers of a source, and the steps that its records go through.

First lines are joined, by the input itself; then the text is taken apart; then the time is read from its field; and at
last the attributes are put on. What does not parse goes through all steps as it is.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from webhook.config.formats import FORMATS, Format
from webhook.sidecars import Parsing, Stream, Tree
from webhook.sidecars.clashes import PATH, VALUE, kept, may_have, paths
from webhook.sidecars.fluent_bit import opentelemetry, search, times
from webhook.sidecars.fluent_bit.literals import literal, lua_text, value
from webhook.sidecars.fluent_bit.outputs import WHOLE_LINE, time_fields
from webhook.sidecars.onigmo import BORDER, negative, translate
from webhook.sidecars.otlp import has_resource, is_of_resource
from webhook.sidecars.shared import of_line

__all__ = ["LINE", "PATH", "is_joined", "multiline_parsers", "parsers", "steps"]

LINE = "message"

Definition = dict[str, Any]
Rules = tuple[tuple[str, str, str], ...]

_LUA = (files("webhook.sidecars.fluent_bit") / "record.lua").read_text("utf-8")
_CODE = re.sub(r"^--.*\n|^ +", "", _LUA, flags=re.MULTILINE)
_FUNCTIONS = {
    re.findall(r"function (\w+)", text)[0]: f"{text.strip()}\n" for text in _CODE.split("\n\n") if text.strip()
}
_FLUSH_MILLISECONDS = 1000
_MILLISECONDS = r"\A(?:[1-9][0-9]{11}|[1-3][0-9]{12})(?:\.[0-9]+)?\z"
_LIST_LIMIT = 10  # the length of a list in a processor; a longer one is refused
_TRIMMED: Definition = {
    "name": "trimmed",
    "format": "regex",
    "regex": rf"\A(?<{LINE}>[\s\S]*?)[\r\n]*\z",
    "skip_empty_values": False,
}

# Lines that go on with a stack trace.
_JAVA = r"\A[ \t]+at |\A[ \t]*\.\.\. [0-9]+ |\A[ \t]*(?:Caused by|Suppressed): |\A[ \t]+\[CIRCULAR"
_GO = (
    r"\A[\r\n]*\z|\A\t|\A\[signal |\A[ \t]+panic: |\Agoroutine [0-9]+ |\Acreated by |\A[^\s(]\S*\(.*\)|"
    r"\Aexit status "
)

# The rules for stack traces. A rule holds in a state, and leads to the next one.
_ANY = "start_state"
_TRACES: dict[str, Rules] = {
    "java": (
        (
            _ANY,
            negative(_JAVA),
            "trace",
        ),
        ("trace", _JAVA, "trace"),
    ),
    "python": (
        (_ANY, r"\A[ \t+|]*(?:Exception Group )?Traceback \(most recent call last\):", "frames"),
        ("frames", r"\A[ \t]", "frames"),
        ("frames", r"\A[^ \t\r\n]", "end"),
        ("end", r"\A[\r\n]*\z", "cause"),
        (
            "cause",
            r"\A[ \t|]*(?:During handling of the above exception|The above exception was the direct cause)",
            "again",
        ),
        ("again", r"\A[\r\n]*\z", "again"),
        ("again", r"\A[ \t+|]*(?:Exception Group )?Traceback \(most recent call last\):", "frames"),
    ),
    "go": (
        (_ANY, r"\A(?:panic|fatal error): |\bpanic serving ", "panic"),
        ("panic", _GO, "panic"),
    ),
    "ruby": (
        (_ANY, r":[0-9]+:in [`'\"]", "trace"),
        ("trace", r"\A[ \t]+(?:[0-9]+: )?from .+:[0-9]+", "trace"),
    ),
}


def is_joined(parsing: Parsing) -> bool:
    """Whether records can have several lines."""
    return bool(_start(parsing) or parsing.format.trace or parsing.format.is_partial)


def multiline_parsers(stream: Stream) -> list[Definition]:
    """The multiline parser of `stream`, which has the name of its tag; none where each line is a record."""
    parsing = stream.parsing
    common = {"name": stream.tag, "flush_timeout": _FLUSH_MILLISECONDS, "key_content": LINE}
    start = _start(parsing)
    if start:
        start = of_line(start, translate, BORDER)
        rules: Rules = ((_ANY, start, "record"), ("record", negative(start), "record"))
    elif parsing.format.trace:
        rules = _TRACES[parsing.format.trace]
    elif parsing.format.is_partial:
        own = {"type": "equal", "match_string": "F", "key_pattern": "logtag", "key_group": "stream"}
        return [{**common, **own, "parser": f"{stream.tag} record"}]
    else:
        return []
    named = ("state", "regex", "next_state")
    return [{**common, "type": "regex", "rules": [dict(zip(named, rule, strict=True)) for rule in rules]}]


def parsers(stream: Stream) -> Iterator[Definition]:
    """All parsers that `stream` needs. Those of one name are the same."""
    parsing = stream.parsing
    if is_joined(parsing):
        yield _TRIMMED
    if parsing.format.syntax not in {"text", "logfmt"}:
        yield _record_parser(stream)
    if _time_key(parsing):
        yield from times.parsers(parsing)


def steps(stream: Stream) -> Iterator[Definition]:
    """What is done with each record of `stream`, in order."""
    parsing = stream.parsing
    if moved := [tree for tree in stream.trees if tree.mount_path != tree.app_path]:
        yield _lua("path", f"trees = {{ {', '.join(map(_lua_tree, moved))} }}")
    if is_joined(parsing):
        yield _parser(LINE, ["trimmed"])
    if stream.keep is not None or stream.drop is not None:
        yield _lua("choose", search.searching(stream.keep, stream.drop), search.SCRIPT)
    if stream.target.settings.type == "syslog":
        yield {"name": "modify", "copy": f"{LINE} {WHOLE_LINE}"}
    yield from _reading(stream)
    yield from _time_steps(stream)
    if stream.redact:
        yield _lua("redact", search.replacing(stream.redact), search.SCRIPT) | {"enable_flb_null": True}
    yield from _names(stream)
    yield from _attributes(stream)


def _reading(stream: Stream) -> Iterator[Definition]:
    """What reads fields out of the line."""
    format_ = stream.parsing.format
    severity = opentelemetry.constants(format_) if has_resource(stream.target) else ""
    if format_.syntax == "json":
        if severity:
            yield _lua("severity_of_json", severity) | {"type_int_key": opentelemetry.NUMBER}
        yield _lua("json", _before_json(stream))
    if format_.syntax == "logfmt":
        yield _lua("logfmt", _types(format_))
    elif format_.syntax != "text" and not format_.is_partial:
        yield _parser(LINE, [f"{stream.tag} record"])
        if format_.syntax == "csv":
            yield _lua("undoubled", "")
        if format_.types and not _is_typed_by_parser(format_):
            yield _lua("typed", _types(format_))
    if severity and format_.syntax != "json":
        yield _lua("severity", severity) | {"type_int_key": opentelemetry.NUMBER}


def _attributes(stream: Stream) -> Iterator[Definition]:
    """What is put on each record; on its resource where it goes out as OTLP."""
    is_otlp = has_resource(stream.target)
    for key, text in stream.attributes.items():
        if not (is_otlp and is_of_resource(key)):
            yield _changed("upsert", key, value(text))
    if is_otlp:
        yield from opentelemetry.steps(stream)


def _before_json(stream: Stream) -> str:
    """The constants of the script for lines of JSON."""
    key = _time_key(stream.parsing) if stream.parsing.time_format in {None, "%s"} else ""
    places = ", ".join(f"{{ {', '.join(map(lua_text, path))} }}" for path in paths(stream))
    return f"paths = {{ {places} }}" + (f"\n{_time_constants(stream, key)}" if key else "")


def _time_constants(stream: Stream, key: str) -> str:
    ours = time_fields(stream.target)
    return f"key = {lua_text(key)}" + (f"\nours = {lua_text(key)}" if key in ours else "")


def _names(stream: Stream) -> Iterator[Definition]:
    """New names for fields that cannot stand beside ours.

    In JSON, where it may be an object itself, what stands for an object of ours was told apart before: no condition
    can do it, since Fluent Bit 5.1.1 does not survive one on a field that is an object.
    """
    format_ = stream.parsing.format
    for name in filter(may_have(format_), time_fields(stream.target)):
        yield _changed("rename", name, literal(kept(name)))
        if format_.syntax == "json" and name == _time_key(stream.parsing):
            yield {"name": "content_modifier", "context": "body", "action": "delete", "key": literal(f"{name}_read")}
    if format_.syntax != "json":
        for (name,) in paths(stream):
            yield _changed("rename", name, literal(name + VALUE))


def _changed(action: str, key: str, text: str) -> Definition:
    return {"name": "content_modifier", "context": "body", "action": action, "key": literal(key), "value": text}


def _time_steps(stream: Stream) -> Iterator[Definition]:
    """What is done to read the record's time, out of its field, which stays unless it is ours for it."""
    parsing = stream.parsing
    key = _time_key(parsing)
    if not key:
        return
    is_kept = key not in time_fields(stream.target) or times.is_yearless(parsing)
    names = [str(each["name"]) for each in times.parsers(parsing)]
    for place in range(0, len(names), _LIST_LIMIT):
        yield _parser(key, names[place : place + _LIST_LIMIT]) | {"preserve_key": is_kept}
    if parsing.time_format in {None, "%s"} and _may_hold_digits(parsing.format):
        condition = {"op": "and", "rules": [{"field": f"${key}", "op": "regex", "value": _MILLISECONDS}]}
        yield {**_lua("field_time", _time_constants(stream, key)), "condition": condition}
    if times.is_yearless(parsing):
        leap_day = lua_text(times.leap_day(str(parsing.time_format)))
        yield _lua("year", f"key = {lua_text(key)}\nleap_day = {leap_day}")


def _may_hold_digits(format_: Format) -> bool:
    """Whether its time can be a text of digits. JSON's is read before; the built-in formats write ISO-8601 then."""
    return format_.syntax == "logfmt" or (format_.syntax != "json" and FORMATS.get(format_.name) is not format_)


def _start(parsing: Parsing) -> str | None:
    return parsing.start or parsing.format.start


def _time_key(parsing: Parsing) -> str:
    return (parsing.time_key or "") if parsing.format.syntax != "text" else ""


def _record_parser(stream: Stream) -> Definition:
    format_ = stream.parsing.format
    name = f"{stream.tag} record"
    if format_.syntax == "json":
        return {"name": name, "format": "json"}
    types = {}
    if format_.types and _is_typed_by_parser(format_):
        types = {"types": " ".join(f"{key}:{_TYPES[type_]}" for key, type_ in format_.types.items())}
    empty = {"skip_empty_values": False} if format_.is_partial else {}  # a container may print an empty line
    return {"name": name, "format": "regex", "regex": literal(_pattern(format_), 1), **types, **empty}


def _pattern(format_: Format) -> str:
    if format_.syntax == "csv":
        return _csv_pattern(format_.columns)
    pattern = translate(format_.pattern)
    is_one = pattern.startswith(r"\A") and not _has_alternatives(pattern)
    return rf"\A{_MARK}{pattern[2:]}" if is_one else pattern


def _has_alternatives(pattern: str) -> bool:
    """Whether `pattern` is one of several as a whole, not only in a group."""
    depth = 0
    for found in _BORDERS.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] == "|" and not depth:
            return True
    return False


_BORDERS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|[()|]", re.DOTALL)


def _csv_pattern(columns: tuple[str, ...]) -> str:
    """As `csv_pattern` of the formats, without the quotes: Onigmo lets two groups have one name, and one matches.

    A line without any value does not match.
    """
    value = r'(?:"(?<{0}>(?:[^"]|"")*)"|(?<{0}>[^,"]*))'
    first, *others = columns
    optional = "".join(f"(?:,{value.format(name)}" for name in others)
    more = r'(?:,(?:"(?:[^"]|"")*"|[^,"]*))*'
    return rf'\A(?=[\s\S]*[^,"]){_MARK}{value.format(first)}{optional}{more}{")?" * len(others)}\Z'


_MARK = r"(?:\xEF\xBB\xBF)?"
"""The mark at the head of a file (Unicode, 23.8) is no part of its first line."""


_TYPES = {"integer": "integer", "float": "float", "boolean": "bool"}


def _parser(key: str, names: list[str]) -> Definition:
    return {"name": "parser", "key_name": literal(key), "parser": names, "reserve_data": True}


def _lua(function: str, constants: str, script: str | None = None) -> Definition:
    code = f"{constants}\n{_script(function) if script is None else script}"
    own = {"time_as_table": True, "call": function, "code": code}
    return {"name": "lua", **own}


@cache
def _script(function: str) -> str:
    """`function` behind those that it calls, and those that they do."""
    called, script = {function}, ""
    for name, text in reversed(_FUNCTIONS.items()):
        if name in called:
            script = text + script
            called |= {other for other in _FUNCTIONS if f"{other}(" in text}
    return script


def _is_typed_by_parser(format_: Format) -> bool:
    """Whether the parser's own types do: those of the built-in formats are digits, if they are there.

    In JSON there are numbers already, which do not come back from Lua as they were.
    """
    return format_.syntax == "json" or (format_.name in FORMATS and format_.types == FORMATS[format_.name].types)


def _types(format_: Format) -> str:
    """The constant of the scripts for types."""
    return (
        f"types = {{ {', '.join(f'[{lua_text(key)}] = {lua_text(type_)}' for key, type_ in format_.types.items())} }}"
    )


def _lua_tree(tree: Tree) -> str:
    return f"{{ {lua_text(tree.mount_path + '/')}, {lua_text(tree.app_path + '/')} }}"
