"""The reference pages and examples, written from the tables: `make docs` brings them up to date."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from webhook.config.destinations import TYPES
from webhook.reference import destinations, formats
from webhook.reference.codes import diagnostics_page
from webhook.reference.examples import example_file
from webhook.reference.keys import annotations_page
from webhook.reference.schema import schema_page

__all__ = ["PAGES", "write"]

PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "annotations.md": annotations_page,
    "diagnostics.md": diagnostics_page,
    "loghook.schema.json": schema_page,
    **destinations.PAGES,
    **formats.PAGES,
}
"""Each page's name and what writes it."""


def write(docs: Path, examples: Path) -> None:
    """Write every page into `docs`, and an example for each type of destination into `examples`."""
    for name, page in PAGES.items():
        (docs / name).parent.mkdir(exist_ok=True)
        (docs / name).write_text("\n".join(page()), "utf-8")
    for name in TYPES:
        (examples / f"{name}.yaml").write_text(example_file(name), "utf-8")
