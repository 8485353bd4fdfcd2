"""The registry of annotation keys.

Nothing else in the project lists the keys: the parser, the messages and the reference page read `KEYS`.
"""

from collections.abc import Mapping

from webhook.annotations import values
from webhook.annotations.key import Key
from webhook.config.destinations import DESTINATION_NAME
from webhook.config.formats import FORMATS
from webhook.config.replacements import BUILT_IN
from webhook.tables import by_name

__all__ = [
    "BUILT_IN_FORMATS",
    "FIELDS_ABOUT_RECORDS",
    "FIELDS_OF_AGENTS",
    "KEYS",
    "POD_FIELDS",
    "PREFIX",
    "SOURCE_FIELDS",
    "WRITTEN",
]

PREFIX = "loghook.dev/"

BUILT_IN_FORMATS = frozenset(FORMATS)


_SOURCE_KEYS = (
    Key(
        name="paths",
        scope="source",
        parse=values.log_paths,
        default_about="required",
        example="/var/log/app/*.log",
        about="The files to read: absolute paths or globs, separated by commas or newlines. `*`, `?` and `[…]` match "
        "within one segment; `*` matches no leading dot. A file that does not exist yet is waited for.",
    ),
    Key(
        name="exclude",
        scope="source",
        parse=values.name_globs,
        default="*.gz,*.zip,*.bz2,*.xz,*.zst",
        example="*.gz,*.old",
        about="Globs of file names that a glob in `paths` is not to match: rotated and compressed files, mostly.",
    ),
    Key(
        name="format",
        scope="source",
        parse=values.format_name,
        default="plain",
        example="json",
        about="How the application writes its records: a built-in format or one of the administrator's. A streaming "
        "sidecar passes every line on as it is, whatever the format; see `node-agent-hints`.",
        names_format=True,
    ),
    Key(
        name="container",
        scope="source",
        parse=values.containers,
        default_about="the one container whose writable mount covers the path, else the Pod's default container, "
        "else the first",
        example="app",
        about="The container or containers that write these files. Init containers may be named.",
    ),
    Key(
        name="mode",
        scope="source",
        parse=values.one_of("streaming", "agent"),
        default_about="`agent` where an annotation names a destination, else the configured one, else `streaming`",
        example="streaming",
        about="`streaming`: a sidecar writes the files' lines to its own stdout, for the node's log agent. `agent`: "
        "a log agent in the Pod ships them to a destination by itself.",
    ),
    Key(
        name="destination",
        scope="source",
        parse=values.matching(DESTINATION_NAME),
        default_about="for agents: the configured one",
        example="central",
        about="Where an agent ships the records: a destination that the administrator has configured under this name.",
    ),
    Key(
        name="read-from",
        scope="source",
        parse=values.one_of("beginning", "end"),
        default_about="`beginning`; on claims and hostPaths `end` for the files that are there at the first start",
        example="beginning",
        about="Where to start in files that are there already when the sidecar starts. Files that come later are "
        "always read from their beginning.",
    ),
    Key(
        name="multiline-start",
        scope="source",
        parse=values.expression,
        default_about="from the format",
        example=r"^\d{4}-\d{2}-\d{2}",
        about="A regular expression that matches the first line of a record of several lines.",
        about_records=True,
    ),
    Key(
        name="time-key",
        scope="source",
        parse=values.matching(r"[^\s\x00-\x1f]{1,64}"),
        default_about="from the format",
        example="time",
        about="The field that holds the record's time.",
        about_records=True,
    ),
    Key(
        name="time-format",
        scope="source",
        parse=values.line,
        default_about="from the format",
        example="%Y-%m-%dT%H:%M:%S%z",
        about="How the record's time is written, in the notation of strftime.",
        about_records=True,
    ),
    Key(
        name="time-zone",
        scope="source",
        parse=values.matching(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}|[+-][0-9]{2}:[0-9]{2}"),
        default_about="`UTC`",
        example="Europe/Berlin",
        about="The zone of times that are written without one.",
        about_records=True,
    ),
    Key(
        name="fields",
        scope="source",
        parse=values.fields,
        default_about="none",
        example="team=shop,tier=web",
        about="Up to 16 literals that are put on each record.",
        about_records=True,
    ),
    Key(
        name="keep",
        scope="source",
        parse=values.shared_expression,
        default_about="every record",
        example="WARN|ERROR",
        about="A regular expression: only records with a match of it are shipped. It is searched in the whole record "
        "as it was written, its lines joined, before it is parsed and before `redact`.",
        needs_agent=True,
    ),
    Key(
        name="drop",
        scope="source",
        parse=values.shared_expression,
        default_about="no record",
        example="GET /healthz",
        about="A regular expression: records with a match of it are not shipped. It is searched as `keep` is, and in "
        "what that leaves.",
        needs_agent=True,
    ),
    Key(
        name="redact",
        scope="source",
        parse=values.replacements,
        default_about="what the destination demands",
        example="email,card",
        about="Names of what is replaced in every text of a record: built-in ones "
        f"({', '.join(f'`{name}`' for name in BUILT_IN)}) and the administrator's. What the destination demands is "
        "replaced besides, and first.",
        needs_agent=True,
    ),
)

