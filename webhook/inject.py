"""The one function that every entry point calls: a Pod and a configuration in, what becomes of the Pod out."""

import json
from collections.abc import Iterable

import msgspec

from webhook.annotations import parser
from webhook.annotations.registry import PREFIX
from webhook.annotations.request import Request, Source
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Diagnostic, Reason, join
from webhook.plan import already_injected
from webhook.plan.asked import ask
from webhook.plan.mended import mend
from webhook.plan.names import STATUS
from webhook.plan.patch import Op, annotation_ops, ops, too_large
from webhook.plan.plan import Plan, plan
from webhook.plan.volumes import locate
from webhook.pod.view import Pod
from webhook.pod.windows import is_for_windows

__all__ = ["Added", "Injected", "Op", "Outcome", "Refused", "Skipped", "inject"]

_encode = msgspec.json.Encoder().encode
_decode_ops = msgspec.json.Decoder(tuple[Op, ...]).decode

_MIRROR = "kubernetes.io/config.mirror"
_CONFIG_SOURCE = "kubernetes.io/config.source"


class Added(msgspec.Struct, frozen=True):
    """A sidecar that a Pod gets: its container's name, its mode (or `drain`), and what runs in it, e.g. `busybox`."""

    name: str
    mode: str
    agent: str


class Injected(msgspec.Struct, frozen=True):
    """The Pod gets sidecars: what they are, warnings, and the sources that are read. `ops` and `patch` say how."""

    pod: Pod
    plan: Plan
    sidecars: tuple[Added, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def ops(self) -> tuple[Op, ...]:
        """The JSON Patch, as plain data."""
        return _decode_ops(self.patch)

    @property
    def patch(self) -> bytes:
        """The JSON Patch, as JSON."""
        return _encode(ops(self.pod, self.plan))

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


class Refused(msgspec.Struct, frozen=True):
    """The Pod is refused for the mistakes in its annotations."""

    diagnostics: tuple[Diagnostic, ...]
    patch = b""

    @property
    def message(self) -> str:
        """Every mistake in one line of at most 1,000 characters."""
        return join(found for found in self.diagnostics if found.severity == "error")


Outcome = Injected | Skipped | Refused


def inject(pod: Pod, config: Config, namespace: str = "default") -> Outcome:
    """Decide what becomes of `pod`, created in `namespace`.

    A pure function: the same Pod and configuration give the same bytes, and nothing is read or written. Injecting an
    injected Pod gives Skipped without a patch.
    """
    reason = _reason_to_skip(pod, config, namespace)
    if reason is not None:
        return Skipped(reason)
    asked = ask(pod.annotations, config, namespace)
    if asked.request.inject is False:
        return Skipped(Reason.OPTED_OUT)
    located = locate(pod, asked)
    planned = plan(asked, located)
    diagnostics = (
        *asked.diagnostics,
        *planned.about_pod,  # what is about the whole Pod comes before what is about one path
        *located.diagnostics,
        *planned.about_files,
        *too_large(pod, planned),
    )
    if diagnostics and _has_errors(diagnostics):
        return _mistaken(pod, asked.request, diagnostics)
    if not planned.sidecars:
        return _without(pod, Reason.ADMINISTRATOR, diagnostics)
    mended = mend(pod, planned)
    if mended is not None:
        return Skipped(Reason.ALREADY_INJECTED, mended.ops, diagnostics + mended.diagnostics)
    diagnostics += tuple(already_injected.remains(pod, planned))
    if diagnostics and _has_errors(diagnostics):
        return _mistaken(pod, asked.request, diagnostics)
    added = tuple([Added(each.name, each.mode, each.engine) for each in planned.sidecars])
    return Injected(pod, planned, added, diagnostics)


def _reason_to_skip(pod: Pod, config: Config, namespace: str) -> Reason | None:
    """Why `pod` is left alone before its annotations are read."""
    said = pod.annotations
    if not parser.asks(said):
        return Reason.NOT_ASKED
    if pod.labels.get(PREFIX + "inject") == "false":
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
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    status = json.dumps({"injected": False, "codes": codes}, separators=(",", ":"))
    if pod.annotations.get(STATUS) == status:
        return Skipped(reason, (), diagnostics)
    return Skipped(reason, tuple(annotation_ops(pod, {STATUS: status})), diagnostics)
