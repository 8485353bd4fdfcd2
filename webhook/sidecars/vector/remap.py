"""The VRL programs that turn a line into a record: constants, with what a Pod said as literals.

In: an event of a `file` source (`message`, `file`, `@timestamp`). Out: the record, flat, its time in `@timestamp`.
Whatever fails leaves the line as `message` and the time of reading.
"""

import re
from collections.abc import Iterator, Mapping

from webhook.config.formats import Format
from webhook.sidecars import Parsing, Stream, Target, Text, Tree, Variable
from webhook.sidecars.clashes import TIME, VALUE, kept, may_have, paths, stems
from webhook.sidecars.otlp import has_resource, is_of_resource
from webhook.sidecars.rust import Untranslatable, translate
from webhook.sidecars.vector.choices import choice, redaction
from webhook.sidecars.vector.literals import program_regex, program_text

__all__ = ["members", "program", "text", "time_problem"]

# Half a surrogate, for which VRL refuses a line, stands for no character: U+FFFD. It is put behind whole ones, too, and
# taken away there.
_JSON = r"""parsed, failure = parse_json(text)
if failure != null && match(text, r'\\u[dD][89a-fA-F]') {
  whole = replace(text, r'(?P<whole>WHOLE)|\\u[dD][89a-fA-F][0-9a-fA-F]{2}', "$whole\\ufffd")
  parsed, failure = parse_json(replace(whole, r'(?P<whole>WHOLE)\\ufffd', "$whole"))
}
record = {}
if failure == null && is_object(parsed) { record = object(parsed) ?? {} } else { record.message = text }""".replace(
    "WHOLE", r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)

# A group that matched nothing is no field, but for the line of a container, which may be empty.
_REGEX = """parsed, failure = parse_regex(text, {pattern})
record = {{}}
if failure == null {{ record = compact(parsed, string: {is_empty_dropped}, recursive: false) }}
else {{ record.message = text }}"""

_UNMARKED = 'if starts_with(text, "\ufeff") { text = slice(text, 3) ?? text }'
"""The mark at the head of a file (Unicode, 23.8) is no part of its first line; `slice` counts bytes."""

_PLAIN = "record = {}\nrecord.message = text"

# Pairs and words up to the end, or the line is no logfmt. VRL's own parser takes the next pair for a value of nothing,
# knows no tabs and few escapes, cuts values at odd quotes, and makes a list of two values of one key: what has none of
# these is left to it, since it is faster. An escape that JSON has not makes the line none, too.
_LOGFMT = r"""record = {}
is_read = match(text, r'^\s*(?:PAIR(?:\s+|$))+$') && match(text, r'(?:^|\s)[^\s="]+=')
if is_read && match(text, r'=(?:\s|$)|[\\\x00-\x1f]|\'') {
  pairs = parse_regex_all(text, r'NAMED') ?? []
  for_each(pairs) -> |_, pair| {
    value = true
    if is_string(pair.quoted) {
      value = pair.quoted
      if contains(string!(value), "\\") {
        value, failure = parse_json("\"" + replace(replace(string!(value), "\t", "\\t"), "\r", "\\r") + "\"")
        if failure != null { is_read = false }
      }
    } else if is_string(pair.is) { value = string(pair.bare) ?? "" }
    record = set!(record, [string!(pair.key)], value)
  }
} else if is_read {
  for_each(parse_logfmt(text) ?? {}) -> |key, value| {
    if is_array(value) { value = get!(value, [-1]) }
    record = set!(record, [key], value)
  }
}
if !is_read { record = {"message": text} }"""
_LOGFMT = _LOGFMT.replace("PAIR", r"""[^\s="]+(?:=(?:"(?:[^"\\]|\\.)*"|[^\s"]*))?""").replace(
    "NAMED", r"""(?P<key>[^\s="]+)(?P<is>=)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]*))"""
)

# Columns of nothing are no fields, and a line of nothing else is shipped as it is.
_CSV = r"""record = {{}}
cells = parse_regex(text, {pattern}) ?? {{}}
for_each(cells) -> |name, cell| {{
  cell = string(cell) ?? ""
  if starts_with(cell, "\"") {{ cell = replace(slice(cell, 1, length(cell) - 1) ?? "", "\"\"", "\"") }}
  if cell != "" {{ record = set!(record, [name], cell) }}
}}
if is_empty(record) {{ record.message = text }}"""

