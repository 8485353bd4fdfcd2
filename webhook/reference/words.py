"""The words of a page that are written by hand.

Those of a destination stand beside its model, in `webhook/config/destinations/<type>.md`; those of formats in
`families/<family>.md` here. Facts about an agent are those of its page in `docs/agents`; facts about a service are its
vendor's documentation.
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["of_destination", "of_formats", "page_of_destination", "page_of_formats"]


def of_destination(type_: str) -> str:
    """What stands on the page of a type between its example and its options; `<!-- x -->` is what is in `x.md`."""
    text = page_of_destination(type_).read_text("utf-8")
    return re.sub(r"<!-- (\w+) -->\n", lambda found: of_destination(found[1]), text)


def of_formats(family: str) -> str:
    """What stands on the page of a family of formats between its samples and what the node's agents are told."""
    return page_of_formats(family).read_text("utf-8")


def page_of_destination(type_: str) -> Traversable:
    """Where the words about a type are."""
    return files("webhook.config.destinations") / f"{type_.replace('-', '_')}.md"


def page_of_formats(family: str) -> Traversable:
    """Where the words about a family of formats are."""
    return files("webhook.reference") / "families" / f"{family}.md"
