"""What an agent is given: data, never a secret; names that tell apart; and every agent with every destination."""

import itertools
import json
import re
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
import yaml

from webhook.annotations.registry import KEYS, PREFIX
from webhook.config import destinations
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.config.loghook_yaml import Config, load
from webhook.diagnostics import CODES, Diagnostic
from webhook.inject import Injected, Outcome, Refused, Skipped, inject
from webhook.pod.view import view
from webhook.sidecars.programs import AGENTS, ENGINES

SECRET = {"secret": "s", "key": "k"}
SETTINGS: dict[str, dict[str, Any]] = {
    **{type_: {**model.example} for type_, model in TYPES.items()},
    "stdout": {},
    "elasticsearch": {"host": "es", "basic": {"user": SECRET, "password": SECRET}},
    "opensearch": {"host": "os", "basic": {"user": SECRET, "password": SECRET}},
    "loki": {"host": "loki", "token": SECRET},
    "splunk": {"host": "splunk", "token": SECRET},
    "logscale": {"host": "logscale", "token": SECRET},
    "kafka": {"brokers": ["kafka:9093"], "sasl": {"user": SECRET, "password": SECRET}},
    "s3": {"bucket": "logs", "region": "x", "keys": {"accessKeyId": SECRET, "secretAccessKey": SECRET}},
    "otlp": {"host": "collector", "token": SECRET},
    "http": {"host": "sink", "headers": [{"name": "X-Key", "value": SECRET}, {"name": "X-Team", "value": "shop"}]},
    "datadog": {"apiKey": SECRET},
    "cloudwatch": {"region": "x", "keys": {"accessKeyId": SECRET, "secretAccessKey": SECRET}},
    "forward": {"host": "fluentd", "sharedKey": SECRET},
    "syslog": {"host": "syslog"},
    "google-cloud": {"project": "p", "cluster": "c", "location": "l", "credentials": SECRET},
    "azure": {
        "tenant": "t", "clientId": SECRET, "clientSecret": SECRET, "endpoint": "https://x", "rule": "r", "table": "t"
    },
}  # fmt: skip


def configuration(**more: Any) -> Config:
    every = {name: {"type": name, **settings} for name, settings in SETTINGS.items()}
    return load(yaml.safe_dump({"destinations": every, **more}))


def pod(said: dict[str, str], **spec: Any) -> dict[str, Any]:
    annotations = {PREFIX + key: value for key, value in ({"paths": "/var/log/app/*.log"} | said).items()}
    metadata = {"name": "app", "labels": {"team": "shop"}, "annotations": annotations}
    return {"metadata": metadata, "spec": {"containers": [{"name": "app"}], **spec}}


def outcome(said: dict[str, str], config: Config | None = None, **spec: Any) -> Outcome:
    return inject(view(pod(said, **spec)), config or configuration(), "team")


def added(found: Outcome, path: str) -> Any:
    """The value that the patch puts at `path`."""
    assert isinstance(found, Injected), found
    return next(op.value for op in found.ops if op.path == path)


def agent_of(found: Outcome) -> dict[str, Any]:
    (sidecar,) = (each for each in added(found, "/spec/initContainers") if each["name"] == "loghook-agent")
    return dict(sidecar)


def test_knows_the_programs_of_the_annotation_api() -> None:
    assert sorted(AGENTS) == ["fluent-bit", "fluentd", "otel-collector", "vector"]
    assert sorted(ENGINES) == ["busybox", "fluent-bit", "reader"]
    for key, table in (("engine", ENGINES), ("agent", AGENTS)):
        for name, program in table.items():
            assert KEYS[key].parse(name) == program.name == name
            assert Config().images.of(name)
            assert Config().resources.of(name).memory_limit


every_agent = pytest.mark.parametrize("agent", AGENTS)
every_type = pytest.mark.parametrize("type_", TYPES)


@every_agent
@every_type
def test_ships_every_format_everywhere_or_says_what_else_to_write(agent: str, type_: str) -> None:
    config = configuration()
    for name in FORMATS:
        found = outcome({"agent": agent, "destination": type_, "format": name}, config)
        if isinstance(found, Injected):
            text = added(found, "/metadata/annotations/loghook.dev~1config")
            assert "<match" in text if agent == "fluentd" else yaml.safe_load(text)
            continue
        assert isinstance(found, Refused)
        for diagnostic in found.diagnostics:
            assert diagnostic.code in {"LH141", "LH142", "LH143", "LH144", "LH145", "LH146"}
            assert_right(diagnostic, {"agent": agent, "destination": type_, "format": name}, config)


def assert_right(diagnostic: Diagnostic, said: dict[str, str], config: Config) -> None:
    """The message has all that it says, and doing as its example says helps."""
    assert len(str(diagnostic)) <= 256
    example = diagnostic.details["example"]
    if diagnostic.code in {"LH141", "LH142", "LH145", "LH146"}:
        assert example.startswith("loghook.dev/agent: ")
        assert isinstance(outcome(said | {"agent": example.partition(": ")[2]}, config), Injected)


