"""Where agents ship records: one model for each type of destination, configured by the administrator under a name.

A Pod only ever names one. Secrets are named and never held: each is one key of a Secret in the Pod's own namespace.
What is said of a type stands beside its model: `loki.py` has its settings, its title, an example and what agents do
about refusals, and `loki.md` what a user must know. The table `TYPES` drives the configuration, the documentation and
the tests; how an agent is told is in its renderer.
"""

from collections.abc import Mapping
from typing import Annotated, get_args

from pydantic import Field

from webhook.config.destinations.aws import Aws
from webhook.config.destinations.azure import Azure
from webhook.config.destinations.cloudwatch import CloudWatch
from webhook.config.destinations.connections import SecretKey, Tls
from webhook.config.destinations.datadog import Datadog
from webhook.config.destinations.destination import Destination, Network
from webhook.config.destinations.elasticsearch import Elasticsearch
from webhook.config.destinations.forward import Forward
from webhook.config.destinations.google_cloud import GoogleCloud
from webhook.config.destinations.headers import Header
from webhook.config.destinations.http import Http
from webhook.config.destinations.kafka import Kafka, Sasl
from webhook.config.destinations.logscale import Logscale
from webhook.config.destinations.loki import Loki
from webhook.config.destinations.opensearch import OpenSearch
from webhook.config.destinations.otlp import Otlp
from webhook.config.destinations.s3 import S3
from webhook.config.destinations.splunk import Splunk
from webhook.config.destinations.stdout import Stdout
from webhook.config.destinations.syslog import Syslog
from webhook.config.destinations.texts import DESTINATION_NAME, PLACEHOLDER
from webhook.config.destinations.victorialogs import VictoriaLogs
from webhook.tables import demand

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
    "Sasl",
    "SecretKey",
    "Splunk",
    "Stdout",
    "Syslog",
    "Tls",
    "VictoriaLogs",
]

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
    | Azure
    | VictoriaLogs,
    Field(discriminator="type"),
]
"""A destination as the configuration has it, told apart by its `type`."""

TYPES: Mapping[str, type[Destination]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(AnyDestination)[0])
}
"""Every type of destination by its name."""

for _model in TYPES.values():
    demand(
        ("title", "about", "example"),
        dir(_model),
        f"{_model.__name__} in {_model.__module__} says no `{{name}}`: write it beside the others of the model",
    )
