"""The reference of destinations: one section of a page, and one file of examples, for each type."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from webhook.destinations import TYPES, Destination
from webhook.settings import Model

__all__ = ["EXAMPLES", "destinations_page", "example_file"]

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
        "table": "Custom-Logs_CL",
    },
}
"""Settings for each type, as whoever begins would write them."""

_ABOUT = {
    "namespaces": "globs of the namespaces whose Pods may name it; without, all may",
    "host": "a name or an address, without scheme, port and path",
    "port": "its port",
    "tls": "`enabled` and `verify` (both on), `ca` (a key of a Secret), `serverName`",
    "path": "the path of the URL, before what the API adds",
    "index": "a template of the index; in lower case",
    "daily": "whether `index` is a prefix, to which `-YYYY.MM.DD` is added",
    "basic": "`user` and `password`, keys of Secrets",
    "apiKey": "a key of a Secret: the API key",
    "awsRegion": "sign requests for Amazon's OpenSearch in this region",
    "labels": "templates of the stream's labels, by name; few values each",
    "tenant": "the tenant",
    "token": "a key of a Secret: the token",
    "sourcetype": "a template of the sourcetype; for LogScale the parser, with `hec`",
    "via": "the way in",
    "brokers": "host:port of the first brokers",
    "topic": "a template of the topic",
    "sasl": "`user` and `password`, keys of Secrets, and `mechanism`: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`",
    "bucket": "the bucket",
    "region": "the region",
    "prefix": "a template of what objects' names begin with",
    "endpoint": "another endpoint than the usual one: `https://host:port`",
    "keys": "`accessKeyId` and `secretAccessKey`, keys of Secrets; without, the Pod's own identity",
    "protocol": "the protocol",
    "headers": "`name` and `value` of headers; a value is a text or a key of a Secret",
    "site": "the site of the account",
    "service": "a template of the service",
    "source": "a template of the source",
    "tags": "templates of tags, by name",
    "group": "a template of the log group",
    "stream": "a template of the log stream",
    "createGroup": "whether the agent makes the group",
    "retentionDays": "how long a group that it makes keeps records",
    "sharedKey": "a key of a Secret: the shared key",
    "project": "the project",
    "cluster": "the cluster's name, for the `k8s_container` resource",
    "location": "the cluster's region or zone",
    "credentials": "a key of a Secret: the service account's key file; without, Workload Identity",
    "clientId": "a key of a Secret: the application's client ID",
    "clientSecret": "a key of a Secret: its client secret",
    "rule": "the immutable ID of the data collection rule",
    "table": "the stream of the rule, e.g. `Custom-Logs_CL`",
}

_HEAD = """# Destinations

```yaml
destinations:
  central:
    type: elasticsearch
    host: elasticsearch.logging.svc
```

The administrator configures where agents ship to, under a name; a Pod names one, and never says more than the name:

```yaml
metadata:
  annotations:
    loghook.dev/paths: /var/log/app/*.log
    loghook.dev/destination: central
```

**Secrets** are named by Secret and key. They are in the Pod's own namespace, reach the agent as environment variables
(CAs and key files as files), and never stand in a patch, an annotation or a log. One that is missing keeps no Pod from
starting, unless [`secrets.required`](configuration.md) says so.

**Templates** may have `{namespace}`, `{pod}`, `{node}`, `{source}`, `{container}`, `{label:KEY}` (a label of the Pod)
and `{field:KEY}` (of the Pod's [`fields`](annotations.md)). What a label or a field has besides letters, digits and
`._-` becomes `_`, and what is missing is `unknown`. The source without a name is `default`.

**TLS** is on and verified, unless `tls.enabled` or `tls.verify` says otherwise.

An option that an agent cannot do is a message ([LH145](diagnostics.md#lh145)), as is a type that it does not have
([LH142](diagnostics.md#lh142)): never a configuration that does not load. Fluent Bit, the default, has all types.

Each type below has a whole example, with its Secret and a Pod, in `examples/destinations`.
"""


def destinations_page() -> Iterator[str]:
    """docs/destinations.md: every type, its example first, then its options."""
    yield _HEAD
    for name, model in TYPES.items():
        yield f"## `{name}`\n"
        yield f"```yaml\n{_settings(name)}```\n"
        yield model.about + "\n"
        yield "| option | value | default |\n| --- | --- | --- |"
        yield (
            "\n".join(_row(field.alias or "", field) for key, field in model.model_fields.items() if key != "type")
            + "\n"
        )


def _settings(name: str) -> str:
    return yaml.safe_dump({"destinations": {"central": {"type": name, **EXAMPLES[name]}}}, sort_keys=False, width=100)


def _row(name: str, field: FieldInfo) -> str:
    choices = [f"`{choice}`" for choice in _choices(field.annotation)]
    value = _ABOUT[name] + (f": {', '.join(choices)}" if choices else "")
    return f"| `{name}` | {value} | {_default(field)} |"


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in {Union, UnionType, Annotated}:
        for each in get_args(annotation):
            yield from _choices(each)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None or default in ((), ""):
        return "none"
    if isinstance(default, Model):
        return "on, verified"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, dict):
        return ", ".join(f"`{key}: {value}`" for key, value in default.items()) or "none"
    return f"`{default}`"


# The files.

_POD = """apiVersion: v1
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


def example_file(name: str) -> str:
    """A manifest: the configuration as a comment, the Secrets that it names, and a Pod that ships there."""
    snippet = "".join(f"#   {line}\n" for line in _settings(name).splitlines())
    head = (
        f"# {TYPES[name].about}\n#\n# In the webhook's loghook.yaml:\n#\n{snippet}#\n"
        "# In the namespace of the Pods that name it (put your own values in place of these):\n"
    )
    secrets = _secrets(TYPES[name].model_validate({"type": name, **EXAMPLES[name]}))
    manifests = [yaml.safe_dump(secret, sort_keys=False) for secret in secrets]
    return head + "---\n".join([*manifests, _POD])


def _secrets(destination: Destination) -> Iterator[dict[str, Any]]:
    keys: dict[str, dict[str, str]] = {}
    for _, key in (*destination.secrets(), *destination.secret_files()):
        keys.setdefault(key.secret, {})[key.key] = f"the {key.key} of the destination"
    for name, data in keys.items():
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
