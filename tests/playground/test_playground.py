"""The playground: its answers, and its server as whoever is on this machine meets it."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.cli import manifests
from webhook.cli.playground.app import EXAMPLES, PAGE, example
from webhook.cli.playground.judged import Answer, Question, answer
from webhook.config.loghook_yaml import Config
from webhook.inject import Injected, inject

POD = """\
# a Pod
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    loghook.dev/paths: /var/log/app/*.log  # ours
spec:
  containers:
    - name: web
"""
DESTINATION = "destinations: {central: {type: otlp, host: collector.logging.svc}}"


def asked(manifest: str, config: str = "", namespace: str = "") -> Answer:
    return answer(Question(manifest, config, namespace))


def injected(found: Answer) -> str:
    return "".join(f"{line[1:]}\n" for line in found.lines if line[0] != "-")


@pytest.fixture(params=sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def shown(request: pytest.FixtureRequest) -> dict[str, str]:
    file: Path = request.param
    return example(file.read_text("utf-8"))


# What it answers.


def test_the_result_is_that_of_the_one_function() -> None:
    found = asked(POD)
    (part,) = manifests.parse("", POD)[0].parts()
    outcome = inject(part.view(), Config(), "default")
    assert isinstance(outcome, Injected)
    expected = jsonpatch.apply_patch(yaml.safe_load(POD), json.loads(outcome.patch))
    assert yaml.safe_load(injected(found)) == expected
    assert [line[1:] for line in found.lines if line[0] == " "] == POD.splitlines()
    assert found.verdicts == ["pod/web gets loghook (busybox)"]
    assert found.findings == []


def test_the_agents_configuration_is_shown_as_it_is_in_the_pod() -> None:
    manifest = POD.replace("*.log  # ours", "*.log\n    loghook.dev/destination: central")
    found = asked(manifest, DESTINATION)
    (agent,) = found.agents
    pod = yaml.safe_load(injected(found))
    assert (agent.object, agent.name) == ("pod/web", "fluent-bit")
    assert agent.text == pod["metadata"]["annotations"]["loghook.dev/config"]


def test_a_mistake_is_told_at_its_line() -> None:
    found = asked(POD.replace("loghook.dev/paths", "loghook.dev/pahts"))
    assert [(each.line, each.column, each.severity, each.code) for each in found.findings] == [(7, 5, "error", "LH101")]
    assert found.verdicts == ["pod/web is refused"]
    assert all(line[0] == " " for line in found.lines)


def test_what_is_half_written_is_told_and_shown_as_it_is() -> None:
    found = asked(POD + "  x: [")
    assert [(each.line, each.code) for each in found.findings] == [(11, "manifest")]
    assert [line[1:] for line in found.lines] == (POD + "  x: [").splitlines()


def test_a_wrong_configuration_is_told_beside_the_result_without_it() -> None:
    found = asked(POD, "engine: bsybox\n")
    assert found.config_problem.startswith("loghook.yaml:1: ")
    assert found.verdicts == ["pod/web gets loghook (busybox)"]


def test_a_namespace_that_the_manifest_contradicts_is_told() -> None:
    found = asked(POD.replace("name: web", "name: web\n  namespace: shop", 1), namespace="other")
    assert "is in the namespace shop, not in other" in found.findings[0].message


def test_nothing_is_said_of_nothing() -> None:
    assert asked(" \n") == Answer()


def test_json_is_shown_with_the_lines_that_go() -> None:
    manifest = json.dumps(yaml.safe_load(POD), indent=2)
    found = asked(manifest)
    assert "".join(f"{line[1:]}\n" for line in found.lines if line[0] != "+").strip() == manifest
    assert json.loads(injected(found))["spec"]["initContainers"][0]["name"] == "loghook"


@given(st.text(max_size=200))
def test_no_text_is_our_mistake(text: str) -> None:
    asked(text, text, "default")
    asked(POD + text, text)


def test_each_example_shows_what_its_title_says(shown: dict[str, str]) -> None:
    found = asked(shown["manifest"], shown["config"])
    assert found.config_problem == ""
    if shown["title"].endswith("?"):
        assert {each.severity for each in found.findings} == {"error", "warning"}
    else:
        assert found.findings == []
        assert any(line[0] == "+" for line in found.lines)


# The server.


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A playground as `loghook playground` starts it."""
    command = [sys.executable, "-m", "webhook", "playground", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = running.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        assert found, said
        yield int(found[1])
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        return response.status, response.read()


def test_it_answers_over_http(port: int) -> None:
    body = json.dumps({"manifest": POD}).encode()
    status, text = request(port, "POST", "/answer", body, content_type="application/json")
    assert status == 200
    assert json.loads(text)["verdicts"] == ["pod/web gets loghook (busybox)"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"content_type": "application/json"}, 400),
        (b'{"manifest":"","file":"/etc/passwd"}', {"content_type": "application/json"}, 400),
        (b'{"manifest":""}', {"content_type": "text/plain"}, 415),  # which another page could send unasked
        (b'{"manifest":""}', {"content_type": "application/json", "host": "loghook.example"}, 400),
        (b'{"manifest":"' + b" " * 2**18 + b'"}', {"content_type": "application/json"}, 413),
    ],
)
def test_it_takes_nothing_but_what_the_page_sends(port: int, body: bytes, headers: dict[str, str], status: int) -> None:
    assert request(port, "POST", "/answer", body, **headers)[0] == status


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/examples/", "/openapi.json", "/docs"]
)
def test_it_gives_out_nothing_but_the_page(port: int, path: str) -> None:
    assert request(port, "GET", path)[0] == 404


def test_it_is_for_this_machine_alone(port: int) -> None:
    listening = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    addresses = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    assert [each.partition(":")[0] for each in addresses if each.endswith(f":{port:04X}")] == ["0100007F"]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    texts = [file.read_text("utf-8") for file in PAGE.iterdir() if file.suffix in {".html", ".css", ".js"}]
    assert [found for text in texts for found in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)] == []


def test_a_port_that_is_taken_is_told(port: int) -> None:
    command = [sys.executable, "-m", "webhook", "playground", "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: port {port} cannot be used: ")
