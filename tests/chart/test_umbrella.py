"""The chart as one of several in a parent chart, and what its values may not say of labels and names."""

import shutil
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from webhook import __version__
from webhook.config.loghook_yaml import load

from .conftest import CHART, Release, render

PARENT = f"""
apiVersion: v2
name: platform
version: 1.0.0
dependencies:
  - {{name: loghook, version: {__version__}, condition: loghook.enabled}}
"""


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("platform")
    (folder / "Chart.yaml").write_text(PARENT)
    (folder / "values.yaml").write_text("{}")
    shutil.copytree(CHART, folder / "charts" / "loghook")
    return folder


def objects(parent: Path, values: Any) -> list[Any]:
    loaded = helm_python.Chart.load(parent)  # each time: what one rendering leaves out is gone from it
    texts = loaded.render(values, name="platform", namespace="platform")
    manifests = [text for path, text in texts.items() if not path.endswith("NOTES.txt")]
    return [each for text in manifests for each in yaml.safe_load_all(text) if each]


def test_a_parent_chart_switches_it_on_and_off(parent: Path) -> None:
    for values in ({}, {"loghook": {"enabled": True}}):
        assert "MutatingWebhookConfiguration" in {each["kind"] for each in objects(parent, values)}
    assert objects(parent, {"loghook": {"enabled": False}}) == []


def test_a_parents_registry_and_secrets_hold_for_every_pod_and_every_sidecar(parent: Path) -> None:
    made = objects(parent, {"global": {"imageRegistry": "mirror.example", "imagePullSecrets": ["mirror"]}})
    specs = [each["spec"]["template"]["spec"] for each in made if "template" in each.get("spec", {})]
    assert len(specs) >= 2
    for spec in specs:
        assert [each["image"] for each in spec["containers"]] == [f"mirror.example/loghook/loghook:{__version__}"]
        assert spec["imagePullSecrets"] == [{"name": "mirror"}]
    (text,) = [each["data"]["loghook.yaml"] for each in made if "loghook.yaml" in each.get("data", {})]
    assert load(text).images.of("busybox").startswith("mirror.example/library/busybox:")
    assert load(text).image_pull_secrets == ("mirror",)


def sidecars(release: Release) -> tuple[str, tuple[str, ...]]:
    """The image that is injected, and the Secrets with which it is pulled."""
    config = load(release.one("ConfigMap", "loghook")["data"]["loghook.yaml"])
    return config.images.of("busybox"), config.image_pull_secrets


def test_what_is_said_of_sidecars_wins_over_the_parents(releases: dict[str, Release]) -> None:
    assert sidecars(releases["global"]) == ("mirror.example:5000/hub/library/busybox:1.37", ("mirror", "other"))
    assert sidecars(releases["global-config-registry"]) == ("other.example/library/busybox:1.37", ())
    assert sidecars(releases["global-digest"]) == ("mirror.example/busybox:1", ("own",))
    assert sidecars(render({"global": {"imageRegistry": "a"}, "config": {"images": {"registry": ""}}})) == (
        "docker.io/library/busybox:1.37",
        (),
    )


def test_our_own_image_comes_from_the_parents_registry(releases: dict[str, Release]) -> None:
    pods = {name: releases[name].injector["spec"]["template"]["spec"] for name in ("global", "global-digest")}
    assert pods["global"]["containers"][0]["image"] == f"mirror.example:5000/hub/loghook/loghook:{__version__}"
    assert pods["global"]["imagePullSecrets"] == [{"name": "own"}, {"name": "mirror"}, {"name": "other"}]
    assert pods["global-digest"]["containers"][0]["image"] == "mirror.example/loghook@sha256:" + 64 * "a"


def test_pods_are_replaced_when_the_parents_registry_changes() -> None:
    def digest(**values: Any) -> Any:
        return render(values).injector["spec"]["template"]["metadata"]["annotations"]["loghook.dev/config-digest"]

    assert digest() != digest(**{"global": {"imageRegistry": "mirror.example"}})


SELECTED = "by app.kubernetes.io/{} ({}) Pods are selected, so it cannot be"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("podLabels: {app.kubernetes.io/name: shop}", "podLabels: " + SELECTED.format("name", "loghook")),
        ("podLabels: {app.kubernetes.io/instance: x}", "podLabels: " + SELECTED.format("instance", "loghook")),
        ("podLabels: {app.kubernetes.io/component: x}", "podLabels: by app.kubernetes.io/component"),
        ("commonLabels: {app.kubernetes.io/name: shop}", "commonLabels: " + SELECTED.format("name", "loghook")),
        ("{nameOverride: a, podLabels: {app.kubernetes.io/name: loghook}}", SELECTED.format("name", "a")),
        ("enabled: false", "enabled: it is for the `condition` of a chart"),
        ("enabled: 'yes'", "/enabled"),
        ("global: {imageRegistry: 'https://mirror.example'}", "/global/imageRegistry"),
        ("global: {imagePullSecrets: mirror}", "/global/imagePullSecrets"),
    ],
)
def test_what_the_api_server_would_refuse_later_fails_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(helm_python.HelmError) as caught:
        render(yaml.safe_load(text))
    assert said in str(caught.value)


def test_labels_that_select_nothing_are_the_users(releases: dict[str, Release]) -> None:
    release = releases["own-labels"]
    for each in release.documents:
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "platform"
    for metadata, _ in release.pods():
        assert metadata["labels"]["app.kubernetes.io/version"] == "2"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