_POD_KEYS = (
    Key(
        name="agent",
        scope="pod",
        parse=values.one_of("fluent-bit", "fluentd", "vector", "otel-collector"),
        default="fluent-bit",
        example="fluent-bit",
        about="The log agent of sources in agent mode: one sidecar, `loghook-agent`, ships for all of them.",
    ),
    Key(
        name="engine",
        scope="pod",
        parse=values.one_of("busybox", "reader", "fluent-bit"),
        default="busybox",
        example="reader",
        about="What streams. busybox reads each file from the start again when it restarts; `reader`, a program of "
        "loghook's own, and Fluent Bit keep `offsets`.",
    ),
    Key(
        name="offsets",
        scope="pod",
        parse=values.boolean,
        default="false",
        example="false",
        about="Whether the streaming sidecar remembers how far it has read, so that no line comes twice after it "
        "restarts. `true` needs `engine: reader`, which always does, or `fluent-bit`.",
    ),
    Key(
        name="free",
        scope="pod",
        parse=values.boolean,
        default="false",
        example="true",
        about="Whether what the streaming sidecar has written out is given back to the disk, by holes in the files, "
        "so that the volume never fills. In volumes that loghook adds, and with `engine: reader` only.",
    ),
    Key(
        name="native-sidecar",
        scope="pod",
        parse=values.boolean,
        default="true",
        example="true",
        about="A native sidecar (an init container with restartPolicy Always, KEP-753) starts before the "
        "application, ends after it, and lets Jobs complete. `false` adds a plain container, for clusters before "
        "Kubernetes 1.29.",
    ),
    Key(
        name="inject",
        scope="pod",
        parse=values.boolean,
        default_about="true where any other key is there",
        example="true",
        about="`false` opts the Pod out, whatever else is said. `true` opts in where the configured defaults give "
        "paths.",
    ),
    Key(
        name="on-error",
        scope="pod",
        parse=values.one_of("reject", "warn"),
        default="reject",
        example="reject",
        about="What a mistake in the Pod's annotations does: `reject` refuses the Pod, `warn` lets it start without "
        "any of ours and says so in `status`.",
    ),
    Key(
        name="volume-size-limit",
        scope="pod",
        parse=values.size_or_none,
        default="1Gi",
        example="1Gi",
        about="The `sizeLimit` of the volume that loghook adds, or `none`. The kubelet evicts a Pod that exceeds it: "
        "rotate.",
    ),
    Key(
        name="cpu-request",
        scope="pod",
        parse=values.quantity,
        default_about="small, per engine",
        example="10m",
        about="The CPU that each sidecar requests, `loghook-drain` too.",
    ),
    Key(
        name="cpu-limit",
        scope="pod",
        parse=values.quantity_or_none,
        default_about="per engine, or ten times `cpu-request` where that is more",
        example="100m",
        about="The CPU that each sidecar is limited to, or `none`.",
    ),
    Key(
        name="memory-request",
        scope="pod",
        parse=values.size,
        default_about="small, per engine",
        example="32Mi",
        about="The memory that each sidecar requests, `loghook-drain` too.",
    ),
    Key(
        name="memory-limit",
        scope="pod",
        parse=values.size,
        default_about="the request",
        example="64Mi",
        about="The memory that each sidecar is limited to.",
    ),
    Key(
        name="ephemeral-storage-request",
        scope="pod",
        parse=values.size,
        default_about="none",
        example="64Mi",
        about="The ephemeral storage that each sidecar requests, where a LimitRange wants a minimum.",
    ),
    Key(
        name="ephemeral-storage-limit",
        scope="pod",
        parse=values.size,
        default_about="enough for the stream and the volumes of ours",
        example="512Mi",
        about="The ephemeral storage that each sidecar is limited to. It has such a limit only where every app "
        "container has one: it would else be the whole Pod's.",
    ),
    Key(
        name="drain-seconds",
        scope="pod",
        parse=values.seconds(0, 600),
        default="5",
        example="5",
        about="An upper bound, in seconds, of reading on after the application has stopped.",
    ),
    Key(
        name="node-agent-hints",
        scope="pod",
        parse=values.one_of("none", "fluent-bit", "datadog", "filebeat"),
        default="none",
        example="none",
        about="Also write the annotation by which that agent of the node parses our stream, as `format` and "
        "`multiline-start` say.",
    ),
)

KEYS: Mapping[str, Key] = by_name(
    "KEYS in webhook/annotations/registry.py", _SOURCE_KEYS + _POD_KEYS, lambda key: key.name
)
"""Every key that a user may write, by its name without the domain."""

SOURCE_FIELDS = frozenset(key.field for key in _SOURCE_KEYS)
POD_FIELDS = tuple(key.field for key in _POD_KEYS)
FIELDS_OF_AGENTS = tuple(key.field for key in _SOURCE_KEYS if key.needs_agent)
FIELDS_ABOUT_RECORDS = tuple(key.field for key in _SOURCE_KEYS if key.about_records)

WRITTEN = frozenset({"status", "config"})
"""The keys that loghook writes itself: overwritten on injection, ignored otherwise."""
