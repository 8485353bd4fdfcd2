"""The playground's page in a real browser: by typing, by keyboard alone, by its link, and for a screen reader."""

import hashlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, opened

from webhook.cli.playground.app import PAGE

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "playground.png"

ASKING = "return document.body.ariaBusy === 'false'"
ADDED = "return [...document.querySelectorAll('#difference ins')].map((each) => each.innerText)"


@pytest.fixture(scope="module")
def driver() -> Iterator[str]:
    with opened() as address:
        yield address


@pytest.fixture(scope="module")
def url(driver: str) -> Iterator[str]:
    del driver  # where there is none, nothing is started
    command = [sys.executable, "-m", "webhook", "playground", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        found = re.search(r"http://\S+", running.stdout.readline())
        assert found
        yield found[0]
        running.send_signal(signal.SIGINT)


@pytest.fixture
def page(driver: str, url: str) -> Iterator[Browser]:
    """A window with the page, which has answered."""
    with Browser(driver) as browser:
        browser.go(url)
        browser.wait(ASKING)
        yield browser


def focused(page: Browser) -> str:
    return str(page.run("return document.activeElement.id || document.activeElement.innerText"))


def tab_to(page: Browser, name: str) -> None:
    """Press Tab until the element of that id, or of that text, has the focus."""
    for _ in range(40):
        if focused(page) == name:
            return
        page.press("Tab")
    pytest.fail(f"no Tab leads to {name}")


def typed(page: Browser, text: str) -> None:
    """Put `text` in place of what is written, as by pasting, and wait for the answer."""
    page.run(
        "const it = document.getElementById('manifest'); it.value = arguments[0]; it.dispatchEvent(new Event('input'))",
        text,
    )
    page.wait(ASKING)


def test_shows_the_first_example_injected(page: Browser) -> None:
    assert page.text("#summary") == "Nothing is wrong."
    assert page.text("#verdicts") == "deployment/web gets loghook (busybox)"
    assert any("loghook.dev/status" in line for line in page.run(ADDED))


def test_a_key_that_is_typed_changes_the_result(page: Browser) -> None:
    assert focused(page) == "manifest"
    page.press("Control+End", "      initContainers: []", "Enter")
    page.wait("return document.getElementById('difference').innerText.includes('initContainers')")
    page.press("x: [")
    page.wait("return document.querySelector('#findings button')")
    page.wait(ASKING)
    assert page.text("#findings button").startswith("error Line 17: manifest no YAML")
    assert page.run("return document.querySelector('#gutter li.error').innerText") == "17"


def test_no_key_is_lost_at_any_speed(page: Browser) -> None:
    typed(page, "# ")
    page.press("Control+End")
    page.press(*("0123456789" * 10))  # a hundred keys as fast as the browser takes them
    page.wait("return document.getElementById('manifest').value.length === 102")
    page.wait(ASKING)
    assert page.run("return document.getElementById('manifest').value") == "# " + "0123456789" * 10
    assert page.text("#difference").strip() == "# " + "0123456789" * 10


def test_a_finding_leads_to_its_line_and_the_reference_follows_the_cursor(page: Browser) -> None:
    page.run("const it = document.getElementById('example'); it.value = '4'; it.dispatchEvent(new Event('change'))")
    page.wait("return document.querySelectorAll('#findings button').length >= 4")
    page.run(
        "[...document.querySelectorAll('#findings button')].find((each) => each.innerText.includes('jsn')).click()"
    )
    assert focused(page) == "manifest"
    chosen = "const it = document.getElementById('manifest'); return it.value.slice(it.selectionStart, it.selectionEnd)"
    assert page.run(chosen) == "loghook.dev/format: jsn"
    assert page.text("#reference h3") == "loghook.dev/format"
    page.press("Down")
    page.wait("return document.querySelector('#reference h3').innerText === 'loghook.dev/container'")


def test_everything_can_be_reached_by_the_keyboard_alone(page: Browser) -> None:
    tab_to(page, "tab-difference")
    page.press("Right")
    assert focused(page) == "tab-agents"
    assert page.run("return [difference.hidden, agents.hidden]") == [True, False]
    for name in ("agents", "example", "namespace", "link", "manifest", "config"):
        if name == "config":
            tab_to(page, page.text("#more summary"))
            page.press("Enter")
        tab_to(page, name)


def test_the_link_holds_everything(page: Browser, driver: str) -> None:
    typed(page, "# Grüße 🪵\nkind: [")
    tab_to(page, "link")
    page.press("Enter")
    page.wait("return document.getElementById('told').innerText")
    address = str(page.run("return location.href"))
    assert "#" in address
    with Browser(driver) as other:
        other.go(address)
        other.wait(ASKING)
        assert other.run("return document.getElementById('manifest').value") == "# Grüße 🪵\nkind: ["
        other.run("location.hash = 'damaged'")
        other.wait("return document.getElementById('told').innerText.includes('damaged')")


def test_no_text_becomes_a_part_of_the_page(page: Browser) -> None:
    """A link may come from anybody."""
    annotations = "{loghook.dev/paths: '<b>x'}"
    typed(
        page, f"kind: Pod\nmetadata: {{name: '<img src=x onerror=alert(1)>', annotations: {annotations}}}\nspec: {{}}"
    )
    assert page.run("return document.querySelectorAll('img, #result b, script:not([src])').length") == 0
    assert "<b>x" in page.text("#difference")


def test_every_control_has_a_name_and_news_is_told(page: Browser) -> None:
    page.run("document.getElementById('more').open = true")
    controls = "document.querySelectorAll('button, input, select, textarea, [tabindex]')"
    shown = f"[...{controls}].filter((each) => each.checkVisibility())"
    names = [page.label(f"return {shown}[{at}]") for at in range(page.run(f"return {shown}.length"))]
    assert all(names), names
    assert {"Manifest", "Configuration", "Example", "Namespace", "Injected"} <= set(names)
    told = "return [...document.querySelectorAll('[role=status]')].map((each) => each.id)"
    assert page.run(told) == ["told", "summary", "config-problem"]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_text_can_be_told_from_its_background(driver: str, url: str, *, is_dark: bool) -> None:
    """By WCAG 2.2's contrast of at least 4.5 for text (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""
    with Browser(driver, is_dark=is_dark) as browser:
        browser.go(url)
        browser.wait(ASKING)
        assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") is is_dark
        assert browser.run(CONTRASTS) == []


def test_the_picture_in_the_docs_is_of_this_page(page: Browser, *, updating: bool) -> None:
    """What it was drawn from is kept beside it, as no two machines draw the same: `--update-golden` draws anew."""
    page.run("const it = document.getElementById('example'); it.value = '1'; it.dispatchEvent(new Event('change'))")
    page.wait("return document.getElementById('verdicts').innerText.startsWith('job/report')")
    page.run("manifest.setSelectionRange(210, 210); manifest.dispatchEvent(new Event('click'))")
    assert page.text("#reference h3") == "loghook.dev/free"
    files = [file for file in sorted(PAGE.iterdir()) if file.is_file()]
    drawn = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    if updating:
        PICTURE.write_bytes(page.picture())
        PICTURE.with_suffix(".sha256").write_text(f"{drawn}\n")
    assert PICTURE.with_suffix(".sha256").read_text().strip() == drawn
    assert PICTURE.read_bytes().startswith(b"\x89PNG")


CONTRASTS = """
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    pixel.fillStyle = color;
    pixel.fillRect(0, 0, 1, 1);
    const parts = [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
    const linear = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const background = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "white";
  };
  const bad = [];
  for (const each of document.querySelectorAll("body *")) {
    const own = [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !each.checkVisibility()) continue;
    const [a, b] = [getComputedStyle(each).color, background(each)].map(luminance).sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${each.tagName} ${each.innerText.slice(0, 40)}`);
  }
  return bad;
"""
