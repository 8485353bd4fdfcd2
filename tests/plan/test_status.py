"""`loghook.dev/status`: what was done, by which version, and in words what whoever created the Pod was told."""

import json
from typing import Any

import pytest

from webhook import __version__
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, Outcome, Skipped, inject
from webhook.pod.view import view

PATHS = {"loghook.dev/paths": "/var/log/app/*.log"}
STATUS = "loghook.dev/status"
LIMIT = 256 * 2**10  # bytes of keys and values of annotations, with which the API server takes a Pod


def after(said: dict[str, str]) -> tuple[Outcome, dict[str, str]]:
    """What becomes of a Pod with these annotations, and all annotations that it has then."""
    pod: dict[str, Any] = {"metadata": {"annotations": said}, "spec": {"containers": [{"name": "app"}]}}
    outcome = inject(view(pod), Config())
    assert isinstance(outcome, Injected | Skipped)
    added = {op.path.rpartition("/")[2].replace("~1", "/"): op.value for op in outcome.ops if "annotations" in op.path}
    return outcome, {**said, **added}


def status(said: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(after(said)[1][STATUS])
    return found


def test_says_in_words_why_a_pod_starts_without_ours() -> None:
    found = status({"loghook.dev/pahts": "/var/log/app/*.log", "loghook.dev/on-error": "warn"})
    assert found == {
        "version": __version__,
        "injected": False,
        "codes": ["LH101"],
        "says": "LH101 loghook.dev/pahts: no such key, write loghook.dev/paths",
    }
    assert status({**PATHS, "loghook.dev/destination": "away"})["says"].startswith("LH503 loghook.dev/destination: no ")


def test_says_in_words_what_an_injected_pod_lacks() -> None:
    found = status({**PATHS, "loghook.dev/more.paths": "/var/log/more.log", "loghook.dev/more.destination": "away"})
    assert (found["version"], found["injected"], found["codes"]) == (__version__, True, ["LH503"])
    assert found["says"].startswith("LH503 loghook.dev/more.destination: no such destination here, source left out")
    assert [each["name"] for each in found["sources"]] == [""]


def test_says_nothing_where_all_is_well() -> None:
    assert status(PATHS).keys() == {"version", "injected", "containers", "volumes", "sources"}


def test_is_as_long_as_a_refusal_at_most() -> None:
    many = {f"loghook.dev/s{number:03}.paths": "relative.log" for number in range(200)}
    assert len(status({**many, "loghook.dev/on-error": "warn"})["says"]) <= 1000


def size(annotations: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())


@pytest.mark.parametrize("room", range(0, 2_000, 50))
@pytest.mark.parametrize(
    "said",
    [
        {**PATHS, "loghook.dev/format": "jsn", "loghook.dev/on-error": "warn"},
        {**PATHS, "loghook.dev/destination": "away"},
        {**PATHS, "loghook.dev/time-zone": "UTC"},
    ],
    ids=["mistake", "destination", "warning"],
)
def test_words_never_make_a_pod_too_large(said: dict[str, str], room: int) -> None:
    """The API server would refuse it then, whatever on-error says."""
    full = {**said, "other": "x" * (LIMIT - size(said) - len("other") - room)}
    outcome, whole = after(full)
    assert size(whole) <= LIMIT or (isinstance(outcome, Injected) and "says" not in whole[STATUS])
    assert room < 700 or "says" in whole[STATUS]


def test_a_status_of_an_earlier_version_changes_nothing() -> None:
    """What is there is decided from the spec; a status without words is no other Pod."""
    said = {"loghook.dev/pahts": "/x.log", "loghook.dev/on-error": "warn"}
    outcome, whole = after({**said, STATUS: '{"injected":false,"codes":["LH101"]}'})
    assert json.loads(whole[STATUS])["version"] == __version__
    again, _ = after(whole)
    assert (again.diagnostics, again.patch) == (outcome.diagnostics, b"")
