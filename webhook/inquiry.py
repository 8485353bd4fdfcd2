"""The AdmissionReview of a dry run, as an API server sends it: for commands that ask a webhook what it would do.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from collections.abc import Mapping
from typing import Any

from webhook.review import API_VERSION, KIND

__all__ = ["inquiry"]


def inquiry(pod: Mapping[str, Any], namespace: str, uid: str, username: str) -> dict[str, Any]:
    """The review in which `username` asks about creating `pod` (a manifest) in `namespace`; nothing is created.

    `uid` is what the answer must come back with. A Pod without a name is asked about under an empty one, as those are
    that have a `generateName`.
    """
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": uid,
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": (pod.get("metadata") or {}).get("name") or "",
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": {"username": username},
        "object": pod,
        "oldObject": None,
        "dryRun": True,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "request": request}
