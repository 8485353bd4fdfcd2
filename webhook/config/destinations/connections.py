"""What connections have: secrets, which are named and never held, TLS, and ways to log in."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Host
from webhook.config.settings import Model, Text

__all__ = [
    "KEY",
    "Basic",
    "Login",
    "Protection",
    "SecretKey",
    "Tls",
    "Token",
]

KEY = {"secret": "logs", "key": "token"}
"""A key of a Secret, as options are tried with it."""

_LOGIN = {"user": KEY, "password": KEY}


_SAYS_CERT = {"required": ["cert"], "properties": {"cert": {"type": "object"}}}
_SAYS_KEY = {"required": ["key"], "properties": {"key": {"type": "object"}}}
_IS_OFF = {"required": ["enabled"], "properties": {"enabled": {"enum": [False, "false"]}}}
_WHOLE: dict[str, Any] = {
    "allOf": [
        {"if": _SAYS_CERT, "then": {**_SAYS_KEY, "not": _IS_OFF}},
        {"if": _SAYS_KEY, "then": _SAYS_CERT},
    ]
}
"""What a JSON Schema says of a client certificate."""


class SecretKey(Model):
    """One key of a Secret in the Pod's namespace."""

    secret: Annotated[Text, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    key: Annotated[Text, Field(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]


class Tls(Model):
    """How the connection is protected: on, and verified, unless said otherwise.

    `cert` and `key` are a client's certificate, with those between it and its CA, and its private key, in PEM.
    """

    model_config = ConfigDict(json_schema_extra=_WHOLE)

    enabled: bool = True
    verify: bool = True
    ca: SecretKey | None = None
    server_name: Host | None = None
    cert: SecretKey | None = None
    key: SecretKey | None = None

    @model_validator(mode="after")
    def _has_a_whole_client_certificate(self) -> Self:
        if (self.cert is None) is not (self.key is None):
            raise ValueError("give cert and key together: a client certificate and its private key")
        if self.cert and not self.enabled:
            raise ValueError("a client certificate needs TLS, leave out enabled: false")
        return self


class Basic(Model):
    """A user name and a password."""

    user: SecretKey
    password: SecretKey


Protection = Annotated[
    Tls,
    Option(
        "`enabled` and `verify` (both on), `serverName`, and keys of Secrets: `ca`, and `cert` and `key` of a client",
        tries={
            "tls.enabled: false": {"enabled": False},
            "tls.verify: false": {"verify": False},
            "tls.ca": {"ca": KEY},
            "tls.serverName": {"serverName": "logs.example.com"},
            "tls.cert": {"cert": KEY, "key": KEY},
        },
    ),
]
Login = Annotated[Basic | None, Option("`user` and `password`, keys of Secrets", _LOGIN)]
Token = Annotated[SecretKey, Option("a key of a Secret: the token", KEY)]
