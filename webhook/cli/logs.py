"""What `loghook logs` does: write what the sidecars of some Pods wrote, each line with whose it is."""

import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import chain
from queue import Queue
from typing import NamedTuple

from webhook.cli.failures import FailedError, InputError
from webhook.cli.terminal import say
from webhook.cluster.api import Api, ApiError
from webhook.cluster.objects import TargetError, looked_up, pods
from webhook.plan.names import DRAIN_NAME
from webhook.standing.labels import typed
from webhook.standing.ours import Raw, ours

__all__ = ["Reading", "run"]


class Reading(NamedTuple):
    """How to read: on and on, of the past how many lines (-1 for all) and seconds (0 for all), of which source."""

    follow: bool
    tail: int
    since_seconds: int
    source: str | None

    def words(self) -> dict[str, int]:
        """The same in the words of the API, but for the source."""
        words = {"follow": self.follow, "tail_lines": self.tail, "since_seconds": self.since_seconds}
        left_out = {"follow": False, "tail_lines": -1, "since_seconds": 0}
        return {name: value for name, value in words.items() if value != left_out[name]}


_WAITING = 1000
"""The most lines that are read and not written yet: who reads us slowly has the cluster wait, not our memory grow."""

_Said = bytes | ApiError
"""A line, or why there are no more."""


class _Stream(NamedTuple):
    namespace: str
    pod: str
    container: str


def run(api: Api, targets: Sequence[str], selector: str | None, namespace: str | None, reading: Reading) -> int:
    """Write the lines and return the exit code. Raises CommandError."""
    where = namespace or api.namespace
    try:
        found = list(_pods(api, targets, selector, where))
    except ApiError as error:
        raise FailedError(str(error)) from None
    except TargetError as error:
        raise InputError(str(error)) from None
    streams = [each for pod in found for each in _streams(pod, where, reading.source)]
    if not streams:
        raise FailedError("no sidecar of ours is in these Pods" if found else "no such Pod is there")
    return _written(api, streams, reading)


def _pods(api: Api, targets: Sequence[str], selector: str | None, namespace: str) -> Iterator[Raw]:
    if selector:
        yield from pods(api, namespace, selector)
    for target in targets:
        kind, there = looked_up(api, target, namespace)
        if kind.name == "Pod":
            yield there
        else:
            yield from pods(api, namespace, _selector(target, there))


def _selector(target: str, workload: Raw) -> str:
    """What selects the Pods of a workload; a ReplicationController's is a map of labels alone."""
    found = (workload.get("spec") or {}).get("selector") or {}
    if not found:
        raise InputError(f"{target} selects no Pods by itself: name what it makes, or give -l SELECTOR")
    return typed(found if {"matchLabels", "matchExpressions"} & found.keys() else {"matchLabels": found})


def _streams(pod: Raw, namespace: str, source: str | None) -> Iterator[_Stream]:
    """The containers of ours that write something: the one that waits does not."""
    wanted = {None: None, "": "loghook"}.get(source, f"loghook-{source}")
    for container in ours(pod):
        if container["name"] != DRAIN_NAME and wanted in {None, container["name"]}:
            yield _Stream(namespace, pod["metadata"]["name"], container["name"])


def _written(api: Api, streams: Sequence[_Stream], reading: Reading) -> int:
    """Write them one after another, or where they are followed all at once."""
    reads = [_lines(api, each, reading) for each in streams]
    failed = False
    for said in _at_once(reads) if reading.follow else chain.from_iterable(reads):
        if isinstance(said, ApiError):
            say(str(said))
            failed = True
        else:
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()
    return 1 if failed else 0


def _lines(api: Api, stream: _Stream, reading: Reading) -> Iterator[_Said]:
    """The lines of `stream`, each with whose it is; in the end the error, where it cannot be read."""
    whose = f"[{stream.pod} {stream.container}] ".encode()
    try:
        for line in api.log_lines(stream.namespace, stream.pod, stream.container, **reading.words()):
            yield whose + line + b"\n"
    except ApiError as error:
        yield error


def _at_once(reads: Sequence[Iterator[_Said]]) -> Iterator[_Said]:
    """What all of `reads` have, as it comes, each read by a thread of its own.

    They write nothing, so that whoever writes it all is told, and is ended, when nobody reads it any more.
    """
    said: Queue[_Said | None] = Queue(_WAITING)

    def read(lines: Iterator[_Said]) -> None:
        try:
            for line in lines:
                said.put(line)
        finally:
            said.put(None)

    for each in reads:
        threading.Thread(target=read, args=(each,), daemon=True).start()
    left = len(reads)
    while left:
        if (line := said.get()) is None:
            left -= 1
        else:
            yield line
