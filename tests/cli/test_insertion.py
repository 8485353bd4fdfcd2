import copy
import json
import re
import textwrap
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from webhook.cli.yaml_text import insertion
from webhook.cli.yaml_text.documents import split
from webhook.cli.yaml_text.insertion import add, add_all
from webhook.cli.yaml_text.nodes import DocumentError

POD = """\
# top
apiVersion: v1 # one
metadata:
  annotations:
    loghook.dev/paths: "/var/log/x" # here
    # about the annotations
  name: 'a'
spec:
  # about containers
  containers:
  # first
  - name: a
    image:   b   # two
    volumeMounts: [] # none
    # still a

  # second
  - {name: b, image: c}
  volumes:
"""


def added(text: str, before: str, lines: str) -> str:
    """`text` with `lines` put before its line `before`."""
    assert text.count(f"\n{before}\n") == 1
    return text.replace(f"\n{before}\n", f"\n{lines}{before}\n")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            ("metadata", "annotations", "loghook.dev/status"),
            '{"a":1}',
            added(POD, "    # about the annotations", "    loghook.dev/status: '{\"a\":1}'\n"),
        ),
        (("metadata", "labels"), {"a": "on"}, added(POD, "spec:", '  labels:\n    a: "on"\n')),
        (("metadata", "name"), "yes", POD.replace("'a'", '"yes"')),
        (("metadata", "name"), "b\nc", POD.replace("'a'", '"b\\nc"')),
        (
            ("spec", "containers", "0", "volumeMounts", "-"),
            {"name": "v"},
            POD.replace("volumeMounts: [] # none\n    # still a\n", "volumeMounts: # none\n    # still a\n")
            .replace("    # still a\n", "    - name: v\n    # still a\n"),
        ),
        (("spec", "containers", "1", "env"), [{"n": "1"}], POD.replace("c}", 'c, "env": [{"n": "1"}]}')),
        (("spec", "containers", "0"), {"name": "z"}, added(POD, "  # first", "  - name: z\n")),
        (("spec", "containers", "1"), {"name": "z"}, POD.replace("\n\n", "\n  - name: z\n\n")),
        (("spec", "containers", "-"), {"name": "z"}, added(POD, "  volumes:", "  - name: z\n")),
        (("spec", "volumes"), [{"name": "v"}], POD + "  - name: v\n"),
        (("spec", "initContainers"), [{"name": "v"}], POD + "  initContainers:\n  - name: v\n"),
    ],
)  # fmt: skip
def test_additions_are_lines_between_the_others(path: tuple[str, ...], value: Any, expected: str) -> None:
    assert add(POD, path, value) == expected


def test_the_example_of_the_module_is_true() -> None:
    before, after = re.findall(r"(?:^    .*\n)+", insertion.__doc__ or "", re.MULTILINE)
    path = ("spec", "containers", "0", "volumeMounts", "-")
    assert add(textwrap.dedent(before), path, {"name": "logs"}) == textwrap.dedent(after)


def test_lists_are_indented_as_the_document_does_it() -> None:
    text = "a:\n    - x\nb: {}\n"
    assert add(text, ("c",), [{"d": ["e"]}]) == text + "c:\n  - d:\n      - e\n"
    assert add("a:\n- x\n", ("c",), [{"d": ["e"]}]) == "a:\n- x\nc:\n- d:\n  - e\n"


def test_line_ends_stay_those_of_the_file() -> None:
    assert add("a:\r\n  b: 1\r\nc: 2\r\n", ("a", "z"), {"t": "x\ny\n"}) == (
        "a:\r\n  b: 1\r\n  z:\r\n    t: |\r\n      x\r\n      y\r\nc: 2\r\n"
    )


def test_a_file_without_a_newline_at_its_end_gets_one_where_lines_follow() -> None:
    assert add("a: 1", ("b",), "x") == "a: 1\nb: x\n"
    with pytest.raises(DocumentError, match="no newline after it: add one"):
        add("a: |\n  text", ("b",), "x")
    assert add("a: |-\n  text", ("b",), "x") == "a: |-\n  text\nb: x\n"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: &a {k: 1}\nb: *a\n", ("a", "new"), 'a: &a {k: 1, "new": "v"}\nb:\n  k: 1\n'),
        ("a: &a\n  k: 1\nb: *a # c\n", ("b", "new"), "a: &a\n  k: 1\nb: # c\n  k: 1\n  new: v\n"),
        ("a: &a\n  k: 1\nb:\n- *a\n", ("a", "new"), 'a: &a\n  k: 1\n  new: v\nb:\n- {"k": 1}\n'),
        (
            "a: &a\n  x: {k: 1}\nb:\n  <<: *a\n  z: 2\n",
            ("b", "x", "new"),
            "a: &a\n  x: {k: 1}\nb:\n  <<: *a\n  z: 2\n  x:\n    k: 1\n    new: v\n",
        ),
        (
            "a: &a\n  x: {k: 1}\nb:\n  <<: *a\n",
            ("a", "x", "new"),
            'a: &a\n  x: {k: 1, "new": "v"}\nb:\n  <<:\n    x:\n      k: 1\n',
        ),
        ("a: &a old\nb: *a\n", ("a",), "a: v\nb: old\n"),
        ("a: &a old\nb: *a\n", ("b",), "a: &a old\nb: v\n"),
    ],
)
def test_an_addition_at_one_place_shows_at_no_other(text: str, path: tuple[str, ...], expected: str) -> None:
    assert add(text, path, "v") == expected


