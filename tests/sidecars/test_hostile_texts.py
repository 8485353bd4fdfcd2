"""Text that means something to a shell, YAML, Ruby, Lua, VRL or an agent, in every field that somebody can fill.

Each configuration is read back as its agent reads it. With a hostile text in a field it must be the same as with a
harmless word, but for that text in the place of the word. Or the text is refused: by the annotation, by the
configuration's model, or by the agent.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import fluentd_syntax
import pytest
import vector_syntax
from pydantic import ValidationError
from shipments import parsing, shipment, stream, target

from webhook.annotations.registry import KEYS
from webhook.config.destinations import TYPES
from webhook.config.own_formats import OwnFormat
from webhook.diagnostics import Mistaken
from webhook.sidecars import Agent, Shipment, Stream, Tree
from webhook.sidecars.programs import AGENTS

WORD = "qqq"
"""The harmless word. It is nowhere else in any configuration."""

PIECES = (
    '"', "'", "`", "\\", "\\\\", "\\n", "\n", "\r\n", "\t", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028",
    "\ufeff", "é", "☃", "𐍈", "\u202e", "$", "$$", "${HOME}", "${LOGHOOK_POD}", "${dollar}", "${brace}",
    "$(HOME)", "$HOME", "$TAG", "${tag}", "${env:HOME}", "${env:HOME:-x}", "%", "%Y", "%{x}", "%%",
    "{{ message }}", "{{", "}}", "{", "}", "#{1}", "#", "#{", '#{system("id")}', "@INCLUDE /etc/passwd",
    "@include /etc/passwd", "@type exec", "@SET a=b", "</match>", "<source>", "\n</label>\n",
    "!!python/object:os.system", "&a", "*a", "- x", "a: b", "? a", "| x", "> x", "---", "...", "null", "true",
    "1e3", "0x1", "~", "[", "]", "[1]", ",", "=", ";", "|", "&&", "SECRET[env.HOME]", "SECRET[", "[env.HOME]",
    "*", "**", "?", "[a-z]", "[!a]", "(?i)", "(a", "a)", "(?P<x>y)", "\\d+", "^", ".", "../../etc", "/", "//",
    " ", "  x  ", "-", "--config", "r'", "s'x'", 'x" || true', '"] = 1', "]]", "--[[", "os.execute('id')",
    "body.x", "<% 1 %>", "http://x",
)  # fmt: skip


def hostile(total: int = 500) -> list[str]:
    """The pieces by themselves and joined, the same ones each time."""
    chosen = random.Random(4711)  # noqa: S311 - the same texts each time
    texts = dict.fromkeys((*PIECES, *(f"a{piece}b" for piece in PIECES)))
    while len(texts) < total:
        texts["".join(chosen.choices((*PIECES, "a", "b"), k=chosen.randint(2, 5)))] = None
    return [*texts][:total]


HOSTILE = hostile()


# The fields.


def _destination(type_: str, **options: Any) -> Stream:
    return stream(target=target(type_, options))


def _fields(text: str) -> Stream:
    return stream(attributes={key: (value,) for key, value in KEYS["fields"].parse(text)})


def _path(text: str) -> Stream:
    (path,) = KEYS["paths"].parse(f"/var/log/app/{text}")
    return stream(paths=(path.text,), exclude=())


def _own_format(**options: Any) -> Stream:
    return stream(parsing=parsing(OwnFormat(**options).format("own")))


FIELDS: Mapping[str, Callable[[str], Stream]] = {
    "paths": _path,
    "exclude": lambda text: stream(exclude=KEYS["exclude"].parse(text)),
    "fields value": lambda text: _fields(f"k={text}"),
    "fields key": lambda text: _fields(f"{text}=v"),
    "time-key": lambda text: stream(parsing=parsing("json", time_key=KEYS["time-key"].parse(text))),
    "time-format": lambda text: stream(parsing=parsing("json", time_format=KEYS["time-format"].parse(f"%Y{text}"))),
    "time-zone": lambda text: stream(parsing=parsing("json", time_zone=KEYS["time-zone"].parse(text))),
    "multiline-start": lambda text: stream(parsing=parsing(start=KEYS["multiline-start"].parse(text))),
    "mount path": lambda text: stream(trees=(Tree("/var/log/app", f"/srv/{text}"),)),
    "format regex": lambda text: _own_format(regex=f"(?P<x>.*){text}"),
    "format column": lambda text: _own_format(columns=("x", text)),
    "format time": lambda text: _own_format(columns=("x", "t"), time_key="t", time_format=f"%Y{text}"),
    "format type": lambda text: _own_format(like="json", types={text: "integer"}),
    "host": lambda text: _destination("http", host=text),
    "index": lambda text: _destination("elasticsearch", index=text),
    "path": lambda text: _destination("http", path=f"/{text}"),
    "label": lambda text: _destination("loki", labels={"a": text}),
    "label name": lambda text: _destination("loki", labels={text: "a"}),
    "tenant": lambda text: _destination("loki", tenant=text),
    "sourcetype": lambda text: _destination("splunk", sourcetype=text),
    "topic": lambda text: _destination("kafka", topic=text),
    "brokers": lambda text: _destination("kafka", brokers=[f"{text}:9092"]),
    "prefix": lambda text: _destination("s3", prefix=text),
    "header": lambda text: _destination("http", headers=[{"name": "X-A", "value": text}]),
    "header of otlp": lambda text: _destination("otlp", headers=[{"name": "X-A", "value": text}]),
    "header name": lambda text: _destination("http", headers=[{"name": text, "value": "a"}]),
    "service": lambda text: _destination("datadog", service=text),
    "tag": lambda text: _destination("datadog", tags={"a": text}),
    "group": lambda text: _destination("cloudwatch", group=text),
    "project": lambda text: _destination("google-cloud", project=text),
    "table": lambda text: _destination("azure", table=text),
}
"""Each field that a user or an administrator can fill: a stream with a text there. Raises where that is refused."""

LOOSE = {"time-format", "format regex", "format time", "multiline-start", "exclude"}
"""Fields whose text an agent is told in its own words, so that only the rest of the configuration is compared."""


# What an agent reads.

Leaf = tuple[tuple[str, ...], str]


def flat(node: Any, place: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Each text in `node`, with the place where it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from flat(value, (*place, str(key)))
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from flat(value, (*place, f"[{number}"))
    else:
        yield place, node if isinstance(node, str) else repr(node)


def of_vector(text: str) -> Any:
    """As Vector reads it, its programs as their strings and what stands around them."""
    found = vector_syntax.load(text)
    for part in found["transforms"].values():
        part["source"] = vector_syntax.strings(part["source"])
    return found


_JSON = {"attributes", "brokers", "columns", "envelope", "exclude_path", "headers", "trees", "types"}
_JSON |= {"retryable_response_codes"}


def of_fluentd(text: str) -> Any:
    """As Fluentd reads it, JSON in it read as well."""

    def value(name: str, said: str | tuple[Any, ...]) -> Any:
        parts = said if isinstance(said, tuple) else (said,)
        whole = "".join(part if isinstance(part, str) else f"\ufdd0{part[-1]}\ufdd1" for part in parts)
        return json.loads(whole) if name in _JSON else whole

    def element(node: fluentd_syntax.Element) -> Any:
        own = {name: value(name, said) for name, said in node.parameters.items()}
        return [node.name, node.argument, own, *map(element, node.sections)]

    return element(fluentd_syntax.read(text))


_LUA_STRING = re.compile(r'"((?:[^"\\\n]|\\[\s\S])*)"')


def of_fluent_bit(text: str) -> Any:
    """As Fluent Bit reads it: options of plugins are expanded twice, in lists and parsers once, and rules never."""
    found = json.loads(text)
    env = found.pop("env", {})

    def once(said: str) -> str:
        whole, place = "", 0
        while (start := said.find("${", place)) >= 0 and "}" not in said[place:start]:
            end = said.index("}", start)
            name = said[start + 2 : end]
            assert name in env or name.startswith("LOGHOOK_"), f"a foreign variable: {name}"
            whole += said[place:start] + env.get(name, f"\ufdd0{name}\ufdd1")
            place = end + 1
        return whole + said[place:]

    def expanded(node: Any, times: int) -> Any:
        if isinstance(node, dict):
            return {key: expanded(value, 0 if key == "rules" else times) for key, value in node.items()}
        if isinstance(node, list):
            return [expanded(each, min(times, 1) if isinstance(each, str) else times) for each in node]
        for _ in range(times if isinstance(node, str) else 0):
            node = once(node)
        return node

    for section in found:
        found[section] = expanded(found[section], 2 if section == "pipeline" else 1)
    return lua_apart({section: said for section, said in found.items() if said})


def lua_apart(node: Any) -> Any:
    """Lua as its first line's strings and the rest."""
    if isinstance(node, dict):
        return {key: lua_code(value) if key == "code" else lua_apart(value) for key, value in node.items()}
    return [lua_apart(each) for each in node] if isinstance(node, list) else node


