"""`make demo`: from a log file to a database, with the real programs, on this machine and without a cluster.

The webhook serves over TLS and gets the Pod as from an API server. What it answers is then run as a kubelet would,
but that containers are processes here and volumes are folders. Ctrl-C ends everything.
"""

import argparse
import datetime as dt
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from webhook.cli.failures import CommandError
from webhook.cli.preview import Webhook

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 90
"""Seconds after which what should have come by now is taken not to come."""

_ENVTEST = ROOT / os.environ.get("ENVTEST_DIR", "../shared/envtest")
_PROGRAMS = {
    "victoria-logs": ("victoria-logs", "victoria-logs-prod"),
    "otelcol": ("otelcol", "otelcol-contrib"),
}
_HOW_TO_GET = {
    "victoria-logs": "VictoriaLogs, a log database, which is in the releases of VictoriaMetrics/VictoriaLogs on GitHub",
    "otelcol": "the OpenTelemetry Collector, 0.149 or newer, which is otelcol-contrib in the releases of "
    "open-telemetry/opentelemetry-collector-releases on GitHub",
}


class MissingError(Exception):
    """Something that the demo needs is not there; the text says how to get it."""


def main() -> int:
    """Run it until Ctrl-C, or with --once until the lines are in the database; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=_port, default=9428, help="where the database and its page are")
    options.add_argument("--once", action="store_true", help="end as soon as lines are in the database")
    said = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # What runs ends before the folder goes, in which it may be writing.
        with tempfile.TemporaryDirectory(prefix="loghook-demo-") as folder, ExitStack() as running:
            _show(running, Path(folder), said.port, until_seen=said.once)
    except KeyboardInterrupt:
        print("\nEnded.")
    except (MissingError, CommandError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _port(text: str) -> int:
    """A port that a server may have. Raises what argparse tells its user."""
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text} is no port: a number from 1 to {2**16 - 1}")
    return int(text)


def _show(running: ExitStack, folder: Path, port: int, *, until_seen: bool) -> None:
    """The demo from beginning to end; what it starts ends with `running`."""
    database, collector = _program("victoria-logs"), _program("otelcol")
    page = _database(running, database, folder, port)
    _step(1, f"A log database, VictoriaLogs, runs here. Its page: {page}/select/vmui")
    webhook = _webhook(running, folder, port)
    _step(2, "loghook serves over TLS. Its configuration names the database:", folder / "loghook.yaml")
    pod = yaml.safe_load((HERE / "pod.yaml").read_text("utf-8"))
    _step(3, "Somebody creates a Pod, which says where its log files are:", HERE / "pod.yaml")
    injected = _injected(webhook, pod)
    added = [each["name"] for each in injected["spec"].get("initContainers", [])]
    _step(4, f"The Pod comes back with {' and '.join(added)} in it, and with the agent's configuration.")
    _start(running, injected, folder, collector)
    _step(5, f"Its containers start; they are processes here, and its volumes are folders below {folder}.")
    _wait(lambda: len(_lines(page)) >= _ENOUGH, "no line has come to the database", folder)
    _step(6, "The application writes into its file, and the lines are in the database:")
    print("\n".join(_table(_lines(page))), flush=True)
    if not until_seen:
        print(f"\nSee them arrive: {page}/select/vmui/?#/?query=*\nCtrl-C ends everything.", flush=True)
        while True:  # a Ctrl-C just before a sleep is noticed after it
            time.sleep(0.2)


def _step(number: int, text: str, file: Path | None = None) -> None:
    print(f"\n{number}. {text}")
    if file is not None:
        lines = (line for line in file.read_text("utf-8").splitlines() if not line.startswith("#"))
        print("\n".join(f"     {line}" for line in lines))
    sys.stdout.flush()


# The programs.


def _program(name: str) -> str:
    """The path of a program: on the PATH, or of the folder that ENVTEST_DIR's `setup` prints."""
    found = next(filter(None, map(shutil.which, _PROGRAMS[name])), None)
    setup = _ENVTEST / "setup"
    if found is None and os.access(setup, os.X_OK):
        folder = subprocess.run([setup], check=True, capture_output=True, text=True).stdout.strip()
        found = shutil.which(name, path=folder)
    if found is None:
        raise MissingError(f"the demo needs {_HOW_TO_GET[name]}; put it on the PATH as {name}.")
    return found


def _database(running: ExitStack, program: str, folder: Path, port: int) -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise MissingError(f"port {port} is taken; choose another: make demo DEMO_PORT={port + 1}")
    command = [program, f"-storageDataPath={folder}/database", f"-httpListenAddr=127.0.0.1:{port}"]
    running.enter_context(_process(command, folder / "database.log"))
    page = f"http://127.0.0.1:{port}"
    _wait(lambda: _answers(f"{page}/health"), "the database does not start", folder)
    return page


