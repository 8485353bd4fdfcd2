"""AdmissionReview v1 of what is applied, bytes in and bytes out: only ever advice, unless the administrator wants more.

Pods have `webhook.review`. Here come the objects that bring them, and Pods whose annotations are changed too late.
"""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from webhook import advice, bounds
from webhook.advice import NOTHING, Advice, Object
from webhook.annotations import parser
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, warnings
from webhook.inject import Refused
from webhook.pod.view import Metadata
from webhook.pod.workloads import WORKLOADS, Template, Workload
from webhook.review import API_VERSION, KIND, Answer, NotAReview, Short

__all__ = ["Validations"]

_NULL = msgspec.Raw(b"null")


class _Kind(msgspec.Struct, frozen=True):
    group: Short = ""
    kind: Short = ""


class _Resource(msgspec.Struct, frozen=True):
    group: Short = ""
    resource: Short = ""


class _Request(msgspec.Struct, rename="camel"):
    uid: Short
    kind: _Kind
    operation: Short
    resource: _Resource = _Resource()
    name: Short | None = None
    namespace: Short | None = None
    sub_resource: Short | None = None
    dry_run: bool | None = None
    object: msgspec.Raw = _NULL
    old_object: msgspec.Raw = _NULL


class _Review(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: _Request


class _Said(msgspec.Struct):
    """Whatever has metadata, or has none."""

    metadata: Metadata | None = None


_decode_review = msgspec.json.Decoder(_Review).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_decode_said = msgspec.json.Decoder(_Said | None).decode
_decode_template = msgspec.json.Decoder(Template | None).decode
_encode = msgspec.json.Encoder().encode

_NAME_LENGTH = 253  # the longest name in Kubernetes, which looks at names only after us
_POD = ("", "Pod")
_WRONG = (msgspec.MsgspecError, RecursionError, ValueError)


class Validations:
    """Answers reviews of what is applied, under one configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def answer(self, body: bytes | bytearray) -> Answer:
        """The answer to the AdmissionReview in `body`, a pure function of it and of the configuration.

        Raises NotAReview where the caller is wrong, as `webhook.review.Reviews.answer`.
        """
        request, too_much = _read(body)
        try:
            name = _called(request)
            said = Advice(too_much) if too_much else self._advice(request, name)
        except _WRONG as error:
            raise NotAReview(f"the object is not shaped like one that brings Pods: {error}") from None
        refused = said.refused if self.config.workloads.action == "Deny" else None
        response = {"uid": request.uid, **_response(said.diagnostics, refused)}
        return Answer(
            body=_encode({"apiVersion": API_VERSION, "kind": KIND, "response": response}),
            uid=request.uid,
            namespace=request.namespace or "",
            name=name,
            decision="refused" if refused else "warned" if said.diagnostics else "allowed",
            codes=tuple(dict.fromkeys(diagnostic.code for diagnostic in said.diagnostics)),
            dry_run=bool(request.dry_run),
        )

    def _advice(self, request: _Request, name: str) -> Advice:
        """What is said of the object, where something about its Pods is new."""
        kind = request.kind.group, request.kind.kind
        old, new = request.old_object, request.object
        if request.sub_resource or new == _NULL:
            return NOTHING
        if kind == _POD:
            return NOTHING if old == _NULL else advice.of_change(name, _annotations(old), _annotations(new))
        workload = WORKLOADS.get(kind) or self.config.kinds.get((request.resource.group, request.resource.resource))
        if workload is None or (old != _NULL and _about_pods(workload, old) == _about_pods(workload, new)):
            return NOTHING
        template = _decode_template(_at(new, workload.template)) or Template()
        applied = Object(name, workload, workload.pod(template, name.partition("/")[2]), _elsewhere(workload, new))
        return advice.of_workload(applied, self.config, request.namespace or "default")


def _read(body: bytes | bytearray) -> tuple[_Request, tuple[Diagnostic, ...]]:
    """The request in `body`, and what its object has too much of to be looked at; neither object is there then."""
    try:
        review = _decode_review(body)
    except _WRONG as error:
        raise NotAReview(f"not an AdmissionReview: {error}") from None
    if review.api_version != API_VERSION or review.kind != KIND:
        raise NotAReview(f"expected {KIND} of {API_VERSION}")
    request = review.request
    too_much = _beyond(request.object)
    if too_much:
        request.object = request.old_object = _NULL
    elif _beyond(request.object, request.old_object):
        request.old_object = _NULL
    return request, too_much


def _beyond(*objects: msgspec.Raw) -> tuple[Diagnostic, ...]:
    """What there is too much of in `objects` together to look for anything in them."""
    whole = b"".join(map(memoryview, objects))
    return () if len(whole) <= bounds.LARGE_REVIEW else bounds.beyond_on_bytes(whole, memoryview(b""))


def _called(request: _Request) -> str:
    """The object as kubectl calls it: `deployment/web`, `job/migrate-*`."""
    name = request.name
    if not name:
        metadata = _metadata(request.object)
        name = (metadata.name or "")[:_NAME_LENGTH]
        if not name and metadata.generate_name:
            name = f"{metadata.generate_name[:_NAME_LENGTH]}*"
    return f"{request.kind.kind.lower()}/{name}"


# Looking for something in an object, of which no more is read than that.


def _at(raw: msgspec.Raw, path: tuple[str, ...]) -> msgspec.Raw:
    """What is at `path` below `raw`; null where nothing is."""
    for step in path:
        raw = (_decode_fields(raw) or {}).get(step, _NULL)
    return raw


def _metadata(raw: msgspec.Raw) -> Metadata:
    said = _decode_said(raw)
    return (said and said.metadata) or Metadata()


def _annotations(raw: msgspec.Raw) -> Mapping[str, str]:
    return _metadata(raw).annotations or {}


def _elsewhere(workload: Workload, raw: msgspec.Raw) -> tuple[Mapping[str, str], ...]:
    """The annotations on the way to the template. A field `metadata` below the object's may be something else."""
    found = [_annotations(raw)]
    for station in list(workload.stations())[1:]:
        with suppress(msgspec.ValidationError):
            found.append(_annotations(_at(raw, station)))
    return tuple(found)


def _about_pods(workload: Workload, raw: msgspec.Raw) -> tuple[Hashable, ...]:
    """All in an object that is about its Pods, to be compared."""
    elsewhere = (frozenset(parser.said(each)) for each in _elsewhere(workload, raw))
    return bytes(_at(raw, workload.template)), *elsewhere


def _response(diagnostics: tuple[Diagnostic, ...], refused: Refused | None) -> dict[str, Any]:
    """The part of the response that depends on what is said; an error is said in the refusal, where there is one."""
    if refused is None:
        lines = warnings(diagnostics)
        return {"allowed": True, **({"warnings": lines} if lines else {})}
    status = {"status": "Failure", "message": refused.message, "reason": "Invalid", "code": 422}
    lines = warnings(each for each in diagnostics if each.severity == "warning")
    return {"allowed": False, "status": status, "warnings": lines}
