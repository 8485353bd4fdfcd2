"""What a sidecar requests and is limited to, without changing what the Pod is.

A Guaranteed Pod stays Guaranteed, a Pod with resources of its own keeps them (`webhook.plan.pod_level`), and no limit
of ours becomes the limit of the whole Pod.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request
from webhook.config.engines import EngineResources
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic
from webhook.plan.pod_level import NOTHING, PodLevel, is_said
from webhook.plan.surroundings import EPHEMERAL, Surroundings
from webhook.pod import quantities
from webhook.pod.view import Quantity

__all__ = ["of_drain", "resources", "usable_memory", "within_ceiling"]

_STDOUT_BYTES = 64 * 2**20  # the kubelet keeps 5 files of 10 MiB of a container's output by default
_UNLIMITED_VOLUME_BYTES = 2**30


def resources(
    around: Surroundings, request: Request, defaults: EngineResources, volume_sizes: Iterable[str]
) -> dict[str, Any]:
    """The `resources` of one sidecar in a Pod as it is `around`, where volumes of `volume_sizes` are added."""
    requests: dict[str, Quantity]
    limits: dict[str, Quantity]
    if _says_anything(request):
        requests = {"cpu": _cpu_request(request, defaults), "memory": _memory_request(request, defaults)}
        limits, cpu_limit = {"memory": _memory_limit(request, defaults)}, _cpu_limit(request, defaults)
    else:
        requests = {"cpu": defaults.cpu_request, "memory": defaults.memory_request}
        limits, cpu_limit = {"memory": _larger(defaults.memory_limit, defaults.memory_request)}, defaults.cpu_limit
    if cpu_limit != "none":
        limits["cpu"] = cpu_limit
    if around.level is not None:
        requests, limits = _within_pod(around.level, request, limits)
    elif around.is_guaranteed:
        limits = {"cpu": requests["cpu"], **limits}
        requests = dict(limits)
    if not around.bounds_storage and request.ephemeral_storage_request is None:
        return {"requests": requests, "limits": limits}
    of_storage, storage_limits = _storage(around, request, volume_sizes)
    return {"requests": requests | of_storage, "limits": limits | storage_limits}


def usable_memory(around: Surroundings, request: Request, defaults: EngineResources) -> int:
    """The bytes that a sidecar in the Pod may count on: its limit, or what it would have been."""
    limit = quantities.parse(resources(around, request, defaults, ())["limits"]["memory"])
    return int(limit or quantities.parse(_memory_limit(request, defaults)))


def of_drain(request: Request, own: EngineResources, others: EngineResources) -> Request:
    """What `request` says for the container that waits for another: their defaults are `own` and `others`.

    A minimum or a ratio of a LimitRange holds for it too, so it follows what is said of requests and ratios. It only
    sleeps: a limit that is said for a program that works is no reason to give it more.
    """
    cpu_request, cpu_limit = request.cpu_request, request.cpu_limit
    if cpu_limit not in {None, "none"}:
        cpu_request = _cpu_request(request, others)
        cpu_limit = _larger(cpu_request, own.cpu_limit if own.cpu_limit != "none" else "0")
        cpu_limit = _smaller(cpu_limit, request.cpu_limit or "0")
    memory_limit = request.memory_request or (request.memory_limit and _smaller(own.memory_limit, request.memory_limit))
    return msgspec.structs.replace(request, cpu_request=cpu_request, cpu_limit=cpu_limit, memory_limit=memory_limit)


def _cpu_request(request: Request, defaults: EngineResources) -> str:
    """What the Pod says; else the default, which is never above a limit that the Pod says."""
    limit = request.cpu_limit or "none"
    return request.cpu_request or (defaults.cpu_request if limit == "none" else _smaller(defaults.cpu_request, limit))


def _cpu_limit(request: Request, defaults: EngineResources) -> str:
    """What the Pod says; else the default, or ten times what the Pod requests where that is more. May be `none`."""
    if request.cpu_limit is not None or defaults.cpu_limit == "none":
        return request.cpu_limit or "none"
    if request.cpu_request is None:
        return defaults.cpu_limit
    return _larger(defaults.cpu_limit, _burst(request))


def _burst(request: Request) -> str:
    """Ten times the CPU that the Pod requests: logs come in bursts, which a limit near the request would throttle."""
    return f"{math.ceil(quantities.parse(request.cpu_request or '0') * 10_000)}m"


def _memory_request(request: Request, defaults: EngineResources) -> str:
    """What the Pod says, or its limit; else the default: memory that may be used is memory that is promised."""
    return request.memory_request or request.memory_limit or defaults.memory_request


def _memory_limit(request: Request, defaults: EngineResources) -> str:
    """The memory that a sidecar is limited to, where the Pod as a whole does not bound it further."""
    return request.memory_limit or _larger(defaults.memory_limit, _memory_request(request, defaults))


def _smaller(one: str, other: str) -> str:
    return other if _larger(one, other) == one else one


def _larger(one: str, other: str) -> str:
    return one if quantities.parse(one) >= quantities.parse(other) else other


def _within_pod(
    level: PodLevel, request: Request, limits: Mapping[str, Quantity]
) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """Requests: nothing that is not said, beyond what the Pod as a whole requests; and limits, none above the Pod's."""
    requests = {"cpu": request.cpu_request or NOTHING, "memory": request.memory_request or NOTHING}
    within = {name: level.limit(name, limits.get(name), is_said=is_said(request, name)) for name in ("memory", "cpu")}
    return requests, {name: limit for name, limit in within.items() if limit is not None}