_TYPES = {
    "integer": ("to_int", r"^[+-]?[0-9]+$"),
    "float": ("to_float", r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?$"),
    "boolean": ("to_bool", "^(?i:true|false)$"),
}
"""What reads a type, and what it may read, as every agent does."""

_ISO = r"""found = get(record, [{key}]) ?? null
if is_integer(found) || is_float(found) || (is_string(found) && match(string!(found), r'^[1-9][0-9]*(?:\.[0-9]+)?$')) {{
  number = to_float(found) ?? 0.0
  if number >= 100000000000.0 {{ number = number / 1000.0 }}
  if number >= 100000000.0 && number < 4000000000.0 {{
    at = from_unix_timestamp(to_int(number * 1000000.0), unit: "microseconds") ?? null
  }}
}} else if is_string(found) {{
  iso = parse_regex(string!(found), r'{iso}') ?? {{}}
  if exists(iso.day) {{
    part = string(iso.part) ?? "0"
    if part == "" {{ part = "0" }}
    zone = upcase(string(iso.zone) ?? "")
    if zone == "Z" {{ zone = "+00" }}
    if length(zone) == 3 {{ zone = zone + "00" }}
    local = replace(string!(iso.day), "-", "") + "T" + replace(string!(iso.hour), ":", "") + "." + part
    {zoned}
    if ends_with(string!(iso.hour), "60") && at != null {{ {no_leap} }}
  }}
}}"""

# A leap second (RFC 3339, 5.6) is the next one: chrono would write it as 60 again.
_NO_LEAP = """micro = to_unix_timestamp(timestamp(at) ?? now(), unit: "microseconds")
at = from_unix_timestamp(micro, unit: "microseconds") ?? at"""

_ISO_PATTERN = (
    r"^\s*(?P<day>(?:19(?:7[1-9]|[89]\d)|20\d\d)(?:-\d\d-\d\d|\d{4}))[Tt ](?P<hour>\d\d(?::\d\d:\d\d|\d{4}))"
    r"(?:[.,](?P<part>\d+))?\s*(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?\s*$"
)

# What no log was written at, as the year 1 of some languages, is no time: there is none but from 1971 to 2099.
_FIRST, _LAST = 31_536_000, 4_102_444_800

_FORMATTED = """found = to_string(get(record, [{key}]) ?? null) ?? ""
if found != "" {{ {parsed} }}
if at != null {{
  seconds = to_unix_timestamp(timestamp(at) ?? now())
  if seconds < FIRST || seconds >= LAST {{ at = null }} else if contains(found, "60") {{ {no_leap} }}
}}""".replace("FIRST", str(_FIRST)).replace("LAST", str(_LAST))

# Without a year it is that of now and a day, or the last one in which the date exists and is no more than a day ahead.
# Of nine years in a row one has a 29 February.
_YEARLESS = """found = to_string(get(record, [{key}]) ?? null) ?? ""
if found != "" {{
  latest = to_unix_timestamp(now()) + 86400
  year = to_int(format_timestamp(from_unix_timestamp(latest) ?? now(), "%Y") ?? "1970") ?? 1970
  for_each([0, 1, 2, 3, 4, 5, 6, 7, 8]) -> |_, back| {{
    if at == null {{
      dated = to_string(year - back) + " " + {text}
      {parsed}
      if is_timestamp(then) && to_unix_timestamp(timestamp(then) ?? now()) <= latest {{ at = then }}
    }}
  }}
  if at != null && contains(found, "60") {{ {no_leap} }}
}}"""

_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")

_DIRECTIVES = frozenset("YymbBhdejaAHkIlMSpPzTDFRsnt%L")
"""What a time format may have (docs.rs/chrono, `format::strftime`)."""


def time_fields(target: Target) -> tuple[str, ...]:
    """The fields in which the record's time is written."""
    return (TIME, "timestamp") if target.settings.type == "datadog" else (TIME,)


def program(stream: Stream, shape: str = "") -> str:
    """The program for `stream`; `shape` is what its destination needs besides, with `record` at hand."""
    parts = (
        'text = string(get(., ["message"]) ?? null) ?? ""',
        _UNMARKED,
        *_partials(stream.parsing.format),
        *([] if stream.parsing.format.is_partial else choice(stream, "text")),
        _parse(stream.parsing.format),
        *(choice(stream, 'string(record.message) ?? ""') if stream.parsing.format.is_partial else []),
        *_typed(stream.parsing.format),
        *_time(stream),
        *redaction(stream),
        *_told_apart(stream),
        _file(stream.trees),
        f"record = merge(record, {members(_of_records(stream))})",
        'record."log.file.path" = file',
        'record."@timestamp" = at',
        *([shape] if shape else []),
        ". = record",
    )
    return "\n".join(parts) + "\n"


def time_problem(parsing: Parsing) -> str | None:
    """What in the time format cannot be read here, in a few words."""
    if parsing.time_key is None or parsing.time_format is None:
        return None
    try:
        _chrono(parsing.time_format)
    except Untranslatable as problem:
        return str(problem)
    return None


def _partials(format_: Format) -> Iterator[str]:
    """The head of every line but the first: partial lines were joined as they stood."""
    if format_.is_partial:
        yield r"text = replace(text, r'\n\S+ (?:stdout|stderr) [FP] ', " + '"")'


def _parse(format_: Format) -> str:
    match format_.syntax:
        case "json":
            return _JSON
        case "logfmt":
            return _LOGFMT
        case "csv":
            return _CSV.format(pattern=program_regex(translate(format_.pattern)))
        case "regex":
            dropped = str(not format_.is_partial).lower()
            return _REGEX.format(pattern=program_regex(translate(format_.pattern)), is_empty_dropped=dropped)
        case _:
            return _PLAIN


def _typed(format_: Format) -> Iterator[str]:
    """A field that is not what it should be stays text."""
    for name, type_ in format_.types.items():
        path = f"[{program_text(name)}]"
        yield f"typed = get(record, {path}) ?? null"
        read, pattern = _TYPES[type_]
        yield f"if is_string(typed) && match(string!(typed), r'{pattern}') {{"
        yield f"  record = set(record, {path}, {read}(typed) ?? typed) ?? record\n}}"


def _time(stream: Stream) -> Iterator[str]:
    """The record's time, `at`. A field that is ours for it goes where it was read, and else has another name."""
    parsing = stream.parsing
    ours = time_fields(stream.target)
    yield "at = null"
    if parsing.time_key is not None:
        key = program_text(parsing.time_key)
        yield _iso(key, parsing.time_zone) if parsing.time_format in {None, "%s"} else _formatted(key, parsing)
        if parsing.time_key in ours:
            yield f"if at != null {{ record = remove!(record, [{key}]) }}"
    yield 'if at == null { at = ."@timestamp" }'
    for name in filter(may_have(parsing.format), ours):
        field, other = program_text(name), program_text(kept(name))
        yield f"if exists(record.{field}) {{ record.{other} = del(record.{field}) }}"


# Fields that stand for objects of ours; VRL's `get` does not look into what is no object.
_TOLD_APART = """if {any} {{
  for_each([{paths}]) -> |_, path| {{
    value = get(record, path) ?? null
    if value != null && !is_object(value) {{
      below = push(slice(path, 0, -1) ?? [], string!(get!(path, [-1])) + "{value}")
      record = set!(remove!(record, path), below, value)
    }}
  }}
}}"""


def _told_apart(stream: Stream) -> Iterator[str]:
    """Other names for fields that stand for objects of ours."""
    if not stems(stream):
        return
    any_ = " || ".join(f"exists(record.{program_text(stem)})" for stem in stems(stream))
    places = ", ".join(f"[{', '.join(map(program_text, path))}]" for path in paths(stream))
    yield _TOLD_APART.format(any=any_, paths=places, value=VALUE)


def _iso(key: str, time_zone: str) -> str:
    offset = _OFFSET.fullmatch(time_zone)
    with_zone = f"parse_timestamp(local + zone, {program_text(f'{_LOCAL}%z')}) ?? null"
    if offset or time_zone == "UTC":
        zone = f"{offset[1]}{offset[2]}:{offset[3]}" if offset else "+00:00"
        zoned = f'if zone == "" {{ zone = "{zone}" }}\n    at = {with_zone}'
    else:
        zoned = f'if zone != "" {{ at = {with_zone} }} else {{ {_in_zone("at", "local", _LOCAL, time_zone)} }}'
    return _ISO.format(key=key, iso=_ISO_PATTERN, zoned=zoned, no_leap=_NO_LEAP)


_LOCAL = "%Y%m%dT%H%M%S%.f"

# An hour that a zone has twice or not at all is read as the hour before, and put an hour later: the first of two.
_IN_ZONE = """{name} = parse_timestamp({text}, {format}, timezone: {zone}) ?? null
if {name} == null {{
  wall = parse_timestamp({text} + " +0000", {with_offset}) ?? null
  if wall != null {{
    wall = from_unix_timestamp(to_unix_timestamp(timestamp(wall) ?? now()) - 3600) ?? now()
    before = parse_timestamp(format_timestamp(wall, {format}) ?? "", {format}, timezone: {zone}) ?? null
    if before != null {{
      {name} = from_unix_timestamp(to_unix_timestamp(timestamp(before) ?? now()) + 3600) ?? null
    }}
  }}
}}"""


def _in_zone(name: str, text: str, time_format: str, zone: str) -> str:
    """The variable `name`: the time `text`, of no zone of its own, in a zone with a name; null where there is none."""
    own, with_offset = program_text(time_format), program_text(f"{time_format} %z")
    return _IN_ZONE.format(name=name, text=text, format=own, with_offset=with_offset, zone=program_text(zone))


def _formatted(key: str, parsing: Parsing) -> str:
    time_format, has_comma, has_zone, has_year = _chrono(parsing.time_format or "")
    text = 'replace(found, ",", ".")' if has_comma else "found"
    offset = _OFFSET.fullmatch(parsing.time_zone)
    if not has_zone and offset:
        text, time_format, has_zone = f'{text} + " {"".join(offset.groups())}"', f"{time_format} %z", True
    name, given, full = ("at", text, time_format) if has_year else ("then", "dated", f"%Y {time_format}")
    if has_zone or parsing.time_zone == "UTC":
        zone = "" if has_zone else ', timezone: "UTC"'
        parsed = f"{name} = parse_timestamp({given}, {program_text(full)}{zone}) ?? null"
    else:
        parsed = _in_zone(name, given, full, parsing.time_zone)
    return (_FORMATTED if has_year else _YEARLESS).format(key=key, text=text, parsed=parsed, no_leap=_NO_LEAP)


def _chrono(time_format: str) -> tuple[str, bool, bool, bool]:
    """The format for chrono; whether commas become points, whether it has a zone, and a year. Raises Untranslatable."""
    has_comma = ",%L" in time_format
    rest = time_format.replace(",", ".") if has_comma else time_format
    directives = re.findall(r"%(.?)", rest.replace(".%L", "").replace("%:z", "%z"))
    for letter in directives:
        if letter not in _DIRECTIVES:
            raise Untranslatable(f"%{letter}")
        if letter == "L":
            raise Untranslatable("%L without a point or a comma before it")
    has_year = any(letter in "YyDFs" for letter in directives)
    return (
        rest.replace(".%L", "%.f").replace("%z", "%#z"),
        has_comma,
        any(letter in "zs" for letter in directives),
        has_year,
    )


def _file(trees: tuple[Tree, ...]) -> str:
    """The application's name for the file."""
    lines = ['file = string(get(., ["file"]) ?? null) ?? ""']
    moved = [tree for tree in trees if tree.mount_path != tree.app_path]
    for word, tree in zip(["if", *["} else if"] * len(moved)], sorted(moved, key=_depth), strict=False):
        here, there = program_text(f"{tree.mount_path}/"), program_text(f"{tree.app_path}/")
        lines.append(f'{word} starts_with(file + "/", {here}) {{ file = replace(file + "/", {here}, {there}, count: 1)')
        lines.append("  file = replace(file, r'/$', \"\")")
    return "\n".join(lines) + ("\n}" if moved else "")


def _depth(tree: Tree) -> int:
    return -len(tree.mount_path)


def _of_records(stream: Stream) -> dict[str, Text]:
    """What is said of each record; a resource has the rest."""
    is_otlp = has_resource(stream.target)
    return {name: each for name, each in stream.attributes.items() if not (is_otlp and is_of_resource(name))}


def members(attributes: Mapping[str, Text]) -> str:
    """A VRL expression whose value is an object with these members."""
    return "{" + ", ".join(f"{program_text(name)}: {text(value)}" for name, value in attributes.items()) + "}"


def text(parts: Text) -> str:
    """A VRL expression whose value is the text; a variable that is not set is empty."""
    values = [
        f'(get_env_var("{part.name}") ?? "")' if isinstance(part, Variable) else program_text(part) for part in parts
    ]
    return " + ".join(values) or '""'
