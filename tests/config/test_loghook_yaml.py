"""The administrator's configuration: what it may say, and the line of what it may not."""

import pytest
from pydantic import ValidationError

from webhook.config import loghook_yaml
from webhook.config.destinations import TYPES
from webhook.config.engines import FluentdVariants
from webhook.config.formats import FORMATS
from webhook.config.loghook_yaml import Config, ConfigError, load


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}", "null"])
def test_is_built_in_where_nothing_is_said(text: str) -> None:
    assert load(text) == Config()


def test_reads_every_setting() -> None:
    read = load("""
defaults:
  drain-seconds: 9
  native-sidecar: false
  cpu-limit: 0.5
  paths: /x.log
namespaces:
  team-a:
    defaults: {format: json, drain-seconds: "3"}
images: {registry: "mirror.example:5000/x/", busybox: quay.io/busybox:1}
imagePullPolicy: Never
imagePullSecrets: [a, b]
runAs: {user: unset, group: 5}
resources:
  busybox: {cpuRequest: 1, cpuLimit: none, memoryRequest: 16Mi, memoryLimit: 1e8}
policy:
  enforce: true
  excludedNamespaces: []
  ceiling: {cpu: 2, memory: null, volumeSize: 10Gi}
""")
    assert read.defaults_for("x") == {
        "drain-seconds": "9",
        "native-sidecar": "false",
        "cpu-limit": "0.5",
        "paths": "/x.log",
    }
    assert read.defaults_for("team-a") == {**read.defaults, "format": "json", "drain-seconds": "3"}
    assert [place for place, _ in read.every_default()] == ["defaults", "namespaces.team-a.defaults"]
    assert read.images.of("busybox") == "mirror.example:5000/x/busybox:1"
    assert (read.run_as.user, read.run_as.group) == ("unset", 5)
    assert read.resources.busybox.cpu_request == "1"
    assert (read.policy.ceiling.cpu, read.policy.ceiling.memory) == ("2", None)
    assert read.policy.excluded_namespaces == ()


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("busybox", "mirror/busybox"),
        ("library/busybox:1", "mirror/library/busybox:1"),
        ("docker.io/library/busybox:1", "mirror/library/busybox:1"),
        ("localhost/busybox", "mirror/busybox"),
        ("localhost:5000/a/b", "mirror/a/b"),
        ("registry:5000/a@sha256:0", "mirror/a@sha256:0"),
        ("team/a/b", "mirror/team/a/b"),
    ],
)
def test_replaces_the_registry_alone(image: str, expected: str) -> None:
    assert load(f"images: {{registry: mirror, busybox: '{image}'}}").images.of("busybox") == expected


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("defalts: {}", ["x.yaml:1: defalts: no such setting, write defaults"]),
        (
            "\n\nimages:\n  registry: a\n  busibox: b\n",
            ["x.yaml:5: images.busibox: no such setting, write busybox"],
        ),
        (
            "resources:\n  fluentd: {cpuLimt: 1}\n",
            ["x.yaml:2: resources.fluentd.cpuLimt: no such setting, write cpuLimit"],
        ),
        (
            "labels: [a, 'b c']\n",
            ["x.yaml:1: labels.1: String should match pattern " + repr(loghook_yaml.LABEL_KEY)],
        ),
        ("runAs:\n  user: 0\n", ["x.yaml:2: runAs.user.constrained-int: Input should be greater than 0"]),
        (
            "policy:\n  ceiling:\n    cpu: lots\n",
            ["x.yaml:3: policy.ceiling.cpu: not a quantity: 'lots'"],
        ),
        (
            "resources:\n  busybox:\n    memoryLimit: 1Mi\n",
            ["x.yaml:2: resources.busybox: the memory limit 1Mi is below the request 32Mi"],
        ),
        (
            "policy:\n  ceiling: {memory: -1}\n",
            ["x.yaml:2: policy.ceiling.memory: a quantity is not negative"],
        ),
        ("imagePullSecrets:\n- a\n- b: c\n", ["x.yaml:3: imagePullSecrets.1: Input should be a valid string"]),
        (
            "imagePullPolicy: always\n",
            ["x.yaml:1: imagePullPolicy: Input should be 'Always', 'IfNotPresent' or 'Never'"],
        ),
        (
            "images:\n  registry: https://mirror.example\n",
            [
                (
                    "x.yaml:2: images.registry: write a registry without a scheme: its host, and a path if it has one, "
                    "e.g. mirror.example/hub"
                )
            ],
        ),
        (
            "images:\n  vector: docker://timberio/vector:1\n",
            ["x.yaml:2: images.vector: write an image without a scheme, e.g. docker.io/library/busybox:1.37"],
        ),
        ("a: 1\nb: 2\n", ["x.yaml:1: a: no such setting", "x.yaml:2: b: no such setting"]),
        ("- a\n", ["x.yaml:1: Input should be a valid dictionary or instance of Config"]),
        ("a: [\n", ["x.yaml: line 2: did not find expected node content"]),
        ("a: b: c\n", ["x.yaml: line 1: mapping values are not allowed in this context"]),
    ],
)
def test_names_the_line_of_each_mistake(text: str, lines: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, "x.yaml")
    found = str(caught.value).splitlines()
    if "runAs" in text:  # two ways to be wrong, of which pydantic names both
        assert found[0].startswith("x.yaml:2: runAs.user")
        assert "greater than 0" in found[0]
        return
    assert found == lines


