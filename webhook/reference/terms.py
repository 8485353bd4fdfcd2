"""What `loghook explain` knows: every term of the tables with its explanation, kept in `terms.json` beside this.

`make docs` writes the file, so that the command reads one small file in place of all tables.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from webhook.annotations.key import Key
from webhook.annotations.registry import KEYS, PREFIX
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.diagnostics import CODES, Reason
from webhook.reference import destinations, examples
from webhook.reference.abilities import Ability, abilities
from webhook.reference.formats import FAMILIES, facts
from webhook.reference.records import record
from webhook.sidecars.programs import AGENTS

__all__ = ["FILE", "terms", "terms_file"]

FILE = Path(__file__).with_name("terms.json")


class Term(msgspec.Struct, frozen=True):
    """A word, what kind of thing it is, a line about it, and its explanation: paragraphs, and what stands as it is.

    A paragraph of the explanation whose lines begin with four spaces is an example or a list; others may be wrapped.
    """

    name: str
    kind: str
    line: str
    text: str


def terms() -> Iterator[Term]:
    """Every term, kind by kind."""
    yield from map(_key, KEYS.values())
    yield from (_format(name) for name in FORMATS)
    yield from (_destination(name) for name in TYPES)
    yield from (_agent(name) for name in AGENTS)
    for code in CODES.values():
        fix = code.fix.replace("{{", "{").replace("}}", "}")
        yield Term(code.id, "code", f"{code.severity}: {fix}", _text(_indented(f"{code.severity}: {fix}"), code.about))
    for reason in Reason:
        yield Term(reason.value, "reason", reason.sentence, _text(f"A Pod is left alone: {reason.sentence}."))


def terms_file() -> str:
    """The text of terms.json."""
    return json.dumps(list(map(msgspec.to_builtins, terms())), indent=1, ensure_ascii=False) + "\n"


def _text(*parts: str) -> str:
    return "\n\n".join(part.strip("\n") for part in parts if part)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _listed(rows: Mapping[str, str]) -> str:
    """Names and what is said of each, one below the other."""
    width = max(map(len, rows), default=0)
    return _indented("\n".join(f"{name:<{width}}  {said}" for name, said in rows.items()))


def _key(key: Key) -> Term:
    value = yaml.safe_dump(key.example, allow_unicode=True).removesuffix("...\n").strip()
    scopes = {"pod": "For the whole Pod.", "source": f"For the Pod, or for one source: {PREFIX}SOURCE.{key.name}."}
    default = key.default if key.default is not None else key.default_about
    formats = {name: FORMATS[name].about for name in FORMATS} if key.names_format else {}
    first = key.about.partition(". ")[0].removesuffix(".") + "."
    text = _text(_indented(f"{PREFIX}{key.name}: {value}"), key.about, f"Default: {default}.", scopes[key.scope])
    return Term(key.name, "key", first, _text(text, _listed(formats)))


def _format(name: str) -> Term:
    format_ = FORMATS[name]
    (family,) = (family for family, kind in FAMILIES.items() if name in kind.formats)
    becomes = json.dumps(record(format_), indent=2)
    said = "\n".join(facts(format_))
    page = f"More: docs/formats/{family}.md"
    text = _text(_indented(f"{PREFIX}format: {name}"), format_.about, _indented(format_.sample), "It becomes")
    return Term(name, "format", format_.about, _text(text, _indented(becomes), _indented(said), page))


def _destination(name: str) -> Term:
    type_ = TYPES[name]
    options = {row.name: f"{row.value} (default: {row.default})" for row in destinations.rows(name)}
    agents = {agent: _ability(ability) for agent, ability in abilities(name).items()}
    text = _text(
        type_.about, _indented(examples.settings(name)), "Options:", _listed(options), "Agents:", _listed(agents)
    )
    return Term(name, "destination", type_.title, _text(text, f"More: docs/destinations/{name}.md"))


def _ability(ability: Ability | None) -> str:
    if ability is None:
        return "does not ship there (LH142)"
    cannot = f"; cannot {', '.join(ability.cannot)} (LH145)" if ability.cannot else ""
    return f"by its {ability.plugin}{cannot}"


def _agent(name: str) -> Term:
    by_type: dict[str, str] = {}
    image = ""
    for type_ in TYPES:
        ability = abilities(type_)[name]
        by_type[type_] = _ability(ability)
        image = ability.image if ability else image
    line = f"Ships records by itself, from the image {image}."
    text = _text(_indented(f"{PREFIX}agent: {name}"), line, "Destinations:", _listed(by_type))
    return Term(name, "agent", line, _text(text, f"More: docs/agents/{name}.md"))
