"""AdmissionReview v1, bytes in and bytes out.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from webhook import bounds
from webhook.annotations.parser import asks
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, Reason, warnings
from webhook.inject import Added, Injected, Outcome, Refused, Skipped, inject
from webhook.pod.foreign import MAY_READ_FILES, ForeignSpec
from webhook.pod.view import Metadata, Pod, Spec
from webhook.remembered import Remembered, size_of

__all__ = ["API_VERSION", "KIND", "Answer", "NotAReview", "Reviews", "Short", "answer"]

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"

# What is remembered of Pods that are alike, in bytes: all that they are compared by, and the answer.
_KNOWN_LIMIT = 2**22
_KNOWN_LARGEST = 2**16
_SPEC_LARGEST = 2**15


_AnyReview = TypeVar("_AnyReview", "_Review", "_CountedReview")


class NotAReview(ValueError):
    """The caller sent something else than an AdmissionReview v1 request; says what."""


Short: TypeAlias = Annotated[str, msgspec.Meta(max_length=2**13)]
"""A text that is said again, in an answer or a log: one of megabytes would be copied some times. Kubernetes has none
with more than 253 characters, but asks us before it looks at the names that users give."""


class _GroupVersionKind(msgspec.Struct, gc=False):
    group: Short = ""
    version: Short = ""
    kind: Short = ""


class _Object(msgspec.Struct, gc=False):
    """An object whose spec is not looked at before its annotations ask for it."""

    metadata: Metadata = Metadata()
    spec: msgspec.Raw = msgspec.Raw(b"{}")


class _Head(msgspec.Struct, rename="camel"):
    """A request without its object."""

    uid: Short
    kind: _GroupVersionKind
    operation: Short
    name: Short | None = None
    namespace: Short | None = None
    sub_resource: Short | None = None
    dry_run: bool | None = None


class _Request(_Head, rename="camel"):
    object: _Object | None = None


class _Review(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: _Request


class _Counted(msgspec.Struct, frozen=True):
    """The metadata of an object that is counted before it is read."""

    annotations: msgspec.Raw = msgspec.Raw(b"")
    labels: msgspec.Raw = msgspec.Raw(b"")


class _CountedObject(msgspec.Struct, frozen=True):
    metadata: _Counted = _Counted()


class _CountedRequest(_Head, rename="camel"):
    object: _CountedObject | None = None


class _CountedReview(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: _CountedRequest


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What to send back (`body`, JSON), and what to log and count about it: never the Pod."""

    body: bytes
    uid: str
    namespace: str
    name: str
    decision: str
    reason: str = ""
    codes: tuple[str, ...] = ()
    sidecars: tuple[Added, ...] = ()
    dry_run: bool = False


class _Decided(msgspec.Struct, frozen=True):
    """What became of a Pod, for all Pods alike: the response after its uid, as JSON, and what to log about it."""

    rest: bytes
    decision: str
    reason: str
    codes: tuple[str, ...]
    sidecars: tuple[Added, ...]


_decode_review = msgspec.json.Decoder(_Review).decode
_decode_counted = msgspec.json.Decoder(_CountedReview).decode
_decode_spec = msgspec.json.Decoder(Spec).decode
_decode_foreign_spec = msgspec.json.Decoder(ForeignSpec).decode
_encode = msgspec.json.Encoder().encode

_POD = _GroupVersionKind("", "v1", "Pod")
_HEAD = b'{"apiVersion":"%s","kind":"%s","response":{"uid":' % (API_VERSION.encode(), KIND.encode())

# The ServiceAccount admission plugin gives each Pod's token volume a random name before webhooks see it.
_TOKEN_VOLUME = re.compile(rb"kube-api-access-[a-z0-9]{5}")


