"""What `loghook logs` does: write what the sidecars of some Pods wrote, each line with whose it is."""

import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from webhook.cli.failures import FailedError, InputError
from webhook.cli.terminal import say
from webhook.cluster.api import Api, ApiError
from webhook.cluster.objects import UnknownKind, kind_of, one, pods
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
        return {name: value for name, value in words.items() if value not in {-1, 0}}


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
    except UnknownKind as error:
        raise InputError(str(error)) from None
    streams = [each for pod in found for each in _streams(pod, where, reading.source)]
    if not streams:
        raise FailedError("no sidecar of ours is in these Pods" if found else "no such Pod is there")
    return _written(api, streams, reading)


def _pods(api: Api, targets: Sequence[str], selector: str | None, namespace: str) -> Iterator[Raw]:
    if selector:
        yield from pods(api, namespace, selector)
    for target in targets:
        word, slash, name = target.partition("/")
        kind = kind_of(api, word if slash else "pod")
        there = one(api, kind, namespace, name if slash else word)
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
    failed: list[str] = []
    lock = threading.Lock()

    def write(stream: _Stream) -> None:
        try:
            for line in api.log_lines(stream.namespace, stream.pod, stream.container, **reading.words()):
                with lock:
                    sys.stdout.buffer.write(f"[{stream.pod} {stream.container}] ".encode() + line + b"\n")
                    sys.stdout.buffer.flush()
        except ApiError as error:
            failed.append(str(error))

    if reading.follow:
        threads = [threading.Thread(target=write, args=(each,), daemon=True) for each in streams]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for each in streams:
            write(each)
    for line in failed:
        say(line)
    return 1 if failed else 0
