"""The table of codes: what each says, and to whom it is an error.

A code keeps its meaning for ever: one that is no longer given is retired, never used again.
"""

from typing import Literal

import msgspec

from webhook.tables import by_name

__all__ = ["CODES", "Code", "Severity"]

Severity = Literal["error", "warning"]


class Code(msgspec.Struct, frozen=True):
    """One kind of mistake: its id, its one severity, what to do, and a paragraph for the reference page.

    `fix` is a template over the details of a diagnostic. It says the rule and shows a right example, within the first
    120 characters of the message, which is what every kubectl shows whole.
    """

    id: str
    severity: Severity
    fix: str
    about: str


def _table(*codes: Code) -> dict[str, Code]:
    return by_name("CODES in webhook/diagnostics/codes.py", codes, lambda code: code.id)


def _error(id_: str, fix: str, about: str) -> Code:
    return Code(id_, "error", fix, about)


def _warning(id_: str, fix: str, about: str) -> Code:
    return Code(id_, "warning", fix, about)


CODES = _table(
    # 1xx: what one annotation says
    _error(
        "LH101",
        "no such key, write {suggestion}",
        "A key under `loghook.dev/` that loghook does not know. `loghook explain` lists those that it knows.",
    ),
    _error(
        "LH102",
        "name a source with at most 40 of a-z, 0-9 and '-', e.g. loghook.dev/access.paths",
        "The part before the dot names a source; it becomes part of a container's name.",
    ),
    _error(
        "LH103",
        "this source name is taken, use another, e.g. loghook.dev/app-{source}.paths",
        "`agent`, `drain`, `config`, `state` and `token` would clash with the names of our own containers and volumes.",
    ),
    _error(
        "LH104",
        'this key is for the whole Pod, write loghook.dev/{name}: "{example}"',
        "Some keys exist once for a Pod and cannot be said for one source.",
    ),
    _error(
        "LH105",
        "name the files to read, e.g. {key}: /var/log/app/*.log",
        "An annotation asks for loghook, but no path is given. A named source does not inherit the unnamed one's.",
    ),
    _error(
        "LH111",
        "write absolute paths, e.g. /var/log/app/*.log",
        "A path starts with `/`: the sidecar does not know the container's working directory.",
    ),
    _error(
        "LH112",
        "write the path without '.', '..' or '//', e.g. /var/log/app/app.log",
        "Only a normal path says without doubt which volume it is on.",
    ),
    _error(
        "LH113",
        "name files, not the directory, e.g. {path}*.log",
        "A path that ends in `/` is a directory. A glob names the files in it.",
    ),
    _error(
        "LH114",
        "use *, ? and [] within one segment, not ** or {{}}, e.g. /var/log/app/*.log",
        "Globs are those of the POSIX shell, without a recursive one and without alternatives; name several "
        "paths instead.",
    ),
    _error(
        "LH115",
        "leave out control characters, '$', '\\' and unclosed '[', e.g. /var/log/app.log",
        "Kubernetes expands `$(NAME)` in arguments, and a shell's pattern reads `\\` as an escape: neither is "
        "let through.",
    ),
    _error(
        "LH116",
        "name at most 32 paths in a Pod, use globs, e.g. /var/log/app/*.log",
        "The number of paths in one Pod is bounded, so that a patch is.",
    ),
    _error(
        "LH117",
        "write a path of at most 512 characters, e.g. /var/log/app.log",
        "The length of a path is bounded, so that a patch is.",
    ),
    _error(
        "LH118",
        "a directory with ':' cannot be mounted, use another, e.g. /var/log/app/app.log",
        "Kubernetes refuses a mountPath that contains a colon.",
    ),
    _error(
        "LH120",
        "give at most 32 globs of file names without '/', e.g. *.gz,*.zip",
        "`exclude` looks at the file's name alone. It takes the same globs as `paths`.",
    ),
    _error("LH121", "write e.g. {key}: {example} ({choices})", "The value is not one of those that the key takes."),
    _error("LH122", 'write "true" or "false", e.g. {key}: "{example}"', "The value is not a boolean."),
    _error(
        "LH123", "give at most 32 container names, e.g. {key}: app", "A container's name is a DNS label (RFC 1123)."
    ),
    _error(
        "LH124",
        'write a regular expression, e.g. {key}: "{example}" ({problem})',
        "The expression does not compile. Look-around and back-references are not understood by every agent.",
    ),
    _error(
        "LH125",
        "write at most 16 of key=value, e.g. {key}: team=shop,tier=web",
        "`fields` takes literals; a key starts with a letter and has letters, digits and `_`.",
    ),
    _error(
        "LH126",
        'write a quantity, e.g. {key}: "{example}"',
        "The value is no Kubernetes quantity above zero, or a size of less than 1Mi: `64m` is no memory, `64Mi` is.",
    ),
    _error(
        "LH127", 'write a whole number from {least} to {most}, e.g. {key}: "{example}"', "The value is no such number."
    ),
    _error(
        "LH128", 'write the value as in {key}: "{example}"', "The value does not have the form that this key takes."
    ),
    _error("LH129", "no such format, use e.g. {key}: {example}", "The format is none of those that loghook knows."),
    # 13x: annotations that contradict one another
    _error(
        "LH131",
        "a stream has no destination, leave it out, e.g. keep only loghook.dev/mode: streaming",
        "`mode: streaming` beside a `destination` of the same level: the stream's destination is the node's agent.",
    ),
    _error(
        "LH132",
        "agent mode needs a destination, {advice}",
        "An agent ships records to a destination that the administrator has configured; a Pod or the configured "
        "defaults name one.",
    ),
    _error(
        "LH133",
        "offsets need loghook.dev/engine: reader (or fluent-bit)",
        "busybox keeps no offsets: it reads each file from the start again when the sidecar restarts.",
    ),
    _error("LH134", 'the limit is below the request, e.g. {key}: "{example}"', "A limit is at least the request."),
    _error(
        "LH135",
        'at most {most} is allowed here, e.g. {key}: "{most}"',
        "The administrator's configuration sets a ceiling (`policy.ceiling`), and `policy.enforce` makes it a "
        "mistake to ask for more. Without it the Pod gets what is allowed, with `LH504`.",
    ),
    _error(
        "LH136",
        "no such destination here, {advice}",
        "The administrator has configured no destination of this name for the Pod's namespace, and `policy.enforce` "
        "makes that a mistake. Without it the Pod starts, with `LH503`.",
    ),
    _error(
        "LH137",
        "only an agent does this, write e.g. loghook.dev/mode: agent",
        "A streaming sidecar passes every line on as it is: it neither leaves records out (`keep`, `drop`) nor "
        "replaces anything in them (`redact`). Who asks for that must not think that it is done.",
    ),
    _error(
        "LH138",
        "no such replacement here, write e.g. {key}: {example}",
        "`redact` names what is built in, and what the administrator has configured under `replacements`. Without it "
        "records would be shipped with what is to be replaced in them, so the Pod is refused, also where the "
        "replacement was there yesterday.",
    ),
    _error(
        "LH139",
        "write what every agent understands, e.g. {key}: {example} ({problem})",
        "`keep` and `drop` mean the same to every agent, and take as long as the record: there is no look-around, no "
        "reference to a group, and no repetition in which a text could be read in two ways.",
    ),
    # 14x: what an agent cannot do
    _error(
        "LH141",
        "{agent} cannot read the format {format}, use e.g. {example}",
        "Not every agent has a parser for every format.",
    ),
    _error(
        "LH142",
        "{agent} has no {type} destination, use e.g. {example}",
        "Not every agent can ship to every type of destination.",
    ),
    _error(
        "LH143",
        '{agent} does not understand this, write e.g. {key}: "{example}" ({problem})',
        "Expressions are checked with Python's `re` and read by the agent's own engine: look-around and "
        "back-references are not in all of them, nor is every directive of strftime.",
    ),
    _error(
        "LH144",
        '{agent} cannot be told this, use plain characters, e.g. {key}: "{example}"',
        "Some characters mean something in an agent's configuration and cannot be written there in any other way.",
    ),
    _error(
        "LH145",
        "{agent} cannot do {option} for {type}, use e.g. {example}",
        "Not every agent knows every option of a destination.",
    ),
    _error(
        "LH146",
        "{agent} cannot serve these destinations together, use e.g. {example}",
        "One agent sidecar serves all sources of a Pod, and this agent cannot ship to all of their destinations.",
    ),
    _error(
        "LH147",
        "the agent's configuration does not fit into the Pod's annotations, use e.g. globs in place of many paths",
        "The API server takes at most 256 KiB of annotations, and the agent's configuration is one of them.",
    ),
    _warning(
        "LH148",
        "{agent} joins no lines of containers, use e.g. {example}",
        "The lines of `cri` and of formats like it begin with a time and a stream. Only the collector takes these off "
        "before it looks for the start of a record. The others look for it in the whole line of the file, and Fluent "
        "Bit does not read such lines any further.",
    ),
    # 15x: what an engine cannot do
    _error(
        "LH151",
        "the reader always keeps offsets, leave it out, e.g. keep only loghook.dev/engine: reader",
        'With `engine: reader` no line comes twice after a restart; `offsets: "false"` would say otherwise.',
    ),
    _error(
        "LH152",
        "only the reader gives disk back, write e.g. loghook.dev/engine: reader",
        "busybox and Fluent Bit write to no volume of the application's, and cannot make holes in its files.",
    ),
    _error(
        "LH153",
        'is not allowed here, write e.g. {key}: "false"',
        "The administrator's configuration forbids it (`policy.free: false`), and `policy.enforce` makes it a mistake. "
        "Without it the Pod starts, with `LH506`.",
    ),
    # 17x: more than a Pod may have (webhook/bounds.py)
    _error(
        "LH170",
        'at most {most} values in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "What the API server sends is counted before it is read: objects, lists, and what is in them. No honest Pod "
        "comes near.",
    ),
    _error(
        "LH171",
        'at most {most} bytes of annotations in a Pod with logs, use less or opt out, e.g. {key}: "false"',
        "The API server takes at most 256 KiB of annotations, keys and values together, but asks us before it counts "
        "them.",
    ),
    _error(
        "LH172",
        'at most {most} annotations of loghook in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "Each of them is parsed, so their number is bounded.",
    ),
    _error(
        "LH173",
        'at most {most} bytes in one annotation of loghook, write less or opt out, e.g. {key}: "false"',
        "No value that means anything is longer.",
    ),
    _error(
        "LH174",
        'at most {most} containers in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "Containers and init containers together.",
    ),
    _error(
        "LH175",
        'at most {most} volume mounts in one container in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "Each path is looked for among the mounts of the containers.",
    ),
    _error(
        "LH176",
        'at most {most} variables in one container in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "A sub-path may refer to variables, which may refer to others.",
    ),
    _error(
        "LH177",
        'at most {most} volumes in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "Each path is looked for on the volumes.",
    ),
    _error(
        "LH178",
        'at most {most} owners in a Pod with logs, use fewer or opt out, e.g. {key}: "false"',
        "Owner references say whether replicas share a claim.",
    ),
    _error(
        "LH179",
        'at most {most} bytes are added to a Pod, ask for less or opt out, e.g. {key}: "false"',
        "What loghook adds is bounded, since every Pod of a ReplicaSet carries it. Take globs in place of many "
        "sources.",
    ),
    _error(
        "LH180",
        'at most {most} files and globs in all their containers, use fewer or opt out, e.g. {key}: "false"',
        "Each path in each container that `container` names may need a volume and mounts of its own. Name fewer "
        "containers for a path, or write to a volume that they share.",
    ),
    _error(
        "LH181",
        'at most {most} characters in a name, label or mount in a Pod with logs, or opt out, e.g. {key}: "false"',
        "Names of the Pod, its owners, containers and volumes, values of labels, mount paths and sub-paths: each may "
        "be written once for every source. Kubernetes itself takes none of these names with more than 253 characters, "
        "but asks us before it looks at them.",
    ),
    _error(
        "LH182",
        'at most {most} references like $(NAME) where a sub-path has any, use fewer or opt out, e.g. {key}: "false"',
        "What a `subPathExpr` refers to is looked up, and what that refers to. Counted are the expressions and the "
        "variables of all containers that have one.",
    ),
    _error(
        "LH190",
        "not in this version of loghook, use e.g. loghook.dev/{example}",
        "Retired: versions before 0.2 gave it for agents and their keys, which were not built yet.",
    ),
    _warning(
        "LH191",
        "leave it out or ship with an agent, it has no effect with loghook.dev/mode: streaming",
        "A streaming sidecar passes lines on as they are: what this key says is for agents.",
    ),
    # 2xx: where the files are
    _error(
        "LH201",
        "no such container, write e.g. {key}: {example} (there are {containers})",
        "`container` names a container or init container of the Pod.",
    ),
    _error(
        "LH202",
        "several write there, say which, e.g. {key}: {example} (or {containers})",
        "The path is on different volumes in several containers, so it means different files.",
    ),
    _error(
        "LH203",
        "no app can write that {kind} volume, log to e.g. {example}",
        "No application can write logs to a configMap, secret, projected, downwardAPI or image volume.",
    ),
    _error(
        "LH204",
        "that mount is read-only and nobody writes it, log to e.g. {example}",
        "The container's mount that covers the path is read-only, and no other container of the Pod writes the volume.",
    ),
    _warning(
        "LH205",
        "read-only here, better name the writer and its path, e.g. {example}",
        "The files are read from a volume that another container writes.",
    ),
    _error(
        "LH206",
        "an emptyDir there would hide {what}, log to e.g. {example}",
        "Where no volume covers a path, an emptyDir is mounted over its directory, which hides what the image "
        "holds there. "
        "So directories that images need are refused.",
    ),
    _error(
        "LH207",
        "nothing is read from there, log to e.g. {example}",
        "/proc, /sys, /dev and the service account's token are no places for logs, whatever is mounted there.",
    ),
    _error(
        "LH208",
        "subPathExpr needs {variable} as a literal or fieldRef, e.g. fieldPath: metadata.name",
        "The sidecar needs the same environment variables to mount the same sub-path, and it is given no Secrets. A "
        "literal may have 512 characters, as a log path may.",
    ),
    _warning(
        "LH209",
        "replicas share this claim, so each would read all files: use e.g. subPathExpr: $(POD_NAME)",
        "Every replica's sidecar reads all that is on the claim, so each line appears once for each replica.",
    ),
    _warning(
        "LH210",
        "already read by {source}, remove one, e.g. the one in loghook.dev/{other}",
        "A file belongs to one source: to that which names it literally, then to the first by name.",
    ),
    _error(
        "LH211",
        "{variable} of subPathExpr has two values here, keep one, e.g. {key}: {example}",
        "Retired: versions before 0.2 gave it where two containers gave a variable of their subPathExpr different "
        "values. The sidecar has both now, under names of its own.",
    ),
    _warning(
        "LH212",
        'leaves nothing of a glob in paths, leave out less, e.g. {key}: "*.gz"',
        "`exclude` matches every name that the glob matches, so none of its files is read. An `exclude` without a "
        "source's name holds for every source that says none itself.",
    ),
    _warning(
        "LH213",
        "an emptyDir hides what the image has there, log to e.g. {example}",
        "No volume covers the path, so an `emptyDir` is mounted over its directory, where images often hold their "
        "program or their data ([the list](streaming.md)). The application finds an empty directory there. A directory "
        "of its own for logs hides nothing.",
    ),
    # 3xx: a Pod that already has something of ours
    _error(
        "LH301",
        "injected earlier with other annotations, remove e.g. container {container}, volume loghook-logs",
        "A container of ours is there, but it does not read all that the annotations ask for.",
    ),
    _error(
        "LH302",
        "the Pod has a container {container} of its own, rename it, e.g. app-{container}",
        "loghook's containers have fixed names, so that `kubectl logs -c loghook` always works.",
    ),
    _error(
        "LH303",
        "in a copy remove volume {volume} and its mounts, else rename it, e.g. app-{volume}",
        "loghook's volumes have fixed names, and one is there without our container. A copy of an injected Pod may be "
        "left with them, as by `kubectl debug --copy-to --keep-annotations --keep-init-containers=false`: keep the "
        "init containers, take out what is ours, or leave the annotations out of the copy, which then gets no sidecar.",
    ),
    _warning(
        "LH304",
        "{fields} of {container} put back, which e.g. another webhook had changed",
        "Another webhook, or whoever edited an exported Pod, took away or changed what makes a container ours: what it "
        "runs, its `restartPolicy`, its variables, mounts and volumes. It is put back. Image, resources and what was "
        "put beside stay as they are.",
    ),
    # 4xx: the sidecar in this Pod
    _error(
        "LH401",
        'a plain container never lets this Pod end, write {key}: "true"',
        "With restartPolicy OnFailure or Never the Pod ends when its containers end, and a plain sidecar does not.",
    ),
    _warning(
        "LH402",
        "the app runs as root: files of mode 0600 cannot be read, e.g. use mode 0644 or set runAsUser",
        "The sidecar never runs as root. It reads what root's group or others may read.",
    ),
    _warning(
        "LH403",
        "the containers run as different users, the files are read as {user}: use e.g. {example}",
        "One sidecar has one user: that of the first container. Each streaming sidecar has its own, and one agent "
        "reads for all sources.",
    ),
    _warning(
        "LH404",
        'does not fit into the Pod\'s grace period of {grace} s, e.g. {key}: "{example}"',
        "What is still being read or sent when the grace period ends is lost. Reading on after the application has "
        "stopped takes `drain-seconds`, and an agent is given 5 s more to send what it has read.",
    ),
    _warning(
        "LH405",
        "the app may read the agent's secrets, set e.g. {field}: false",
        "In a Pod whose containers see one another's processes (`shareProcessNamespace`, `hostPID`), whoever runs as "
        "the same user reads the agent's environment, in which the destination's secrets are. The agent has a user of "
        "its own there, but root reads all, and where the Pod names no user the image may happen to have the same.",
    ),
    _warning(
        "LH406",
        "{agent} cannot be told {what} by annotations, see e.g. its own configuration",
        "The hints that a node's agent reads in annotations cannot say everything: what they leave unsaid is for the "
        "agent's configuration.",
    ),
    _warning(
        "LH407",
        "no room in spec.resources, so none is requested: raise it by e.g. {example} of {resource}",
        "The Pod has resources as a whole (`spec.resources`), and its containers may together request no more. So ours "
        "request nothing beyond that, which a LimitRange may refuse.",
    ),
    # 5xx: the administrator's side; never refuses a Pod
    _warning(
        "LH501",
        "the configured default ({where}) does not fit this Pod, which starts without it ({inner})",
        "A default of the administrator's configuration cannot be used in this Pod. The Pod's author can say "
        "another value.",
    ),
    _warning(
        "LH502",
        "this Pod needs native sidecars, which the configuration turns off: it starts without ours",
        "A plain sidecar would keep the Pod from completing.",
    ),
    _warning(
        "LH503",
        "no such destination here, source left out, {advice}",
        "The administrator has configured no destination of this name for the Pod's namespace: it was never there, or "
        "it is gone. A Pod that ran yesterday is not refused for that, unless `policy.enforce` says so (`LH136`).",
    ),
    _warning(
        "LH504",
        'cut to {most}, the most that is allowed here, e.g. {key}: "{most}"',
        "The administrator's configuration sets a ceiling (`policy.ceiling`). It may be lower than on the day that the "
        "Pod was written, so the Pod starts, with what is allowed.",
    ),
    _warning(
        "LH506",
        'is not allowed here, nothing is freed, write e.g. {key}: "false"',
        "The administrator's configuration forbids that a sidecar mounts the application's files writable "
        "(`policy.free: false`), which it must to give disk back.",
    ),
    # 6xx: what is said at `kubectl apply`, before there is a Pod, or when it is too late for it
    _warning(
        "LH601",
        "no Pod gets it from {object} itself, write it where its Pods have theirs, e.g. {place}",
        "The Pods of a Deployment or the like have the annotations of its template. One on the object itself, or on a "
        "CronJob's `jobTemplate`, reaches none of them.",
    ),
    _warning(
        "LH602",
        "{object} runs as it is, this takes effect in a new Pod, write it e.g. in its Deployment's template",
        "An annotation of a running Pod was changed. Sidecars are added when a Pod is created, and a Pod's containers "
        "cannot be changed later.",
    ),
    _warning(
        "LH603",
        "Pods of {object} {fate}, see what follows, e.g. {example}",
        "Stands before what is said of a Pod template, and says whose it is and what becomes of its Pods: they will be "
        "refused (where? in the events of the ReplicaSet, or of whoever makes the Pods), they will start without a "
        "sidecar, or they will have one, with warnings.",
    ),
)
"""Every diagnostic by its id."""
