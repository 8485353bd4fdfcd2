"""The JSON Schema of `loghook.yaml`, for editors and for the chart, and what the chart's checks know of the models.

It is written from the models and from the registry of keys. It may allow what the program refuses, where a schema has
no words for it, and never refuses what the program takes, but for one thing: booleans and whole numbers in quotes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from webhook.annotations import values
from webhook.annotations.key import Key
from webhook.annotations.registry import KEYS
from webhook.config.destinations import DESTINATION_NAME, TYPES
from webhook.config.engines import EnginesResources
from webhook.config.formats import FORMATS
from webhook.config.loghook_yaml import Config
from webhook.config.settings import QUANTITY

__all__ = ["URL", "chart_facts", "chart_schema", "schema_page"]

Schema = dict[str, Any]

URL = "https://raw.githubusercontent.com/loghook/loghook/main/docs/loghook.schema.json"
"""Where editors find the schema."""


class _Generator(GenerateJsonSchema):
    """Keeps what pydantic forgets: the pattern of a text that has been something else before."""

    def chain_schema(self, schema: core_schema.ChainSchema) -> JsonSchemaValue:
        """Every step's words, those of the first step before the later ones'."""
        words: JsonSchemaValue = {}
        for step in schema["steps"]:
            words = {**self.generate_inner(step), **words}
        return words


def _configuration() -> Schema:
    schema: Schema = _mended(Config.model_json_schema(schema_generator=_Generator))
    schema["$defs"]["Defaults"] = _defaults()
    for place in (schema, schema["$defs"]["Namespace"]):
        place["properties"]["defaults"] = {"$ref": "#/$defs/Defaults"}
    schema["properties"]["destinations"]["patternProperties"] = {f"^{DESTINATION_NAME}$": _by_type()}
    return schema


def _mended(node: Any) -> Any:
    """The schema without titles, and with names of patterns alone where a map's names have one."""
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _mended(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return kept | ({"additionalProperties": False} if "patternProperties" in kept else {})


def _by_type() -> Schema:
    """A destination: its type first, so that a wrong one is told from settings that are wrong for a right one."""
    choices = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"$ref": f"#/$defs/{model.__name__}"},
        }
        for name, model in TYPES.items()
    ]
    return {"type": "object", "required": ["type"], "properties": {"type": {"enum": list(TYPES)}}, "allOf": choices}


# The defaults, by what parses each key.

_WORDS = ["string", "number", "boolean"]
_NONE_OR = QUANTITY.replace("^", "^(none|", 1).removesuffix("$") + ")$"
_PATHS = r"^[\s,]*(/[^,\n]*)?([,\n]\s*(/[^,\n]*)?)*$"

_BY_PARSER: Mapping[Callable[[str], Any], Schema] = {
    values.boolean: {"enum": ["true", "false", True, False]},
    values.quantity: {"type": ["string", "number"], "pattern": QUANTITY, "exclusiveMinimum": 0},
    values.quantity_or_none: {"type": ["string", "number"], "pattern": _NONE_OR, "exclusiveMinimum": 0},
    values.size: {"type": ["string", "number"], "pattern": QUANTITY, "minimum": 2**20},
    values.size_or_none: {"type": ["string", "number"], "pattern": _NONE_OR, "minimum": 2**20},
    values.log_paths: {"type": "string", "pattern": _PATHS},
    values.fields: {"type": "string", "pattern": "="},
    values.line: {"type": _WORDS, "minLength": 1, "maxLength": 256},
    values.expression: {"type": _WORDS, "minLength": 1, "maxLength": 256},
}
_SIZES = (values.size, values.size_or_none)


def _defaults() -> Schema:
    properties = {key.name: {**_value(key), "description": key.about} for key in KEYS.values()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value(key: Key) -> Schema:
    match key.parse:
        case values.OneOf(choices=choices):
            return {"enum": list(choices)}
        case values.Seconds(least=least, most=most):
            return {"type": ["string", "integer"], "pattern": "^[0-9]{1,6}$", "minimum": least, "maximum": most}
        case values.Matching(pattern=pattern):
            return {"type": _WORDS, "pattern": f"^({pattern.pattern})$"}
        case parser:
            return _BY_PARSER.get(parser, {"type": _WORDS})


# For whom.


def schema_page() -> Iterator[str]:
    """docs/loghook.schema.json, line by line."""
    about = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": URL, "title": "loghook.yaml"}
    yield from json.dumps({**about, **_configuration()}, indent=1, ensure_ascii=False).splitlines()
    yield ""


def chart_schema() -> Mapping[str, Schema]:
    """The definitions for the chart's values.schema.json, by name; `config` is the whole file.

    Helm shows no descriptions and fills in no defaults, so they are left out: Helm keeps the chart in a Secret.
    """
    text = json.dumps(_without_prose(_configuration())).replace('"#/$defs/', '"#/$defs/config.')
    schema: Schema = json.loads(text)
    definitions: Schema = schema.pop("$defs")
    return {"config": schema, **{f"config.{name}": each for name, each in sorted(definitions.items())}}


_PROSE = {"default", "description", "discriminator"}
_MAPS = {"properties", "patternProperties", "$defs"}  # whose keys are names, not words of a schema


def _without_prose(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_prose(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        word: {name: _without_prose(each) for name, each in value.items()} if word in _MAPS else _without_prose(value)
        for word, value in node.items()
        if word not in _PROSE
    }


def chart_facts() -> Mapping[str, Any]:
    """What the chart's templates check by: what one setting means for another, which a schema cannot say."""
    return {
        "formats": list(FORMATS),
        "logins": {
            name: [model.model_fields[field].alias for field in model.logins]
            for name, model in TYPES.items()
            if model.logins
        },
        "ownHeaders": {name: dict(model.own_headers) for name, model in TYPES.items() if model.own_headers},
        "resources": EnginesResources().model_dump(by_alias=True),
        "sizes": [key.name for key in KEYS.values() if key.parse in _SIZES],
    }
