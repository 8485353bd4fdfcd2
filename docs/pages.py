"""What MkDocs is told while it makes the site: which pages there are besides docs/, and where links between them lead.

The pages are written to be read in the repository, so their links are paths of it. Here each becomes the path of a
page, or, where no page is made of what it leads to, its place at the repository's host.
"""

import posixpath
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs/"

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "charts/loghook/README.md": "charts/loghook/README.md",
}
"""Pages of the site that are no files of docs/: path in the repository, path in the site."""

_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
_FENCED = re.compile(r"^( *)(```|~~~).*?^\1\2\s*$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put all pages of a folder in the place of its name."""
    config.nav = _expanded(config.nav or [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links that lead somewhere on the site, or to the repository."""
    del files
    at = _SOURCES.get(page.file.src_uri, DOCS + page.file.src_uri)
    translate = partial(_translated, at=at, page=page.file.src_uri, repository=str(config.repo_url))
    return "".join(text if is_code else _LINK.sub(translate, text) for text, is_code in _pieces(markdown))


def _expanded(entries: list[Any]) -> list[Any]:
    return [each for entry in entries for each in _expand(entry)]


def _expand(entry: Any) -> Iterator[Any]:
    if isinstance(entry, dict):
        yield {title: _expanded(under) if isinstance(under, list) else under for title, under in entry.items()}
    elif entry.endswith("/"):
        yield from sorted(entry + file.name for file in (ROOT / DOCS / entry).glob("*.md"))
    else:
        yield entry


def _pieces(markdown: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a block of code."""
    end = 0
    for block in _FENCED.finditer(markdown):
        yield markdown[end : block.start()], False
        yield block.group(), True
        end = block.end()
    yield markdown[end:], False


def _translated(link: re.Match[str], *, at: str, page: str, repository: str) -> str:
    before, path, after = link.groups()
    target = posixpath.normpath(posixpath.join(posixpath.dirname(at), path))
    if not (ROOT / target).exists():
        raise PluginError(f"{at}: {path} leads to nothing")
    return before + _place(target, page, repository) + after


def _place(target: str, page: str, repository: str) -> str:
    """Where `target`, a path of the repository, is found from `page`."""
    found = PAGES.get(target)
    if found is None and target.startswith(DOCS) and (ROOT / target).is_file() and not target.endswith(".py"):
        found = target.removeprefix(DOCS)
    if found is not None:
        return posixpath.relpath(found, posixpath.dirname(page) or ".")
    return f"{repository}/{'tree' if (ROOT / target).is_dir() else 'blob'}/main/{target}"
