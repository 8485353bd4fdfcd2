"""A mistake in `config` is told when Helm renders, before anything is changed, and what is right is never refused."""

import importlib.util
import json
import sys
from types import ModuleType
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml

from webhook.annotations.defaults import check_defaults
from webhook.annotations.registry import KEYS
from webhook.config.destinations import TYPES
from webhook.config.loghook_yaml import Config, ConfigError, load
from webhook.reference.schema import URL, chart_facts, chart_schema

from .conftest import CHART, ROOT, render

SCHEMA = json.loads((ROOT / "docs" / "loghook.schema.json").read_text("utf-8"))


def refusal(config: Any) -> str:
    """What Helm says of `config`; empty where it renders."""
    try:
        render({"config": config})
    except helm_python.HelmError as error:
        return str(error)
    return ""


def is_loaded(text: str) -> bool:
    try:
        config = load(text)
    except ConfigError:
        return False
    places = config.every_default()
    return not any(list(check_defaults(defaults, place, config.format_names)) for place, defaults in places)


def mistakes() -> list[str]:
    """Every mistake that the tests of the model know, but for those that are no YAML, or no map, to begin with."""
    spec = importlib.util.spec_from_file_location("loghook_yaml_tests", ROOT / "tests/config/test_loghook_yaml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    tables = (
        module.test_names_the_line_of_each_mistake,
        module.test_names_the_line_of_each_mistake_in_destinations_and_formats,
    )
    texts = [text for test in tables for text, _ in test.pytestmark[0].args[1]]
    return [text for text in texts if is_map(text)]


def is_map(text: str) -> bool:
    try:
        return isinstance(yaml.safe_load(text), dict)
    except yaml.YAMLError:
        return False


@pytest.mark.parametrize("text", mistakes())
def test_helm_refuses_what_the_models_tests_call_a_mistake(text: str) -> None:
    assert not is_loaded(text)
    assert refusal(yaml.safe_load(text))


