"""`loghook discover` and `loghook logs` on a real node: what applications of six shapes hold open, found by both ways.

All Pods are created at once, so that their waiting overlaps; each test looks at one of them.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest

from webhook.reference.output import schema

from .conftest import COLLECTOR_IMAGE, Cluster, Said, namespace, wait_for
from .test_node import container

pytestmark = pytest.mark.cluster

ON = "sleep 1000000"
WRITES = "exec 3>>/var/log/app/app.log; while :; do echo line >&3; sleep 1; done"
DAEMON = f"(exec 3>>/var/log/app/app.log; while :; do echo line >&3; sleep 1; done) & {ON}"
ROTATED = f"exec 3>>/var/log/app/app.log; mv /var/log/app/app.log /var/log/app/app.log.1; {ON} >&3"
DELETED = f"exec 3>>/var/log/app/gone.log; rm /var/log/app/gone.log; {ON}"
READS = f"echo x >/var/log/app/seen.log; exec 3</var/log/app/seen.log; {ON}"
DATA = f"exec 3<>/var/log/app/orders.db; exec 4>>/var/log/app/audit; {ON}"


def pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    volumes = [{"name": "logs", "emptyDir": {}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": list(containers), "volumes": volumes, "terminationGracePeriodSeconds": 1} | spec,
    }


def app(script: str, name: str = "app") -> dict[str, Any]:
    return container(script, name, volumeMounts=[{"name": "logs", "mountPath": "/var/log/app"}])


def claimed(home: Cluster) -> Iterator[dict[str, Any]]:
    """A claim, with a volume for it that exists only here, and a Pod that writes to it."""
    name = home.namespace
    size = {"storage": "1Mi"}
    # A folder of the node that everybody may write to.
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": name,
            "hostPath": {"path": "/tmp"},  # noqa: S108 - the only one that everybody may write to
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": {"requests": size}},
    }
    made = container(
        f"exec 3>>/data/loghook-discover.log; rm -f /data/x; {ON}",
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )
    yield pod("claim", made, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])


@pytest.fixture(scope="module")
def home(node: Any) -> Iterator[Cluster]:
    """A namespace with a Pod of each shape."""
    del node
    with namespace("discover") as found:
        shapes = {"daemon": DAEMON, "rotated": ROTATED, "deleted": DELETED, "reads": READS, "none": ON, "data": DATA}
        asks = pod("asks", app(WRITES))
        asks["metadata"]["annotations"] = {"loghook.dev/paths": "/var/log/app/*.log"}
        bare = container("", "bare", image=COLLECTOR_IMAGE)
        parts = (
            "receivers: {otlp: {protocols: {grpc: {}}}}",
            "exporters: {nop: }",
            "service: {pipelines: {logs: {receivers: [otlp], exporters: [nop]}}}",
        )
        bare["command"] = ["/otelcol-k8s", *(f"--config=yaml:{part}" for part in parts)]
        several = pod(
            "several",
            app(WRITES.replace("app.log", "one.log"), "one"),
            app(WRITES.replace("app.log", "two.log"), "two"),
        )
        found.apply(
            *claimed(found),
            *(pod(name, app(script)) for name, script in shapes.items()),
            asks,
            pod("bare", bare),
            several,
        )
        try:
            yield found
        finally:
            found.kubectl("delete", "persistentvolume", found.namespace, "--wait=false", check=False)


@pytest.fixture
def run(home: Cluster, capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Said]:
    """`loghook` within this process, in the namespace of the Pods; every Pod runs first."""
    from webhook.cli import main

    def run_main(*words: str) -> Said:
        code = main([*words, "-n", home.namespace])
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    return run_main


def discovered(home: Cluster, run: Callable[..., Said], name: str, *words: str, files: int = 1) -> dict[str, Any]:
    """What is said of a Pod, once it has so many files open; what runs may not have opened them yet."""
    home.wait_for_phase(name, "Running")

    def settled() -> list[Any]:
        found: list[Any] = json.loads(run("discover", name, "-o", "json", *words).out)
        jsonschema.validate(found, schema("discover"))
        return found if len(found[0]["files"]) >= files and (files or found[0]["said"]) else []

    (found,) = wait_for(f"something is said of {name}", settled)
    return dict(found)


@pytest.mark.parametrize(
    ("name", "paths", "volume"),
    [
        ("daemon", "/var/log/app/app.log", "logs"),
        ("rotated", "/var/log/app/app.log", "logs"),
        ("claim", "/data/loghook-discover.log", "data"),
    ],
)
def test_a_log_is_found_with_its_volume_and_annotations(
    home: Cluster, run: Callable[..., Said], name: str, paths: str, volume: str
) -> None:
    found = discovered(home, run, name)
    assert [(each["path"], each["volume"], each["is_log"]) for each in found["files"]] == [(paths, volume, True)]
    assert found["annotations"] == {"loghook.dev/paths": paths, "loghook.dev/container": "app"}
    kind = "persistentVolumeClaim" if name == "claim" else "emptyDir"
    assert found["files"][0]["kind"] == kind


def test_a_file_that_is_deleted_cannot_be_read_by_anybody(home: Cluster, run: Callable[..., Said]) -> None:
    wait_for("it is deleted", lambda: discovered(home, run, "deleted")["files"][0]["is_deleted"])
    found = discovered(home, run, "deleted")
    assert [(each["path"], each["is_deleted"]) for each in found["files"]] == [("/var/log/app/gone.log", True)]
    assert found["annotations"] == {}
    assert any("deleted, and still written" in line for line in found["said"])


@pytest.mark.parametrize("name", ["reads", "none"])
def test_what_is_only_read_is_no_log(home: Cluster, run: Callable[..., Said], name: str) -> None:
    found = discovered(home, run, name, files=0)
    assert (found["files"], found["annotations"]) == ([], {})
    assert found["said"] == ["app: no file is open for writing"]
    assert run("discover", name).code == 1


def test_data_is_told_from_logs_by_how_it_is_written(home: Cluster, run: Callable[..., Said]) -> None:
    found = discovered(home, run, "data", files=2)
    looks = {each["path"]: each["is_log"] for each in found["files"]}
    assert looks == {"/var/log/app/orders.db": False, "/var/log/app/audit": True}
    assert found["annotations"]["loghook.dev/paths"] == "/var/log/app/audit"


def test_several_containers_get_a_source_each(home: Cluster, run: Callable[..., Said]) -> None:
    found = discovered(home, run, "several", files=2)
    assert found["annotations"] == {
        "loghook.dev/one.paths": "/var/log/app/one.log",
        "loghook.dev/one.container": "one",
        "loghook.dev/two.paths": "/var/log/app/two.log",
        "loghook.dev/two.container": "two",
    }
    text = run("discover", "several").out
    assert "    loghook.dev/one.paths: /var/log/app/one.log\n" in text


def test_an_ephemeral_container_sees_the_same_and_is_asked_for_first(home: Cluster, run: Callable[..., Said]) -> None:
    home.wait_for_phase("daemon", "Running")
    refused = run("discover", "daemon", "--user", "10001", "--no-ephemeral")
    assert refused.code == 1
    assert "whose entry stays until the Pod ends" in refused.out
    uid = str(container("")["securityContext"].get("runAsUser", 65532))
    found = discovered(home, run, "daemon", "--user", uid, "--ephemeral")
    assert found["annotations"].get("loghook.dev/paths") == "/var/log/app/app.log", found
    entries = home.get("pod", "daemon")["spec"]["ephemeralContainers"]
    assert all(each["name"].startswith("loghook-discover-") for each in entries)


def test_a_container_without_a_shell_is_looked_into_by_an_ephemeral_one(
    home: Cluster, run: Callable[..., Said]
) -> None:
    found = discovered(home, run, "bare", "--ephemeral", files=0)
    assert found["said"] == ["bare: no file is open for writing"]


def test_logs_are_those_of_our_containers_with_whose_they_are(home: Cluster, run: Callable[..., Said]) -> None:
    home.wait_for_phase("asks", "Running")
    wait_for("a line", lambda: "[asks loghook] line\n" in run("logs", "asks").out)
    said = run("logs", "-l", "app=asks", "--tail", "1")
    assert (said.code, said.out) == (0, "[asks loghook] line\n")
    assert run("logs", "none").code == 1
    assert run("logs", "asks", "--source", "other").code == 1
