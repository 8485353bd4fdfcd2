"""What connections have: secrets, which are named and never held, TLS, ways to log in, and headers."""

from typing import Annotated

from pydantic import Field

from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import HeaderName, Host, Line
from webhook.config.settings import Model, Text

__all__ = [
    "KEY",
    "Basic",
    "Header",
    "Headers",
    "Login",
    "Protection",
    "SecretKey",
    "Tls",
    "Token",
]

KEY = {"secret": "logs", "key": "token"}
"""A key of a Secret, as options are tried with it."""

_LOGIN = {"user": KEY, "password": KEY}


class SecretKey(Model):
    """One key of a Secret in the Pod's namespace."""

    secret: Annotated[Text, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    key: Annotated[Text, Field(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]


class Tls(Model):
    """How the connection is protected: on, and verified, unless said otherwise."""

    enabled: bool = True
    verify: bool = True
    ca: SecretKey | None = None
    server_name: Host | None = None


class Basic(Model):
    """A user name and a password."""

    user: SecretKey
    password: SecretKey


class Header(Model):
    """A header of each request; its value is a literal or comes from a Secret."""

    name: HeaderName
    value: Line | SecretKey


Protection = Annotated[
    Tls,
    Option(
        "`enabled` and `verify` (both on), `ca` (a key of a Secret), `serverName`",
        tries={
            "tls.enabled: false": {"enabled": False},
            "tls.verify: false": {"verify": False},
            "tls.ca": {"ca": KEY},
            "tls.serverName": {"serverName": "logs.example.com"},
        },
    ),
]
Login = Annotated[Basic | None, Option("`user` and `password`, keys of Secrets", _LOGIN)]
Token = Annotated[SecretKey, Option("a key of a Secret: the token", KEY)]
Headers = Annotated[
    tuple[Header, ...],
    Option(
        "`name` and `value` of headers; a value is a text or a key of a Secret",
        [{"name": "X-Team", "value": "shop"}, {"name": "X-Key", "value": KEY}],
    ),
]
