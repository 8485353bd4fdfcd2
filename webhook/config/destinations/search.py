"""What Elasticsearch and OpenSearch have in common."""

from typing import Annotated, ClassVar

from webhook.config.destinations.connections import Login
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, Template, UrlPath

__all__ = ["Search"]


class Search(Web):
    """A search engine that takes documents by the bulk API."""

    port: Port = 9200
    path: UrlPath = ""
    index: Annotated[Template, Option("a template of the index; in lower case", "shop-{namespace}")] = "loghook"
    daily: Annotated[bool, Option("whether `index` is a prefix, to which `-YYYY.MM.DD` is added")] = False
    basic: Login = None

    logins: ClassVar[tuple[str, ...]] = ("basic",)
    templates: ClassVar = ("index",)
