"""Which service a container is one of, as OpenTelemetry's conventions for Kubernetes have it.

Source: https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/. What is written in the Pod is taken
as a literal; names that the API server gives later are variables.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from webhook.plan.names import NAMESPACE, POD
from webhook.pod.view import Container, Pod
from webhook.sidecars import Text

__all__ = ["SERVICE", "Services", "services"]

Services = tuple[tuple[str, tuple[tuple[str, Text], ...]], ...]
"""The attributes of each container, by its name."""

_LONGEST = 256
_OF_A_CRON_JOB = re.compile(r"(.+)-[0-9]{8,}")  # the controller's names: the job's time in minutes


class _Way(NamedTuple):
    """One way to find a value: what it is, for people, and what finds it; None where it is not there."""

    about: str
    find: Callable[[Pod, Container], Text | None]


def services(pod: Pod) -> Services:
    """The attributes of every container of `pod`."""
    return tuple((container.name, tuple(_attributes(pod, container))) for container in pod.every_container())


def _attributes(pod: Pod, container: Container) -> Iterator[tuple[str, Text]]:
    for name, ways in SERVICE.items():
        found = next(filter(None, (way.find(pod, container) for way in ways)), None)
        if found:
            yield name, found


def _text(value: str | None) -> Text | None:
    return (value,) if value and len(value) <= _LONGEST and value.isprintable() else None


def _annotation(name: str) -> _Way:
    key = f"resource.opentelemetry.io/{name}"
    return _Way(f"the annotation `{key}`", lambda pod, _: _text((pod.metadata.annotations or {}).get(key)))


def _label(key: str) -> _Way:
    return _Way(f"the label `{key}`", lambda pod, _: _text((pod.metadata.labels or {}).get(key)))


def _owner(kind: str) -> _Way:
    return _Way(f"the {kind}", lambda pod, _: _text(_owner_name(pod, kind)))


def _owner_name(pod: Pod, kind: str) -> str | None:
    owners = pod.metadata.owner_references or ()
    return next((owner.name for owner in owners if owner.kind == kind and owner.controller), None)


def _deployment(pod: Pod, _: Container) -> Text | None:
    """The Deployment's name, which is what its ReplicaSet's has before the hash of the template."""
    owner, hash_ = _owner_name(pod, "ReplicaSet"), (pod.metadata.labels or {}).get("pod-template-hash")
    is_there = owner and hash_ and owner.endswith(f"-{hash_}")
    return _text(owner.removesuffix(f"-{hash_}")) if owner and is_there else None


def _cron_job(pod: Pod, _: Container) -> Text | None:
    found = _OF_A_CRON_JOB.fullmatch(_owner_name(pod, "Job") or "")
    return _text(found[1]) if found else None


def _version(_: Pod, container: Container) -> Text | None:
    """The tag and the digest of the image, as far as it has them."""
    name, _at, digest = (container.image or "").partition("@")
    _path, colon, tag = name.rpartition("/")[2].rpartition(":")
    return _text("@".join(filter(None, (tag if colon else "", digest))))


SERVICE: Mapping[str, tuple[_Way, ...]] = {
    "service.name": (
        _annotation("service.name"),
        _label("app.kubernetes.io/instance"),
        _label("app.kubernetes.io/name"),
        _Way("the Deployment", _deployment),
        _owner("ReplicaSet"),
        _owner("StatefulSet"),
        _owner("DaemonSet"),
        _Way("the CronJob", _cron_job),
        _owner("Job"),
        _Way("the Pod's name", lambda _, __: (POD,)),
    ),
    "service.namespace": (
        _annotation("service.namespace"),
        _Way("the namespace", lambda _, __: (NAMESPACE,)),
    ),
    "service.version": (
        _annotation("service.version"),
        _label("app.kubernetes.io/version"),
        _Way("the image's tag and digest, as `tag@digest`", _version),
    ),
    "service.instance.id": (
        _annotation("service.instance.id"),
        _Way(
            "namespace, Pod and container, with points between", lambda _, each: (NAMESPACE, ".", POD, f".{each.name}")
        ),
    ),
}
"""Each attribute, and the ways to find it, the first of which that finds something holds."""
