"""The AdmissionReview of a dry run, as an API server sends it: for commands that ask a webhook what it would do.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from collections.abc import Mapping
from typing import Any, Literal

from webhook.review import API_VERSION, KIND

__all__ = ["inquiry"]


def inquiry(
    pod: Mapping[str, Any], namespace: str, uid: str, username: str, kind: Literal["Pod", "PodTemplate"] = "Pod"
) -> dict[str, Any]:
    """The review in which `username` asks about creating `pod` (a manifest) in `namespace`; nothing is created.

    `uid` is what the answer must come back with. `kind` is that of the manifest. A Pod without a name is asked about
    under an empty one, as those are that have a `generateName`.
    """
    kinds = {"group": "", "version": "v1", "kind": kind}
    resource = {"group": "", "version": "v1", "resource": f"{kind.lower()}s"}
    request = {
        "uid": uid,
        "kind": kinds,
        "resource": resource,
        "requestKind": kinds,
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