def _storage(
    around: Surroundings, request: Request, volume_sizes: Iterable[str]
) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """Request and limit of ephemeral storage. No limit where an app container has none: it would be the whole Pod's."""
    said = request.ephemeral_storage_request
    if not around.bounds_storage:
        return ({} if said is None else {EPHEMERAL: said}), {}
    enough = str(_STDOUT_BYTES + sum(map(_volume_bytes, volume_sizes)))
    limit = request.ephemeral_storage_limit or _larger(enough, said or "0")
    return {EPHEMERAL: said or "0"}, {EPHEMERAL: limit}


def _volume_bytes(size: str) -> int:
    return _UNLIMITED_VOLUME_BYTES if size == "none" else int(quantities.parse(size))


def within_ceiling(request: Request, config: Config) -> tuple[Request, list[Diagnostic]]:
    """`request` with nothing above what the administrator allows, and what is wrong with its resources.

    A ceiling may have been lowered since the Pod was written, so what is above it is cut and warned about; with
    `policy.enforce` it is a mistake.
    """
    if not _says_anything(request):
        return request, []
    ceiling = config.policy.ceiling
    cut: dict[str, str] = {}
    found = []
    for name, most in (
        ("cpu-request", ceiling.cpu),
        ("cpu-limit", ceiling.cpu),
        ("memory-request", ceiling.memory),
        ("memory-limit", ceiling.memory),
        ("volume-size-limit", ceiling.volume_size),
    ):
        field = name.replace("-", "_")
        if field in request.said and most is not None and _exceeds(getattr(request, field), most):
            code = "LH135" if config.policy.enforce else "LH504"
            found.append(Diagnostic(code, PREFIX + name, getattr(request, field), {"most": most}))
            cut[field] = most
    found += _crossed(request)
    within = msgspec.structs.replace(request, **cut)
    if within.cpu_request and within.cpu_limit is None and ceiling.cpu and _exceeds(_burst(within), ceiling.cpu):
        within = msgspec.structs.replace(within, cpu_limit=ceiling.cpu)
    return within, found


def _says_anything(request: Request) -> bool:
    """Whether there is a word about resources; in most Pods there is none."""
    said = request.cpu_request, request.cpu_limit, request.memory_request, request.memory_limit
    storage = request.ephemeral_storage_request, request.ephemeral_storage_limit
    return "volume_size_limit" in request.said or any(said) or any(storage)


def _exceeds(asked: str, most: str) -> bool:
    return asked == "none" or quantities.parse(asked) > quantities.parse(most)


def _crossed(request: Request) -> Iterator[Diagnostic]:
    pairs = (
        ("cpu-limit", request.cpu_limit, request.cpu_request),
        ("memory-limit", request.memory_limit, request.memory_request),
        ("ephemeral-storage-limit", request.ephemeral_storage_limit, request.ephemeral_storage_request),
    )
    for name, limit, asked in pairs:
        if limit and asked and limit != "none" and quantities.parse(limit) < quantities.parse(asked):
            yield Diagnostic("LH134", PREFIX + name, limit, {"example": asked})
