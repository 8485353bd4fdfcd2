"""`loghook config check` and `loghook config show`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.config.loghook_yaml import Config, load

Run = Callable[..., Any]

FILE = r"""defaults:
  on-error: warn
  agent: vector
namespaces:
  shop:
    defaults: {container: app, on-error: reject}
destinations:
  central: {type: forward, host: a.example.com}
  mine: &mine
    type: loki
    host: loki.example.com
    namespaces: [team-*]
  other:
    <<: *mine
    port: 3101
formats:
  trade: {regex: '^(?P<time>\S+) (?P<x>.*)$'}
policy: {ceiling: {cpu: "2"}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("loghook.yaml").write_text(FILE)
    return Path("loghook.yaml")


def origins(out: str) -> dict[str, str]:
    """Where each value comes from, by its place with dots."""
    found: dict[str, str] = {}
    way: list[str] = []
    for line in out.splitlines():
        setting, _, origin = line.partition("  # ")
        name, _, _ = setting.strip().partition(":")
        depth = (len(setting) - len(setting.lstrip())) // 2
        way = [*way[:depth], name]
        if origin:
            found[".".join(way)] = origin
    return found


def test_what_can_be_used_is_said_and_what_no_pod_can_do_is_warned_of(run: Run, file: Path) -> None:
    result = run("config", "check", str(file))
    assert (result.code, result.out) == (0, "loghook.yaml: can be used\n")
    (warning,) = result.err.splitlines()
    assert warning.startswith("warning: loghook.yaml: destinations.central: LH501 ")
    assert "LH142" in warning  # Vector has no such output


def test_every_mistake_is_said_with_its_line(run: Run, file: Path) -> None:
    wrong = FILE.replace("host: loki.example.com", "hosts: x").replace("on-error: warn", "on-error: perhaps")
    Path("wrong.yaml").write_text(wrong)
    result = run("config", "check", str(file), "wrong.yaml")
    assert result.code == 1
    assert "error: wrong.yaml:11: destinations.mine.hosts: no such setting, write host\n" in result.err
    assert result.out == "loghook.yaml: can be used\n"
    Path("wrong.yaml").write_text("defaults: {on-error: perhaps}\n")
    assert "error: wrong.yaml: LH" in run("config", "check", "wrong.yaml").err
    Path("wrong.yaml").write_bytes(b"\xff\xfe")
    assert run("config", "check", "wrong.yaml").code == 1


def test_a_file_that_is_not_there_is_wrong_use(run: Run, file: Path) -> None:
    result = run("config", "check", "nowhere.yaml", str(file))
    assert (result.code, result.err) == (2, "Error: nowhere.yaml: No such file or directory\n")
    assert run("config").err == "Error: Missing command. (see --help)\n"
    assert run("config", "check").code == 2
    assert run("config", "show", "--config", "nowhere.yaml").code == 2


def test_what_is_shown_is_the_same_configuration_again(run: Run, file: Path) -> None:
    for text, options in ((FILE, ["--config", str(file)]), ("", [])):
        result = run("config", "show", *options)
        assert (result.code, result.err) == (0, "")
        assert load(result.out).model_dump() == load(text).model_dump()  # which do not know their lines
    assert set(origins(run("config", "show").out).values()) == {"built in"}


def test_each_value_has_its_line_or_is_built_in(run: Run, file: Path) -> None:
    found = origins(run("config", "show", "--config", str(file)).out)
    assert found["defaults.on-error"] == "loghook.yaml:2"
    assert found["namespaces.shop.defaults.container"] == "loghook.yaml:6"
    assert found["destinations.mine.host"] == "loghook.yaml:11"
    assert found["destinations.mine.port"] == "built in"
    assert found["destinations.other.host"] == "loghook.yaml:11"  # by a merge key
    assert found["destinations.other.port"] == "loghook.yaml:15"
    assert found["policy.ceiling.cpu"] == "loghook.yaml:18"
    assert found["policy.ceiling.memory"] == "built in"


def test_of_a_namespace_it_shows_what_holds_there(run: Run, file: Path) -> None:
    shop = run("config", "show", "--config", str(file), "-n", "shop").out
    assert yaml.safe_load(shop)["defaults"] == {"on-error": "reject", "agent": "vector", "container": "app"}
    assert list(yaml.safe_load(shop)["destinations"]) == ["central"]
    assert origins(shop)["defaults.on-error"] == "loghook.yaml:6"
    assert origins(shop)["defaults.agent"] == "loghook.yaml:3"
    team = yaml.safe_load(run("config", "show", "--config", str(file), "-n", "team-a").out)
    assert list(team["destinations"]) == ["central", "mine", "other"]
    assert team["defaults"] == {"on-error": "warn", "agent": "vector"}


def test_everything_that_can_be_configured_is_shown(run: Run) -> None:
    shown = yaml.safe_load(run("config", "show").out)
    assert set(shown) == {field.alias for field in Config.model_fields.values()}
