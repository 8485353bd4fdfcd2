"""The places where no emptyDir is mounted, and the doubtful ones, as a table."""

from collections.abc import Iterator

from webhook.pod.refused_places import DOUBTFUL, REFUSED

__all__ = ["places_table"]

_VAR_LOG = "`/var/log` itself, for a glob that goes into its directories, like `/var/log/*/*.log`"
_NEEDED = "a directory that holds the container's `workingDir`, the program of its `command`, or another mount"


def places_table() -> Iterator[str]:
    """The lines of the table."""
    yield "| directory | an `emptyDir` would hide | |"
    yield "| --- | --- | --- |"
    for place in REFUSED:
        yield f"| {place.about} | {place.what} | refused |"
    yield f"| {_NEEDED} | that | refused |"
    for place in DOUBTFUL:
        yield f"| {place.about} | {place.what} | a warning, LH213 |"
    yield f"| {_VAR_LOG} | what makes them | a warning, LH213 |"