def lua_code(code: str) -> list[str]:
    def plain(match: re.Match[str]) -> str:
        octets = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1])), match[1])
        return octets.encode("latin-1", "replace").decode("utf-8", "replace")

    head, _, rest = code.partition("\n")
    return [*(plain(match) for match in _LUA_STRING.finditer(head)), _LUA_STRING.sub("STRING", head), rest]


_OTTL_STRING = re.compile(r'"(?:[^"\\]|\\[\s\S])*"')
_EXPRESSIONS = {"statements", "conditions", "if", "parse_from", "parse_to", "field", "from", "to"}


_COLLECTOR_VARIABLE = re.compile(r"\$\{env:(LOGHOOK_\w+):-unset\}")


def of_the_collector(text: str) -> Any:
    """As the collector reads it; `$$` is a dollar sign, and `${env:…}` the only other thing that one may begin."""

    def plain(said: str) -> str:
        marked = re.sub(
            r"\$\$|\$\{env:(LOGHOOK_\w+):-unset\}", lambda m: "\ufdd2" if m[0] == "$$" else f"\ufdd0{m[1]}\ufdd1", said
        )
        assert "$" not in marked, f"a foreign variable: {said}"
        return marked.replace("\ufdd2", "$")

    def apart(said: str) -> list[str]:
        return [*(json.loads(each) for each in _OTTL_STRING.findall(said)), _OTTL_STRING.sub("STRING", said)]

    def read(node: Any, *, is_expression: bool = False) -> Any:
        if isinstance(node, dict):
            return {key: read(value, is_expression=key in _EXPRESSIONS) for key, value in node.items()}
        if isinstance(node, list):
            return [read(each, is_expression=is_expression) for each in node]
        if not isinstance(node, str):
            return node
        return apart(plain(node)) if is_expression else plain(node)

    return read(json.loads(text))