@every_agent
@every_type
def test_never_writes_a_secret_and_has_a_variable_for_each(agent: str, type_: str) -> None:
    found = outcome({"agent": agent, "destination": type_})
    if not isinstance(found, Injected):
        return
    env = {entry["name"]: entry.get("valueFrom", {}) for entry in agent_of(found).get("env", [])}
    settings = configuration().destinations[type_]
    references = [each["secretKeyRef"] for each in env.values() if "secretKeyRef" in each]
    assert all(each == {"name": "s", "key": "k", "optional": True} for each in references)
    assert len(references) >= len(list(settings.secrets()))
    config = added(found, "/metadata/annotations/loghook.dev~1config")
    known = {*env, "VECTOR_LOG"}
    for name in re.findall(r"LOGHOOK_[A-Z0-9_]+", config):
        assert name in known, "a variable that nobody sets"
    mounted = {mount["mountPath"] for mount in agent_of(found)["volumeMounts"]}
    assert ("/etc/loghook-ca" in mounted) == bool(list(settings.secret_files()))


def test_gives_no_two_secrets_one_name() -> None:
    names = ["a", "b", "a-b", "a--b", "a-b-token", "token", "a-keys", "0"]
    types = itertools.cycle(["http", "s3", "splunk"])
    every = {name: {"type": type_, **SETTINGS[type_]} for name, type_ in zip(names, types, strict=False)}
    config = load(yaml.safe_dump({"destinations": every}))
    said = {f"s{number}.paths": f"/var/log/{number}/*.log" for number in range(len(names))}
    said |= {f"s{number}.destination": name for number, name in enumerate(names)}
    found = outcome({"agent": "vector", **said}, config)
    env = [entry["name"] for entry in agent_of(found)["env"] if re.fullmatch("LOGHOOK_.*__.*", entry["name"])]
    wanted = sum(len(list(destination.secrets())) for destination in config.destinations.values())
    assert len(env) == len(set(env)) == wanted


def test_resolves_templates_without_letting_anything_through() -> None:
    every = {"x": {"type": "kafka", "brokers": ["k:1"], "topic": "Up-{label:team}-{field:team}-{source}-{container}"}}
    config = load(yaml.safe_dump({"destinations": every}))
    found = outcome({"destination": "x", "fields": "team=a b$(x)${y}/é"}, config)
    assert "Up-shop-a_b__x___y___-default-app" in added(found, "/metadata/annotations/loghook.dev~1config")
    absent = outcome({"destination": "x"}, config)
    assert "Up-shop-unknown-default-app" in added(absent, "/metadata/annotations/loghook.dev~1config")


@pytest.mark.parametrize("value", [".", "..", "..."])
def test_a_value_leads_to_no_other_place_than_its_own(value: str) -> None:
    """A store that has folders may take `shop/../billing/` for `billing/`."""
    every = {"x": {"type": "s3", "bucket": "logs", "region": "r", "prefix": "{namespace}/{field:team}/{field:app}/"}}
    found = outcome(
        {"destination": "x", "fields": f"team={value},app=billing"}, load(yaml.safe_dump({"destinations": every}))
    )
    config = added(found, "/metadata/annotations/loghook.dev~1config")
    assert f"/{'_' * len(value)}/billing/" in config
    assert f"/{value}/" not in config


@pytest.mark.parametrize("name", ["NODE", "LOGHOOK_POD_NAME", "HTTPS_PROXY"])
def test_gives_the_sub_path_its_variable_under_a_name_of_ours_and_keeps_the_others(name: str) -> None:
    mount = {"name": "logs", "mountPath": "/var/log/app", "subPathExpr": f"$({name})"}
    volumes = [{"name": "logs", "persistentVolumeClaim": {"claimName": "logs"}}]
    app = {"name": "app", "volumeMounts": [mount], "env": [{"name": name, "value": "n"}]}
    env = agent_of(outcome({"destination": "stdout"}, containers=[app], volumes=volumes))["env"]
    (first, *others) = json.loads(msgspec.json.encode(env))
    assert first == {"name": ANY, "value": "n"}
    assert first["name"].startswith("LOGHOOK_SUB_PATH_")
    assert others == json.loads(msgspec.json.encode(agent_of(outcome({"destination": "stdout"}))["env"]))


def test_refuses_a_configuration_that_no_annotation_can_hold() -> None:
    made = pod({"destination": "stdout"})
    made["metadata"]["annotations"]["example.com/large"] = "x" * (256 * 2**10 - 300)
    found = inject(view(made), configuration(), "team")
    assert [each.code for each in found.diagnostics] == ["LH147"]
    made["metadata"]["annotations"]["example.com/large"] = "x" * 200_000
    assert isinstance(inject(view(made), configuration(), "team"), Injected)


