"""Whether a Pod is for Windows nodes, by anything with which Pods say so: no sidecar of ours runs there.

Sources: https://kubernetes.io/docs/concepts/windows/user-guide/ and
https://kubernetes.io/docs/reference/labels-annotations-taints/
"""

from collections.abc import Iterator, Mapping

from webhook.pod.nodes import NodeRequirement
from webhook.pod.view import Pod

__all__ = ["is_for_windows"]

_OS = ("kubernetes.io/os", "beta.kubernetes.io/os")
_BUILD = "node.kubernetes.io/windows-build"  # a label that only Windows nodes have


def is_for_windows(pod: Pod) -> bool:
    """Whether `pod` says that it runs on Windows nodes alone. `spec.os` decides where it is there."""
    spec = pod.spec
    if spec.os is not None and spec.os.name:
        return spec.os.name == "windows"
    if spec.node_selector and _is_selected(spec.node_selector):
        return True
    return (spec.affinity is not None and _is_required(pod)) or _has_options(pod)


def _is_selected(selector: Mapping[str, str]) -> bool:
    return _BUILD in selector or any(selector.get(key) == "windows" for key in _OS)


def _is_required(pod: Pod) -> bool:
    """Whether every term of the required node affinity, one of which a node is to match, is for Windows."""
    terms = list(_terms(pod))
    return bool(terms) and all(any(map(_is_of_windows, term)) for term in terms)


def _terms(pod: Pod) -> Iterator[list[NodeRequirement]]:
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required if affinity else None
    for term in (required.node_selector_terms if required else None) or ():
        yield term.match_expressions or []


def _is_of_windows(requirement: NodeRequirement) -> bool:
    """Whether only Windows nodes meet `requirement`."""
    values = set(requirement.values or ())
    if requirement.key == _BUILD:
        return requirement.operator in {"In", "Exists", "Gt", "Lt"}
    if requirement.key not in _OS:
        return False
    return (requirement.operator == "In" and values == {"windows"}) or (
        requirement.operator == "NotIn" and "linux" in values
    )


def _has_options(pod: Pod) -> bool:
    of_pod = pod.spec.security_context
    if of_pod is not None and of_pod.windows_options is not None:
        return True
    for container in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ())):
        context = container.security_context
        if context is not None and context.windows_options is not None:
            return True
    return False
