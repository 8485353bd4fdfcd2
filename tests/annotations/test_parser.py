"""The registry and its parser: which value holds, and what belongs to whom."""

from typing import Any

import pytest

from webhook.annotations.defaults import check_defaults
from webhook.annotations.parser import Parsed, asks, parse
from webhook.annotations.registry import KEYS, PREFIX


def parsed(defaults: dict[str, str] | None = None, /, **said: str) -> Parsed:
    """`said` with `_` for `-` and `__` for the dot after a source's name."""
    keys = {key: key.replace("__", ".").replace("_", "-") for key in said}
    return parse({PREFIX + keys[key]: value for key, value in said.items()}, defaults)


def test_registers_the_keys_of_the_design() -> None:
    assert [key.name for key in KEYS.values() if key.scope == "source"] == [
        *("paths", "exclude", "format", "container", "mode", "destination", "read-from"),
        *("multiline-start", "time-key", "time-format", "time-zone", "fields", "keep", "drop", "redact"),
    ]
    assert [key.name for key in KEYS.values() if key.scope == "pod"] == [
        *("agent", "engine", "offsets", "free", "native-sidecar", "inject", "on-error", "volume-size-limit"),
        *("cpu-request", "cpu-limit", "memory-request", "memory-limit"),
        *("ephemeral-storage-request", "ephemeral-storage-limit", "drain-seconds", "node-agent-hints"),
    ]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_says_of_each_key_what_it_is(key: Any) -> None:
    assert key.about.endswith(".")
    assert "  " not in key.about
    assert key.default is not None or key.default_about
    if key.default is not None:
        key.parse(key.default)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (PREFIX + "paths", True),
        (PREFIX + "anything", True),
        (PREFIX, True),
        (PREFIX + "status", False),
        (PREFIX + "config", False),
        (PREFIX + "a.status", True),
        ("loghook.dev", False),
        ("x." + PREFIX + "paths", False),
        ("", False),
    ],
)
def test_asks_by_any_key_of_ours_but_those_that_we_write(key: str, *, expected: bool) -> None:
    assert asks({key: "x", "example.com/a": "b"}) is expected


def test_fills_in_what_is_built_in() -> None:
    request = parsed(paths="/x.log").request
    (source,) = request.sources
    assert (source.name, source.format, source.mode, source.time_zone) == ("", "plain", "streaming", "UTC")
    assert source.exclude == ("*.gz", "*.zip", "*.bz2", "*.xz", "*.zst")
    assert (source.container, source.read_from, source.destination) == ((), None, None)
    assert (request.engine, request.offsets, request.native_sidecar, request.inject) == ("busybox", False, True, None)
    assert (request.on_error, request.volume_size_limit, request.drain_seconds) == ("reject", "1Gi", 5)
    assert (request.cpu_request, request.cpu_limit, request.memory_request, request.memory_limit) == (None,) * 4


def test_takes_the_value_of_the_nearest_level() -> None:
    defaults = {"format": "json", "exclude": "*.d", "read-from": "end", "drain-seconds": "9", "native-sidecar": "false"}
    found = parsed(defaults, paths="/p.log", a__paths="/a.log", b__paths="/b.log", format="nginx", a__format="go")
    of = {source.name: source for source in found.request.sources}
    assert [source.format for source in of.values()] == ["nginx", "go", "nginx"]
    assert {source.exclude for source in of.values()} == {("*.d",)}
    assert {source.read_from for source in of.values()} == {"end"}
    assert (found.request.drain_seconds, found.request.native_sidecar) == (9, False)
    assert of["a"].said == {"paths": PREFIX + "a.paths", "format": PREFIX + "a.format"}
    assert of["b"].said == {"paths": PREFIX + "b.paths", "format": PREFIX + "format"}
    assert found.diagnostics == ()


def test_orders_sources_by_name_with_the_unnamed_first() -> None:
    found = parsed(zz__paths="/z.log", a_1__paths="/1.log", paths="/p.log", a__paths="/a.log")
    assert [source.name for source in found.request.sources] == ["", "a", "a-1", "zz"]


def test_does_not_make_a_source_of_defaults_alone() -> None:
    found = parsed(a__paths="/a.log", format="json", container="app")
    assert [source.name for source in found.request.sources] == ["a"]
    assert found.request.sources[0].container == ("app",)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"inject": "true"}, [""]),
        ({"format": "json"}, [""]),
        ({"a__paths": "/a.log"}, ["a"]),
        ({"a__paths": "/a.log", "inject": "true"}, ["", "a"]),
        ({"paths": "/b.log"}, [""]),
        ({"inject": "false"}, []),
    ],
)
def test_uses_default_paths_where_the_pod_gives_none(said: dict[str, str], names: list[str]) -> None:
    found = parsed({"paths": "/default.log"}, **said)
    assert [source.name for source in found.request.sources] == names
    assert found.diagnostics == ()


def test_leaves_out_what_is_wrong_in_defaults() -> None:
    found = parsed({"format": "jsn", "mode": "agnet", "nonsense": "x", "drain-seconds": "7"}, paths="/x.log")
    assert found.request.sources[0].format == "plain"
    assert found.request.sources[0].mode == "streaming"
    assert found.request.drain_seconds == 7
    assert found.diagnostics == ()


def test_says_what_is_wrong_in_defaults() -> None:
    wrong = check_defaults({"format": "jsn", "mode": "agnet", "frmat": "x", "paths": "a,/b", "exclude": ""}, "defaults")
    assert [(found.code, found.key) for found in wrong] == [
        ("LH129", "defaults.format"),
        ("LH121", "defaults.mode"),
        ("LH101", "defaults.frmat"),
        ("LH111", "defaults.paths"),
    ]


def test_reports_in_the_order_of_the_keys() -> None:
    said = {PREFIX + key: "?" for key in ("zz", "on-error", "b.paths", "format", "a.paths", "aa")}
    backwards = dict(reversed(said.items()))
    assert parse(said).diagnostics == parse(backwards).diagnostics
    assert [found.key.removeprefix(PREFIX) for found in parse(said).diagnostics] == sorted(
        key.removeprefix(PREFIX) for key in said
    )


def test_does_not_look_for_the_nearest_of_thousands_of_keys() -> None:
    found = parse({f"{PREFIX}s{number:04}.pathz": "x" for number in range(5000)} | {PREFIX + "paths": "/x.log"})
    assert len(found.diagnostics) == 5000
    assert "write loghook.dev/s0000.paths" in str(found.diagnostics[0])
    assert "loghook explain" in str(found.diagnostics[-1])
