"""An example for each type of destination, and a file of it with its Secrets and a Pod."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from webhook.config.destinations import TYPES, Destination

__all__ = ["EXAMPLES", "POD", "example_file", "settings"]

_USER = {"secret": "logs", "key": "user"}
_PASSWORD = {"secret": "logs", "key": "password"}
_TOKEN = {"secret": "logs", "key": "token"}
_CA = {"ca": {"secret": "logs-ca", "key": "ca.crt"}}
_KEYS = {"accessKeyId": {"secret": "logs", "key": "id"}, "secretAccessKey": {"secret": "logs", "key": "secret"}}

EXAMPLES: Mapping[str, dict[str, Any]] = {
    "stdout": {},
    "elasticsearch": {
        "host": "elasticsearch.logging.svc",
        "index": "{namespace}-{source}",
        "basic": {"user": _USER, "password": _PASSWORD},
        "tls": _CA,
    },
    "opensearch": {
        "host": "opensearch.logging.svc",
        "index": "{namespace}",
        "daily": True,
        "basic": {"user": _USER, "password": _PASSWORD},
    },
    "loki": {
        "host": "loki-gateway.logging.svc",
        "port": 80,
        "tls": {"enabled": False},
        "tenant": "shop",
        "labels": {"job": "loghook", "namespace": "{namespace}", "app": "{label:app.kubernetes.io/name}"},
    },
    "splunk": {
        "host": "splunk.example.com",
        "token": _TOKEN,
        "index": "kubernetes",
        "sourcetype": "{label:app.kubernetes.io/name}",
    },
    "logscale": {"host": "cloud.us.humio.com", "token": _TOKEN, "via": "hec"},
    "kafka": {
        "brokers": ["kafka-0.kafka:9093", "kafka-1.kafka:9093"],
        "topic": "logs-{namespace}",
        "sasl": {"user": _USER, "password": _PASSWORD, "mechanism": "SCRAM-SHA-512"},
    },
    "s3": {"bucket": "example-logs", "region": "eu-central-1", "prefix": "{namespace}/{pod}", "keys": _KEYS},
    "otlp": {"host": "collector.logging.svc", "protocol": "http", "tls": _CA, "token": _TOKEN},
    "http": {
        "host": "logs.example.com",
        "path": "/ingest",
        "headers": [{"name": "X-Api-Key", "value": _TOKEN}, {"name": "X-Team", "value": "shop"}],
    },
    "datadog": {
        "site": "datadoghq.eu",
        "apiKey": _TOKEN,
        "service": "{label:app.kubernetes.io/name}",
        "tags": {"env": "production", "team": "{field:team}"},
    },
    "cloudwatch": {
        "region": "eu-central-1",
        "group": "/kubernetes/{namespace}",
        "createGroup": True,
        "retentionDays": 30,
        "keys": _KEYS,
    },
    "forward": {"host": "fluentd.logging.svc", "sharedKey": _TOKEN, "tls": {"enabled": False}},
    "syslog": {"host": "syslog.example.com", "protocol": "tls", "tls": _CA},
    "google-cloud": {
        "project": "example",
        "cluster": "production",
        "location": "europe-west3",
        "credentials": {"secret": "logs", "key": "key.json"},
    },
    "azure": {
        "tenant": "00000000-0000-0000-0000-000000000000",
        "clientId": {"secret": "logs", "key": "id"},
        "clientSecret": {"secret": "logs", "key": "secret"},
        "endpoint": "https://example-abcd.westeurope-1.ingest.monitor.azure.com",
        "rule": "dcr-00000000000000000000000000000000",
        "table": "Logs_CL",
    },
}
"""Settings for each type, as whoever begins would write them."""


def settings(name: str) -> str:
    """The example of a type as loghook.yaml has it."""
    return yaml.safe_dump({"destinations": {"central": {"type": name, **EXAMPLES[name]}}}, sort_keys=False, width=100)


POD = """apiVersion: v1
kind: Pod
metadata:
  name: shop
  labels:
    app.kubernetes.io/name: shop
  annotations:
    loghook.dev/paths: /var/log/shop/*.log
    loghook.dev/format: json
    loghook.dev/fields: team=web
    loghook.dev/destination: central
spec:
  containers:
    - name: shop
      image: docker.io/library/busybox:1.37
      command:
        - /bin/sh
        - -c
        - |
          trap 'exit 0' TERM
          while :; do
            echo "{\\"time\\":\\"$(date -Iseconds)\\",\\"message\\":\\"order placed\\"}" >>/var/log/shop/shop.log
            sleep 1 & wait $!
          done
      resources:
        requests:
          cpu: 10m
          memory: 16Mi
        limits:
          memory: 16Mi
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop:
            - ALL
        seccompProfile:
          type: RuntimeDefault
"""


"""A Pod that ships to the example."""


def example_file(name: str) -> str:
    """A manifest: the configuration as a comment, the Secrets that it names, and a Pod that ships there."""
    snippet = "".join(f"#   {line}\n" for line in settings(name).splitlines())
    head = (
        f"# {TYPES[name].about}\n#\n# In the webhook's loghook.yaml:\n#\n{snippet}#\n"
        "# In the namespace of the Pods that name it (put your own values in place of these):\n"
    )
    secrets = _secrets(TYPES[name].model_validate({"type": name, **EXAMPLES[name]}))
    manifests = [yaml.safe_dump(secret, sort_keys=False) for secret in secrets]
    return head + "---\n".join([*manifests, POD])


def _secrets(destination: Destination) -> Iterator[dict[str, Any]]:
    keys: dict[str, dict[str, str]] = {}
    for _, key in (*destination.secrets(), *destination.secret_files()):
        keys.setdefault(key.secret, {})[key.key] = f"the {key.key} of the destination"
    for name, data in keys.items():
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
