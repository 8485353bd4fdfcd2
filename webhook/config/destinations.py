"""Where agents ship records: one model for each type of destination, configured by the administrator under a name.

A Pod only ever names one. Secrets are named and never held: each is one key of a Secret in the Pod's own namespace. The
table `TYPES` drives the configuration, the documentation and the tests; how an agent is told is in its renderer.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from webhook.config.settings import Model, Text

__all__ = [
    "DESTINATION_NAME",
    "PLACEHOLDER",
    "S3",
    "TYPES",
    "AnyDestination",
    "Aws",
    "Azure",
    "CloudWatch",
    "Datadog",
    "Destination",
    "Elasticsearch",
    "Forward",
    "GoogleCloud",
    "Header",
    "Http",
    "Kafka",
    "Logscale",
    "Loki",
    "Network",
    "OpenSearch",
    "Otlp",
    "SecretKey",
    "Splunk",
    "Stdout",
    "Syslog",
    "Tls",
]

DESTINATION_NAME = r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?"
"""A name of a destination: without dots, so that the variables of two destinations never have one name."""

PLACEHOLDER = re.compile(
    r"\{(?P<what>namespace|pod|node|source|container|label:(?P<label>[A-Za-z0-9./_-]{1,317})|field:(?P<field>\w{1,63}))\}"
)
"""One placeholder of a template: `{namespace}`, `{pod}`, `{node}`, `{source}`, `{container}`, `{label:KEY}` or
`{field:KEY}`."""


def _template(text: str) -> str:
    left = PLACEHOLDER.sub("", text)
    if "{" in left or "}" in left:
        known = "{namespace}, {pod}, {node}, {source}, {container}, {label:KEY} and {field:KEY}"
        raise ValueError(f"write placeholders as one of {known}")
    return _line(text)


def _line(text: str) -> str:
    if not text.isprintable() or "$" in text:
        raise ValueError("leave out control characters and '$'")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,39}\]?", text):
        raise ValueError("write a host name or an address, without scheme, port and path")
    return text.strip("[]")


def _path(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~!&'()*+,;=:@%/?-]*)?", text):
        raise ValueError("write the path of a URL, e.g. /ingest")
    return text


Line = Annotated[Text, Field(min_length=1, max_length=256), AfterValidator(_line)]
Template = Annotated[Text, Field(min_length=1, max_length=256), AfterValidator(_template)]
Host = Annotated[Text, AfterValidator(_host)]
UrlPath = Annotated[str, AfterValidator(_path)]
Port = Annotated[int, Field(gt=0, lt=65536)]
Word = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#%&'*+.^_`|~-]{1,64}$")]


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


class Destination(Model):
    """What every destination has. `namespaces` are globs of those whose Pods may name it; none given means all."""

    type: str
    namespaces: tuple[Annotated[str, Field(pattern=r"^[-a-z0-9*?]{1,63}$")], ...] = ()

    about: ClassVar[str]
    templates: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()

    def secrets(self) -> Iterator[tuple[str, SecretKey]]:
        """Each SecretKey whose value is for a variable, with the field that holds it, e.g. `password`."""
        for name, value in _secrets(self):
            if name not in {*self.files, "tls.ca"}:
                yield name, value

    def secret_files(self) -> Iterator[tuple[str, SecretKey]]:
        """Each SecretKey whose value is for a file, with the field that holds it: `tls.ca`, `credentials`."""
        for name, value in _secrets(self):
            if name in {*self.files, "tls.ca"}:
                yield name, value

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each template, with the field that holds it: `index`, or `labels.KEY` for one of a map."""
        for name in self.templates:
            value = getattr(self, name)
            if isinstance(value, Mapping):
                yield from ((f"{name}.{key}", text) for key, text in value.items())
            elif value is not None:
                yield name, value


def _secrets(model: Model, place: str = "") -> Iterator[tuple[str, SecretKey]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretKey):
            yield place + name, value
        elif isinstance(value, Model):
            yield from _secrets(value, f"{place}{name}.")
        elif name == "headers":
            yield from (
                (f"{place}{name}.{number}", header.value)
                for number, header in enumerate(value)
                if isinstance(header.value, SecretKey)
            )


