"""Selectors that are typed mean what kubectl takes them for."""

import pytest

from webhook.standing.labels import SelectorError, is_selected, selector_of, unmet

LABELS = {"app": "web", "tier": "front", "team/x": ""}


@pytest.mark.parametrize(
    ("typed", "selects"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier = front", True),
        ("app=db", False),
        ("app!=db", True),
        ("app!=web", False),
        ("none!=web", True),
        ("app", True),
        ("none", False),
        ("!none", True),
        ("! app", False),
        ("app in (web, db)", True),
        ("app in (db),tier", False),
        ("app notin (db, x),tier=front", True),
        ("none in (db)", False),
        ("none notin (db)", True),
        ("team/x=", True),
    ],
)
def test_selects_as_kubectl_does(typed: str, *, selects: bool) -> None:
    assert is_selected(selector_of(typed), LABELS) is selects


@pytest.mark.parametrize("typed", ["app in (", "=x", "a b", "app in x", "a=b=c"])
def test_what_is_no_selector_is_said(typed: str) -> None:
    with pytest.raises(SelectorError):
        selector_of(typed)


def test_says_what_is_wanted() -> None:
    selector = {"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}
    assert list(unmet(selector, LABELS)) == [
        "the label app=web, where app=db is wanted",
        "no label x, where x Exists is wanted",
    ]