@pytest.mark.parametrize("text", ["\x00", "a: \x07", "!!python/object/apply:os.system [id]", "a: &x [*x]"])
def test_refuses_what_no_configuration_needs(text: str) -> None:
    with pytest.raises(ConfigError):
        load(text)


def test_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().image_pull_policy = "Never"


# Destinations and formats.


def lines_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, "x")
    return str(caught.value).splitlines()


def in_destination(*settings: str) -> str:
    return "destinations:\n  central:\n" + "".join(f"    {line}\n" for line in settings)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            in_destination("type: elasticsearc", "host: a"),
            [f"x:2: destinations.central: no such type, write elasticsearch; there are {', '.join(TYPES)}"],
        ),
        (
            in_destination("host: a"),
            [f"x:2: destinations.central: say its type; there are {', '.join(TYPES)}"],
        ),
        (
            in_destination("type: elasticsearch", "hst: a", "tls:", "  verfy: 1"),
            [
                "x:2: destinations.central.host: this setting is required, e.g. host: …",
                "x:6: destinations.central.tls.verfy: no such setting, write verify",
                "x:4: destinations.central.hst: no such setting, write host",
            ],
        ),
        (
            in_destination("type: s3", "bucket: logs", "region: x", "prefix: '{nmespace}'"),
            [
                (
                    "x:6: destinations.central.prefix: write placeholders as one of {namespace}, {pod}, {node}, "
                    "{source}, {container}, {label:KEY} and {field:KEY}"
                )
            ],
        ),
        (
            in_destination("type: elasticsearch", "host: a", "apiKey: {secret: a, key: b}", "basic:")
            + "      user: {secret: a, key: b}\n      password: {secret: a, key: b}\n",
            ["x:2: destinations.central: give either basic or apiKey"],
        ),
        (
            in_destination("type: http", "host: a", "headers:", "- name: A", "  value: {secret: a, kee: b}"),
            [
                "x:7: destinations.central.headers.0.value: Input should be a valid string",
                "x:7: destinations.central.headers.0.value.key: this setting is required, e.g. key: …",
                "x:7: destinations.central.headers.0.value.kee: no such setting, write key",
            ],
        ),
        (
            in_destination("type: http", "host: a", "headers:", "- {name: authorization, value: Bearer x}"),
            [
                (
                    "x:6: destinations.central.headers.0: name a key of a Secret for authorization, e.g. "
                    "value: {secret: logs, key: token}"
                )
            ],
        ),
        (
            in_destination("type: datadog", "apiKey: {secret: a, key: b}", "headers:", "- {name: X-Api-Key, value: x}"),
            [
                (
                    "x:6: destinations.central.headers.0: name a key of a Secret for X-Api-Key, e.g. "
                    "value: {secret: logs, key: token}"
                )
            ],
        ),
        (
            in_destination("type: loki", "host: a", "headers:", "- {name: Content-Length, value: '0'}"),
            ["x:6: destinations.central.headers.0: the agent says Content-Length itself, leave it out"],
        ),
        (
            in_destination("type: loki", "host: a", "headers:", '- {name: A, value: "x\\r\\nB: y"}'),
            [
                (
                    "x:6: destinations.central.headers.0.value: write printable ASCII without '$', and without a space "
                    "at either end"
                ),
                (
                    "x:6: destinations.central.headers.0.value: Input should be a valid dictionary or instance of "
                    "SecretKey"
                ),
            ],
        ),
        (
            in_destination("type: loki", "host: a", "headers:", "- {name: A, value: x}", "- {name: a, value: y}"),
            ["x:2: destinations.central: write the header a once"],
        ),
        (
            in_destination("type: loki", "host: a", "headers:", "- {name: X-Scope-OrgID, value: x}"),
            ["x:2: destinations.central: write tenant in place of the header x-scope-orgid"],
        ),
        (
            in_destination(
                *("type: otlp", "host: a", "token: &k {secret: a, key: b}"),
                *("headers:", "- {name: Authorization, value: *k}"),
            ),
            ["x:2: destinations.central: give either token or the header Authorization"],
        ),
        (
            in_destination("type: loki", "host: a", "tls: {cert: {secret: a, key: b}}"),
            ["x:5: destinations.central.tls: give cert and key together: a client certificate and its private key"],
        ),
        (
            in_destination("type: loki", "host: a", "tls: {key: {secret: a, key: b}}"),
            ["x:5: destinations.central.tls: give cert and key together: a client certificate and its private key"],
        ),
        (
            in_destination("type: loki", "host: a", "tls: {enabled: false, cert: &k {secret: a, key: b}, key: *k}"),
            ["x:5: destinations.central.tls: a client certificate needs TLS, leave out enabled: false"],
        ),
        (
            in_destination("type: syslog", "host: a", "protocol: tcp", "tls: {cert: &k {secret: a, key: b}, key: *k}"),
            ["x:2: destinations.central: a client certificate needs protocol: tls"],
        ),
        (
            in_destination("type: kafka", "brokers: ['a:1']", "sasl: {mechanism: OAUTHBEARER}"),
            [
                (
                    "x:5: destinations.central.sasl.mechanism: Input should be 'PLAIN', 'SCRAM-SHA-256', "
                    "'SCRAM-SHA-512' or 'AWS_MSK_IAM'"
                )
            ],
        ),
        (
            in_destination("type: kafka", "brokers: ['a:1']", "sasl: {mechanism: PLAIN, user: {secret: a, key: b}}"),
            ["x:5: destinations.central.sasl: give user and password for PLAIN, and neither cluster nor keys"],
        ),
        (
            in_destination("type: kafka", "brokers: ['a:1']", "sasl: {mechanism: AWS_MSK_IAM}"),
            [
                (
                    "x:5: destinations.central.sasl: give cluster for AWS_MSK_IAM, e.g. arn:aws:kafka:eu-central-1:"
                    "123456789012:cluster/logs/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-5, and neither user nor password"
                )
            ],
        ),
        (
            in_destination(
                *("type: kafka", "brokers: ['a:1']", "tls: {enabled: false}"),
                "sasl: {mechanism: AWS_MSK_IAM, cluster: 'arn:aws:kafka:eu-central-1:123456789012:cluster/a/b-5'}",
            ),
            ["x:2: destinations.central: AWS_MSK_IAM needs TLS, leave out tls.enabled: false"],
        ),
        (
            in_destination("type: kafka"),
            ["x:2: destinations.central.brokers: this setting is required, e.g. brokers: …"],
        ),
        ("formats: {a: {}}", ["x:1: formats.a: give exactly one of regex, columns and like"]),
        ("formats: {a: {like: json, columns: [a]}}", ["x:1: formats.a: give exactly one of regex, columns and like"]),
        ("formats:\n  json: {like: json}", ["x:2: formats.json: this is a built-in format, give yours another name"]),
        ("formats:\n  a:\n    like: jsn", ["x:3: formats.a.like: no such built-in format, write e.g. json"]),
        ("formats: {a: {regex: x}}", ["x:1: formats.a: name the fields with groups, e.g. (?P<message>.*)"]),
        (
            "formats:\n  a: {columns: [a, b], timeKey: c}",
            ["x:2: formats.a: there is no field c; there are a, b"],
        ),
        (
            "formats:\n  a:\n    regex: '^(?<x>.*)$'",
            [
                (
                    "x:3: formats.a.regex: not a regular expression: unknown extension ?<x at position 2; "
                    "write groups as (?P<name>…)"
                )
            ],
        ),
        (
            "defaults:\n  mode: agent\n  destination: x\n",
            ["x:3: defaults.destination: no such destination: x; there are none"],
        ),
        (
            (
                "destinations: {a: {type: stdout, namespaces: ['team-*']}, b: {type: stdout}}\n"
                "namespaces:\n  shop:\n    defaults:\n      destination: a\n"
            ),
            ["x:5: namespaces.shop.defaults.destination: no such destination: a; there are b"],
        ),
    ],
)
def test_names_the_line_of_each_mistake_in_destinations_and_formats(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


def test_gives_each_namespace_its_destinations() -> None:
    read = load("destinations: {a: {type: stdout, namespaces: ['team-*', shop]}, b: {type: stdout}}")
    assert list(read.destinations_for("team-x")) == ["a", "b"]
    assert list(read.destinations_for("shop")) == ["a", "b"]
    assert list(read.destinations_for("shopping")) == ["b"]


def test_makes_formats_of_the_administrators_own() -> None:
    read = load(r"""
formats:
  trade: {regex: '^(?P<time>\S+) (?P<price>[0-9.]+)$', timeKey: time, timeFormat: '%s', types: {price: float}}
  table: {columns: [time, name], timeKey: time}
  app: {like: json, timeKey: ts, multilineStart: '^[{]'}
""")
    formats = read.every_format
    assert formats.keys() == {*FORMATS, "trade", "table", "app"}
    trade, table, app = formats["trade"], formats["table"], formats["app"]
    assert (trade.name, trade.syntax, trade.time_key, trade.time_format) == ("trade", "regex", "time", "%s")
    assert (trade.pattern, dict(trade.types)) == (r"^(?P<time>\S+) (?P<price>[0-9.]+)$", {"price": "float"})
    assert (table.syntax, table.columns) == ("csv", ("time", "name"))
    assert (app.name, app.syntax, app.time_key, app.start) == ("app", "json", "ts", "^[{]")


def test_has_an_image_and_resources_for_each_engine() -> None:
    engines = ("busybox", "fluent-bit", "fluentd", "vector", "otel-collector")
    read = load("images: {registry: mirror, fluentdVariants: {s3: 'x/y:1'}}\nresources: {fluentd: {cpuRequest: 60m}}")
    for engine in engines:
        assert read.images.of(engine).startswith("mirror/")
        assert read.resources.of(engine).memory_limit == read.resources.of(engine).memory_request
    assert read.images.of("fluentd", "s3") == "mirror/x/y:1"
    assert read.images.of("fluentd", "kafka").startswith("mirror/fluent/fluentd-kubernetes-daemonset:")
    assert read.images.of("otel-collector", "otlp").startswith("mirror/otel/opentelemetry-collector-k8s:")
    assert (read.resources.fluentd.cpu_request, read.resources.fluentd.memory_limit) == ("60m", "256Mi")
    assert set(FluentdVariants.model_fields) <= set(TYPES)
