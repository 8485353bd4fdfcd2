"""Agent sidecars on a real node: the real OpenTelemetry Collector ships to a receiver in another Pod.

All Pods are created at once, so that their waiting overlaps; each test looks at one of them.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import load_image

pytestmark = pytest.mark.cluster

BUSYBOX = "docker.io/library/busybox:1.37"
COLLECTOR = "docker.io/otel/opentelemetry-collector-k8s:0.159.0"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
LOG = "/var/log/app/app.log"
_FIRST_ATTRIBUTE = re.compile(r" (?=[\w.]+=)")  # their order is another one each time

SLOW_TO_STOP = f"""
trap 'sleep 8; for n in $(seq 101 3100); do echo "line $n"; done >>{LOG}; echo "line 3101 last" >>{LOG}; exit 0' TERM
for n in $(seq 1 100); do echo "line $n"; done >>{LOG}
while :; do sleep 1 & wait $!; done
"""
"""Takes 8 s to stop, and writes 3,001 lines right before it ends."""

RECEIVER = {
    "receivers": {"otlp": {"protocols": {"http": {"endpoint": "0.0.0.0:4318"}}}},
    # A line for each record: what is longer is rotated away by the kubelet before it is read.
    "exporters": {"debug": {"verbosity": "normal", "use_internal_logger": False}},
    "service": {
        "telemetry": {"metrics": {"level": "none"}},
        "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["debug"]}},
    },
}


def _template(script: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    said = {"agent": "otel-collector", "destination": "central", "paths": LOG, "memory-limit": "96Mi", **annotations}
    container = {
        "name": "app",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "securityContext": RESTRICTED,
    }
    return {
        "metadata": {"annotations": {f"loghook.dev/{key}": value for key, value in said.items()}},
        "spec": {"terminationGracePeriodSeconds": 30, "containers": [container], **spec},
    }


def _pod(name: str, script: str, **annotations: str) -> dict[str, Any]:
    made = _template(script, annotations)
    return {"apiVersion": "v1", "kind": "Pod", **made, "metadata": {"name": name, **made["metadata"]}}


def _job(name: str, script: str, **annotations: str) -> dict[str, Any]:
    template = _template(script, annotations, restartPolicy="Never")
    spec = {"template": template, "backoffLimit": 0}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _receiver() -> list[dict[str, Any]]:
    """A collector that writes what it receives to its stdout, at an address that is known beforehand."""
    container = {
        "name": "receiver",
        "image": COLLECTOR,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--config=env:CONFIG"],
        "env": [{"name": "CONFIG", "value": json.dumps(RECEIVER)}],
        "securityContext": RESTRICTED,
    }
    meta = {"name": "receiver", "labels": {"app": "receiver"}}
    ports = [{"port": 4318}]
    service = {"clusterIP": "10.96.200.200", "selector": {"app": "receiver"}, "ports": ports}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "receiver"}, "spec": service},
    ]


@pytest.fixture(scope="module")
def world(shared_cluster: Any) -> Any:
    """The namespace in which everything happens."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    if os.environ.get("CLUSTER") and not (Path(assets) / "otelcol").exists():
        what = "otelcol in KUBEBUILDER_ASSETS, of which the image is made"
        (pytest.fail if os.environ.get("LOGHOOK_CI") else pytest.skip)(f"NOT TESTED: this needs {what}")
    written = '{"time":"2026-11-23T10:20:30Z","message":"ready","port":8080}'
    shared_cluster.apply(
        *_receiver(),
        _pod("usual", f"echo '{written}' >{LOG}; sleep 1000 & wait", format="json", fields="team=shop"),
        _pod("slow", SLOW_TO_STOP),
        _pod("alone", f"echo 'line 1' >>{LOG}; sleep 1000 & wait", destination="away"),
        _job("work", f'for n in $(seq 1 20000); do echo "line $n"; done >{LOG}'),
    )
    return shared_cluster


@pytest.fixture(scope="module")
def eventually() -> Callable[..., Any]:
    """Wait until a check gives something true."""

    def wait(what: str, check: Callable[[], Any], seconds: float = 120) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.5)
        return found

    return wait


def _arrived(world: Any, pod: str) -> list[dict[str, str]]:
    """The records of the Pod whose name begins with `pod`, as the receiver wrote them: what is said of each, flat."""
    records: list[dict[str, str]] = []
    resource: dict[str, str] = {}
    for line in world.kubectl("logs", "receiver").stdout.splitlines():
        if line.startswith("ResourceLog #"):
            resource = _pairs(line)
        elif " log.file.path=" in line:
            body, attributes = _FIRST_ATTRIBUTE.split(line, maxsplit=1)
            records.append({**resource, **_pairs(attributes), "body": body})
    return [record for record in records if record.get("k8s.pod.name", "").startswith(pod)]


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split() if "=" in pair)


def _numbers(records: list[dict[str, str]]) -> list[int]:
    return sorted(int(record["body"].split()[1]) for record in records)


