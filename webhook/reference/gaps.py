"""What the pages need of the tables and do not find: each gap is a sentence that names the missing piece."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import get_args

from pydantic import ValidationError

from webhook.config import destinations
from webhook.config.destinations import TYPES, Destination
from webhook.config.destinations.option import option_of
from webhook.config.formats import FORMATS
from webhook.reference import words
from webhook.reference.abilities import tries
from webhook.reference.examples import example
from webhook.reference.formats import FAMILIES
from webhook.reference.records import record

__all__ = ["gaps"]


def gaps() -> Iterator[str]:
    """Each gap, of destinations first, then of formats."""
    yield from _of_modules()
    for type_ in TYPES:
        yield from _of_type(type_)
        yield from _of_options(type_)
    yield from _of_families()
    yield from _of_records()


def _of_modules() -> Iterator[str]:
    """Types that have a module, and that nobody may configure."""
    known = {model.__module__ for model in TYPES.values()}
    for found in pkgutil.iter_modules(destinations.__path__, f"{destinations.__name__}."):
        module = importlib.import_module(found.name)
        if found.name not in known and any(_is_type(each) for each in vars(module).values()):
            yield f"{found.name} is in no table: add its class to AnyDestination in {destinations.__name__}"


def _is_type(found: object) -> bool:
    """Whether this is the model of a type: one that says its `type`."""
    if not (isinstance(found, type) and issubclass(found, Destination)):
        return False
    return bool(get_args(found.model_fields["type"].annotation))


def _of_type(type_: str) -> Iterator[str]:
    """A page to write by hand, and an example that loads."""
    module = TYPES[type_].__module__
    page = words.page_of_destination(type_)
    if not page.is_file():
        yield f"{type_} has no {page.name} beside {module}: write what a user must know of it, under `## ` headings"
    try:
        TYPES[type_].model_validate(example(type_))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        yield f"the example in {module} is wrong: {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _of_options(type_: str) -> Iterator[str]:
    """A sentence for each option, and something to try it with."""
    for name, field in TYPES[type_].model_fields.items():
        alias, option = field.alias or name, option_of(field)
        where = f"the option {alias} in {TYPES[type_].__module__}"
        if name != "type" and option is None:
            yield f"{where} is explained nowhere: annotate it with Option(…), the sentence of its page first"
        elif name not in {"type", "namespaces"} and not field.is_required() and not list(tries(alias, field)):
            yield f"{where} is never tried: give its Option a second argument, a value to find out who can do it"


def _of_families() -> Iterator[str]:
    """A family for each format, and words for each family."""
    listed = [name for family in FAMILIES.values() for name in family.formats]
    where = "FAMILIES in webhook.reference.formats"
    yield from (
        f"the format {name} is in no family: add it to one of {where}" for name in FORMATS if name not in listed
    )
    yield from (f"{where} has {name}, which is no format" for name in listed if name not in FORMATS)
    for family in FAMILIES:
        page = words.page_of_formats(family)
        if not page.is_file():
            yield f"the family {family} has no {page.name} in webhook/reference/families: write what a user must know"


def _of_records() -> Iterator[str]:
    """A sample for each format that is read as the format says."""
    for name, format_ in FORMATS.items():
        try:
            record(format_)
        except ValueError as error:
            yield f"the sample of the format {name} in webhook.config.formats cannot be read: {error}"
