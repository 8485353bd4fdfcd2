"""What the documentation says is true: examples parse, links lead somewhere, tables are those of the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from webhook.annotations.defaults import check_defaults
from webhook.annotations.parser import parse
from webhook.annotations.registry import KEYS, PREFIX
from webhook.cli.app import app
from webhook.config import loghook_yaml
from webhook.config.destinations import TYPES
from webhook.config.formats import FORMATS
from webhook.diagnostics import CODES
from webhook.inject import Injected, inject
from webhook.pod.view import view
from webhook.reference import pages
from webhook.reference.examples import example_file
from webhook.reference.formats import FAMILIES
from webhook.sidecars.programs import AGENTS, ENGINES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXPECTED = {"LH191"}  # of keys that are for agents


def yaml_blocks(page: Path) -> list[Any]:
    """Every document of every YAML block of `page`."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return [document for block in blocks for document in yaml.safe_load_all(block)]


def configured(page: Path) -> loghook_yaml.Config:
    """What the page's own examples configure, and a destination for those that name one."""
    whole: dict[str, Any] = {"destinations": {"central": {"type": "stdout"}}, "formats": {}}
    for block in yaml_blocks(page):
        if isinstance(block, dict) and block.keys() & {"destinations", "formats"}:
            for part in whole:
                whole[part] |= block.get(part, {})
    return loghook_yaml.load(yaml.safe_dump(whole))


def said(block: Any) -> dict[str, str]:
    """The annotations in a block, whether it is a whole object or only they."""
    if not isinstance(block, dict):
        return {}
    found = block.get("metadata", {}).get("annotations", {}) if "metadata" in block else block
    return {key: value for key, value in found.items() if isinstance(key, str) and key.startswith(PREFIX)}


@pytest.mark.parametrize("name", pages.PAGES)
def test_reference_pages_are_those_of_the_code(name: str) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    assert page == "\n".join(pages.PAGES[name]()), "run `make docs`"


@pytest.mark.parametrize("name", TYPES)
def test_each_type_of_destination_has_an_example_that_works(name: str) -> None:
    text = (ROOT / "examples" / "destinations" / f"{name}.yaml").read_text("utf-8")
    assert text == example_file(name), "run `make docs`"
    snippet = "".join(line.removeprefix("#   ") for line in text.splitlines(keepends=True) if line.startswith("#   "))
    settings = loghook_yaml.load(snippet)
    *secrets, pod = yaml.safe_load_all(text)
    outcome = inject(view(pod), settings, "shop")
    assert isinstance(outcome, Injected)
    assert outcome.diagnostics == ()
    there = {(secret["metadata"]["name"], key) for secret in secrets for key in secret["stringData"]}
    named = settings.destinations["central"]
    assert there == {(key.secret, key.key) for _, key in (*named.secrets(), *named.secret_files())}


def test_every_example_of_a_destination_is_of_a_type() -> None:
    assert {file.stem for file in (ROOT / "examples" / "destinations").iterdir()} == set(TYPES)


def test_every_example_of_configuration_loads() -> None:
    for page in PAGES:
        for block in yaml_blocks(page):
            if isinstance(block, dict) and block.keys() & {"destinations", "formats"}:
                loghook_yaml.load(yaml.safe_dump(block))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_annotations_have_no_mistake(page: Path) -> None:
    for block in yaml_blocks(page):
        if asked := said(block):
            asked.setdefault(PREFIX + "paths", "/var/log/app/*.log")
            codes = {found.code for found in parse(asked, {}, configured(page).format_names).diagnostics}
            assert codes <= EXPECTED, asked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_annotations_are_injected(page: Path) -> None:
    """As they stand, into a Pod that has the containers that they name, with what the page configures."""
    settings = configured(page)
    for block in yaml_blocks(page):
        asked = said(block)
        if not asked or not any(key.endswith("paths") for key in asked):
            continue
        pod = {
            "metadata": {"annotations": asked, "labels": {"app.kubernetes.io/name": "shop"}},
            "spec": {"containers": [{"name": name} for name in ("app", "web")]},
        }
        outcome = inject(view(block if "spec" in block else pod), settings, "shop")
        assert isinstance(outcome, Injected), outcome
        assert {found.code for found in outcome.diagnostics} <= EXPECTED


def test_every_destination_every_format_and_every_output_has_a_page() -> None:
    written = {
        f"{folder}/{file.name}"
        for folder in ("destinations", "formats", "output")
        for file in (ROOT / "docs" / folder).iterdir()
    }
    assert written == {name for name in pages.PAGES if "/" in name}
    assert {f"destinations/{name}.md" for name in TYPES} <= written
    assert sorted(name for family in FAMILIES.values() for name in family.formats) == sorted(FORMATS)