def test_expands_nothing_in_values_of_variables() -> None:
    """Kubernetes expands `$(NAME)` in them, and `$$` is a dollar sign."""
    from webhook.plan.delivery import Delivery
    from webhook.plan.surroundings import Surroundings
    from webhook.sidecars import Shipment, Variable

    class Agent:
        def env(self, _: Shipment) -> dict[str, Any]:
            return {"A": ("$(B) $$",), "B": (Variable("LOGHOOK_POD_NAME"),), "C": ("x-", Variable("LOGHOOK_POD_NAME"))}

    files: list[Any] = []
    around = Surroundings.of(view(pod({})), (), (), configuration(), ships=True)
    bounds = {"memory_bytes": 1, "state_bytes": 1, "grace_seconds": 1}
    delivery = Delivery.of(files, around, configuration(), bounds)
    env = {entry["name"]: entry for entry in delivery.environment(Agent())}  # type: ignore[arg-type] # as much as it asks
    assert env["A"]["value"] == "$$(B) $$$$"
    assert env["B"] == {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert env["C"]["value"] == "x-$(LOGHOOK_POD_NAME)"


# Whose mistake it is.


@pytest.mark.parametrize(
    ("said", "settings", "codes"),
    [
        ({"agent": "vector"}, {}, ["LH142"]),
        ({}, {"defaults": {"agent": "vector"}}, ["LH501"]),
        ({}, {"defaults": {"agent": "vector"}, "policy": {"enforce": True}}, ["LH142"]),
        ({"agent": "vector", "multiline-start": "(?=a)"}, {}, ["LH142", "LH143"]),
        ({"multiline-start": "(?=a)"}, {"defaults": {"agent": "vector"}}, ["LH501", "LH501"]),
    ],
)
def test_lays_what_an_agent_cannot_do_at_the_right_door(
    said: dict[str, str], settings: dict[str, Any], codes: list[str]
) -> None:
    found = outcome({"destination": "forward", **said}, configuration(**settings))
    assert sorted({each.code for each in found.diagnostics}) == sorted(set(codes))
    refused = any(CODES[code].severity == "error" for code in codes)
    assert isinstance(found, Refused if refused else Skipped)
    if isinstance(found, Skipped):
        (op,) = found.ops
        assert json.loads(op.value)["injected"] is False


def test_names_every_type_that_there_is() -> None:
    assert {model.__name__ for model in TYPES.values()} <= set(destinations.__all__)


# What to do instead.


@pytest.mark.parametrize("agent", AGENTS)
def test_proposes_an_agent_that_has_no_such_problem(agent: str) -> None:
    """Also where several options are at odds, no two of which are in one example of the matrix."""
    settings: dict[str, dict[str, Any]] = {
        "kafka": {"brokers": ["k:1"], "tls": {"verify": False, "serverName": "logs.example"}},
        "cloudwatch": {"region": "r", "endpoint": "http://localhost:4566", "retentionDays": 31},
        "otlp": {"host": "h", "protocol": "grpc", "tls": {"serverName": "logs.example"}},
        "logscale": {"host": "h", "token": {"secret": "s", "key": "k"}, "via": "otlp", "tls": {"serverName": "l"}},
    }
    config = load(
        yaml.safe_dump({"destinations": {type_: {"type": type_, **said} for type_, said in settings.items()}})
    )
    for type_ in settings:
        for form in ("json", "java"):
            said = {"agent": agent, "destination": type_, "format": form}
            found = outcome(said, config)
            for diagnostic in found.diagnostics:
                assert_right(diagnostic, said, config)
                assert len(str(diagnostic)) <= 120


def test_names_no_agent_where_none_can_do_it() -> None:
    """One for `forward`, none with `forward` and two pairs of keys for clouds, which need two images of Fluentd."""
    keys = {name: {"secret": "s", "key": "k"} for name in ("accessKeyId", "secretAccessKey")}
    every = {
        "f": {"type": "forward", "host": "h"},
        "s": {"type": "s3", "bucket": "logs", "region": "r", "keys": keys},
        "c": {"type": "cloudwatch", "region": "r", "keys": keys},
    }
    said = {f"{name}.paths": f"/var/log/{name}/*.log" for name in every}
    said |= {f"{name}.destination": name for name in every}
    found = outcome({"agent": "fluent-bit", **said}, load(yaml.safe_dump({"destinations": every})))
    assert [str(each) for each in found.diagnostics] == [
        "LH146 loghook.dev/agent: fluent-bit cannot serve these destinations together, use e.g. another destination"
    ]


def test_counts_what_is_wrong_with_a_format_apart() -> None:
    """No agent has both: the one that can ship there is named, and the expression is told beside."""
    every = {"k": {"type": "kafka", "brokers": ["k:1"], "tls": {"serverName": "logs.example"}}}
    said = {"agent": "vector", "destination": "k", "multiline-start": "(?=a)"}
    found = outcome(said, load(yaml.safe_dump({"destinations": every})))
    examples = {each.code: each.details["example"] for each in found.diagnostics}
    assert examples == {"LH143": "^[0-9]{4}-", "LH145": "loghook.dev/agent: otel-collector"}
