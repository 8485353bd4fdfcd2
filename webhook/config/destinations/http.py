"""HTTP."""

from typing import ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Login, Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.texts import Port, UrlPath

__all__ = ["Http"]


class Http(Web):
    """Anything that takes JSON by HTTP."""

    type: Literal["http"]
    port: Port = 443
    path: UrlPath = "/"
    basic: Login = None
    token: Token | None = None

    logins: ClassVar = ("basic", "token")
    title: ClassVar = "HTTP"
    about: ClassVar = "Anything that takes JSON lines by HTTP POST."
    example: ClassVar = {
        "host": "logs.example.com",
        "path": "/ingest",
        "headers": [
            {"name": "X-Api-Key", "value": {"secret": "logs", "key": "token"}},
            {"name": "X-Team", "value": "shop"},
        ],
    }
    refusals: ClassVar = {
        "fluent-bit": answers.FLUENT_BIT_HTTP,
        "fluentd": answers.FLUENTD_TOLD,
        "vector": answers.VECTOR_TOLD,
    }