@pytest.mark.parametrize("name", pages.SECTIONS)
def test_written_parts_of_pages_are_those_of_the_code(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    assert "<!-- written -->" in text
    assert text == pages.with_section(text, pages.SECTIONS[name]()), "run `make docs`"


def test_every_key_has_an_example() -> None:
    keys = {key for block in yaml_blocks(ROOT / "docs" / "annotations.md") for key in said(block)}
    assert {PREFIX + name for name in KEYS} <= keys


def test_the_configuration_in_the_documentation_loads() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    loaded = loghook_yaml.load(block)
    for place, defaults in loaded.every_default():
        assert not list(check_defaults(defaults, place))
    named = set(yaml.safe_load(block))
    assert named == {field.alias for field in loghook_yaml.Config.model_fields.values()}


def test_the_images_and_resources_in_the_documentation_are_the_built_in_ones() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    said = yaml.safe_load(block)
    built_in = loghook_yaml.Config().model_dump(mode="json", by_alias=True)
    assert {**said["images"], "registry": ""} == built_in["images"]
    assert said["resources"] == built_in["resources"]
    assert said["stateSizeLimit"] == built_in["stateSizeLimit"]


def test_the_costs_in_the_documentation_are_the_built_in_ones() -> None:
    rows = [
        re.split(r" *\| *", line.strip("| "))
        for line in (ROOT / "docs" / "shipping.md").read_text("utf-8").splitlines()
    ]
    resources = loghook_yaml.Config().resources
    seen = set()
    for row in rows:
        if row[-1][:1].isdigit() and (engine := re.search(r"`([a-z-]+)`", row[0])):
            of = resources.of(engine[1])
            assert row[-2:] == [f"{of.cpu_request}, {of.memory_request}", f"{of.cpu_limit}, {of.memory_limit}"]
            seen.add(engine[1])
    assert seen == {*AGENTS, *ENGINES, "drain"}


def test_the_registration_in_the_documentation_is_complete() -> None:
    (registration,) = yaml_blocks(ROOT / "docs" / "running.md")
    (webhook,) = registration["webhooks"]
    assert webhook["sideEffects"] == "None"
    expression = " ".join(webhook["matchConditions"][0]["expression"].split())
    asks = "object.metadata.annotations.exists(k, k.startsWith('loghook.dev/'))"
    assert expression == f"has(object.metadata.annotations) && {asks}"


def anchors(page: Path) -> set[str]:
    """The sections of a page, as GitHub names them in addresses."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if not path.startswith("https://"):
            there = (page.parent / path).resolve()
            assert there.exists(), target
            assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_codes_that_are_mentioned_exist(page: Path) -> None:
    assert set(re.findall(r"\bLH\d{3}\b", page.read_text("utf-8"))) <= set(CODES)


# What is spoken of exists: in the pages, in the messages, and in what the code says of itself.

_OURS = [ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "tests" / "messages.yaml"]
for folder in ("webhook", "certs", "charts"):
    _OURS += [file for file in (ROOT / folder).rglob("*") if file.suffix in {".md", ".py", ".yaml", ".tpl", ".txt"}]
TEXTS = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in (*PAGES, *_OURS)}


def mentioned(expression: str) -> set[tuple[str, str]]:
    """What `expression` finds in all of them, with the file in which it stands."""
    return {(found, file) for file, text in TEXTS.items() for found in re.findall(expression, text, re.MULTILINE)}


def test_commands_that_are_mentioned_exist() -> None:
    said = mentioned(r"`(?:kubectl )?loghook ([a-z]+)")
    assert {word for word, _ in said} >= {"inject", "serve", "verify"}
    assert {(word, file) for word, file in said if word not in app.commands} == set()


def test_goals_of_make_that_are_mentioned_exist() -> None:
    goals = set(re.findall(r"^([a-z-]+):", TEXTS["Makefile"], re.MULTILINE))
    said = mentioned(r"(?:`|^ *)make ([a-z-]+)")
    assert {word for word, _ in said} >= {"run", "test", "docs"}
    assert {(word, file) for word, file in said if word not in goals} == set()


def test_pages_that_are_mentioned_exist() -> None:
    said = mentioned(r"\bdocs/[a-z0-9/-]+\.(?:md|json|svg)\b")
    assert {(page, file) for page, file in said if not (ROOT / page).is_file()} == set()


def test_modules_that_are_mentioned_exist() -> None:
    """As `webhook/plan/layout.py`, and in the code as `webhook.plan.layout`, with a name of the module or without."""
    said = mentioned(r"`((?:webhook|certs)(?:/[a-z_.]+)+)`")
    said |= {(name, file) for name, file in mentioned(r"`((?:webhook|certs)(?:\.[a-z_]+)+)`") if file.endswith(".py")}
    spoken_of = {(name, file) for name, file in said if file not in _OF_OTHER_TIMES and "acme" not in name}
    assert len(spoken_of) > 20
    assert {(name, file) for name, file in spoken_of if not _is_there(name)} == set()


_OF_OTHER_TIMES = {"CHANGELOG.md", *(name for name in TEXTS if name.startswith("docs/decisions/"))}


def _is_there(name: str) -> bool:
    """Whether there is such a file or module, or a name in such a module."""
    place = ROOT / (name if "/" in name else name.replace(".", "/"))
    owners = (place.parent.with_suffix(".py"), place.parent / "__init__.py")
    has_name = re.compile(rf"\b{place.name}\b").search
    is_name = "/" not in name and any(has_name(each.read_text("utf-8")) for each in owners if each.is_file())
    return place.exists() or place.with_suffix(".py").is_file() or is_name


def test_the_menu_of_the_site_has_every_page() -> None:
    """`make site` fails otherwise, in an environment that the tests do not have."""
    menu = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    named = {ROOT / "docs" / page for page in re.findall(r"[\w./-]+\.md\b", menu)}
    folders = {ROOT / "docs" / folder for folder in re.findall(r"- ([\w-]+)/$", menu, re.MULTILINE)}
    pages = sorted(ROOT.glob("docs/**/*.md"))
    assert [page.name for page in pages if page not in named and page.parent not in folders] == []