def _webhook(running: ExitStack, folder: Path, database: int) -> Webhook:
    """The webhook as a process, with certificates of its own and the configuration of the demo."""
    certificates = folder / "certificates"
    subprocess.run([sys.executable, "-m", "certs", "issue", "--out", certificates], check=True, capture_output=True)
    config = folder / "loghook.yaml"
    config.write_text((HERE / "loghook.yaml").read_text("utf-8").replace("9428", str(database)), "utf-8")
    command: list[str | Path] = [
        *(sys.executable, "-m", "webhook", "serve", "--config", config, "--host", "127.0.0.1"),
        *("--tls-cert", certificates / "tls.crt", "--tls-key", certificates / "tls.key"),
        *("--port", "0", "--health-port", "0"),  # it chooses them, and says which once it serves
    ]
    log = folder / "webhook.log"
    running.enter_context(_process(command, log))
    _wait(lambda: b"\n" in log.read_bytes(), "the webhook does not start", folder)
    ready = json.loads(log.read_bytes().partition(b"\n")[0])
    return Webhook(f"https://127.0.0.1:{ready['port']}", certificates / "ca.crt")


def _injected(webhook: Webhook, pod: Mapping[str, Any]) -> dict[str, Any]:
    """The Pod that would be stored."""
    answered = webhook.review(pod, pod["metadata"]["namespace"])
    if not answered.ops:
        raise MissingError(f"the webhook has not injected the Pod: {answered.message}")
    patch = [{"op": each.op, "path": each.path, "value": each.value} for each in answered.ops]
    injected: dict[str, Any] = jsonpatch.apply_patch(pod, patch)
    return injected


# What a kubelet does, for these two containers.


def _start(running: ExitStack, pod: Mapping[str, Any], folder: Path, collector: str) -> None:
    agent = next(each for each in pod["spec"]["initContainers"] if each["name"] == "loghook-agent")
    (application,) = pod["spec"]["containers"]
    _project(pod, folder)
    interpreter, script, *rest = application["command"]
    words = [sys.executable if interpreter == "python3" else interpreter, str(HERE / script), *rest]
    places = _places(application, folder) | _places(agent, folder)
    running.enter_context(_process([_here(each, places) for each in words], folder / "application.log"))
    for file in (folder / "loghook-config").iterdir():
        file.write_text(_here(file.read_text("utf-8"), places), "utf-8")
    command = [collector, *(_here(each, places) for each in agent["args"])]
    running.enter_context(_process(command, folder / "agent.log", _environment(agent, pod)))


def _project(pod: Mapping[str, Any], folder: Path) -> None:
    """Make the volumes: a folder each, with the annotations that downwardAPI volumes are of."""
    for volume in pod["spec"]["volumes"]:
        place = folder / volume["name"]
        place.mkdir()
        for item in volume.get("downwardAPI", {}).get("items", []):
            key = item["fieldRef"]["fieldPath"].partition("['")[2].removesuffix("']")
            (place / item["path"]).write_text(pod["metadata"]["annotations"][key], "utf-8")


def _places(container: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Where each directory of a container is on this machine."""
    return {mount["mountPath"]: str(folder / mount["name"]) for mount in container["volumeMounts"]}


def _here(text: str, places: Mapping[str, str]) -> str:
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


def _environment(container: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, str]:
    """The container's variables: literals, and what they ask of the Pod's metadata."""
    metadata = {f"metadata.{name}": value for name, value in pod["metadata"].items()}
    return {
        each["name"]: each.get("value") or metadata.get(each["valueFrom"]["fieldRef"]["fieldPath"], "this-machine")
        for each in container.get("env", [])
    }


# The database.

_ENOUGH = 5


def _lines(page: str) -> list[dict[str, Any]]:
    """What is in the database, oldest first."""
    query = urllib.parse.urlencode({"query": "* | sort by (_time)", "limit": 20})
    with urllib.request.urlopen(f"{page}/select/logsql/query?{query}", timeout=PATIENCE) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def _table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for line in lines:
        fields = {name: line.get(name, "") for name in ("level", "status", "_msg")}
        time_of_day = dt.datetime.fromisoformat(line["_time"]).time().isoformat("milliseconds")
        yield f"     {time_of_day}  {fields['level']:8} {fields['status']:4} {fields['_msg']}"


# Processes.


@contextmanager
def _process(command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A process that ends with the demo; what it says goes to `log`."""
    variables = {**os.environ, **(env or {})}
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=variables, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(is_so: Callable[[], bool], problem: str, folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            tails = (f"{log.name}: {log.read_text('utf-8', 'replace')[-500:]}" for log in folder.glob("*.log"))
            raise MissingError("\n".join((f"{problem} after {PATIENCE} s", *tails)))
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return bool(answer.status == http.client.OK)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
