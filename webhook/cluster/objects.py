"""Objects of a cluster by the names that kubectl has for them, and where the API has them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.cluster.api import Api, ApiError
from webhook.diagnostics import escape

__all__ = ["Kind", "TargetError", "controller", "looked_up", "pods"]


_BAD_REQUEST = 400


class TargetError(ValueError):
    """What was typed names no object, or no kind of objects, or selects none. Its text is one line that says it."""


@dataclass(frozen=True)
class Kind:
    """A kind of objects with a namespace: `prefix` is the group and version in the API's paths."""

    name: str
    prefix: str
    plural: str
    short: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return "" if self.prefix == "/api/v1" else self.prefix.split("/")[2]

    def path(self, namespace: str, name: str = "") -> str:
        """Where the API has the object `name`, or all of a namespace."""
        return f"{self.prefix}/namespaces/{namespace}/{self.plural}" + (f"/{name}" if name else "")


_KINDS = (
    Kind("Pod", "/api/v1", "pods", ("po",)),
    Kind("PodTemplate", "/api/v1", "podtemplates"),
    Kind("ReplicationController", "/api/v1", "replicationcontrollers", ("rc",)),
    Kind("DaemonSet", "/apis/apps/v1", "daemonsets", ("ds",)),
    Kind("Deployment", "/apis/apps/v1", "deployments", ("deploy",)),
    Kind("ReplicaSet", "/apis/apps/v1", "replicasets", ("rs",)),
    Kind("StatefulSet", "/apis/apps/v1", "statefulsets", ("sts",)),
    Kind("CronJob", "/apis/batch/v1", "cronjobs", ("cj",)),
    Kind("Job", "/apis/batch/v1", "jobs"),
)
_NAMED: Mapping[str, Kind] = {
    word: kind for kind in _KINDS for word in (kind.name.lower(), kind.plural, *kind.short)
}  # fmt: skip


_NO_NAMES = re.compile(r"\.{0,2}|.*[/%?#\s].*", re.DOTALL)
"""What cannot stand in a path of the API (k8s.io/apimachinery/pkg/api/validation/path), or would mean more there."""


def looked_up(api: Api, target: str, namespace: str) -> tuple[Kind, dict[str, Any]]:
    """The kind and the raw object that `target` names: a Pod's name, or KIND/NAME as kubectl takes it.

    Raises TargetError, and ApiError.
    """
    word, _, name = target.partition("/") if "/" in target else ("pod", "", target)
    if _NO_NAMES.fullmatch(name):
        raise TargetError(f"{target!r} names no object: write NAME, or KIND/NAME")
    kind = _kind_of(api, word)
    return kind, _one(api, kind, namespace, name)


def _kind_of(api: Api, word: str) -> Kind:
    """The kind that `word` names, as kubectl takes it: `deploy`, `deployments.apps`, `rollouts.argoproj.io`.

    Raises TargetError, and ApiError where the API has to be asked and does not answer.
    """
    name, _, group = word.lower().partition(".")
    known = _NAMED.get(name)
    if known is not None and group in {"", known.group}:
        return known
    if not group:
        hint = "write a custom one with its group, e.g. rollouts.argoproj.io"
        raise TargetError(f"no kind of workload is called {escape(word)}; {hint}")
    return _discovered(api, name, group)


def _discovered(api: Api, name: str, group: str) -> Kind:
    try:
        prefix = f"/apis/{api.read(f'/apis/{group}')['preferredVersion']['groupVersion']}"
    except ApiError as error:
        if error.is_missing:
            raise TargetError(f"the cluster has no API group {escape(group)}") from None
        raise
    for each in api.read(prefix).get("resources") or ():
        if name in {each["name"], each.get("singularName"), each["kind"].lower(), *(each.get("shortNames") or ())}:
            return Kind(each["kind"], prefix, each["name"])
    raise TargetError(f"the API group {escape(group)} has no {escape(name)}")


def _one(api: Api, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
    """The raw object. Raises ApiError."""
    version = kind.prefix.removeprefix("/apis/").removeprefix("/api/")
    return {"apiVersion": version, "kind": kind.name, **api.read(kind.path(namespace, name))}


def pods(api: Api, namespace: str | None, selector: str = "") -> Iterator[dict[str, Any]]:
    """The Pods of `namespace`, or of all, that the label `selector` selects. Raises ApiError and TargetError."""
    path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
    try:
        for each in api.listed(path, **({"labelSelector": selector} if selector else {})):
            yield {"apiVersion": "v1", "kind": "Pod", **each}
    except ApiError as error:
        if selector and error.status == _BAD_REQUEST:
            raise TargetError(f"{selector!r} is no selector of labels: {str(error).partition(': ')[2]}") from None
        raise


def controller(api: Api, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
    """The controller that an event is about; None where it has gone, or is of a kind that we do not know."""
    known = _NAMED.get(kind.lower())
    if known is None:
        return None
    try:
        return _one(api, known, namespace, name)
    except ApiError as error:
        if error.is_missing:
            return None
        raise
