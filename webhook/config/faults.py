"""What is wrong with a configuration, in words, with the line where it stands in the file.

Pydantic says where in the model a mistake is. Between a setting that may be one of several models and that model's own
settings it puts a tag, which is in no file: here it is left out again.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

__all__ = ["Place", "faults", "line_of", "written_at"]

Place = tuple[int | str, ...]
"""The way to a setting: names, and numbers of items."""


def faults(model: type[BaseModel], root: yaml.Node | None, error: ValidationError) -> Iterator[tuple[int, str]]:
    """Each mistake of `error`, which came of reading the document `root` as a `model`: its line, and a sentence."""
    for item in error.errors():
        yield line_of(root, item["loc"]), _sentence(model, root, item)


def line_of(node: yaml.Node | None, place: Place) -> int:
    """The line (from 1) of the deepest node on the way to `place`."""
    return max((line for line, _ in _way(node, place)), default=1)


def written_at(node: yaml.Node | None, place: Place) -> int | None:
    """The line (from 1) on which `place` itself is written; None where it is not in the file."""
    way = list(_way(node, place))
    return way[-1][0] if len(way) == len(place) else None


def _way(node: yaml.Node | None, place: Place) -> Iterator[tuple[int, int | str]]:
    """Each part of `place` that is in the file, after its line."""
    for part in place:
        found = _child(node, part)
        if found is not None:
            line, node = found
            yield line, part


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
        return next(filter(None, (_child(merged, part) for merged in _merged(node))), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item.start_mark.line + 1, item
    return None


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """The maps whose settings `<<` brings into `node`."""
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]


def _sentence(model: type[BaseModel], root: yaml.Node | None, item: Any) -> str:
    parts = [part for _, part in _way(root, item["loc"])]
    if item["type"] == "missing":
        parts.append(item["loc"][-1])
    place = ".".join(map(str, parts))
    problem = _PROBLEMS.get(item["type"], _as_pydantic_says)(model, item)
    return f"{place}: {problem}" if place else problem


def _as_pydantic_says(_: type[BaseModel], item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ")


def _no_such_setting(model: type[BaseModel], item: Any) -> str:
    *place, name = item["loc"]
    return "no such setting" + _instead(str(name), _settings(model, place))


def _missing(_: type[BaseModel], item: Any) -> str:
    return f"this setting is required, e.g. {item['loc'][-1]}: …"


def _no_such_type(_: type[BaseModel], item: Any) -> str:
    types = [part.strip().strip("'") for part in item["ctx"]["expected_tags"].split(",")]
    return f"no such type{_instead(item['ctx']['tag'], types)}; there are {', '.join(types)}"


def _no_type(model: type[BaseModel], item: Any) -> str:
    types = [tag for tag, _ in _tagged(_annotation(model, item["loc"]))]
    return f"say its type; there are {', '.join(types)}"


_PROBLEMS = {
    "extra_forbidden": _no_such_setting,
    "missing": _missing,
    "union_tag_invalid": _no_such_type,
    "union_tag_not_found": _no_type,
}


def _instead(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1)
    return f", write {nearest[0]}" if nearest else ""


# What the models know.


def _settings(model: type[BaseModel], place: Iterable[int | str]) -> Iterator[str]:
    """The names of the settings that may stand at `place`."""
    for found in _models(_annotation(model, place)):
        for field in found.model_fields.values():
            yield field.alias or ""


def _annotation(model: type[BaseModel], place: Iterable[int | str]) -> Any:
    """The type of what stands at `place`, in which a tag or a model's name is the choice of one model."""
    there: Any = model
    for part in place:
        choices = {**{each.__name__: each for each in _models(there)}, **dict(_tagged(there))}
        there = choices.get(str(part)) or _inside(there, part)
    return there


def _inside(annotation: Any, part: int | str) -> Any:
    for found in _models(annotation):
        for field in found.model_fields.values():
            if field.alias == part:
                return field.annotation
    return next((get_args(each)[-1 if get_origin(each) is dict else 0] for each in _collections(annotation)), None)


def _collections(annotation: Any) -> Iterator[Any]:
    yield from (each for each in _alternatives(annotation) if get_origin(each) in {dict, tuple, Mapping})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    yield from (each for each in _alternatives(annotation) if isinstance(each, type) and issubclass(each, BaseModel))


def _tagged(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models of a tagged union, by their tags."""
    for each in _models(annotation):
        tag = each.model_fields.get("type")
        if tag is not None and (values := get_args(tag.annotation)):
            yield values[0], each


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation
