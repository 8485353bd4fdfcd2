"""Where a default stands, for whoever is told that it does not fit a Pod."""

import pytest

from webhook.config.loghook_yaml import Config, load
from webhook.inject import Skipped, inject
from webhook.pod.view import view

TEXT = """
defaults:
  format: json
  container: nope
namespaces:
  shop:
    defaults:
      container: nope-either
"""


@pytest.mark.parametrize(
    ("namespace", "where"),
    [("default", "line 4, defaults.container"), ("shop", "line 8, namespaces.shop.defaults.container")],
)
def test_names_the_line_of_the_default_that_does_not_fit(namespace: str, where: str) -> None:
    pod = view(
        {"metadata": {"annotations": {"loghook.dev/paths": "/var/log/a.log"}}, "spec": {"containers": [{"name": "a"}]}}
    )
    outcome = inject(pod, load(TEXT), namespace)
    assert isinstance(outcome, Skipped)
    (found,) = outcome.diagnostics
    assert found.code == "LH501"
    assert f"({where})" in str(found)
    assert found.value == ("nope" if namespace == "default" else "nope-either")


def test_names_the_place_of_one_that_came_from_no_file() -> None:
    assert Config(defaults={"container": "x"}).where("default", "container") == "defaults.container"