class Network(Destination):
    """A destination that is a host and a port."""

    host: Host
    port: Port
    tls: Tls = Tls()


class Basic(Model):
    """A user name and a password."""

    user: SecretKey
    password: SecretKey


class Header(Model):
    """A header of each request; its value is a literal or comes from a Secret."""

    name: HeaderName
    value: Line | SecretKey


class Stdout(Destination):
    """The agent's own stdout, as JSON lines."""

    type: Literal["stdout"]
    about: ClassVar = "The sidecar's own output, as JSON lines: for a first try, or for the node's agent."


class _Search(Network):
    """What Elasticsearch and OpenSearch have in common."""

    port: Port = 9200
    path: UrlPath = ""
    index: Template = "loghook"
    daily: bool = False
    """Whether `index` is a prefix, to which `-YYYY.MM.DD` is added."""
    basic: Basic | None = None
    templates: ClassVar = ("index",)


class Elasticsearch(_Search):
    """Elasticsearch 7 to 9, or Elastic Cloud by its host."""

    type: Literal["elasticsearch"]
    api_key: SecretKey | None = None
    about: ClassVar = "Elasticsearch 7 to 9 and Elastic Cloud, by the bulk API."

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if self.basic and self.api_key:
            raise ValueError("give either basic or apiKey")
        return self


class OpenSearch(_Search):
    """OpenSearch; with `awsRegion` the requests are signed for Amazon's."""

    type: Literal["opensearch"]
    aws_region: Word | None = None
    about: ClassVar = "OpenSearch, by the bulk API; Amazon's with signed requests."


class Loki(Network):
    """Grafana Loki."""

    type: Literal["loki"]
    port: Port = 3100
    path: UrlPath = "/loki/api/v1/push"
    labels: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")], Template] = {
        "job": "loghook",
        "namespace": "{namespace}",
        "source": "{source}",
    }
    tenant: Word | None = None
    basic: Basic | None = None
    token: SecretKey | None = None
    templates: ClassVar = ("labels",)
    about: ClassVar = "Grafana Loki, by its push API."

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if self.basic and self.token:
            raise ValueError("give either basic or token")
        return self


class Splunk(Network):
    """Splunk's HTTP Event Collector."""

    type: Literal["splunk"]
    port: Port = 8088
    token: SecretKey
    index: Template | None = None
    sourcetype: Template | None = None
    templates: ClassVar = ("index", "sourcetype")
    about: ClassVar = "Splunk, by its HTTP Event Collector."


class Logscale(Network):
    """CrowdStrike Falcon LogScale (Humio), by one of its three ways in."""

    type: Literal["logscale"]
    port: Port = 443
    token: SecretKey
    via: Literal["hec", "elastic-bulk", "otlp"] = "hec"
    sourcetype: Template | None = None
    """The parser, for `hec`."""
    templates: ClassVar = ("sourcetype",)
    about: ClassVar = "CrowdStrike Falcon LogScale (Humio), by HEC, Elastic bulk or OTLP."


