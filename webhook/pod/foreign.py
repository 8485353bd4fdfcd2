"""The view of a Pod in which nothing is ours yet, as nearly all are when they come: what nobody asks of it is not read.

To read what all variables say takes half as long again. So it is good for none with MAY_READ_FILES in its JSON.
"""

import msgspec

from webhook.pod.view import Container, Present, Spec, Volume

__all__ = ["MAY_READ_FILES", "ForeignSpec"]

MAY_READ_FILES = b"fileKeyRef"
"""What stands in the JSON of a spec in which a variable comes from a file of a volume."""


class ForeignContainer(Container, frozen=True):
    """A container of which nothing of ours is known beforehand: what its variables say is not read."""

    env: list[Present] | None = None  # type: ignore[assignment]  # each is one, and nobody asks what it says
    lifecycle: Present | None = None  # type: ignore[assignment]  # as above


class ForeignVolume(Volume, frozen=True):
    """A volume that is none of ours: what is projected is not read."""

    projected: Present | None = None  # type: ignore[assignment]  # as above
    downward_api: Present | None = msgspec.field(default=None, name="downwardAPI")  # type: ignore[assignment]  # as above


class ForeignSpec(Spec, frozen=True):
    """The spec of a foreign Pod: it tells all that is looked at in such a one."""

    containers: list[ForeignContainer] | None = None  # type: ignore[assignment]  # as above
    init_containers: list[ForeignContainer] | None = None  # type: ignore[assignment]  # as above
    volumes: list[ForeignVolume] | None = None  # type: ignore[assignment]  # as above

    @property
    def is_foreign(self) -> bool:
        """As of Spec."""
        return self._seems_foreign
