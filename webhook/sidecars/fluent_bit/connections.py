"""What several outputs have in common: what each is made from, and the options for hosts, TLS, secrets and headers."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from webhook.config import destinations
from webhook.config.destinations import Tls
from webhook.sidecars import Stream, Target, Text
from webhook.sidecars.clashes import TIME
from webhook.sidecars.fluent_bit.literals import value

__all__ = ["JSON", "Options", "To", "basic", "headers", "named", "network", "secrets", "templates", "tls"]

Options = dict[str, Any]

JSON: Options = {"json_date_key": TIME, "json_date_format": "iso8601"}
"""How the record's time is written in JSON."""

_D_co = TypeVar("_D_co", covariant=True)

_FILES = {"tls.ca": "tls.ca_file", "tls.cert": "tls.crt_file", "tls.key": "tls.key_file"}


class To(msgspec.Struct, Generic[_D_co]):
    """A stream, the settings of its destination by their own type, and the bytes that its output may keep on disk."""

    stream: Stream
    settings: _D_co
    disk_bytes: int

    @property
    def target(self) -> Target:
        """Where the stream goes."""
        return self.stream.target


def network(target: Target, settings: destinations.Network) -> Options:
    """The host and port of `settings`, and how it is protected."""
    return {"host": settings.host, "port": settings.port, **tls(target, settings.tls)}


def tls(target: Target, settings: Tls) -> Options:
    """Whether and how the connection is protected. Hosts are not verified by name unless that is said."""
    if not settings.enabled:
        return {"tls": "off"}
    verify = "on" if settings.verify else "off"
    return {
        "tls": "on",
        "tls.verify": verify,
        "tls.verify_hostname": verify,
        **{option: target.files[field] for field, option in _FILES.items() if field in target.files},
        **({"tls.vhost": settings.server_name} if settings.server_name else {}),
    }


def basic(target: Target) -> Options:
    """The user and the password, where there are any."""
    return secrets(target, {"basic.user": "http_user", "basic.password": "http_passwd"})


def secrets(target: Target, options: Mapping[str, str]) -> Options:
    """Each of `options` that has a secret, by the field that holds it."""
    return {option: value((target.secrets[field],)) for field, option in options.items() if field in target.secrets}


def named(target: Target, options: Mapping[str, str]) -> Options:
    """Each of `options` that has a template, by the field that holds it."""
    return {option: value(target.templates[field]) for field, option in options.items() if field in target.templates}


def templates(target: Target, field: str) -> Mapping[str, Text]:
    """The templates of a map, by their own keys."""
    return {name.partition(".")[2]: text for name, text in target.templates.items() if name.startswith(f"{field}.")}


def headers(target: Target, own: Mapping[str, Text] = {}, *, is_bearer: bool = False) -> Options:
    """The type's `own` headers and the administrator's; with `is_bearer` the one that a token is sent in, too."""
    lines = [f"{name} {value(text, 1)}" for name, text in own.items()]
    for number, header in enumerate(target.settings.given_headers):
        text = header.value if isinstance(header.value, str) else target.secrets[f"headers.{number}"]
        lines.append(f"{header.name} {value((text,), 1)}")
    if is_bearer and "token" in target.secrets:
        lines.append(f"Authorization Bearer {value((target.secrets['token'],), 1)}")
    return {"header": lines} if lines else {}
