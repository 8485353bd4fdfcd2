"""The security context of every sidecar: Pod Security `restricted`, as the user who may read the files.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from webhook.config.loghook_yaml import Config
from webhook.pod.view import Container, Pod, SecurityContext

__all__ = ["effective_user", "security_context"]

_USERS = 2**31  # uids that the API server takes are below


def security_context(pod: Pod, container: Container | None, config: Config) -> dict[str, Any]:
    """The securityContext of a sidecar that reads what `container` writes."""
    context: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    user = _user(pod, container, config)
    if user is not None:
        context["runAsUser"] = user
    context["runAsGroup"] = _group(pod, container, config)
    return context


def effective_user(pod: Pod, container: Container | None) -> int | None:
    """The uid of `container` as far as the Pod says it: its own, else the Pod's; None where the image decides."""
    return next((context.run_as_user for context in _contexts(pod, container) if context.run_as_user is not None), None)


def _user(pod: Pod, container: Container | None, config: Config) -> int | None:
    """The application's user, so that its files can be read; never root, and never unknown.

    In a Pod whose containers share their processes the same user could read the sidecar's environment and the sidecar
    the application's, so there it has one of its own: the configured one, or the nearest above that no container has.
    """
    configured = None if config.run_as.user == "unset" else config.run_as.user
    if not pod.spec.share_process_namespace:
        return effective_user(pod, container) or configured
    if configured is None:
        return None
    taken = {effective_user(pod, other) for other in pod.every_container()}
    return next(user for user in chain(range(configured, _USERS), range(1, configured)) if user not in taken)


def _group(pod: Pod, container: Container | None, config: Config) -> int:
    """The application's group; else root's, which `restricted` allows and which makes root's 0640 files readable."""
    said = (context.run_as_group for context in _contexts(pod, container) if context.run_as_group is not None)
    return next(said, config.run_as.group)


def _contexts(pod: Pod, container: Container | None) -> Iterator[SecurityContext]:
    """The contexts that hold for `container`, the narrower first."""
    if container is not None and container.security_context is not None:
        yield container.security_context
    if pod.spec.security_context is not None:
        yield pod.spec.security_context
