"""The security context of every sidecar: Pod Security `restricted`, as the user who may read the files.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from itertools import chain
from typing import Any

import msgspec

from webhook.config.loghook_yaml import Config
from webhook.pod.view import Container, Pod

__all__ = ["User", "security_context", "user_of"]

_USERS = 2**31  # uids that the API server takes are below

_OF_IMAGES = frozenset({65532, 65534})
"""Users that images run as of whose user a Pod says nothing: `nonroot` of distroless images, and `nobody`."""


class User(msgspec.Struct, frozen=True):
    """The user and the group of a container as far as the Pod says them; None where the image decides."""

    uid: int | None = None
    gid: int | None = None


def user_of(pod: Pod, container: Container) -> User:
    """Whom `container` of `pod` runs as: its own security context holds before the Pod's."""
    own, of_pod = container.security_context, pod.spec.security_context
    uid, gid = (own.run_as_user, own.run_as_group) if own is not None else (None, None)
    if of_pod is not None:
        uid = of_pod.run_as_user if uid is None else uid
        gid = of_pod.run_as_group if gid is None else gid
    return User(uid, gid)


def security_context(writer: User, shared_with: frozenset[int | None] | None, config: Config) -> dict[str, Any]:
    """The securityContext of a sidecar that reads what `writer` writes.

    `shared_with` are the users of the Pod's containers where these share their processes.
    """
    context: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    user = _user(writer, shared_with, config)
    if user is not None:
        context["runAsUser"] = user
    # The application's group; else root's, which `restricted` allows and which makes root's 0640 files readable.
    context["runAsGroup"] = config.run_as.group if writer.gid is None else writer.gid
    return context


def _user(writer: User, shared_with: frozenset[int | None] | None, config: Config) -> int | None:
    """The application's user, so that its files can be read; never root, and never unknown.

    In a Pod whose containers share their processes the same user could read the sidecar's environment and the sidecar
    the application's, so there it has one of its own: the configured one, or the nearest above that no container has,
    or may well have, where its image decides.
    """
    configured = None if config.run_as.user == "unset" else config.run_as.user
    if shared_with is None:
        return writer.uid or configured
    if configured is None:
        return None
    taken = shared_with | _OF_IMAGES if None in shared_with else shared_with
    return next(user for user in chain(range(configured, _USERS), range(1, configured)) if user not in taken)
