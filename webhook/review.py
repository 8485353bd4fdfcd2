"""AdmissionReview v1, bytes in and bytes out.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from webhook.config import Config
from webhook.diagnostics import MESSAGE_LIMIT, Diagnostic, Reason
from webhook.inject import Injected, Op, Outcome, Refused, Skipped, inject
from webhook.pods import Pod

__all__ = ["Answer", "NotAReview", "answer"]

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"

_WARNINGS_LIMIT = 4096  # characters in all; the API server drops what is more (apiserver pkg/endpoints/warning)


class NotAReview(ValueError):
    """The caller sent something else than an AdmissionReview v1 request; says what."""


class _GroupVersionKind(msgspec.Struct, gc=False):
    group: str = ""
    version: str = ""
    kind: str = ""


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    kind: _GroupVersionKind
    operation: str
    name: str | None = None
    namespace: str | None = None
    sub_resource: str | None = None
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: _Request


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What to send back (`body`, JSON), and what to log and count about it: never the Pod."""

    body: bytes
    uid: str
    namespace: str
    name: str
    decision: str
    reason: str = ""
    codes: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()
    dry_run: bool = False


_decode_review = msgspec.json.Decoder(_Review).decode
_decode_pod = msgspec.json.Decoder(Pod).decode
_encode = msgspec.json.Encoder().encode

_POD = _GroupVersionKind("", "v1", "Pod")


def answer(body: bytes, config: Config) -> Answer:
    """The answer to the AdmissionReview in `body`.

    Raises NotAReview where the caller is wrong. Whatever else is raised is a bug of ours, for which the operator's
    failurePolicy decides: it must become HTTP 500, never a refusal.
    """
    request = _request(body)
    reason = _reason_to_skip(request)
    if reason is not None:
        return _answer(request, None, Skipped(reason))
    pod = _pod(request)
    return _answer(request, pod, inject(pod, config, request.namespace or "default"))


def _request(body: bytes) -> _Request:
    try:
        review = _decode_review(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise NotAReview(f"not an AdmissionReview: {error}") from None
    if review.api_version != API_VERSION or review.kind != KIND:
        raise NotAReview(f"expected {KIND} of {API_VERSION}")
    return review.request


def _reason_to_skip(request: _Request) -> Reason | None:
    if request.kind != _POD or request.sub_resource:
        return Reason.NOT_A_POD
    if request.operation != "CREATE":
        return Reason.NOT_CREATE
    if bytes(request.object) == b"null":
        return Reason.NO_OBJECT
    return None


def _pod(request: _Request) -> Pod:
    try:
        return _decode_pod(request.object)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise NotAReview(f"the object is not shaped like a Pod: {error}") from None


def _answer(request: _Request, pod: Pod | None, outcome: Outcome) -> Answer:
    response = {"uid": request.uid, **_response(outcome)}
    body = _encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})
    metadata = pod.metadata if pod is not None else None
    return Answer(
        body=body,
        uid=request.uid,
        namespace=request.namespace or "",
        name=request.name or (metadata and (metadata.name or metadata.generate_name)) or "",
        decision=type(outcome).__name__.lower(),
        reason=outcome.reason.value if isinstance(outcome, Skipped) else "",
        codes=tuple(dict.fromkeys(diagnostic.code for diagnostic in outcome.diagnostics)),
        sidecars=outcome.sidecars if isinstance(outcome, Injected) else (),
        dry_run=bool(request.dry_run),
    )


def _response(outcome: Outcome) -> dict[str, Any]:
    """The part of the response that depends on what became of the Pod."""
    if isinstance(outcome, Refused):
        status = {"status": "Failure", "message": outcome.message, "reason": "Invalid", "code": 422}
        warnings = (found for found in outcome.diagnostics if found.severity == "warning")
        return {"allowed": False, "status": status, **_warnings(warnings)}
    return {"allowed": True, **_patch(outcome.ops), **_warnings(outcome.diagnostics)}


def _patch(ops: tuple[Op, ...]) -> dict[str, str]:
    if not ops:
        return {}
    return {"patchType": "JSONPatch", "patch": base64.b64encode(_encode(ops)).decode("ascii")}


def _warnings(diagnostics: Iterable[Diagnostic]) -> dict[str, list[str]]:
    """The warnings that fit, each as one line; kubectl shows them to whoever creates the Pod."""
    warnings: list[str] = []
    room = _WARNINGS_LIMIT
    for diagnostic in diagnostics:
        if room < MESSAGE_LIMIT:
            break
        warnings.append(str(diagnostic))
        room -= len(warnings[-1])
    return {"warnings": warnings} if warnings else {}
