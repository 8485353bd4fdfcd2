"""What leaves records out, and what is replaced in them.

Go's engine has no fast way to see that nothing matches, so a line is looked at once, as it was written: only where
something of a rule may be in it, the fields are searched.
"""

from collections.abc import Iterator, Mapping

from webhook.config.expressions import Choice, Expression, Repeat, Sequence, Set, parse
from webhook.sidecars import Stream, Text
from webhook.sidecars.otel_collector.notation import plain, quoted, statement
from webhook.sidecars.shared import written

__all__ = ["MARKED", "choice", "mark", "nested", "statements"]

Operator = dict[str, object]

_MARK = "loghook.redact"
MARKED = f'log.attributes["{_MARK}"] != nil'
"""The condition that something may be found in a record."""

_NESTED, _TEXTS = 'attributes["loghook.nested"]', 'attributes["loghook.texts"]'
_BETWEEN = 0x1E  # the separator of texts that are searched together; no text has it then


def choice(stream: Stream, searched: str) -> Iterator[Operator]:
    """The operators that leave a record out, by the expression `searched` of its text."""
    for pattern, drops in ((stream.keep, "not ({})"), (stream.drop, "{}")):
        if pattern is not None:
            yield {"type": "filter", "expr": drops.format(f"({searched}) matches {_quoted(written(pattern))}")}


def mark(stream: Stream) -> Iterator[Operator]:
    """Mark a line in which there may be something, before it is parsed: what is escaped there may be anything.

    The parts of a container's line are none yet, so all of these are marked.
    """
    if not stream.redact:
        return
    if stream.parsing.format.is_partial:
        condition: dict[str, str] = {}
    else:
        escaped = "\\" if stream.parsing.format.syntax != "csv" else '""'
        found = [_may_match(each.sign) for each in stream.redact]
        condition = {"if": " or ".join((f"body contains {_quoted(escaped)}", *found))}
    yield {"type": "add", "field": f'attributes["{_MARK}"]', "value": "1", **condition}


def _may_match(pattern: str) -> str:
    """Whether the whole line matches, where borders of values are none of words."""
    needles = _needles(parse(pattern))
    contains = " or ".join(f"body contains {_quoted(needle)}" for needle in needles)
    matches = f"body matches {_quoted(written(pattern, ''))}"
    return f"(({contains}) and {matches})" if needles else matches


def _needles(part: Expression) -> tuple[str, ...]:
    """Texts of which every match has one; none where there are none to be had."""
    match part:
        case Set():
            first, last = part.ranges[0]
            return (chr(first),) if len(part.ranges) == 1 and first == last else ()
        case Sequence():
            return max(_of_runs(part), key=lambda each: min(map(len, each), default=0), default=())
        case Choice():
            found = [_needles(each) for each in part.options]
            return tuple(dict.fromkeys(needle for each in found for needle in each)) if all(found) else ()
        case Repeat():
            return _needles(part.part) if part.least else ()
        case _:
            return ()


def _of_runs(part: Sequence) -> Iterator[tuple[str, ...]]:
    """The needles of each part; those of single characters that follow one another are one."""
    run = ""
    for each in part.parts:
        found = _needles(each)
        if isinstance(each, Set) and found:
            run += found[0]
            continue
        yield from ((run,), found) if run else (found,)
        run = ""
    yield (run,) if run else ()


def _quoted(text: str) -> str:
    return plain(quoted(text))


def nested(stream: Stream) -> Iterator[Operator]:
    """What is replaced within objects and lists, of which only JSON has any.

    Nothing of the collector's goes into them. So they are written as JSON, and cut there: their texts are searched as
    one, which is put in its places again.
    """
    if not stream.redact or stream.parsing.format.syntax != "json":
        return
    is_nested = 'type(#[1]) in ["map", "array"]'
    pairs = f"filter(toPairs(body), {is_nested})"
    quiet = {"on_error": "send_quiet"}
    pieces = rf'split({_NESTED}, "\x1e")'
    is_text = r'# endsWith "\x1f"'
    is_there = f'"{_MARK}" in attributes and type(body) == "map" and any(toPairs(body), {is_nested})'
    # One look for all that follow: each has its price, whether it does anything or not.
    yield {"type": "router", "routes": [{"expr": is_there, "output": "nested"}], "default": "replaced"}
    yield {
        "type": "add",
        "id": "nested",
        "field": _NESTED,
        "value": f'EXPR("{{" + join(map({pairs}, toJSON(#[0]) + ":" + toJSON(#[1])), ",") + "}}")',
        **quiet,
    }
    cut = {"regex": r'("(?:[^"\\]|\\.)*")(:?)', "replace_with": "\x1e${1}\x1f${2}\x1e"}
    yield {"type": "regex_replace", "field": _NESTED, **cut, **quiet}
    decoded = r'replace(fromJSON(trimSuffix(#, "\x1f")), "\x1e", "")'
    yield _add(_TEXTS, rf'join(map(filter({pieces}, {is_text}), {decoded}), "\x1e")', quiet)
    yield _add(_NESTED, rf'join(map({pieces}, {is_text} ? "\x1d" : replace(#, "\x1f", "")), "")', quiet)
    for each in stream.redact:
        own = {"regex": written(each.pattern, without=_BETWEEN), "replace_with": each.text.replace("$", "$$")}
        yield {"type": "regex_replace", "field": _TEXTS, **own, **quiet}
    joined = 'parts[0] + join(map(1..len(parts) - 1, toJSON(texts[# - 1]) + parts[#]), "")'
    yield _add(_NESTED, rf'let texts = split({_TEXTS}, "\x1e"); let parts = split({_NESTED}, "\x1d"); {joined}', quiet)
    yield {"type": "json_parser", "parse_from": _NESTED, "parse_to": _NESTED, "parse_ints": True, **quiet}
    yield {"type": "remove", "field": _TEXTS, **quiet}
    yield {"type": "noop", "id": "replaced"}


def _add(field: str, value: str, how: Mapping[str, object]) -> Operator:
    return {"type": "add", "field": field, "value": f"EXPR({value})", **how}


def statements(stream: Stream, *, is_line: bool) -> Iterator[Text]:
    """What is replaced in the fields of a record, whose body is a map; or in its line, where that is shipped."""
    for each in stream.redact:
        replaced = quoted(written(each.pattern)), ", ", quoted(each.text.replace("$", "$$")), ")"
        if is_line:
            yield statement("replace_pattern(log.body, ", *replaced)
        else:
            yield statement('replace_all_patterns(log.body, "value", ', *replaced)
    if stream.redact and not is_line:
        kept = 'log.attributes["loghook.nested"]'
        yield (f'merge_maps(log.body, {kept}, "upsert") where IsMap({kept})',)
        yield ('delete_key(log.attributes, "loghook.nested")',)
        yield (f'delete_key(log.attributes, "{_MARK}")',)
