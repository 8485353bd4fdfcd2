"""How much of everything a Pod may have that asks for loghook.

The API server sends Pods to webhooks before it validates them, and anybody may send a review. So everything that costs
us time or memory is counted before objects are made of it, or as soon as few enough of them can be made. Beyond a bound
the Pod is its author's mistake. One that does not ask for loghook is left alone, whatever is in it.

On the bytes of a large review two things are counted: its values, of which there are at most as many as there are
commas, `[` and `{`, wherever they stand; and its annotations. The rest is counted in the view, which is small by then.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from webhook.annotations.registry import PREFIX, WRITTEN
from webhook.annotations.request import Request
from webhook.diagnostics import Diagnostic
from webhook.pod.paths import LENGTH_LIMIT
from webhook.pod.view import Container, Pod, VolumeMount

__all__ = ["BOUNDS", "LARGE_REVIEW", "PATCH", "READINGS", "Bound", "beyond", "beyond_of", "beyond_on_bytes", "said"]

LARGE_REVIEW = 2**18
"""Bytes of a review above which it is counted before it is read: what is smaller cannot hold much of anything."""

_KIB = 2**10
_ESCAPED = 6  # bytes that JSON may take for one byte of text, e.g. \u003c
_BYTES_OF_CHARACTER = 4  # in UTF-8, at most


class Bound(msgspec.Struct, frozen=True):
    """One row of the table: the code that names it, the most that there may be, and what there is in a Pod.

    `count` is None where only who makes the thing can count it.
    """

    code: str
    most: int
    count: Callable[[Pod], int] | None = None

    def exceeded(self) -> Diagnostic:
        """What is said where there is more."""
        return Diagnostic(self.code, PREFIX + "inject", None, {"most": f"{self.most:,}"})


def _bytes_of_annotations(pod: Pod) -> int:
    """An upper bound of them where that is small enough, else exactly."""
    characters = sum(len(key) + len(value) for key, value in pod.annotations.items())
    if characters * _BYTES_OF_CHARACTER <= ANNOTATIONS.most:
        return characters
    return sum(len(key.encode()) + len(value.encode()) for key, value in pod.annotations.items())


def _ours(annotations: Mapping[str, str]) -> Iterator[str]:
    """The keys that are a user's word to loghook."""
    return (key for key in annotations if key.startswith(PREFIX) and key[len(PREFIX) :] not in WRITTEN)


def _longest_value(pod: Pod) -> int:
    return max((len(pod.annotations[key].encode()) for key in _ours(pod.annotations)), default=0)


def _longest_text(pod: Pod) -> int:
    """The longest of the texts that may be written once for every source."""
    metadata = pod.metadata
    lengths = (
        (len(metadata.name or ""),),
        (len(value) for value in pod.labels.values()),
        (len(owner.name) for owner in metadata.owner_references or ()),
        (len(each.name) for each in pod.every_container()),
        (_longest_of(mount) for each in pod.every_container() for mount in each.mounts),
    )
    return max(itertools.chain.from_iterable(lengths))


def _longest_of(mount: VolumeMount) -> int:
    return max(map(len, (mount.name, mount.mount_path, mount.sub_path or "", mount.sub_path_expr or "")))


def _references(pod: Pod) -> int:
    """How many references to variables there may be in sub-paths, and in what these may refer to."""
    return sum(text.count("$(") for each in pod.every_container() if _has_expression(each) for text in _expanded(each))


def _has_expression(container: Container) -> bool:
    return any(mount.sub_path_expr for mount in container.mounts)


def _expanded(container: Container) -> Iterator[str]:
    yield from (mount.sub_path_expr or "" for mount in container.mounts)
    yield from (variable.value or "" for variable in container.env or () if len(variable.value or "") <= TEXTS.most)


VALUES = Bound("LH170", 2**16)
ANNOTATIONS = Bound("LH171", 256 * _KIB, _bytes_of_annotations)
PATCH = Bound("LH179", 256 * _KIB)  # 32 streaming sidecars, each with its script, are 180 KiB
OUR_KEYS = Bound("LH172", 256, lambda pod: sum(1 for _ in _ours(pod.annotations)))
OUR_VALUES = Bound("LH173", 4 * _KIB, _longest_value)
CONTAINERS = Bound("LH174", 256, lambda pod: len(pod.containers) + len(pod.init_containers))
MOUNTS = Bound("LH175", 256, lambda pod: max((len(each.mounts) for each in pod.every_container()), default=0))
VARIABLES = Bound("LH176", 1024, lambda pod: max((len(each.env or ()) for each in pod.every_container()), default=0))
VOLUMES = Bound("LH177", 512, lambda pod: len(pod.volumes))
OWNERS = Bound("LH178", 64, lambda pod: len(pod.metadata.owner_references or ()))
READINGS = Bound("LH180", 256)  # each of 32 paths in eight containers; each may need a volume, a mount and a pattern
TEXTS = Bound("LH181", LENGTH_LIMIT, _longest_text)
REFERENCES = Bound("LH182", 512, _references)

