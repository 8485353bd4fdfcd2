"""The words of a page that are written by hand.

Those of a destination stand beside its model, in `webhook/config/destinations/<type>.md`; those of formats in
`families/<family>.md` here. Facts about an agent are those of its page in `docs/agents`; facts about a service are its
vendor's documentation.
"""

import re
from importlib.resources import files

__all__ = ["of_destination", "of_formats"]

_DESTINATIONS = files("webhook.config.destinations")
_FAMILIES = files("webhook.reference") / "families"


def of_destination(type_: str) -> str:
    """What stands on the page of a type between its example and its options; `<!-- x -->` is what is in `x.md`."""
    text = (_DESTINATIONS / f"{type_.replace('-', '_')}.md").read_text("utf-8")
    return re.sub(r"<!-- (\w+) -->\n", lambda found: of_destination(found[1]), text)


def of_formats(family: str) -> str:
    """What stands on the page of a family of formats."""
    return (_FAMILIES / f"{family}.md").read_text("utf-8")
