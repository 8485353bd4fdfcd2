import math
from typing import Any

import pytest

from webhook.cli.yaml_text.documents import VALUES_LIMIT, split
from webhook.cli.yaml_text.nodes import DocumentError
from webhook.cli.yaml_text.scalars import is_plain_text


def value(text: str) -> Any:
    (document,) = split(text)
    return document.value


# What kubectl makes of plain scalars: sigs.k8s.io/yaml, by way of gopkg.in/yaml.v2.
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *[(word, True) for word in ("true", "True", "yes", "on", "ON", "y")],
        *[(word, False) for word in ("false", "no", "off", "n", "N")],
        *[(word, None) for word in ("", "~", "null", "Null")],
        *[("0o14", 12), ("014", 12), ("0b11", 3), ("0x1F", 31), ("1_000", 1000), ("-5", -5), ("+5", 5), ("0", 0)],
        *[("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("08", 8.0), ("-.inf", -math.inf)],
        *[(text, text) for text in ("1:30", "2020-01-01", "0x", "1_0x", "yEs", "a", "1.2.3", "-x", "1e", "10m", "+-1")],
        *[('"on"', "on"), ("'1'", "1"), ("!!str 1", "1"), ('!!int "1"', 1), ("! on", "on")],
        ("9" * 30, int("9" * 30)),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_mean_what_kubectl_takes_them_for(written: str, meant: object) -> None:
    found = value(f"k: {written}\n")["k"]
    assert (type(found), found) == (type(meant), meant)


def test_keys_become_texts_as_in_json() -> None:
    assert value("1: a\non: b\n1.5: c\n") == {"1": "a", "true": "b", "1.5": "c"}


def test_a_merge_key_brings_what_the_map_does_not_say_itself() -> None:
    text = "a: &a {p: 1, q: 1}\nb: &b {q: 2, r: 2}\nc:\n  <<: [*a, *b]\n  p: 3\n"
    assert value(text)["c"] == {"p": 3, "q": 1, "r": 2}
    assert value('"<<": 1\n') == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), "the key a comes twice in this map"),
        ("x:\n- {a: 1, a: 2}\n", (2, 10), "the key a comes twice in this map"),
        ("a: *b\n", (1, 4), "no YAML: the alias *b comes without an anchor &b before it"),
        ("a: &a\n  b: *a\n", (2, 6), "the alias is inside of what it repeats"),
        ("<<: 1\n", (1, 5), "a merge key (<<) takes a map, or a list of maps"),
        ("? [a]\n: 1\n", (1, 3), "a key is a text, not a list or map"),
        ("a: b: c\n", (1, 5), "no YAML: mapping values are not allowed in this context"),
        ("a: [", (1, 5), "no YAML: did not find expected node content while parsing a flow node"),
        ("a: \x01\n", (1, 4), "no YAML: the character U+0001"),
        ("é: 1\n---\na: [1\n", (4, 1), "no YAML: did not find expected ',' or ']' while parsing a flow sequence"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(text: str, place: tuple[int, int], problem: str) -> None:
    with pytest.raises(DocumentError) as error:
        [document.value for document in split(text)]
    assert ((error.value.line, error.value.column), error.value.problem) == (place, problem)


def test_aliases_that_explode_are_refused_before_they_do() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    with pytest.raises(DocumentError, match=f"more than {VALUES_LIMIT:,} values"):
        value("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "# c\na: 1\n---\n# d\nb: 2\n...\n# e\n---\nc: 3",
        "---\na: 1\n---\n\n---\nb: é\n",
        "%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n---\n{}\n",
        "",
        "# nothing\n",
        "a: |\n  x\n\n\n---\nb: >+\n  y\n\n",
        "a: 1\r\n---\r\nb: 2\r\n",
    ],
)
def test_documents_joined_are_the_text_again(text: str) -> None:
    documents = split(text)
    assert "".join(document.text for document in documents) == text
    # Each stands for itself: read alone it means the same.
    assert [split(document.text)[0].value for document in documents] == [document.value for document in documents]


@pytest.mark.parametrize("text", ["on", "1:30", "0o14", "1_000", "2020-01-01", "~", "", "=", "<<", "n", "1e3", "08"])
def test_what_some_reader_takes_for_a_number_is_no_plain_text(text: str) -> None:
    assert not is_plain_text(text)


def test_other_texts_are_plain() -> None:
    assert is_plain_text("loghook")
    assert is_plain_text("/var/log/app.log")
    assert is_plain_text("10m")
