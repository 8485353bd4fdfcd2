"""CrowdStrike Falcon LogScale."""

from typing import Annotated, ClassVar, Literal

from webhook.config.destinations import answers
from webhook.config.destinations.connections import Token
from webhook.config.destinations.destination import Web
from webhook.config.destinations.option import Option
from webhook.config.destinations.texts import Port, Template

__all__ = ["Logscale"]


class Logscale(Web):
    """CrowdStrike Falcon LogScale (Humio), by one of its three ways in."""

    type: Literal["logscale"]
    port: Port = 443
    token: Token
    via: Annotated[Literal["hec", "elastic-bulk", "otlp"], Option("the way in")] = "hec"
    sourcetype: Annotated[Template | None, Option("a template of the parser, with `hec`", "{source}")] = None

    own_headers: ClassVar = {"authorization": "token"}
    title: ClassVar = "CrowdStrike Falcon LogScale"
    about: ClassVar = "CrowdStrike Falcon LogScale (Humio), by HEC, Elastic bulk or OTLP."
    example: ClassVar = {
        "host": "cloud.us.humio.com",
        "token": {"secret": "logs", "key": "token"},
        "via": "hec",
    }
    refusals: ClassVar = {
        "fluent-bit": f"{answers.FLUENT_BIT_HTTP}; with `elastic-bulk` it {answers.FLUENT_BIT}; with `otlp` it "
        f"{answers.FLUENT_BIT_OTLP}",
        "fluentd": answers.FLUENTD_TOLD,
        "vector": f"{answers.VECTOR}; with `otlp` it {answers.TOLD}",
        "otel-collector": answers.COLLECTOR,
    }
    templates: ClassVar = ("sourcetype",)

    @property
    def tells_service(self) -> bool:
        """By OTLP it has a resource for each record."""
        return self.via == "otlp"