BOUNDS = (
    *(VALUES, ANNOTATIONS, OUR_KEYS, OUR_VALUES, CONTAINERS, MOUNTS, VARIABLES, VOLUMES, OWNERS),
    *(PATCH, READINGS, TEXTS, REFERENCES),
)
"""The table. The number of sources is bounded by that of their paths (LH116)."""


def beyond(pod: Pod) -> tuple[Diagnostic, ...]:
    """What `pod` has more of than it may."""
    if _is_small(pod):
        return ()
    return tuple(bound.exceeded() for bound in BOUNDS if bound.count and bound.count(pod) > bound.most)


def _is_small(pod: Pod) -> bool:
    """Whether one look shows that `pod` is within every bound, as that of nearly all Pods does.

    It has fewer calls than the counts of the table, and may not see of a Pod that it is small; but of none that is not.
    """
    metadata, spec = pod.metadata, pod.spec
    owners, labels = metadata.owner_references or (), metadata.labels or {}
    containers = (*(spec.containers or ()), *(spec.init_containers or ()))
    if len(containers) > CONTAINERS.most or len(spec.volumes or ()) > VOLUMES.most or len(owners) > OWNERS.most:
        return False
    for each in containers:
        mounts = each.volume_mounts or ()
        if len(mounts) > MOUNTS.most or len(each.env or ()) > VARIABLES.most or len(each.name) > TEXTS.most:
            return False
        for mount in mounts:
            texts = len(mount.name) + len(mount.mount_path) + len(mount.sub_path or "")  # more than the longest of them
            if texts > TEXTS.most or mount.sub_path_expr:
                return False
    names = [metadata.name or "", *[owner.name for owner in owners], *labels.values()]
    return max(map(len, names)) <= TEXTS.most and _are_few(metadata.annotations or {})


def _are_few(annotations: Mapping[str, str]) -> bool:
    """Whether `annotations` are within the bounds on them, if each were ours and each character took most bytes."""
    longest = max(map(len, annotations.values()), default=0)
    if len(annotations) > OUR_KEYS.most or longest * _BYTES_OF_CHARACTER > OUR_VALUES.most:
        return False
    characters = sum(map(len, annotations)) + sum(map(len, annotations.values()))
    return characters * _BYTES_OF_CHARACTER <= ANNOTATIONS.most


def beyond_of(request: Request) -> tuple[Diagnostic, ...]:
    """What `request` asks too much of."""
    readings = sum([len(source.paths) * max(len(source.container), 1) for source in request.sources])
    return (READINGS.exceeded(),) if readings > READINGS.most else ()


# On the bytes.


def beyond_on_bytes(review: bytes | bytearray, annotations: memoryview) -> tuple[Diagnostic, ...]:
    """What a `review` has too much of to be read at all, whose Pod's `annotations` are JSON; in linear time."""
    values = sum(map(review.count, (b",", b"[", b"{")))
    return tuple(
        bound.exceeded()
        for bound, is_exceeded in (
            (VALUES, values > VALUES.most),
            (ANNOTATIONS, len(annotations) > ANNOTATIONS.most * _ESCAPED),
        )
        if is_exceeded
    )


# A quote behind a backslash stands in some text. Kubernetes' JSON does not escape what is in our keys.
_DOMAIN = rb'(?<!\\)"%s' % re.escape(PREFIX.encode())
_ASKS = re.compile(rb'%s(?!(?:%s)")[^"]*"\s*:' % (_DOMAIN, "|".join(sorted(WRITTEN)).encode()))
_HEEDED = re.compile(rb'%s(inject|on-error)"\s*:\s*"([a-z]{1,16})"' % _DOMAIN)


def said(texts: msgspec.Raw) -> dict[str, str]:
    """What annotations or labels, which are JSON, say of whether and how their Pod is refused; they are not read.

    Empty where they do not ask for loghook. What else they say is not there, but for a key that asks.
    """
    whole = memoryview(texts)
    if _ASKS.search(whole) is None:
        return {}
    heeded = {name.decode(): value.decode() for name, value in _HEEDED.findall(whole)}
    return {PREFIX + name: value for name, value in ({"paths": ""} | heeded).items()}