class Sasl(Basic):
    """How a client of Kafka logs in."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class Kafka(Destination):
    """Apache Kafka."""

    type: Literal["kafka"]
    brokers: Annotated[
        tuple[Annotated[Text, Field(pattern=r"^[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$")], ...], Field(min_length=1)
    ]
    topic: Template = "logs"
    tls: Tls = Tls()
    sasl: Sasl | None = None
    templates: ClassVar = ("topic",)
    about: ClassVar = "Apache Kafka, records as JSON."


class Aws(Model):
    """Keys for AWS; without them the Pod's own identity is used (IRSA, Pod Identity, the instance's)."""

    access_key_id: SecretKey
    secret_access_key: SecretKey


class S3(Destination):
    """Amazon S3, or what speaks its API."""

    type: Literal["s3"]
    bucket: Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    region: Word
    prefix: Template = "{namespace}/{source}"
    endpoint: Annotated[Text, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] | None = None
    keys: Aws | None = None
    templates: ClassVar = ("prefix",)
    about: ClassVar = "Amazon S3 and what speaks its API: gzipped JSON lines, an object a minute at most."


class Otlp(Network):
    """What speaks OTLP: an OpenTelemetry Collector, and most backends."""

    type: Literal["otlp"]
    port: Port = 4318
    protocol: Literal["http", "grpc"] = "http"
    path: UrlPath = "/v1/logs"
    token: SecretKey | None = None
    """Sent as `Authorization: Bearer`."""
    headers: tuple[Header, ...] = ()
    about: ClassVar = "OTLP over HTTP or gRPC: an OpenTelemetry Collector, and most backends."


class Http(Network):
    """Anything that takes JSON by HTTP."""

    type: Literal["http"]
    port: Port = 443
    path: UrlPath = "/"
    basic: Basic | None = None
    token: SecretKey | None = None
    headers: tuple[Header, ...] = ()
    about: ClassVar = "Anything that takes JSON lines by HTTP POST."

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if self.basic and self.token:
            raise ValueError("give either basic or token")
        return self


class Datadog(Destination):
    """Datadog's log intake."""

    type: Literal["datadog"]
    site: Host = "datadoghq.com"
    api_key: SecretKey
    service: Template = "{container}"
    source: Template = "{source}"
    tags: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,63}$")], Template] = {}
    host: Host | None = None
    """Instead of the site's own intake, e.g. a proxy."""
    port: Port = 443
    tls: Tls = Tls()
    templates: ClassVar = ("service", "source", "tags")
    about: ClassVar = "Datadog's log intake."


class CloudWatch(Destination):
    """Amazon CloudWatch Logs."""

    type: Literal["cloudwatch"]
    region: Word
    group: Template = "/loghook/{namespace}"
    stream: Template = "{pod}/{source}"
    create_group: bool = False
    retention_days: Annotated[int, Field(gt=0, le=3653)] | None = None
    keys: Aws | None = None
    endpoint: Annotated[Text, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] | None = None
    templates: ClassVar = ("group", "stream")
    about: ClassVar = "Amazon CloudWatch Logs."


class Forward(Network):
    """Fluentd's forward protocol: another Fluentd or Fluent Bit."""

    type: Literal["forward"]
    port: Port = 24224
    shared_key: SecretKey | None = None
    about: ClassVar = "Fluentd's forward protocol: an aggregator of Fluentd or Fluent Bit."


class Syslog(Network):
    """A syslog server, RFC 5424."""

    type: Literal["syslog"]
    port: Port = 6514
    protocol: Literal["tls", "tcp", "udp"] = "tls"
    about: ClassVar = "A syslog server, RFC 5424 over TLS, TCP or UDP."


class GoogleCloud(Destination):
    """Google Cloud Logging; without credentials by Workload Identity."""

    type: Literal["google-cloud"]
    project: Word
    cluster: Word
    location: Word
    credentials: SecretKey | None = None
    files: ClassVar = ("credentials",)
    about: ClassVar = "Google Cloud Logging, as `k8s_container` resources."


class Azure(Destination):
    """Azure Monitor, by the Logs Ingestion API."""

    type: Literal["azure"]
    tenant: Word
    client_id: SecretKey
    client_secret: SecretKey
    endpoint: Annotated[Text, Field(pattern=r"^https://[A-Za-z0-9.-]+$")]
    rule: Word
    table: Word
    about: ClassVar = "Azure Monitor, by the Logs Ingestion API."


AnyDestination = Annotated[
    Stdout
    | Elasticsearch
    | OpenSearch
    | Loki
    | Splunk
    | Logscale
    | Kafka
    | S3
    | Otlp
    | Http
    | Datadog
    | CloudWatch
    | Forward
    | Syslog
    | GoogleCloud
    | Azure,
    Field(discriminator="type"),
]
"""A destination as the configuration has it, told apart by its `type`."""

TYPES: Mapping[str, type[Destination]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(AnyDestination)[0])
}
"""Every type of destination by its name."""