def test_records_arrive_with_what_is_said_of_them(world: Any, eventually: Any) -> None:
    world.wait_for_phase("usual", "Running")
    (record,) = eventually("a record", lambda: _arrived(world, "usual"))
    assert record["body"] == "ready"
    there = world.get("pod", "usual")
    assert (
        record.items()
        >= {
            "k8s.pod.name": "usual",
            "k8s.namespace.name": world.namespace,
            "k8s.node.name": there["spec"]["nodeName"],
            "k8s.container.name": "app",
            "loghook.source": "default",
            "team": "shop",
            "log.file.path": LOG,
            "port": "8080",
            "service.name": "usual",
            "service.namespace": world.namespace,
            "service.instance.id": f"{world.namespace}.usual.app",
        }.items()
    )
    agent = next(each for each in there["spec"]["initContainers"] if each["name"] == "loghook-agent")
    assert agent["image"] == COLLECTOR


def test_a_job_completes_with_all_of_its_lines(world: Any, eventually: Any) -> None:
    def completed() -> bool:
        status = world.get("job", "work")["status"]
        assert not status.get("failed")
        return bool(status.get("succeeded"))

    eventually("the Job is complete", completed)
    # The node writes the receiver's log on for a moment.
    eventually("every line", lambda: _numbers(_arrived(world, "work"))[-1:] == [20_000])
    assert _numbers(_arrived(world, "work")) == list(range(1, 20_001))


def test_without_its_secret_and_its_destination_the_application_runs(world: Any, eventually: Any) -> None:
    def ready() -> Any:
        status = world.get("pod", "alone")["status"]
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        return status if conditions.get("Ready") == "True" else None

    status = eventually("the Pod is ready", ready)
    assert {each["name"]: each["restartCount"] for each in status["initContainerStatuses"]} == {
        "loghook-agent": 0,
        "loghook-drain": 0,
    }
    eventually("the agent tries", lambda: "Will retry" in world.kubectl("logs", "alone", "-c", "loghook-agent").stdout)


def test_the_last_lines_of_an_application_that_is_slow_to_stop(world: Any, eventually: Any) -> None:
    world.wait_for_phase("slow", "Running")
    eventually("the first lines", lambda: _numbers(_arrived(world, "slow"))[:100] == list(range(1, 101)))
    world.kubectl("delete", "pod", "slow", "--wait=true")
    eventually("the last line", lambda: _numbers(_arrived(world, "slow"))[-1:] == [3101])
    assert _numbers(_arrived(world, "slow")) == list(range(1, 3102))


# Fluent Bit, where it is found: it cannot be had in CI.


@pytest.fixture(scope="module")
def with_fluent_bit(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The namespace, with Pods that Fluent Bit ships and streams for; where images are made, of this machine's."""
    program = os.environ.get("FLUENT_BIT_BIN") or shutil.which("fluent-bit")
    if "CLUSTER" in os.environ:
        if program is None:
            pytest.skip("there is no fluent-bit: put it on the PATH or name it in FLUENT_BIT_BIN")  # CI cannot have it
        _load_fluent_bit(program, tmp_path_factory.mktemp("fluent-bit") / "fluent-bit.tar")
    numbers = f'for n in $(seq 1 2000); do echo "line $n"; done >{LOG}'
    streaming = {"mode": "streaming", "engine": "fluent-bit", "offsets": "true"}
    streamed = _pod("streamed", f"{numbers}; sleep 1000 & wait", **streaming)
    del streamed["metadata"]["annotations"]["loghook.dev/destination"]
    world.apply(_job("shipped", numbers, agent="fluent-bit"), streamed)
    return world


def _load_fluent_bit(program: str, image: Path) -> None:
    """The image has what the program is linked with, and its name resolution."""
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", linked)
    load_image(
        os.environ["CLUSTER"],
        image,
        "docker.io/fluent/fluent-bit:5.1.1",
        f"/fluent-bit/bin/fluent-bit={program}",
        *(f"{library}={library}" for library in libraries),
    )


def test_fluent_bit_delivers_all_lines_of_a_job(with_fluent_bit: Any, eventually: Any) -> None:
    world = with_fluent_bit
    eventually("the Job is complete", lambda: world.get("job", "shipped")["status"].get("succeeded"))

    def numbers() -> list[int]:
        lines = [line for line in world.kubectl("logs", "receiver").stdout.splitlines() if "shipped-" in line]
        return sorted(int(found[1]) for line in lines if (found := re.search(r"\bline (\d+)\b", line)))

    assert numbers() == list(range(1, 2_001))


def test_fluent_bit_streams_whole_lines_and_nothing_else(with_fluent_bit: Any, eventually: Any) -> None:
    with_fluent_bit.wait_for_phase("streamed", "Running")
    expected = [f"line {number}" for number in range(1, 2_001)]
    eventually(
        "every line",
        lambda: with_fluent_bit.kubectl("logs", "streamed", "-c", "loghook").stdout.splitlines() == expected,
    )
