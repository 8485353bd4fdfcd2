"""What is said to whoever adds something and leaves a piece out: each edit is made to a copy of the code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from webhook.tables import TableError, by_name, demand

ROOT = Path(__file__).resolve().parents[1]
CONFIG, SIDECARS, REFERENCE = "webhook/config", "webhook/sidecars", "webhook/reference"
TABLE = f"{CONFIG}/destinations/__init__.py"

MODEL = '''
from typing import ClassVar, Literal

from webhook.config.destinations.destination import Network


class Graylog(Network):
    """Graylog."""

    type: Literal["graylog"]
    title: ClassVar = "Graylog"
    about: ClassVar = "Graylog, by JSON lines."
    example: ClassVar = {"host": "graylog.logging.svc", "port": 9428}
'''
LISTED = (
    (TABLE, "\nAnyDestination = ", "\nfrom webhook.config.destinations.graylog import Graylog\n\\g<0>"),
    (TABLE, "    | Azure\n", "    | Azure\n    | Graylog\n"),
)
TOLD = (f"{SIDECARS}/fluent_bit/outputs.py", '    "http": _http,', '\\g<0>\n    "graylog": _http,')
"""What Fluent Bit is told of it; that it would not work does not matter to the tables."""


def edited(folder: Path, *edits: tuple[str, str, str], **files: str) -> subprocess.CompletedProcess[str]:
    """`make docs` in a copy of the code with `edits` (file, what stands there, what comes in its place)."""
    shutil.copytree(ROOT / "webhook", folder / "webhook", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        (folder / CONFIG / "destinations" / name.replace("_md", ".md").replace("_py", ".py")).write_text(text, "utf-8")
    for file, before, after in edits:
        text = (folder / file).read_text("utf-8")
        assert text.count(before) == 1, f"{file} has {before!r} {text.count(before)} times"
        (folder / file).write_text(text.replace(before, after.replace("\\g<0>", before)), "utf-8")
    command = [sys.executable, "-m", "webhook.reference", "docs", "examples"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def assert_says(done: subprocess.CompletedProcess[str], *sentences: str) -> None:
    """It ends with these sentences and nothing else, and nothing is written."""
    assert done.returncode == 1, done
    assert done.stderr == "make docs: " + "\n".join(sentences) + "\n"


def test_a_destination_outside_of_the_union(tmp_path: Path) -> None:
    module = "webhook.config.destinations"
    assert_says(
        edited(tmp_path, graylog_py=MODEL),
        f"{module}.graylog is in no table: add its class to AnyDestination in {module}",
    )
    assert not (tmp_path / "docs").exists()


def test_a_destination_that_says_no_title(tmp_path: Path) -> None:
    model = MODEL.replace('    title: ClassVar = "Graylog"\n', "")
    assert_says(
        edited(tmp_path, *LISTED, TOLD, graylog_py=model),
        "Graylog in webhook.config.destinations.graylog says no `title`: write it beside the others of the model",
    )


def test_a_destination_that_fluent_bit_has_no_output_for(tmp_path: Path) -> None:
    assert_says(
        edited(tmp_path, *LISTED, graylog_py=MODEL),
        "Fluent Bit ships to every type, and OUTPUTS in webhook.sidecars.fluent_bit.outputs has no graylog: add "
        "its output",
    )


def test_a_destination_without_words_whose_example_is_wrong_and_with_an_option_that_is_no_more_than_a_field(
    tmp_path: Path,
) -> None:
    model = MODEL.replace("9428", "0") + '    stream_fields: str = "pod"\n'
    module = "webhook.config.destinations.graylog"
    assert_says(
        edited(tmp_path, *LISTED, TOLD, graylog_py=model),
        f"graylog has no graylog.md beside {module}: write what a user must know of it, under `## ` headings",
        f"the example in {module} is wrong: port: Input should be greater than 0",
        f"the option streamFields in {module} is explained nowhere: annotate it with Option(…), the sentence of its "
        "page first",
    )


def test_an_option_that_is_never_tried(tmp_path: Path) -> None:
    model = MODEL.replace("Literal\n", "Annotated, Literal\n") + (
        "    stream_fields: Annotated[str, Option('what tells streams apart')] = 'pod'\n"
    )
    model = model.replace("\n\nclass", "from webhook.config.destinations.option import Option\n\nclass")
    assert_says(
        edited(tmp_path, *LISTED, TOLD, graylog_py=model, graylog_md="## Logging in\n\nNot at all.\n"),
        "the option streamFields in webhook.config.destinations.graylog is never tried: give its Option a second "
        "argument, a value to find out who can do it",
    )


def with_key(lines: str) -> tuple[str, str, str]:
    key = f'    Key(name="priority", {lines} parse=values.boolean, example="true", about="A try."),\n'
    return "webhook/annotations/registry.py", '    Key(\n        name="cpu-request",', key + "\\g<0>"


def test_a_key_without_its_field(tmp_path: Path) -> None:
    assert_says(
        edited(tmp_path, with_key('scope="pod", default="true",')),
        "KEYS has a key for the field `priority`, and Request in webhook/annotations/request.py has no such field: add "
        "it there",
    )


def test_a_key_that_nothing_is_said_of_where_the_pod_says_nothing(tmp_path: Path) -> None:
    field = "webhook/annotations/request.py", "    cpu_request: str", "    priority: str\n\\g<0>"
    assert_says(
        edited(tmp_path, with_key('scope="pod",'), field),
        "the key of `priority` has no default: give it one in KEYS, or give the field one, in Request in "
        "webhook/annotations/request.py",
    )


def test_a_field_without_its_key(tmp_path: Path) -> None:
    field = "webhook/annotations/request.py", "    cpu_request: str", "    priority: str\n\\g<0>"
    assert_says(
        edited(tmp_path, field),
        "Request in webhook/annotations/request.py has the field `priority`, and KEYS no key for it: add one",
    )


FORMAT = '        Format(name="haproxy", about="A try.", sample="a b", syntax="regex", pattern="^(?P<a>x)"),\n'


def test_a_format_without_a_family_whose_sample_does_not_match(tmp_path: Path) -> None:
    assert_says(
        edited(tmp_path, (f"{CONFIG}/formats.py", '        Format(name="plain"', FORMAT + "\\g<0>")),
        "the format haproxy is in no family: add it to one of FAMILIES in webhook.reference.formats",
        "the sample of the format haproxy in webhook.config.formats cannot be read: the sample of haproxy does not "
        "match",
    )


def test_a_family_without_its_words_or_its_format(tmp_path: Path) -> None:
    family = '    "proxies": Family("Proxies", ("haproxy",)),\n'
    assert_says(
        edited(tmp_path, (f"{REFERENCE}/formats.py", '    "csv": Family(', family + "\\g<0>")),
        "FAMILIES in webhook.reference.formats has haproxy, which is no format",
        "the family proxies has no proxies.md in webhook/reference/families: write what a user must know",
    )


@pytest.mark.parametrize(
    ("file", "before", "table", "name"),
    [
        ("webhook/diagnostics/codes.py", '        "LH102",', "CODES in webhook/diagnostics/codes.py", "LH101"),
        ("webhook/annotations/registry.py", '"cpu-limit"', "KEYS in webhook/annotations/registry.py", "cpu-request"),
        (f"{CONFIG}/formats.py", 'name="json"', "FORMATS in webhook/config/formats.py", "plain"),
    ],
)
def test_an_entry_whose_name_is_taken(tmp_path: Path, file: str, before: str, table: str, name: str) -> None:
    after = before.replace("LH102", name).replace("cpu-limit", name).replace('"json"', f'"{name}"')
    assert_says(edited(tmp_path, (file, before, after)), f"{table} has {name} twice: give one of them another name")


def test_a_table_that_lacks_nothing() -> None:
    assert by_name("T", ["a", "b"], str) == {"a": "a", "b": "b"}
    demand(["a"], {"a": 1}, "{name} is missing")
    with pytest.raises(TableError, match="b is missing"):
        demand(["a", "b"], {"a": 1}, "{name} is missing")
