"""`loghook preview`: ask a running webhook what it does to a manifest's Pods, and show that as a diff."""

import base64
import http.client
import json
import re
import ssl
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from webhook import advice
from webhook.cli import manifests
from webhook.cli.failures import FailedError, InputError
from webhook.cli.manifests import Part
from webhook.cli.terminal import Line, diagnostic_line, say, show, skipped, styled
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import escape, printable
from webhook.inject import Op
from webhook.inquiry import inquiry
from webhook.pod.view import Pod

__all__ = ["Webhook", "diff", "run"]


_TIMEOUT_SECONDS = 10  # what the API server waits by default
_PATH = "/mutate"
_SHOWN_LINES = 6  # of a text of many lines


@dataclass(frozen=True)
class Answered:
    """A webhook's answer: whether the Pod may be created, the patch, and what it says about it."""

    allowed: bool
    ops: tuple[Op, ...]
    message: str
    warnings: tuple[str, ...]


class Webhook:
    """A running webhook at `server` (an https URL) whose certificate the CAs in the file `ca` vouch for."""

    def __init__(self, server: str, ca: Path) -> None:
        url, self._port = _split(server)
        if url.scheme != "https" or not url.hostname:
            raise InputError(f"--server takes a URL like https://127.0.0.1:8443, not {escape(server)}")
        try:
            self._context = ssl.create_default_context(cafile=str(ca))
        except ssl.SSLError:
            raise InputError(f"{ca}: no certificate of a CA in it") from None
        except OSError as error:
            raise InputError(f"{ca}: {error.strerror or error}") from None
        self._server, self._host = server, url.hostname
        self._path = url.path if url.path.strip("/") else _PATH

    def review(self, pod: Mapping[str, Any], namespace: str) -> Answered:
        """What the webhook does to `pod`. Raises FailedError where it does not answer as a webhook does."""
        body = json.dumps(inquiry(pod, namespace, str(uuid.uuid4()), "loghook preview")).encode()
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=_TIMEOUT_SECONDS, context=self._context
        )
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except ssl.SSLCertVerificationError as error:
            raise FailedError(f"{self._server} is not to be trusted: {error.verify_message}") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise FailedError(f"{self._server} cannot be reached: {why}") from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            said = escape(content[:200].decode("utf-8", "replace"))
            raise FailedError(f"{self._server} answered {response.status} {response.reason}: {said}")
        return self._answered(content)

    def _answered(self, content: bytes) -> Answered:
        try:
            response = json.loads(content)["response"]
            patch = json.loads(base64.b64decode(response.get("patch", ""))) if response.get("patch") else []
            return Answered(
                allowed=bool(response["allowed"]),
                ops=msgspec.convert(patch, tuple[Op, ...]),
                message=printable(str(response.get("status", {}).get("message", "")), 1000),
                warnings=tuple(printable(str(each), 1000) for each in response.get("warnings", ())),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            raise FailedError(f"{self._server} answered something else than an AdmissionReview") from None


def _split(server: str) -> tuple[SplitResult, int | None]:
    """The parts of the URL `server`, and its port. Raises InputError where no connection can be asked for by it."""
    try:
        url = urlsplit(server)
        for part, encoding in ((url.hostname or "", "idna"), (url.path, "ascii")):
            part.encode(encoding)
        http.client.HTTPSConnection(url.hostname or "", url.port)  # looks at both, and connects later
    except (ValueError, http.client.InvalidURL) as error:
        raise InputError(f"--server {escape(server)}: {escape(str(error), 200)}") from None
    return url, url.port


def run(webhook: Webhook, files: Sequence[str], namespace: str | None, *, full: bool, is_verbose: bool) -> int:
    """Show the diffs and return the exit code. Of objects that bring no Pod something is said where `is_verbose`."""
    refused = False
    parts = [part for source in files for manifest in manifests.read(source) for part in manifest.parts()]
    for part in parts:
        if not part.has_pod():
            why = part.why_no_pod(is_verbose=is_verbose)
            say(*([skipped(part.name, why)] if why else ()))
            continue
        pod = part.view()
        answered = webhook.review(part.pod(), part.namespace(namespace))
        _show(part, answered, full=full)
        _tell_beside(part, pod, part.namespace(namespace))
        refused = refused or not answered.allowed
    return 1 if refused else 0


def _show(part: Part, answered: Answered, *, full: bool) -> None:
    if not answered.allowed:
        say(styled(f"{part.name}: ", ("refused", "bold red")))
        say(*(_placed(part, "error", words) for words in _SENTENCES.split(answered.message)))
    elif not answered.ops:
        say(styled((f"{part.name}: nothing is added", "dim")))
    else:
        show(*diff(part, answered.ops, full=full))
    if answered.warnings:
        say(styled(f"{part.name}: ", ("told", "yellow")))
        say(*(_placed(part, "warning", words) for words in answered.warnings))


def _tell_beside(part: Part, pod: Pod, namespace: str) -> None:
    """Say what stands beside the template, where no webhook for Pods gets to see it."""
    for each in advice.beside(part.applied(pod), Config(), namespace):
        say(diagnostic_line(part.place(each.key, beside=True), each.severity, str(each)))


_SENTENCES = re.compile(r"; (?=LH\d{3} )")
"""What is between the mistakes of a refusal."""

_ABOUT = re.compile(r"LH\d{3} (\S+):")


def _placed(part: Part, severity: str, words: str) -> Line:
    """One diagnostic of the webhook's, with the place of the annotation that it is about."""
    about = _ABOUT.match(words)
    return diagnostic_line(part.place(about[1] if about else ""), severity, words)


def diff(part: Part, ops: Iterable[Op], *, full: bool = False) -> Iterator[Line]:
    """The document of `part` as it is against itself with `ops` in the Pod, coloured by line."""
    shown = ops if full else [Op(op.path, _shortened(op.value)) for op in ops]
    before = part.manifest.document.text
    after = part.manifest.patched([(part, shown)])
    origin = part.manifest.origin
    lines = unified_diff(
        before.splitlines(), after.splitlines(), origin, f"{origin}, {part.name} injected", lineterm=""
    )
    for number, line in enumerate(lines):
        style = "bold" if number < len(("---", "+++")) else _STYLES.get(line[:1], "")
        yield styled((line, style))


_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _shortened(value: Any) -> Any:
    """`value` with the first line alone of each long text, so that the Pod can still be seen."""
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, str) and value.count("\n") > _SHOWN_LINES:
        first, _, rest = value.partition("\n")
        return f"{first}\n({len(rest.splitlines())} more lines)\n"
    return value
