"""Sub-paths over variables of ours: the same directory for the kubelet, and no name of the author's in the sidecar."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.diagnostics import Mistake
from webhook.plan.variables import NAME_PREFIX, SubPath, Variables
from webhook.pod.view import Container, EnvVar, view

OURS = re.compile(NAME_PREFIX + "[0-9A-F]{12}")
FIELDS = {"metadata.name": "shop-1", "spec.nodeName": "$(A)", "metadata.labels['x']": "$$"}


def container(*env: dict[str, Any], **more: Any) -> Container:
    (found,) = view({"spec": {"containers": [{"name": "app", "env": list(env), **more}]}}).containers
    return found


def literal(name: str, value: str | None) -> dict[str, Any]:
    return {"name": name, "value": value}


def field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def expanded(text: str, known: Mapping[str, str], *, strict: bool = False) -> str:
    """`text` as Kubernetes expands it; with `strict`, raises KeyError for an unknown name, as for sub-paths."""
    out, place = "", 0
    while place < len(text):
        if text[place] != "$" or place + 1 == len(text):
            out += text[place]
            place += 1
        elif text[place + 1] == "$":
            out += "$"
            place += 2
        elif text[place + 1] == "(" and ")" in text[place:]:
            end = text.index(")", place)
            name = text[place + 2 : end]
            out += known[name] if name in known or (strict and name) else f"$({name})"
            place = end + 1
        else:
            out += text[place : place + 2]
            place += 2
    return out


def environment(env: Sequence[EnvVar]) -> dict[str, str]:
    """The values that the kubelet gives a container (makeEnvironmentVariables)."""
    known: dict[str, str] = {}
    for variable in env:
        source = variable.value_from
        if source is None:
            known[variable.name] = expanded(variable.value or "", known)
        elif source.field_ref is not None:
            known[variable.name] = FIELDS[source.field_ref.field_path]
    return known


def directory(expression: str, env: Sequence[EnvVar]) -> str:
    return expanded(expression, environment(env), strict=True)


def sub_path(expression: str, *env: dict[str, Any], **more: Any) -> SubPath:
    return Variables(container(*env, **more)).sub_path(expression)


@pytest.mark.parametrize(
    "name", ["HTTPS_PROXY", "SSL_CERT_FILE", "RUBYOPT", "LD_PRELOAD", "FLUENT_ELASTICSEARCH_HOST", "a b", "POD_NAME"]
)
def test_gives_no_name_of_the_authors(name: str) -> None:
    found = sub_path(f"$({name})/x", literal(name, "here"))
    assert all(OURS.fullmatch(variable.name) for variable in found.env)
    assert name not in found.expression
    assert directory(found.expression, found.env) == "here/x"


def test_gives_only_what_is_needed_in_the_order_in_which_it_is() -> None:
    found = sub_path(
        "$(B)", literal("A", "a"), field("N", "metadata.name"), literal("UNUSED", "u"), literal("B", "$(A)/$(N)/$$(A)")
    )
    assert [variable.value or "field" for variable in found.env][:2] == ["a", "field"]
    assert len(found.env) == 3
    assert directory(found.expression, found.env) == "a/shop-1/$(A)"


def test_reads_a_name_that_comes_only_later_as_text_and_the_last_of_two_of_a_name() -> None:
    found = sub_path("$(A)$(B)", literal("A", "$(B)"), literal("B", "1"), literal("B", "2"))
    assert directory(found.expression, found.env) == "$(B)2"


def test_names_like_variables_alike_and_unlike_ones_apart() -> None:
    one = sub_path("$(PART)", literal("PART", "app"))
    two = sub_path("$(OTHER)", literal("OTHER", "app"))
    three = sub_path("$(PART)", literal("PART", "web"))
    assert one == two
    assert one.expression != three.expression
    assert sub_path("$(A)", literal("A", "metadata.name")) != sub_path("$(A)", field("A", "metadata.name"))


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ([], "A"),
        ([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], "A"),
        ([literal("A", "$(B)"), {"name": "C"}], "B"),
        ([{"name": "B", "valueFrom": {"configMapKeyRef": {}}}, literal("A", "$(B)")], "B"),
    ],
)
def test_refuses_what_is_neither_a_literal_nor_a_field_reference(env: list[dict[str, Any]], missing: str) -> None:
    with pytest.raises(Mistake) as raised:
        sub_path("x/$(A)", *env)
    assert (raised.value.code, raised.value.details) == ("LH208", {"variable": missing})


def test_takes_no_text_that_is_longer_than_any_path() -> None:
    assert sub_path("$(A)", literal("A", "x" * 512)).env
    assert len(sub_path("$(A)", literal("A", "x"), literal("B", "x" * 513)).env) == 1
    for longer in (literal("A", "x" * 513), field("A", "x" * 513)):
        with pytest.raises(Mistake) as raised:
            sub_path("$(A)", longer)
        assert (raised.value.code, raised.value.details) == ("LH208", {"variable": "A"})


def test_refuses_a_later_name_that_an_unknown_one_may_stand_for() -> None:
    """`envFrom` comes before `env`, and what is in it is not known here."""
    with pytest.raises(Mistake):
        sub_path("$(A)", literal("A", "$(B)"), literal("B", "x"), envFrom=[{}])


texts = st.text(st.sampled_from("$()ABa"), max_size=12)
names = st.sampled_from(["A", "B", "AB", "$(A"])
envs = st.lists(
    st.builds(literal, names, st.none() | texts) | st.builds(field, names, st.sampled_from(sorted(FIELDS))), max_size=5
)


@given(texts, envs)
def test_means_the_same_directory_to_the_kubelet(expression: str, env: list[dict[str, Any]]) -> None:
    app = container(*env)
    try:
        found = Variables(app).sub_path(expression)
    except Mistake:
        return
    assert directory(found.expression, found.env) == expanded(expression, environment(app.env or []))
    assert all(OURS.fullmatch(variable.name) for variable in found.env)
    again = Variables(Container(name="loghook", env=list(found.env))).sub_path(found.expression)
    assert again == found, "what is there already is recognised"


@pytest.mark.parametrize("text", ["$(", "$()", "$(A", "$$(", "$"])
def test_leaves_as_it_is_what_refers_to_nothing(text: str) -> None:
    """Twice as much of it takes twice as long: a quadratic search would not come back from this."""
    long = text * 500_000
    assert sub_path(long, literal("A", "x")) == SubPath(long)
