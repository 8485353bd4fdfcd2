"""All pages and examples, and what writes them."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from webhook.config.destinations import TYPES
from webhook.reference import destinations, formats, output, shipped
from webhook.reference.codes import diagnostics_page
from webhook.reference.examples import example_file
from webhook.reference.fidelity import engines_page
from webhook.reference.gaps import gaps
from webhook.reference.keys import annotations_page
from webhook.reference.places import places_table
from webhook.reference.schema import schema_page
from webhook.reference.terms import FILE, terms_file
from webhook.tables import TableError

__all__ = ["PAGES", "SECTIONS", "with_section", "write"]

PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "annotations.md": annotations_page,
    "diagnostics.md": diagnostics_page,
    "engines.md": engines_page,
    "loghook.schema.json": schema_page,
    **output.PAGES,
    **destinations.PAGES,
    **formats.PAGES,
    **shipped.PAGES,
}
"""Each page's name and what writes it."""


SECTIONS: Mapping[str, Callable[[], Iterator[str]]] = {"streaming.md": places_table}
"""What writes the part of a page, written by hand else, between `<!-- written -->` and `<!-- by hand -->`."""

_SECTION = re.compile(r"(?<=<!-- written -->\n).*?(?=<!-- by hand -->)", re.DOTALL)


def with_section(text: str, lines: Iterator[str]) -> str:
    """The page `text` with `lines` as its written part."""
    return _SECTION.sub(lambda _: "".join(f"{line}\n" for line in lines), text)


def write(docs: Path, examples: Path) -> None:
    """Write every page into `docs`, an example for each type into `examples`, and what `loghook explain` knows.

    Raises TableError where a table lacks something that a page needs, one line for each thing; then nothing is written.
    """
    if found := list(gaps()):
        raise TableError("\n".join(found))
    written = {docs / name: "\n".join(page()) for name, page in PAGES.items()}
    written |= {
        docs / name: with_section((docs / name).read_text("utf-8"), lines())
        for name, lines in SECTIONS.items()
        if (docs / name).exists()
    }
    written |= {examples / f"{name}.yaml": example_file(name) for name in TYPES}
    written[FILE] = terms_file()
    for file, text in written.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