class Reviews:
    """Answers reviews under one configuration.

    The Pods of a ReplicaSet are alike but for their names, so what became of the last few hundred different Pods is
    remembered. This changes no answer: `inject` is a pure function of what is compared.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._known: Remembered[_Decided] = Remembered(_KNOWN_LIMIT, _KNOWN_LARGEST)

    def answer(self, body: bytes | bytearray) -> Answer:
        """The answer to the AdmissionReview in `body`.

        Raises NotAReview where the caller is wrong. Whatever else is raised is a bug of ours, for which the operator's
        failurePolicy decides: it must become HTTP 500, never a refusal.
        """
        request, too_much = _read(body)
        decided = self._decide(request, too_much)
        metadata = request.object.metadata if request.object is not None else Metadata()
        return Answer(
            body=_HEAD + _encode(request.uid) + decided.rest,
            uid=request.uid,
            namespace=request.namespace or "",
            name=request.name or metadata.name or metadata.generate_name or "",
            decision=decided.decision,
            reason=decided.reason,
            codes=decided.codes,
            sidecars=decided.sidecars,
            dry_run=bool(request.dry_run),
        )

    def _decide(self, request: _Request, too_much: tuple[Diagnostic, ...]) -> _Decided:
        if request.kind != _POD or request.sub_resource:
            return _SKIPPED[Reason.NOT_A_POD]
        if request.operation != "CREATE":
            return _SKIPPED[Reason.NOT_CREATE]
        if request.object is None:
            return _SKIPPED[Reason.NO_OBJECT]
        if not asks(request.object.metadata.annotations or {}):
            return _SKIPPED[Reason.NOT_ASKED]
        namespace = request.namespace or "default"
        if too_much:
            return _decided(inject(Pod(request.object.metadata), self.config, namespace, too_much))
        return self._look_at(request.object, namespace)

    def _look_at(self, pod: _Object, namespace: str) -> _Decided:
        """What becomes of `pod`, from memory where a Pod like it came before.

        One that was given a name is like no other: controllers that make Pods that are alike have the API server name
        them, which it does after all webhooks.
        """
        spec = bytes(pod.spec)
        if pod.metadata.name or len(spec) > _SPEC_LARGEST:
            return _decided(self._inject(pod, spec, namespace))
        token = _token_volume(spec, pod.metadata)
        likeness = namespace, *_likeness(pod.metadata), spec.replace(token, b"\0") if token else spec
        known = self._known.find(likeness)
        if known is None:
            outcome = self._inject(pod, spec, namespace)
            known = _decided(outcome)
            if not self._known.is_new(likeness) and not (token and _mentions(outcome, token)):
                self._known.keep(likeness, known, _size(pod.metadata) + len(spec) + len(known.rest))
        return known

    def _inject(self, pod: _Object, spec: bytes, namespace: str) -> Outcome:
        try:
            viewed: Spec = _decode_foreign_spec(spec)
            if not viewed.is_foreign or MAY_READ_FILES in spec:
                del viewed  # before there is another one as large
                viewed = _decode_spec(spec)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise NotAReview(f"the object is not shaped like a Pod: {error}") from None
        return inject(Pod(pod.metadata, viewed), self.config, namespace)


def answer(body: bytes | bytearray, config: Config) -> Answer:
    """The answer to a single review, as `Reviews.answer`."""
    return Reviews(config).answer(body)


def _read(body: bytes | bytearray) -> tuple[_Request, tuple[Diagnostic, ...]]:
    """The request in `body`, and what it has too much of to be read; then its object says just how it is refused."""
    if len(body) > bounds.LARGE_REVIEW:
        counted = _checked(_decode_counted, body).request
        metadata = counted.object.metadata if counted.object is not None else _Counted()
        too_much = bounds.beyond_on_bytes(body, memoryview(metadata.annotations))
        if too_much:
            head = {name: getattr(counted, name) for name in _Head.__struct_fields__}
            small = Metadata(annotations=bounds.said(metadata.annotations), labels=bounds.said(metadata.labels))
            return _Request(**head, object=_Object(small) if counted.object is not None else None), too_much
    return _checked(_decode_review, body).request, ()


def _checked(decode: Callable[[bytes | bytearray], _AnyReview], body: bytes | bytearray) -> _AnyReview:
    try:
        review = decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise NotAReview(f"not an AdmissionReview: {error}") from None
    if review.api_version != API_VERSION or review.kind != KIND:
        raise NotAReview(f"expected {KIND} of {API_VERSION}")
    return review


def _likeness(metadata: Metadata) -> tuple[Hashable, ...]:
    """All that the view has of `metadata`, to be compared."""
    return (
        metadata.name,
        metadata.generate_name,
        metadata.namespace,
        tuple(metadata.annotations.items()) if metadata.annotations else None,
        tuple(metadata.labels.items()) if metadata.labels else None,
        tuple([(owner.kind, owner.name, owner.controller) for owner in metadata.owner_references or ()]),
    )


def _token_volume(spec: bytes, metadata: Metadata) -> bytes | None:
    """The random name in `spec` that tells no two Pods apart; None also where a name or annotation might mean it."""
    token = _TOKEN_VOLUME.search(spec)
    if token is None or "kube-api-access-" in f"{metadata.name} {metadata.annotations}":
        return None
    return token[0]


def _size(metadata: Metadata) -> int:
    """The bytes that the texts of `metadata` hold."""
    maps = (metadata.annotations or {}, metadata.labels or {})
    names = (metadata.name or "", metadata.generate_name or "", metadata.namespace or "")
    owners = (text for owner in metadata.owner_references or () for text in (owner.kind, owner.name))
    return size_of((*names, *owners, *(text for each in maps for pair in each.items() for text in pair)))


def _mentions(outcome: Outcome, name: bytes) -> bool:
    """Whether `name` is in anything that the answer says, so that it is good for no other Pod."""
    return name in outcome.patch or any(name in str(diagnostic).encode() for diagnostic in outcome.diagnostics)


def _decided(outcome: Outcome) -> _Decided:
    return _Decided(
        rest=_response(outcome),
        decision=_DECISIONS[type(outcome)],
        reason=outcome.reason.value if isinstance(outcome, Skipped) else "",
        codes=tuple(dict.fromkeys([diagnostic.code for diagnostic in outcome.diagnostics])),
        sidecars=outcome.sidecars if isinstance(outcome, Injected) else (),
    )


_DECISIONS = {kind: kind.__name__.lower() for kind in (Injected, Skipped, Refused)}


def _response(outcome: Outcome) -> bytes:
    """The response after its uid, as JSON, which depends on what became of the Pod alone."""
    if isinstance(outcome, Refused):
        status = {"status": "Failure", "message": outcome.message, "reason": "Invalid", "code": 422}
        warned = [found for found in outcome.diagnostics if found.severity == "warning"]
        return b',"allowed":false,"status":%b%b}}' % (_encode(status), _warnings(warned))
    encoded = outcome.encoded
    said = _warnings(outcome.diagnostics) if outcome.diagnostics else b""
    if not encoded:
        return b',"allowed":true%b}}' % said
    return b"".join((b',"allowed":true,"patchType":"JSONPatch","patch":"', encoded, b'"', said, b"}}"))


def _warnings(diagnostics: Iterable[Diagnostic]) -> bytes:
    """The member with the warnings that fit; kubectl shows them to whoever creates the Pod."""
    lines = warnings(diagnostics)
    return b',"warnings":%b' % _encode(lines) if lines else b""


_SKIPPED = {reason: _decided(Skipped(reason)) for reason in Reason}
"""The answers that do not depend on the Pod, made once."""