WRONG = [
    ("destinatons: {}", "additional properties 'destinatons' not allowed"),
    ("destinations: {a: {type: lokki, host: a}}", "/config/destinations/a/type"),
    ("destinations: {a: {host: a}}", "missing property 'type'"),
    ("destinations: {a: {type: loki}}", "missing property 'host'"),
    ("destinations: {a: {type: loki, host: a, prot: 1}}", "additional properties 'prot' not allowed"),
    ("destinations: {a: {type: loki, host: 'http://a'}}", "/config/destinations/a/host"),
    ("destinations: {a: {type: loki, host: a, port: 0}}", "/config/destinations/a/port"),
    ("destinations: {a: {type: loki, host: a, labels: {job: '{nmespace}'}}}", "/config/destinations/a/labels/job"),
    ("destinations: {a: {type: loki, host: a, labels: {'a b': c}}}", "/config/destinations/a/labels"),
    ("destinations: {A_b: {type: stdout}}", "/config/destinations"),
    ("destinations: {a: {type: http, host: a, path: ingest}}", "/config/destinations/a/path"),
    ("destinations: {a: {type: syslog, host: a, protocol: tpc}}", "/config/destinations/a/protocol"),
    ("destinations: {a: {type: kafka, brokers: [b]}}", "/config/destinations/a/brokers/0"),
    ("destinations: {a: {type: kafka, brokers: []}}", "/config/destinations/a/brokers"),
    ("destinations: {a: {type: splunk, host: a, token: secret}}", "/config/destinations/a/token"),
    ("destinations: {a: {type: stdout, namespaces: [Shop]}}", "/config/destinations/a/namespaces/0"),
    (
        "destinations: {a: {type: loki, host: a, token: &k {secret: s, key: k}, basic: {user: *k, password: *k}}}",
        "config.destinations.a: give either basic or token",
    ),
    ("defaults: {fromat: json}", "additional properties 'fromat' not allowed"),
    ("defaults: {mode: stream}", "/config/defaults/mode"),
    ("defaults: {native-sidecar: 'yes'}", "/config/defaults/native-sidecar"),
    ("defaults: {drain-seconds: 601}", "/config/defaults/drain-seconds"),
    ("defaults: {cpu-request: lots}", "/config/defaults/cpu-request"),
    ("defaults: {memory-limit: 64m}", "config.defaults.memory-limit: 64m is less than a mebibyte"),
    ("defaults: {paths: app.log}", "/config/defaults/paths"),
    ("defaults: {time-zone: '?'}", "/config/defaults/time-zone"),
    ("defaults: {format: jsn}", "config.defaults.format: no such format: jsn; there are plain, json,"),
    ("defaults: {multiline-start: '(a'}", "missing closing ): `(a`"),
    ("defaults: {destination: a}", "config.defaults.destination: no such destination: a; there are none"),
    (
        "{destinations: {a: {type: stdout}}, namespaces: {x: {defaults: {destination: b}}}}",
        "config.namespaces.x.defaults.destination: no such destination: b; there are a",
    ),
    ("namespaces: {x: {defalts: {}}}", "additional properties 'defalts' not allowed"),
    ("namespaces: {x: {defaults: {on-error: no}}}", "/config/namespaces/x/defaults/on-error"),
    ("policy: {enforce: maybe}", "/config/policy/enforce"),
    ("policy: {ceiling: {cpu: lots}}", "/config/policy/ceiling/cpu"),
    ("policy: {ceiling: {memory: -1}}", "/config/policy/ceiling/memory"),
    ("resources: {busybox: {cpuRequest: 200m}}", "the cpu limit 100m is below the request 200m"),
    ("resources: {vector: {memoryLimit: 64Mi}}", "config.resources.vector: the memory limit 64Mi is below"),
    ("resources: {busybx: {}}", "additional properties 'busybx' not allowed"),
    ("images: {registry: 'https://mirror.example.com'}", "/config/images/registry"),
    ("images: {registry: 'mirror .example'}", "/config/images/registry"),
    ("images: {busybox: 'docker://busybox'}", "/config/images/busybox"),
    ("images: {fluentdVariants: {s3: 'https://a/b'}}", "/config/images/fluentdVariants/s3"),
    ("imagePullPolicy: always", "/config/imagePullPolicy"),
    ("imagePullSecrets: [{name: a}]", "/config/imagePullSecrets/0"),
    ("labels: ['a b']", "/config/labels/0"),
    ("runAs: {user: 0}", "/config/runAs/user"),
    ("runAs: {user: root}", "/config/runAs/user"),
    ("secrets: {required: maybe}", "/config/secrets/required"),
    ("stateSizeLimit: big", "/config/stateSizeLimit"),
    ("formats: {a: {regex: '(?P<x>a', timeKey: x}}", "missing closing ): `(?P<x>a`"),
    ("formats: {a: {like: json, multilineStart: '['}}", "missing closing ]: `[`"),
    ("formats: {a: {columns: [b], types: {c: float}}}", "config.formats.a: there is no field c; there are b"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    assert not is_loaded(text)
    assert said in refusal(yaml.safe_load(text))


RIGHT = [
    "{}",
    "{defaults: {native-sidecar: false, cpu-limit: 0.5, drain-seconds: '9', paths: '/a/*.log,\n /b.log'}}",
    "{defaults: {volume-size-limit: none, memory-limit: 1e8, fields: 'a=b', exclude: '*.gz'}}",
    "{resources: {busybox: {cpuRequest: 1, cpuLimit: none, memoryRequest: 16Mi, memoryLimit: 1e8}}}",
    "{resources: {fluentBit: {memoryRequest: 0.5Gi, memoryLimit: 600M, cpuRequest: '.1', cpuLimit: 1e-1}}}",
    "{resources: {drain: {cpuRequest: 1000u, cpuLimit: 1m}}}",
    "{policy: {ceiling: {cpu: 2, memory: null, volumeSize: 10Gi}, excludedNamespaces: []}}",
    "{images: {registry: 'mirror.example:5000/x/', busybox: 'quay.io/busybox:1'}, runAs: {user: unset, group: 5}}",
    "{images: {registry: ''}}",
    "{images: {registry: '[fd00::1]:5000/hub'}}",
    "{images: {busybox: 'registry:5000/a@sha256:0'}, runAs: {user: 1000680000}}",
    "{destinations: {a: {type: loki, host: '[fd00::1]', token: {secret: s, key: k}, basic: null}}}",
    "{destinations: {a: {type: stdout, namespaces: ['t-?']}}, namespaces: {t-a: {defaults: {destination: a}}}}",
    "{formats: {own: {columns: [a]}}, defaults: {format: own}}",
    r"{formats: {a: {regex: '^(?P<x>\d{4}-\d\d) (?P<y>[^\]]+?)(?: z)?$', timeKey: x, types: {y: integer}}}}",
    r"{formats: {a: {regex: '(?P<x>a)(?=b)(?<!c)', multilineStart: '(?i)^\S++'}}}",
    r"{formats: {a: {regex: '(?P<x>\x41\u00e9é)\Z', multilineStart: '^a{1,2000}'}}}",
    r"{formats: {a: {regex: '(?P<x>a)(?P=x)\1(?#why)', multilineStart: '[[:alpha]'}}}",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_the_program_takes_is_never_refused(text: str) -> None:
    assert is_loaded(text)
    assert refusal(yaml.safe_load(text)) == ""


@pytest.mark.parametrize("name", TYPES)
def test_every_examples_configuration_renders(name: str) -> None:
    file = (ROOT / "examples" / "destinations" / f"{name}.yaml").read_text("utf-8")
    text = "\n".join(line[2:] for line in file.splitlines() if line.startswith("#   ") or line == "#")
    config = yaml.safe_load(text)
    assert config["destinations"]
    assert refusal(config) == ""


def test_every_default_of_a_key_and_every_example_is_one_that_the_schema_takes() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    for key in KEYS.values():
        for text in {key.default, key.example} - {None}:
            assert not list(validator.iter_errors({"defaults": {key.name: text}})), (key.name, text)


def test_the_schema_takes_the_whole_built_in_configuration() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(Config().model_dump(by_alias=True, mode="json"))


def test_the_page_about_the_configuration_names_the_schema_for_editors() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert f"# yaml-language-server: $schema={URL}" in page
    assert SCHEMA["$id"] == URL
    (block,) = [part for part in page.split("```yaml\n")[1:] if part.startswith("# yaml-language-server")]
    jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load(block.split("```")[0]))


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """The script that writes what the chart knows, which is in no package."""
    spec = importlib.util.spec_from_file_location("schema", ROOT / "charts" / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_chart_knows_of_the_models_is_current(writer: Any) -> None:
    assert (CHART / "values.schema.json").read_text("utf-8") == writer.values_schema(CHART), "run `make docs`"
    assert (CHART / "files" / "config.json").read_text("utf-8") == writer.facts(), "run `make docs`"


def test_every_type_and_every_engine_is_known_to_the_chart() -> None:
    known = {name.removeprefix("config.") for name in chart_schema()}
    assert {model.__name__ for model in TYPES.values()} <= known
    assert chart_facts()["resources"].keys() == set(Config().model_dump(by_alias=True)["resources"])
