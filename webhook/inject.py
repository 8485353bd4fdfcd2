"""The one function that every entry point calls: a Pod and a configuration in, what becomes of the Pod out."""

import functools
from collections.abc import Iterable

import msgspec

from webhook import bounds
from webhook.annotations import parser
from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request, Source
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, Reason, join
from webhook.plan import already_injected
from webhook.plan.asked import Asked, Said, ask_said
from webhook.plan.encoded import base64
from webhook.plan.mended import mend
from webhook.plan.names import CONFIG, STATUS
from webhook.plan.patch import Op, annotation_ops, fits, has_room, ops, surface, too_large
from webhook.plan.plan import Plan, plan
from webhook.plan.status import left_alone, with_words
from webhook.plan.volumes import locate
from webhook.pod.foreign import ForeignSpec
from webhook.pod.view import Pod
from webhook.pod.windows import is_for_windows
from webhook.remembered import size_of

__all__ = ["Added", "Injected", "Op", "Outcome", "Refused", "Skipped", "inject"]

_encode = msgspec.json.Encoder().encode
_decode_ops = msgspec.json.Decoder(tuple[Op, ...]).decode

_INJECT = PREFIX + "inject"
_MIRROR = "kubernetes.io/config.mirror"
_CONFIG_SOURCE = "kubernetes.io/config.source"


class Added(msgspec.Struct, frozen=True):
    """A sidecar that a Pod gets: its container's name, its mode (or `drain`), and what runs in it, e.g. `busybox`."""

    name: str
    mode: str
    agent: str


