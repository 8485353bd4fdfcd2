"""What exporters have in common: what one is, and options for URLs, TLS, secrets, headers, and ways to log in."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from webhook.config.destinations import Destination, Network, Tls
from webhook.sidecars import Target, Text
from webhook.sidecars.otel_collector.notation import quoted, statement

__all__ = [
    "Export",
    "Extension",
    "assignment",
    "auth",
    "basic",
    "bearer",
    "headers",
    "secret",
    "settings_as",
    "tls",
    "url",
]


_Settings = TypeVar("_Settings", bound=Destination)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One exporter: its `kind`, its `options`, and what its records and the collector need for it.

    `is_document`: it takes one flat document as the body, else a record of OTLP; `keeps_line`: the line as it was
    written, with fields as attributes beside it. `statements` are for its records, by context. `extensions`
    are others by type, and are named as the exporter; where it refers to one it does so by `Extension`.
    """

    kind: str
    options: dict[str, Any]
    is_document: bool = True
    keeps_line: bool = False
    statements: Mapping[str, list[Text]] = {}
    extensions: Mapping[str, dict[str, Any]] = {}
    is_in_small_image: bool = False


class Extension(NamedTuple):
    """The name of an extension of this exporter's own, by its type."""

    kind: str


def url(settings: Network, path: str = "") -> str:
    """The URL of `settings`, with `path` behind the port."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls.enabled else 'http'}://{host}:{settings.port}{path}"


def tls(target: Target) -> dict[str, Any]:
    """What is said of TLS. A CA is not named here: a file that is missing would end the collector (see `env`)."""
    settings: Tls = getattr(target.settings, "tls", Tls())
    if not settings.enabled:
        return {"tls": {"insecure": True}}
    said = {
        "insecure_skip_verify": not settings.verify,
        "server_name_override": settings.server_name,
        "cert_file": target.files.get("tls.cert"),
        "key_file": target.files.get("tls.key"),
        "reload_interval": "60s" if "tls.cert" in target.files else None,
    }
    options = {key: value for key, value in said.items() if value}
    return {"tls": options} if options else {}


def secret(target: Target, field: str) -> Text:
    """The secret that `field` holds."""
    return (target.secrets[field],)


def bearer(target: Target) -> dict[str, Text]:
    """The header that a token is sent in, where there is one."""
    return {"Authorization": ("Bearer ", target.secrets["token"])} if "token" in target.secrets else {}


def headers(target: Target, own: Mapping[str, Text] = {}) -> dict[str, Any]:
    """The option `headers`: those of the exporter's `own` and the administrator's, none where there are neither."""
    given = dict(own)
    for number, header in enumerate(target.settings.given_headers):
        named = f"headers.{number}"
        given[header.name] = secret(target, named) if named in target.secrets else (str(header.value),)
    return {"headers": given} if given else {}


def basic(target: Target) -> dict[str, dict[str, Any]]:
    """The extension that logs in with a name and a password."""
    if "basic.user" not in target.secrets:
        return {}
    login = {"username": secret(target, "basic.user"), "password": secret(target, "basic.password")}
    return {"basicauth": {"client_auth": login}}


def auth(extensions: Mapping[str, Any]) -> dict[str, Any]:
    """How an exporter is told of the one of `extensions` that logs in."""
    return {"auth": {"authenticator": Extension(next(iter(extensions)))}} if extensions else {}


def assignment(place: str, value: str | Text) -> Text:
    """The statement that sets `place` to `value`."""
    return statement(f"set({place}, ", quoted(value), ")")


def settings_as(model: type[_Settings], target: Target) -> _Settings:
    """The settings of `target`, which are of `model`. Raises TypeError where they are not."""
    if not isinstance(target.settings, model):
        raise TypeError(f"{target.name} is no {model.__name__}")
    return target.settings
