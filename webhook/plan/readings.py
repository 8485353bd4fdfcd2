"""What is read: a tree of files that a Pod has, a path in it, or one whose directory is still to be mounted."""

import msgspec

from webhook.plan.security import User
from webhook.pod.paths import LogPath
from webhook.pod.view import EnvVar

__all__ = ["Missing", "Reader", "Reading"]


class Reader(msgspec.Struct, frozen=True):
    """One tree of files that a sidecar mounts to read it: a volume, or a part of one.

    `mount_path` is where the application has it. `container` is the one (the first, where several share the tree) that
    writes there. `sub_path_expr` is over the variables `env`, which are ours. `is_lasting` is said of volumes that
    outlive the Pod, `is_lost` of one that we added before and that somebody took out of the Pod since.
    """

    volume: str
    mount_path: str
    container: str
    sub_path: str | None = None
    sub_path_expr: str | None = None
    env: tuple[EnvVar, ...] = ()
    is_lasting: bool = False
    is_lost: bool = False
    user: User = User()
    not_before: int = 0

    @property
    def tree(self) -> tuple[str, str, str | None, str | None, tuple[EnvVar, ...]]:
        """What tells two readers apart: the same tree at the same place is read once, whoever writes it."""
        return self.volume, self.mount_path, self.sub_path, self.sub_path_expr, self.env


class Reading(msgspec.Struct, frozen=True):
    """One path of one source, and the tree in which it is read."""

    path: LogPath
    reader: Reader

    @property
    def writer(self) -> str:
        """The container that writes there."""
        return self.reader.container

    @property
    def file(self) -> object:
        """What tells the files of two paths apart: a file is read once, for one source."""
        return self.reader.tree, self.path.text


class Missing(msgspec.Struct, frozen=True):
    """A path that no mount of `container` covers: its directory needs an emptyDir."""

    path: LogPath
    container: str
    user: User

    @property
    def writer(self) -> str:
        """The container that writes there."""
        return self.container

    @property
    def file(self) -> object:
        """As of Reading: nobody else writes where nothing is mounted yet."""
        return self.container, self.path.text
