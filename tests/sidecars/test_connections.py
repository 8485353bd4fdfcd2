"""Headers and client certificates: each agent is told of them for each type, or refuses them by their name."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import vector_syntax
from shipments import shipment, stream, target

from webhook.config.destinations import TYPES
from webhook.sidecars import Problem, Variable
from webhook.sidecars.programs import AGENTS

_KEY = {"secret": "backend", "key": "key"}
HEADERS = {"headers": [{"name": "X-Team", "value": "shop"}, {"name": "X-Key", "value": _KEY}]}
CERTIFICATE = {"tls": {"cert": _KEY, "key": _KEY}}
VARIABLE = "LOGHOOK_BACKEND_HEADERS_1"
CERT, KEY = "/etc/loghook-ca/client/backend.crt", "/etc/loghook-ca/client/backend.key"

SPEAK_HTTP = [type_ for type_, model in TYPES.items() if "headers" in model.model_fields]
HAVE_TLS = [type_ for type_, model in TYPES.items() if "tls" in model.model_fields]

WITHOUT_HEADERS = {
    "fluent-bit": {"elasticsearch", "opensearch", "splunk", "logscale"},
    "fluentd": set[str](),
    "vector": {"loki", "splunk", "logscale"},
    "otel-collector": {"datadog"},
}
WITHOUT_CERTIFICATES = {
    "fluent-bit": set[str](),
    "fluentd": {"datadog"},
    "vector": set[str](),
    "otel-collector": {"datadog"},
}


def told(agent: str, type_: str, options: Mapping[str, Any]) -> str | list[Problem]:
    """The configuration, or why there is none."""
    shipped = shipment(stream(target=target(type_, options)))
    return list(AGENTS[agent].problems(shipped)) or AGENTS[agent].config(shipped)


def data(agent: str, config: str) -> Any:
    """What the agent is told of its one destination."""
    if agent == "fluentd":
        return config[config.index("<match") :]
    if agent == "vector":
        (sink,) = vector_syntax.load(config)["sinks"].values()
        return sink
    read = json.loads(config)
    return read["pipeline"]["outputs"][0] if agent == "fluent-bit" else next(iter(read["exporters"].values()))


def test_what_speaks_http_takes_headers() -> None:
    """The clients of clouds sign their requests themselves, and have no option for it in any agent."""
    others = {"stdout", "kafka", "s3", "cloudwatch", "forward", "syslog", "google-cloud", "azure"}
    assert set(SPEAK_HTTP) == TYPES.keys() - others
    assert {"kafka", "forward", "syslog", "datadog", *SPEAK_HTTP} == set(HAVE_TLS)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("type_", SPEAK_HTTP)
def test_headers_arrive_or_are_refused(agent: str, type_: str) -> None:
    config = told(agent, type_, HEADERS)
    if isinstance(config, list):
        assert [problem.code for problem in config] in (["LH142"], ["LH145"])
        if config[0].code == "LH145":
            assert config[0].details["option"] == "headers"
            assert type_ in WITHOUT_HEADERS[agent]
        return
    assert type_ not in WITHOUT_HEADERS[agent]
    written = json.dumps(data(agent, config))
    assert "X-Team" in written
    assert "shop" in written
    assert VARIABLE in written


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("type_", HAVE_TLS)
def test_a_client_certificate_arrives_or_is_refused(agent: str, type_: str) -> None:
    config = told(agent, type_, CERTIFICATE)
    if isinstance(config, list):
        assert [problem.code for problem in config] in (["LH142"], ["LH145"])
        if config[0].code == "LH145":
            assert config[0].details["option"] == "tls.cert"
            assert type_ in WITHOUT_CERTIFICATES[agent]
        return
    assert type_ not in WITHOUT_CERTIFICATES[agent]
    written = json.dumps(data(agent, config))
    assert CERT in written
    assert KEY in written


@pytest.mark.parametrize(("agent", "via"), [("fluent-bit", "otlp"), ("vector", "elastic-bulk"), ("vector", "otlp")])
def test_ways_into_logscale_that_take_headers(agent: str, via: str) -> None:
    config = told(agent, "logscale", {"via": via, **HEADERS})
    assert isinstance(config, str)
    assert VARIABLE in config
    assert "X-Team" in config


def test_vector_is_told_the_certificate_beside_the_only_ca() -> None:
    """The CA is told by the environment, where its file may be missing."""
    config = told("vector", "http", {"tls": {"ca": _KEY, "cert": _KEY, "key": _KEY}})
    assert isinstance(config, str)
    assert data("vector", config)["tls"] == {"crt_file": CERT, "key_file": KEY}


def test_headers_that_vector_would_take_for_templates() -> None:
    for type_ in ("elasticsearch", "otlp", "http", "datadog"):
        problems = told("vector", type_, {"headers": [{"name": "X-Team", "value": "100%"}]})
        assert [getattr(problem, "code", None) for problem in problems] == ["LH144"]


CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/logs/0a1b2c3d-5"
IAM: Mapping[str, Any] = {"mechanism": "AWS_MSK_IAM", "cluster": CLUSTER}
LOGIN = {"user": _KEY, "password": _KEY}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_mechanisms_of_kafka_that_have_a_password(agent: str, mechanism: str) -> None:
    config = told(agent, "kafka", {"sasl": {"mechanism": mechanism, **LOGIN}})
    assert isinstance(config, str)
    written = json.dumps(data(agent, config))
    assert "LOGHOOK_BACKEND_SASL_USER" in written
    assert "LOGHOOK_BACKEND_SASL_PASSWORD" in written
    said = {"PLAIN": "sasl_over_ssl", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[mechanism]
    assert (said if agent == "fluentd" else mechanism) in written


@pytest.mark.parametrize("agent", AGENTS)
def test_identities_of_amazon_s_kafka(agent: str) -> None:
    keys = {"accessKeyId": _KEY, "secretAccessKey": _KEY}
    config = told(agent, "kafka", {"sasl": {**IAM, "keys": keys}})
    if isinstance(config, list):
        assert agent in {"fluentd", "vector"}
        assert [problem.details["option"] for problem in config] == ["sasl.mechanism: AWS_MSK_IAM"]
        return
    written = data(agent, config)
    if agent == "fluent-bit":
        assert (written["aws_msk_iam"], written["aws_msk_iam_cluster_arn"]) == (True, CLUSTER)
        assert written["rdkafka.security.protocol"] == "SASL_SSL"
        assert not any(key.startswith("rdkafka.sasl") for key in written)
    else:
        assert written["auth"]["sasl"] == {"mechanism": "AWS_MSK_IAM_OAUTHBEARER", "aws_msk": {"region": "eu-west-1"}}
    shipped = shipment(stream(target=target("kafka", {"sasl": {**IAM, "keys": keys}})))
    variables = AGENTS[agent].env(shipped)
    assert variables["AWS_ACCESS_KEY_ID"] == (Variable("LOGHOOK_BACKEND_SASL_KEYS_ACCESS_KEY_ID"),)
    assert variables["AWS_SECRET_ACCESS_KEY"] == (Variable("LOGHOOK_BACKEND_SASL_KEYS_SECRET_ACCESS_KEY"),)


@pytest.mark.parametrize("agent", ["fluent-bit", "otel-collector"])
def test_one_pod_has_one_identity(agent: str) -> None:
    """Of two destinations that bring keys for AWS, whatever they are for, the second is refused."""
    keys = {"accessKeyId": _KEY, "secretAccessKey": _KEY}
    one = stream(name="a", target=target("s3", {"keys": keys}, name="bucket"))
    other = stream(name="b", target=target("kafka", {"sasl": {**IAM, "keys": keys}}))
    (problem,) = AGENTS[agent].problems(shipment(one, other))
    assert (problem.source, problem.code) == ("b", "LH146")
