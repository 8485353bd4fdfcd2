"""What the API server says: whole, in time, and safe to log.

**Time.** The API server checks the dates of our certificates, so its clock counts: `Observation.now` is the `Date`
header of its answer. This machine's clock stands in only where a proxy drops that header.

**Patience.** An answer ends within `REQUEST_SECONDS`, also with a server that accepts and says nothing, or drips; so
does one that says what went wrong, which the library alone would read for as long as something comes.

**Secrecy.** Answers about a Secret hold private keys, and so may an error that quotes one. Only the sentence of a
Status leaves this module, without anything that is long enough to be a key.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTResponse

__all__ = ["NOT_FOUND", "ClusterError", "PatientClient", "object_in", "safe", "time_of", "told"]

REQUEST_SECONDS = 10.0
NOT_FOUND = 404

_CONFLICT, _THROTTLED = 409, 429
_ANSWER_LIMIT = 8 * 1024 * 1024  # bytes; etcd stores 1.5 MiB at most, the API server takes 3 MiB
_SHOWN = 300  # characters of the server's sentence
_MOST_PATIENCE = 30.0  # seconds that a server may ask us to stay away
_KEY_LIKE = re.compile(r"[A-Za-z0-9+/=_\\-]{48,}")

Why: TypeAlias = Literal["conflict", "unreachable", "throttled", "refused", "failed"]


class ClusterError(Exception):
    """The API server did not do what it was asked. Its text is one line for a log, and never holds a key.

    `why` is a closed set, for metrics. `after` is for how many seconds the server asked not to be asked again.
    """

    def __init__(self, text: str, why: Why, after: float = 0.0) -> None:
        super().__init__(text)
        self.why = why
        self.after = after


class PatientClient(client.ApiClient):  # type: ignore[misc]  # the library has no types
    """The library's client, whose errors are read as whole answers are: in time, and no more than there can be."""

    def call_api(self, *words: Any, **more: Any) -> Any:
        """As the library's."""
        found = super().call_api(*words, **more)
        return _Answer(found.response) if isinstance(found, RESTResponse) else found


class _Answer(RESTResponse):  # type: ignore[misc]  # the library has no types
    """An answer that the library reads whole where its status is an error."""

    data: bytes | None

    def read(self) -> bytes:
        """The body. Raises `_EndlessError`."""
        if self.data is None:
            self.data = _body(self.response)
        return self.data


class _EndlessError(Exception):
    """An answer takes too long, or is larger than anything in a cluster."""


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the libraries raise into `ClusterError`, whose text is safe to log."""
    try:
        yield
    except ApiException as error:
        raise _refusal(what, error) from None
    except _EndlessError:
        raise ClusterError(f"cannot {what}: the answer does not end", "unreachable") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        name = type(getattr(error, "reason", None) or error).__name__
        raise ClusterError(f"cannot {what}: the API server does not answer ({name})", "unreachable") from None


def _refusal(what: str, error: ApiException) -> ClusterError:
    status = int(error.status or 0)
    text = f"cannot {what}: HTTP {status}{_sentence(error.body)}"
    after = _patience(error.headers)
    if status == _CONFLICT:
        return ClusterError(text, "conflict", after)
    if status == _THROTTLED:
        return ClusterError(text, "throttled", after)
    if status in (401, 403, 422, 400, 404):
        return ClusterError(text, "refused", after)
    return ClusterError(text, "failed", after)


def _sentence(body: object) -> str:
    """Return what a Status says, without anything that could be a key: admission plugins may quote what they refuse."""
    try:
        message = json.loads(body)["message"] if isinstance(body, str | bytes) else ""
    except (ValueError, TypeError, KeyError):
        return ""
    return f": {safe(message)}" if isinstance(message, str) and message else ""


def safe(text: str) -> str:
    """Return `text` in one short line, without control characters and without anything that could be a key."""
    text = _KEY_LIKE.sub("…", " ".join(text.split()))[:_SHOWN]
    return text if text.isprintable() else ascii(text)[1:-1]


def _patience(headers: Mapping[str, str] | None) -> float:
    value = (headers or {}).get("Retry-After", "")
    return min(float(value), _MOST_PATIENCE) if value.isdecimal() else 0.0


def _body(response: Any) -> bytes:
    """Return the whole answer, if it ends in time and is not larger than anything that the API could hold.

    Raises `_EndlessError`.
    """
    deadline = time.monotonic() + REQUEST_SECONDS
    content = b""
    try:
        while part := response.read1(65536):  # `stream` would wait until so much is there, however long that takes
            content += part
            if len(content) > _ANSWER_LIMIT or time.monotonic() > deadline:
                break
        else:
            response.release_conn()
            return content
    finally:
        response.close()
    raise _EndlessError


def object_in(what: str, response: Any) -> Any:
    """Return the object in the `response` to what was asked, whose connection is free afterwards.

    Belongs within `told`. Raises `ClusterError` where it is no object.
    """
    body = _body(response)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise ClusterError(f"cannot {what}: what answers is no Kubernetes API", "failed")
    return found


def time_of(headers: Mapping[str, str] | None) -> datetime:
    """Return the API server's time by the `headers` of its answer; this machine's where they have none."""
    try:
        return parsedate_to_datetime((headers or {})["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)
