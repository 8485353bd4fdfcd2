"""The administrator's configuration: what it may say, and the line of what it may not."""

import pytest
from pydantic import ValidationError

from webhook.config import Config, ConfigError, load


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}", "null"])
def test_is_built_in_where_nothing_is_said(text: str) -> None:
    assert load(text) == Config()


def test_reads_every_setting() -> None:
    config = load("""
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
    assert config.defaults_for("x") == {
        "drain-seconds": "9",
        "native-sidecar": "false",
        "cpu-limit": "0.5",
        "paths": "/x.log",
    }
    assert config.defaults_for("team-a") == {**config.defaults, "format": "json", "drain-seconds": "3"}
    assert [place for place, _ in config.every_default()] == ["defaults", "namespaces.team-a.defaults"]
    assert config.images.of("busybox") == "mirror.example:5000/x/busybox:1"
    assert (config.run_as.user, config.run_as.group) == ("unset", 5)
    assert config.resources.busybox.cpu_request == "1"
    assert (config.policy.ceiling.cpu, config.policy.ceiling.memory) == ("2", None)
    assert config.policy.excluded_namespaces == ()


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
        ("defalts: {}", ["x.yaml:1: defalts: no such setting"]),
        ("\n\nimages:\n  registry: a\n  busibox: b\n", ["x.yaml:5: images.busibox: no such setting"]),
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
