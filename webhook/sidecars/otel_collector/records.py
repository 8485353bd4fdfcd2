"""What is done to records between the files and their destination, as statements of the language OTTL.

A record of OTLP has its message as the body and the other fields as attributes. Other destinations take one flat
document, which is then the body: the fields, or the line as `message`; the metadata; and the time as `@timestamp`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from webhook.config.destinations import VictoriaLogs
from webhook.sidecars import Parsing, Stream, Text
from webhook.sidecars.clashes import TIME, VALUE, kept, may_have, paths, stems
from webhook.sidecars.otel_collector import choices, times
from webhook.sidecars.otel_collector.notation import plain, quoted, statement
from webhook.sidecars.otlp import MESSAGE, is_of_resource, messages

__all__ = ["told_apart", "transform"]

_GROUP = re.compile(r"\(\?P<(\w+)>")


def transform(
    stream: Stream, *, is_document: bool, more: Mapping[str, list[Text]], keeps_line: bool = False
) -> dict[str, Any]:
    """The processor of `stream`; `more` has statements of its destination by context: `resource`, `scope`, `log`.

    `keeps_line`: the fields are attributes beside the line, which is the body. Else the body is a map of them; either
    that is the document, or it becomes a record of OTLP.
    """
    fields = "log.attributes" if keeps_line else "log.body"
    ours = {name: text for name, text in stream.attributes.items() if is_document or keeps_line or is_of_resource(name)}
    resource = [_assignment("resource.attributes", name, text) for name, text in ours.items()]
    log = [*_corrections(stream.parsing, fields), *times.statements(stream.parsing, fields)]
    last = [] if keeps_line else list(_DOCUMENT) if is_document else list(_record(stream))
    parts = [
        _part("resource", [*resource, *more.get("resource", [])]),
        _part("scope", more.get("scope", [])),
        _part("log", log, [] if keeps_line else ["IsMap(log.body)"]),
        _part("log", list(times.fallbacks(stream.parsing, fields)), [times.UNREAD]),
        *(_own_time(stream.parsing) if is_document else ()),
        *(() if is_document or keeps_line else _messages(stream)),
        *_last(
            stream, [_TIME, *(() if keeps_line else (_FIELDS,))], [*last, *more.get("log", [])], keeps_line=keeps_line
        ),
    ]
    return {"error_mode": "silent", "log_statements": [part for part in parts if part["statements"]]}


def _last(stream: Stream, before: list[Text], after: list[Text], *, keeps_line: bool) -> list[dict[str, Any]]:
    """Statements with what is replaced in the fields between them, where anything is."""
    redaction = list(choices.statements(stream, is_line=keeps_line))
    if not redaction:
        return [_part("log", [*before, *after])]
    marked = [] if keeps_line else [choices.MARKED]
    return [_part("log", before), _part("log", redaction, marked), _part("log", after)]


def _part(context: str, statements: list[Text], conditions: list[str] | None = None) -> dict[str, Any]:
    return {"context": context, "statements": statements} | ({"conditions": conditions} if conditions else {})


def _assignment(place: str, name: str, text: Text) -> Text:
    return statement(f"set({place}[", quoted(name), "], ", quoted(text), ")")


def told_apart(stream: Stream, *, is_document: bool) -> dict[str, Any] | None:
    """The processor that gives other names to fields that stand for objects of ours; None where there can be none.

    It is the same for many sources, and comes behind that of `transform`.
    """
    fields = "log.body" if is_document else "log.attributes"
    statements: list[Text] = []
    for *above, name in paths(stream):
        holder = fields + "".join(f"[{plain(quoted(each))}]" for each in above)
        place, other = (f"{holder}[{plain(quoted(each))}]" for each in (name, name + VALUE))
        # What is not there is no map either, and `set` does nothing then; to look into what is none is a silent error.
        statements += [
            (f"set({other}, {place}) where not IsMap({place})",),
            (f"delete_key({holder}, {plain(quoted(name))}) where {place} != nil and not IsMap({place})",),
        ]
    is_there = [f"{fields}[{plain(quoted(stem))}] != nil" for stem in stems(stream)]
    part = _part("log", statements, is_there)
    return {"error_mode": "silent", "log_statements": [part]} if statements else None


def _own_time(parsing: Parsing) -> Iterator[dict[str, Any]]:
    """Another name for the application's `@timestamp`, unless it was read as the record's time."""
    if may_have(parsing.format)(TIME):
        place, other = (f"log.body[{plain(quoted(name))}]" for name in (TIME, kept(TIME)))
        is_unread = f" and {times.UNREAD}" if parsing.time_key == TIME else ""
        yield _part("log", [(f"set({other}, {place})",)], [f"IsMap(log.body) and {place} != nil{is_unread}"])


_TIME: Text = ("set(log.time, log.observed_time) where log.time_unix_nano == 0",)
"""A record in which no time was found has that at which it was read."""

_FIELDS: Text = ('set(log.body, {"message": log.body}) where not IsMap(log.body)',)
"""A line that was not understood is the message."""

_DOCUMENT: tuple[Text, ...] = (
    ('merge_maps(log.body, log.attributes, "upsert")',),
    ('merge_maps(log.body, resource.attributes, "upsert")',),
    ('set(log.body["@timestamp"], FormatTime(log.time, "%Y-%m-%dT%H:%M:%S.%LZ"))',),
)
"""From a record to its document. What we say of a record stands above what it says of itself."""


def _messages(stream: Stream) -> Iterator[dict[str, Any]]:
    """The message of a record that has none of that name, unless its destination is told where it is."""
    names = () if isinstance(stream.target.settings, VictoriaLogs) else messages(stream.parsing.format)
    ours, moved = f'log.body["{MESSAGE}"]', 'log.cache["moved"]'
    statements: list[Text] = []
    for name in names:
        place = f"log.body[{plain(quoted(name))}]"
        statements += [
            (f"set({moved}, {place}) where {ours} == nil and {place} != nil",),
            (f"delete_key(log.body, {plain(quoted(name))}) where {ours} == nil and {moved} != nil",),
            (f"set({ours}, {moved}) where {ours} == nil and {moved} != nil",),
        ]
    if statements:
        yield _part("log", statements, [f"IsMap(log.body) and {ours} == nil"])


def _record(stream: Stream) -> Iterator[Text]:
    """From the fields to a record of OTLP: the message is its body, the others its attributes, below what we say."""
    for name, text in stream.attributes.items():
        if not is_of_resource(name):
            yield _assignment("log.attributes", name, text)
    yield ('merge_maps(log.attributes, log.body, "insert")',)
    yield ('delete_key(log.attributes, "message")',)
    yield ('set(log.cache["message"], log.body["message"])',)
    yield ('set(log.body, "")',)
    yield ('set(log.body, log.cache["message"]) where log.cache["message"] != nil',)


def _corrections(parsing: Parsing, fields: str) -> Iterator[Text]:
    """What a regular expression leaves to do: groups that matched nothing go, numbers become numbers."""
    if parsing.format.syntax in {"regex", "csv"}:
        if parsing.format.syntax == "csv":
            yield from _unquote(fields)
        for name in () if parsing.format.is_partial else _GROUP.findall(parsing.format.pattern):
            yield statement(f"delete_key({fields}, ", quoted(name), f") where {fields}[", quoted(name), '] == ""')
    for name, kind in parsing.format.types.items():
        yield from _convert(f"{fields}[{plain(quoted(name))}]", kind)


def _unquote(fields: str) -> Iterator[Text]:
    """Values without the quotes of RFC 4180."""
    for pattern, replacement in ((r'^"([\s\S]*)"$', "$1"), ('""', '"')):
        yield statement(f'replace_all_patterns({fields}, "value", ', quoted(pattern), ", ", quoted(replacement), ")")


def _convert(place: str, kind: str) -> Iterator[Text]:
    if kind == "boolean":
        yield (f'set({place}, true) where IsMatch({place}, "^(?i:true)$")',)
        yield (f'set({place}, false) where IsMatch({place}, "^(?i:false)$")',)
    else:
        convert = "Int" if kind == "integer" else "Double"
        is_number = "" if kind == "integer" else f' and IsMatch({place}, "{_FLOAT}")'
        yield (f"set({place}, {convert}({place})) where IsString({place}){is_number}",)


_FLOAT = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
"""A number with a fraction; Go reads nan, inf and 1_0.5 as well."""
