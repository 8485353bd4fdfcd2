"""A real browser, by the W3C's WebDriver protocol (https://www.w3.org/TR/webdriver2/), of which a few commands do."""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from ports import free_port

__all__ = ["Browser", "opened"]

PATIENCE = 120.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
_KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Right": "\ue014", "Down": "\ue015", "End": "\ue010", "Control": "\ue009"}


class Browser:
    """One window."""

    def __init__(self, url: str, *, is_dark: bool = False) -> None:
        self._url = url
        scheme = ["--blink-settings=preferredColorScheme=0"] if is_dark else []
        usual = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"]
        options = {"args": [*usual, "--disable-dev-shm-usage", *scheme]}  # a container's /dev/shm is small
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._session = self._send("POST", "/session", wanted)["sessionId"]

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        content = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(  # noqa: S310 - as below
            f"{self._url}{path}", content, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - our own driver
            return json.loads(response.read())["value"]

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        return self._send(method, f"/session/{self._session}{path}", body)

    def go(self, url: str) -> None:
        self._do("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of `script`, the body of a function."""
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, by name or as the text that they write; `Control+X` holds the first."""
        actions = [action for key in keys for action in _actions(key)]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, selector: str) -> str:
        found = self.run("return document.querySelector(arguments[0]).innerText", selector)
        return str(found)

    def wait(self, script: str, *arguments: Any) -> Any:
        """Wait until the value of `script` is true, and return it."""
        end = time.monotonic() + PATIENCE
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < end, f"it did not come to be: {script} {arguments}"
            time.sleep(0.05)
        return found

    def label(self, script: str) -> str:
        """The accessible name of the element that `script` returns, as a screen reader is told it."""
        element = self.run(script)[_ELEMENT]
        return str(self._do("GET", f"/element/{element}/computedlabel"))

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._do("GET", "/screenshot"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._do("DELETE", "")


def _actions(key: str) -> Iterator[dict[str, str]]:
    held, _, last = key.rpartition("+") if len(key) > 1 else ("", "", key)
    if held:
        yield {"type": "keyDown", "value": _KEYS[held]}
    for value in [_KEYS[last]] if last in _KEYS else list(last):
        yield {"type": "keyDown", "value": value}
        yield {"type": "keyUp", "value": value}
    if held:
        yield {"type": "keyUp", "value": _KEYS[held]}


@contextmanager
def opened() -> Iterator[str]:
    """The address of a driver, which starts browsers; skips the test where there is none."""
    driver = shutil.which("chromedriver")
    if driver is None and os.environ.get("LOGHOOK_CI"):
        pytest.fail("CI lacks chromedriver")
    if driver is None:
        pytest.skip("NOT TESTED: this needs chromedriver (Debian: apt-get install chromium-driver)")
    port = free_port()
    with subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def _wait(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < end, "the driver does not listen"
            time.sleep(0.05)
        else:
            return
