"""What the parameters of several outputs have in common: secrets, TLS, headers, and Fluentd's own `http` output."""

from collections.abc import Mapping

from webhook.config.destinations import Network
from webhook.sidecars import Target, Text
from webhook.sidecars.fluentd.literals import Readable, Value, json_text

__all__ = ["Parameters", "ca", "client", "custom_headers", "host", "secret", "web"]

Parameters = dict[str, Value | None]

_RETRIED = json_text([401, 403, 404, 407, 408, 425, 429, 500, 502, 503, 504])
"""What an answer of `http` is retried for: a credential that comes later, a proxy, a busy server."""


def secret(target: Target, field: str) -> Text | None:
    """The secret that `field` holds, where one is named."""
    return (target.secrets[field],) if field in target.secrets else None


def ca(target: Target) -> Readable | None:
    """The CA where its Secret is there; without it what the image trusts is trusted, and the rest is retried."""
    return Readable(target.files["tls.ca"]) if "tls.ca" in target.files else None


def client(target: Target, certificate: str, key: str) -> Parameters:
    """The client's certificate and its key under the names that the output has for them."""
    files = {certificate: target.files.get("tls.cert"), key: target.files.get("tls.key")}
    return {parameter: Readable(file) for parameter, file in files.items() if file}


def host(name: str) -> str:
    """A host as a URL has it."""
    return f"[{name}]" if ":" in name else name


def _headers(target: Target) -> dict[str, Text]:
    """The headers of the administrator."""
    return {
        header.name: secret(target, f"headers.{number}") or (str(header.value),)
        for number, header in enumerate(target.settings.given_headers)
    }


def web(network: Network, path: str, own: Mapping[str, Text], target: Target) -> Parameters:
    """Fluentd's own `http` output, with headers of its `own` beside the administrator's."""
    headers = {**own, **_headers(target)}
    scheme = "https" if network.tls.enabled else "http"
    return {
        "@type": "http",
        "endpoint": f"{scheme}://{host(network.host)}:{network.port}{path}",
        "http_method": "post",
        "content_type": "application/x-ndjson",
        "json_array": False,
        "headers": json_text(headers) if headers else None,
        "open_timeout": 10,
        "read_timeout": 30,
        "retryable_response_codes": _RETRIED,
        "tls_ca_cert_path": ca(target) if network.tls.enabled else None,
        "tls_verify_mode": "none" if network.tls.enabled and not network.tls.verify else None,
        **client(target, "tls_client_cert_path", "tls_private_key_path"),
    }


def custom_headers(target: Target) -> Text | None:
    """The headers of the administrator, as outputs other than `http` take them."""
    given = _headers(target)
    return json_text(given) if given else None