READERS: Mapping[str, Callable[[str], Any]] = {
    "fluent-bit": of_fluent_bit,
    "fluentd": of_fluentd,
    "vector": of_vector,
    "otel-collector": of_the_collector,
}


# The test.


def shipped(field: str, text: str) -> Shipment | None:
    """What there is to ship with `text` in `field`; None where it is refused."""
    try:
        return shipment(FIELDS[field](text))
    except (Mistaken, ValidationError, ValueError):
        return None


def written(agent: Agent, what: Shipment | None) -> list[Leaf] | None:
    """All that the agent is told; None where it is refused."""
    if what is None or list(agent.problems(what)):
        return None
    return list(flat(READERS[agent.name](agent.config(what))))


def as_written(agent: Agent, field: str, text: str) -> str:
    """What an agent has in the place of `text` where it has its own word for it."""
    if field == "paths" and agent.name == "fluentd":
        return text.replace("%", "%%")
    return text


def put(leaf: Leaf, text: str) -> Leaf:
    """A leaf with `text` for the harmless word, also where it is a key."""
    place, said = leaf
    return tuple(each.replace(WORD, text) for each in place), said.replace(WORD, text)


def is_loose(agent: Agent, field: str) -> bool:
    return field in LOOSE or (field == "time-key" and agent.name == "fluent-bit")  # it is a pattern of Lua, too


def is_same(field: str, text: str) -> bool:
    """Whether a renderer has no business with `text`: slashes at the ends are its own, and `=` is the annotation's."""
    return "=" not in text if field == "fields key" else text.strip("/") == text and "//" not in text


def is_glob(field: str, text: str) -> bool:
    """Whether it is a glob, which is read by another source and with other options."""
    return field == "paths" and bool(re.search(r"[*?\[]", text))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_hostile_text_stays_text(agent: Agent, field: str) -> None:
    usual = written(agent, shipped(field, WORD))
    if usual is None:
        assert any(written(other, shipped(field, WORD)) for other in AGENTS.values())
        return
    glob = written(agent, shipped(field, f"*{WORD}")) if field == "paths" else None
    for text in HOSTILE:
        found = written(agent, shipped(field, text))
        if found is None:
            continue
        if is_glob(field, text):
            assert skeleton(found, glob or []) == skeleton(glob or [], glob or []), repr(text)
        elif is_loose(agent, field):
            assert skeleton(found, usual) == skeleton(usual, usual), repr(text)
        elif is_same(field, text):
            own = as_written(agent, field, said(field, text))
            assert found == [put(leaf, own) for leaf in usual], repr(text)


def said(field: str, text: str) -> str:
    """What the annotation's parser takes `text` for."""
    if field == "fields value":
        ((_, value),) = KEYS["fields"].parse(f"k={text}")
        return str(value)
    if field == "fields key":
        ((key, _),) = KEYS["fields"].parse(f"{text}=v")
        return str(key)
    if field == "paths":
        (path,) = KEYS["paths"].parse(f"/var/log/app/{text}")
        return str(path.text).removeprefix("/var/log/app/")
    return str(KEYS[field].parse(text)) if field in KEYS else text


def skeleton(leaves: list[Leaf], usual: list[Leaf]) -> set[Leaf]:
    """The leaves but those beside which the word stands in the usual configuration."""
    beside = {place[:-1] for place, text in usual if WORD in text}
    return {(place, text) for place, text in leaves if place[:-1] not in beside and "exclude" not in place}


def test_there_are_enough_of_them() -> None:
    assert len({*HOSTILE}) == 500


@pytest.mark.parametrize("field", FIELDS)
def test_the_harmless_word_is_never_refused(field: str) -> None:
    """Or it would be no test of the hostile ones."""
    assert shipped(field, WORD)


def test_most_types_of_destinations_are_among_the_fields() -> None:
    reached = {what.streams[0].target.settings.type for field in FIELDS if (what := shipped(field, WORD))}
    assert len(reached) > len(TYPES) / 2


def test_a_reader_sees_what_is_not_literal() -> None:
    for agent, config in {
        "fluent-bit": '{"pipeline": {"a": "${HOME}"}}',
        "fluentd": '<match **>\n  a "#{ENV}"\n</match>\n',
        "otel-collector": '{"a": "${env:HOME}"}',
    }.items():
        with pytest.raises(AssertionError, match="foreign"):
            READERS[agent](config)
    with pytest.raises(AssertionError):
        vector_syntax.strings('x = "{{ message }}"')