# Any document, written in any style, with an addition at any place: the value is right, or it is refused.

TEXTS = st.sampled_from([
    *("a", "on", "1:30", "0o14", "08", "1_0", "yes", "2020-01-01", "~", "=", "<<", "", "-", "- a", "?", "a: b", "x #y"),
    *("a\nb\n", "a\nb", "\n", "a\n\n b\n\n", "x\r\ny", "\t", " lead", "tail ", '{"a":1}', "é", "'q'", "\x07", "\\"),
    *("\u2028", "/var/log/*.log", "k.dev/x"),
])  # fmt: skip
KEYS = TEXTS.filter(lambda key: "\n" not in key)
VALUES = st.recursive(
    TEXTS | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


class Indented(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow=flow, indentless=False)


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        below = [place for key, item in value.items() for place in places(item, (*path, key))]
        return [*((*path, key) for key in [*value, "new/~key"]), *below]
    if isinstance(value, list):
        steps = [*map(str, range(len(value) + 1)), "-"]
        below = [place for index, item in enumerate(value) for place in places(item, (*path, str(index)))]
        return [*((*path, step) for step in steps), *below]
    return []


def pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


REFUSALS = ("this cannot be replaced", "the text that ends the file", "nothing can be put before the first item")


@given(
    value=st.dictionaries(st.sampled_from(["a", "b", "c d", "k.dev/x"]), VALUES, min_size=1, max_size=4),
    shared=st.none() | VALUES,
    new=VALUES,
    style=st.sampled_from([False, None, True]),
    dumper=st.sampled_from([yaml.SafeDumper, Indented]),
    indent=st.sampled_from([2, 4]),
    data=st.data(),
)
def test_any_addition_means_what_json_patch_says(  # noqa: PLR0913, PLR0917 - as many as there are ways to write YAML
    value: Any, shared: Any, new: Any, style: bool | None, dumper: Any, indent: int, data: st.DataObject  # noqa: FBT001
) -> None:  # fmt: skip
    value = {**value, "s1": shared, "s2": [shared, {"q": shared}]}
    text = yaml.dump(value, Dumper=dumper, default_flow_style=style, sort_keys=False, indent=indent, allow_unicode=True)
    if data.draw(st.booleans()):
        text = text.rstrip("\n")
    try:
        (document,) = split(text)
        old = json.loads(json.dumps(document.value))
    except DocumentError:
        assume(False)  # noqa: FBT003 - hypothesis's way to say that it is no case
    path = data.draw(st.sampled_from(places(old)))
    expected = jsonpatch.apply_patch(
        copy.deepcopy(old), [{"op": "add", "path": pointer(path), "value": copy.deepcopy(new)}]
    )
    try:
        result = add(text, path, new)
    except DocumentError as error:
        if error.problem.startswith(REFUSALS):
            return
        raise
    assert split(result)[0].value == expected


@given(
    value=st.dictionaries(st.sampled_from(["a", "b", "c d", "k.dev/x"]), VALUES, min_size=1, max_size=4),
    shared=st.none() | VALUES,
    style=st.sampled_from([False, None, True]),
    dumper=st.sampled_from([yaml.SafeDumper, Indented]),
    data=st.data(),
)
def test_several_additions_are_written_as_one_after_the_other(
    value: Any, shared: Any, style: bool | None, dumper: Any, data: st.DataObject  # noqa: FBT001
) -> None:  # fmt: skip
    text = yaml.dump({**value, "s": [shared, shared]}, Dumper=dumper, default_flow_style=style, sort_keys=False)
    try:
        one_by_one, additions = text, []
        for _ in range(data.draw(st.integers(1, 4))):
            path = data.draw(st.sampled_from(places(json.loads(json.dumps(split(one_by_one)[0].value)))))
            additions.append((path, data.draw(VALUES)))
            one_by_one = add(one_by_one, *additions[-1])
    except DocumentError:
        assume(False)  # noqa: FBT003 - hypothesis's way to say that it is no case
    (document,) = split(text)
    assert add_all(document, additions) == one_by_one
