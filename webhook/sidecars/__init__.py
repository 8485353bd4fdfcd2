"""What runs: what the programs that can be one are given, and what they give back.

An `Engine` streams the files of one source to its own stdout. An `Agent` ships those of all agent-mode sources of a Pod
by itself. Both are pure: everything that is said in a Pod or in the configuration comes in as data, and a command, and
for agents a configuration, come out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from webhook.config.destinations import Destination
from webhook.config.formats import Format
from webhook.config.replacements import Replacement

__all__ = [
    "CA_DIRECTORY",
    "CONFIG_DIRECTORY",
    "STATE_DIRECTORY",
    "Agent",
    "Assignment",
    "Command",
    "Engine",
    "Parsing",
    "Problem",
    "Shipment",
    "Stream",
    "Target",
    "Text",
    "Tree",
    "Variable",
]

STATE_DIRECTORY = "/var/lib/loghook"
"""Where agents keep offsets and buffers: an emptyDir of ours, the only place that they can write."""

CONFIG_DIRECTORY = "/etc/loghook"
"""Where an agent finds its configuration: a downwardAPI volume."""

CA_DIRECTORY = "/etc/loghook-ca"
"""Where an agent finds the files that come from Secrets: `<destination>.crt` is a CA, `client/<destination>.crt` a
client's certificate. A file may be missing: its Secret is optional, unless the administrator says otherwise."""


class Tree(msgspec.Struct, frozen=True):
    """Where files are in the sidecar and in the application: `mount_path/x` here is `app_path/x` there."""

    mount_path: str
    app_path: str


# Streaming.


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What one streaming sidecar is to do, in its own coordinates: paths are those at which it has the files.

    `exclude` are globs of file names, or of whole paths where they have a slash; they hold for what globs match, never
    for a path that is named literally. `from_end`: files that are there at the start are read from their end.
    `drain_seconds` is for plain containers, which are told to stop while the application may still write. `source` is
    the source's name, for what the sidecar keeps under a name. `trees` are what it has mounted, and `freed` those mount
    paths among them whose disk is given back. `port` is where it answers about itself, 0 for nowhere.
    """

    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    from_end: bool
    is_native: bool
    drain_seconds: int
    source: str = ""
    trees: tuple[Tree, ...] = ()
    freed: frozenset[str] = frozenset()
    port: int = 0


class Command(msgspec.Struct, frozen=True):
    """A container's `command` and `args`."""

    command: Sequence[str]
    args: Sequence[str]


class Engine(Protocol):
    """A program that can be a streaming sidecar.

    `has_state`: it keeps offsets in STATE_DIRECTORY. `can_free`: it can give back the disk of what it has written out,
    and keeps offsets whatever is asked. `drains_itself`: told to stop, it first reads every file to its
    end; one that does not is given `loghook-drain` beside it.
    """

    @property
    def name(self) -> str:
        """Its name in the configuration: `images.<name>`, `resources.<name>`."""

    @property
    def files(self) -> frozenset[str]:
        """The directories of its image that it needs, so that nothing is mounted over them."""

    @property
    def has_state(self) -> bool:
        """Whether it keeps offsets."""

    @property
    def can_free(self) -> bool:
        """Whether it can free what it has written out."""

    @property
    def drains_itself(self) -> bool:
        """Whether it reads on by itself after it was told to stop."""

    def command(self, assignment: Assignment) -> Command:
        """What to run for `assignment`."""


# Shipping.


class Variable(msgspec.Struct, frozen=True):
    """An environment variable of the sidecar, whose value is not known when the configuration is written."""

    name: str


Text = tuple[str | Variable, ...]
"""Text that may have variables in it: its parts in order. The parts that are str are literal in every character."""


class Parsing(msgspec.Struct, frozen=True, kw_only=True):
    """How the records of one source are read: its format, with what the Pod said in place of the format's own.

    `start` is a regular expression of the user's (`multiline-start`) or of the format's. `time_format` None means
    ISO-8601 or seconds or milliseconds since 1970, as `webhook.config.formats` says; `time_key` None: no time is
    read, and a record's time is that of its reading. `time_zone` is that of times without one: an IANA name or
    `+HH:MM`.
    """

    format: Format
    start: str | None = None
    time_key: str | None = None
    time_format: str | None = None
    time_zone: str = "UTC"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where one source's records go: a destination, with what the Pod makes of it.

    `secrets` has the variable of each secret by its field (`basic.password`, `headers.0`), `templates` the resolved
    text of each template by its field (`index`, `labels.KEY`), `files` the path of each secret file (`tls.ca`).
    """

    name: str
    settings: Destination
    secrets: Mapping[str, Variable] = {}
    templates: Mapping[str, Text] = {}
    files: Mapping[str, str] = {}


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One source in agent mode, in the sidecar's coordinates.

    `paths` and `exclude` as in Assignment. `trees` say what the application calls the files: the record's
    `log.file.path` is the application's path. `attributes` are put on each record besides: literals and variables, by
    their whole field name (`k8s.pod.name`, `loghook.source`, the user's `fields`).

    Records without a match of `keep` are left out, and then those with one of `drop`: each is an expression of the
    subset that all agents share, searched in the record as it was written. `redact` is what is replaced in every text
    of a record, one after the other, before the attributes are put on it.
    """

    name: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    from_end: bool
    trees: tuple[Tree, ...]
    parsing: Parsing
    target: Target
    attributes: Mapping[str, Text]
    keep: str | None = None
    drop: str | None = None
    redact: tuple[Replacement, ...] = ()

    @property
    def tag(self) -> str:
        """A name that is never empty, for what an agent keeps under a name. `default` is prefixed, so none clash."""
        return f"source-{self.name}" if self.name else "unnamed"


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """All that one agent sidecar is to do.

    `memory_bytes` is its container's limit; what it holds back while a destination is away stays well below that.
    `state_bytes` is the size of its state volume. `grace_seconds` is how long it may flush after it was told to stop.
    """

    streams: tuple[Stream, ...]
    memory_bytes: int
    state_bytes: int
    grace_seconds: int


class Problem(msgspec.Struct, frozen=True):
    """What an agent cannot do for one source: the key of the annotation API that asks for it, a code, and details."""

    source: str
    key: str
    code: str
    details: Mapping[str, str] = {}


class Agent(Protocol):
    """A log agent that can be the agent sidecar."""

    @property
    def name(self) -> str:
        """Its name in the annotation API and in the configuration: `images.<name>`, `resources.<name>`."""

    @property
    def files(self) -> frozenset[str]:
        """The directories of its image that it needs, so that nothing is mounted over them."""

    @property
    def config_file(self) -> str:
        """The name of its configuration's file in CONFIG_DIRECTORY."""

    @property
    def unwraps_first(self) -> bool:
        """Whether records of several lines are joined from what a container wrote, not from a runtime's lines of it."""

    def problems(self, shipment: Shipment) -> Iterator[Problem]:
        """What it cannot do of `shipment`; where there is any, `config` and `command` are not to be asked."""

    def config(self, shipment: Shipment) -> str:
        """Its configuration: the same text for the same shipment, without any secret's value."""

    def command(self, shipment: Shipment) -> Command:
        """What to run."""

    def env(self, shipment: Shipment) -> Mapping[str, Text]:
        """Variables besides those of the shipment, by name; a Text of one Variable means the same value again."""

    def image(self, shipment: Shipment) -> str | None:
        """The variant of its image that `shipment` needs, by its name in the configuration; None for the usual one."""