class Injected(msgspec.Struct, frozen=True, dict=True):
    """The Pod gets sidecars: what they are, the JSON Patch as JSON, warnings, and the sources that are read."""

    plan: Plan
    sidecars: tuple[Added, ...]
    patch: bytes
    diagnostics: tuple[Diagnostic, ...] = ()

    @functools.cached_property
    def encoded(self) -> bytes:
        """The JSON Patch in base64, made once for all Pods that get this very outcome."""
        return base64(self.patch)

    @property
    def ops(self) -> tuple[Op, ...]:
        """The JSON Patch, as plain data."""
        return _decode_ops(self.patch)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that are read."""
        return self.plan.sources


class Skipped(msgspec.Struct, frozen=True):
    """The Pod starts without (more of) ours. The patch at most says so in its status, or puts back what was there."""

    reason: Reason
    ops: tuple[Op, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def patch(self) -> bytes:
        """The JSON Patch, as JSON; empty where nothing is said."""
        return _encode(self.ops) if self.ops else b""

    @property
    def encoded(self) -> bytes:
        """The same in base64."""
        return base64(self.patch)


class Refused(msgspec.Struct, frozen=True):
    """The Pod is refused for the mistakes in its annotations."""

    diagnostics: tuple[Diagnostic, ...]
    patch = b""

    @property
    def message(self) -> str:
        """Every mistake in one line of at most 1,000 characters."""
        return join(found for found in self.diagnostics if found.severity == "error")


Outcome = Injected | Skipped | Refused


def inject(pod: Pod, config: Config, namespace: str = "default", too_much: tuple[Diagnostic, ...] = ()) -> Outcome:
    """Decide what becomes of `pod`, created in `namespace`.

    `too_much` is what there was to say of a Pod that was not read because of it. A pure function: the same Pod and
    configuration give the same bytes, and nothing is read or written. Injecting an injected Pod gives Skipped without
    a patch.
    """
    said = parser.said(pod.metadata.annotations) if pod.metadata.annotations else ()
    reason = _reason_to_skip(pod, config, namespace) if said else Reason.NOT_ASKED
    if reason is not None:
        return Skipped(reason)
    too_much = too_much or bounds.beyond(pod)
    asked = ask_said(_heeded(said) if too_much else said, config, namespace)
    if asked.request.inject is False:
        return Skipped(Reason.OPTED_OUT)
    too_much = too_much or bounds.beyond_of(asked.request)
    return _mistaken(pod, asked.request, too_much) if too_much else _decided(pod, asked)


def _heeded(said: Said) -> Said:
    """The annotations that are heeded where there is too much to look at: they say what a mistake does."""
    return tuple([pair for pair in said if pair[0] in {PREFIX + "inject", PREFIX + "on-error"}])


def _decided(pod: Pod, asked: Asked) -> Outcome:
    """What becomes of `pod`, of which all this is asked."""
    located = locate(pod, asked)
    planned, number = plan(asked, located)
    diagnostics = (
        *asked.diagnostics,
        *planned.about_pod,  # what is about the whole Pod comes before what is about one path
        *located.diagnostics,
        *planned.about_files,
        *(too_large(pod, planned) if CONFIG in planned.annotations else ()),
    )
    if diagnostics and _has_errors(diagnostics):
        return _mistaken(pod, asked.request, diagnostics)
    if not planned.sidecars:
        return _without(pod, Reason.ADMINISTRATOR, diagnostics)
    if diagnostics:
        planned = _worded(pod, planned, diagnostics)
    if not (isinstance(pod.spec, ForeignSpec) or pod.spec.is_foreign):
        mended = mend(pod, planned)
        if mended is not None:
            intruders = tuple(already_injected.intruders(pod, planned))
            if intruders:
                return _mistaken(pod, asked.request, (*diagnostics, *intruders))
            return Skipped(Reason.ALREADY_INJECTED, mended.ops, diagnostics + mended.diagnostics)
        diagnostics += tuple(already_injected.remains(pod, planned))
        if diagnostics and _has_errors(diagnostics):
            return _mistaken(pod, asked.request, diagnostics)
    if diagnostics or not number:
        return _injected(pod, asked, planned, diagnostics)
    return _injected_alike(pod, asked, planned, number)


def _injected_alike(pod: Pod, asked: Asked, planned: Plan, number: int) -> Outcome:
    """What `pod` gets for the plan that is remembered by this `number`, where there is nothing to say of it.

    It is the same for all Pods that look alike to whoever writes the patch.
    """
    memory, key = asked.config.memory.injected, (number, surface(pod))
    found: Outcome | None = memory.find(key)
    if found is None:
        found = _injected(pod, asked, planned, ())
        if isinstance(found, Injected):
            memory.keep(key, found, _size(pod, found))
    return found


def _injected(pod: Pod, asked: Asked, planned: Plan, diagnostics: tuple[Diagnostic, ...]) -> Outcome:
    patch = _encode(ops(pod, planned))
    if len(patch) > bounds.PATCH.most:
        return _mistaken(pod, asked.request, (*diagnostics, bounds.PATCH.exceeded()))
    added = tuple([Added(each.name, each.mode, each.engine) for each in planned.sidecars])
    return Injected(planned, added, patch, diagnostics)


def _size(pod: Pod, injected: Injected) -> int:
    """About how many bytes `injected` holds, with what it is remembered by.

    Its plan may be held by nothing else any more, and has the texts of the patch once more, and as much for objects.
    """
    names = (each.name for each in pod.every_container())
    secrets = (each.name for each in pod.spec.image_pull_secrets or ())
    of_plan = 2 * size_of((injected.patch,))
    said = (*pod.annotations, *pod.annotations.values())
    return of_plan + size_of((injected.patch, injected.encoded, *names, *secrets, *said))


def _reason_to_skip(pod: Pod, config: Config, namespace: str) -> Reason | None:
    """Why `pod`, which asks for loghook, is left alone before its annotations are read."""
    said, labels = pod.metadata.annotations or {}, pod.metadata.labels
    if labels and labels.get(_INJECT) == "false":
        return Reason.OPTED_OUT
    if namespace in config.policy.excluded_namespaces:
        return Reason.EXCLUDED_NAMESPACE
    if _MIRROR in said:
        return Reason.MIRROR_POD
    if said.get(_CONFIG_SOURCE, "api") != "api":
        return Reason.STATIC_POD
    if is_for_windows(pod):
        return Reason.WINDOWS
    return None


def _has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def _mistaken(pod: Pod, request: Request, diagnostics: tuple[Diagnostic, ...]) -> Outcome:
    if request.on_error == "warn":
        return _without(pod, Reason.MISTAKES, diagnostics)
    return Refused(diagnostics)


def _without(pod: Pod, reason: Reason, diagnostics: tuple[Diagnostic, ...]) -> Skipped:
    """The Pod starts without any of ours, and its status says so."""
    status = {STATUS: left_alone(diagnostics)}
    if not has_room(pod, status):
        status = {STATUS: left_alone(diagnostics, in_words=False)}
    if pod.annotations.get(STATUS) == status[STATUS] or not has_room(pod, status):
        return Skipped(reason, (), diagnostics)
    return Skipped(reason, tuple(annotation_ops(pod, status)), diagnostics)


def _worded(pod: Pod, planned: Plan, diagnostics: tuple[Diagnostic, ...]) -> Plan:
    """`planned`, whose status has the warnings in words, where the Pod has room for them."""
    status = {STATUS: with_words(planned.annotations[STATUS], diagnostics)}
    worded = msgspec.structs.replace(planned, annotations={**planned.annotations, **status})
    return worded if fits(pod, worded) else planned
