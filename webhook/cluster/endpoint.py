"""A registered webhook as the API server calls it: its Service's address, and a certificate that the caBundle trusts.

Source: kubernetes/kubernetes, staging/src/k8s.io/apiserver/pkg/util/webhook/client.go
"""

import base64
import binascii
import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from webhook.cluster.api import Api, ApiError
from webhook.diagnostics import escape

__all__ = ["Answer", "Endpoint", "EndpointError", "UnreachedError", "UntrustedError", "bundle_of", "endpoint"]

_SECONDS = 5.0
_HTTPS = 443
_PATH = "/mutate"
_MOST = 2**24  # bytes of an answer
_FOREIGN = re.compile(rb"[^\x00-\x7f]")
"""What stands in comments of PEM, as of the bundles that systems bring; the API server takes it, and `ssl` does not."""


class EndpointError(Exception):
    """The webhook cannot be called, or does not answer as one. Its text is one line that says why."""


class UntrustedError(EndpointError):
    """It is there, and its certificate is not one that the caBundle vouches for."""


class UnreachedError(EndpointError):
    """Nobody answers there. `is_refused`: the machine is reached, and nothing listens."""

    def __init__(self, text: str, *, is_refused: bool) -> None:
        super().__init__(text)
        self.is_refused = is_refused


@dataclass(frozen=True)
class Endpoint:
    """Where a webhook is called, and by whom it must be vouched for: `bundle` is PEM.

    `dial` makes a connection by another way than to the address.
    """

    host: str
    address: str
    port: int
    path: str
    bundle: str
    dial: Callable[[], socket.socket] | None = None

    @classmethod
    def of(cls, webhook: dict[str, Any], bundle: str) -> "Endpoint":
        """Where `webhook` is called by what its registration says alone: by name. Raises EndpointError."""
        said = webhook["clientConfig"]
        if "service" in said:
            service = said["service"]
            host = f"{service['name']}.{service['namespace']}.svc"
            return cls(host, host, service.get("port", _HTTPS), service.get("path") or _PATH, bundle)
        url = urlsplit(said["url"])
        return cls(url.hostname or "", url.hostname or "", url.port or _HTTPS, url.path or "/", bundle)

    def __str__(self) -> str:
        return f"https://{self.host}" if self.port == _HTTPS else f"https://{self.host}:{self.port}"

    def ask(self, review: dict[str, Any]) -> "Answer":
        """Return the response to an AdmissionReview. Raises EndpointError."""
        connection = _Connection(self)
        try:
            connection.request("POST", self.path, json.dumps(review), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read(_MOST)
        except ssl.SSLCertVerificationError as error:
            raise UntrustedError(f"{self} is not trusted by its caBundle: {error.verify_message}") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            is_refused = isinstance(error, ConnectionRefusedError)
            raise UnreachedError(f"{self} does not answer at {self.address}: {why}", is_refused=is_refused) from None
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise EndpointError(f"{self} answered HTTP {answer.status}: {escape(content.decode('utf-8', 'replace'))}")
        return Answer(connection.begins, connection.expires, _response(self, content))


@dataclass(frozen=True)
class Answer:
    """A webhook's `response`, as JSON, and from when and until when the certificate is valid that it came with."""

    begins: datetime
    expires: datetime
    response: dict[str, Any]

    @property
    def patch(self) -> list[dict[str, Any]]:
        """The operations of its patch. Raises EndpointError where they cannot be read."""
        try:
            return list(json.loads(base64.b64decode(self.response.get("patch") or "W10=", validate=True)))
        except (ValueError, TypeError):
            raise EndpointError("the patch in the answer is no base64 of JSON") from None


class _Connection(http.client.HTTPSConnection):
    """Connects to the address, and insists on the name: there may be no DNS, and the API server does the same."""

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            context = ssl.create_default_context(cadata=endpoint.bundle)
        except ssl.SSLError:
            raise EndpointError("the caBundle holds no certificate") from None
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        super().__init__(endpoint.host, endpoint.port, timeout=_SECONDS, context=context)
        self._endpoint = endpoint
        self._tls = context
        self.begins = datetime.min.replace(tzinfo=UTC)
        self.expires = datetime.max.replace(tzinfo=UTC)

    def connect(self) -> None:
        """Shake hands."""
        place = self._endpoint
        plain = place.dial() if place.dial else socket.create_connection((place.address, place.port), timeout=_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=place.host)
        found = self.sock.getpeercert() or {}
        self.begins = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notBefore"])), UTC)
        self.expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def endpoint(api: Api, webhook: dict[str, Any]) -> Endpoint:
    """Return where the API server calls `webhook`, one entry of a configuration. Raises EndpointError."""
    said = webhook["clientConfig"]
    if "service" not in said:
        raise EndpointError(f"{webhook['name']} is called by a URL, not by a Service: use `loghook preview`")
    service = said["service"]
    place = Endpoint.of(webhook, bundle_of(webhook))
    try:
        spec = api.service(service["namespace"], service["name"])["spec"]
    except ApiError as error:
        raise EndpointError(str(error)) from None
    address = spec.get("externalName") or spec.get("clusterIP") or ""
    return replace(place, address=place.host if address in ("", "None") else address)


def bundle_of(webhook: dict[str, Any]) -> str:
    """Return the caBundle of `webhook`, as PEM. Raises EndpointError where it has none that can be read."""
    name, text = webhook["name"], webhook["clientConfig"].get("caBundle") or ""
    if not text:
        raise EndpointError(
            f"{name} has no caBundle yet: is what writes it running (the certificate controller, or cert-manager's "
            "CA injector)?"
        )
    try:
        pem = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise EndpointError(f"the caBundle of {name} is no PEM") from None
    return _FOREIGN.sub(b"?", pem).decode("ascii")


def _response(endpoint: Endpoint, content: bytes) -> dict[str, Any]:
    try:
        response = dict(json.loads(content)["response"])
    except (ValueError, LookupError, TypeError):
        response = {}
    if not response.keys() >= {"uid", "allowed"}:
        raise EndpointError(f"{endpoint} answered something else than an AdmissionReview")
    return response
