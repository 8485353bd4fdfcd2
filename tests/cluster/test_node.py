"""Real Pods on a real node: every line of the application's files comes out of `kubectl logs`."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "docker.io/library/busybox:1.37"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(script: str, name: str = "app", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "securityContext": RESTRICTED,
        **fields,
    }


def template(script: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    ours = {f"loghook.dev/{key}": value for key, value in annotations.items()}
    return {
        "metadata": {"annotations": ours, "labels": {"app": "app"}},
        "spec": {"terminationGracePeriodSeconds": 10, "containers": [container(script)], **spec},
    }


def pod(name: str, script: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    made = template(script, annotations, **spec)
    return {"apiVersion": "v1", "kind": "Pod", **made, "metadata": {"name": name, **made["metadata"]}}


def numbered(lines: list[str], word: str) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.split()[:1] == [word]]


# Writes a numbered line every tenth of a second, and on TERM two last ones before it ends.
LAST_WORDS = """
trap 'echo "line $((n += 1))" >>LOG; echo "line $((n += 1)) last" >>LOG; exit 0' TERM
n=0; while :; do echo "line $((n += 1))" >>LOG; sleep 0.1; done
"""


def test_streams_the_well_known_example(cluster: Any) -> None:
    example = yaml.safe_load((ROOT / "examples" / "server-log.yaml").read_text())
    cluster.apply(example)
    name = example["metadata"]["name"]
    there = cluster.wait_for_phase(name, "Running")
    sidecar = there["spec"]["initContainers"][0]
    assert sidecar["name"] == "loghook"
    assert {"name": "loghook-logs", "mountPath": "/var/log", "readOnly": True} in sidecar["volumeMounts"]
    assert {"name": "loghook-logs", "mountPath": "/var/log"} in there["spec"]["containers"][0]["volumeMounts"]
    with cluster.follow(name) as stream:
        lines = [next(stream.stdout) for _ in range(5)]
        written = cluster.kubectl("exec", name, "--", "cat", "/var/log/server.log").stdout.splitlines(keepends=True)
        assert written[:5] == lines
        cluster.kubectl("delete", "pod", name, "--wait=false", "--grace-period=2")
        stream.stdout.read()


def test_has_the_lines_of_the_last_instant_before_deletion(cluster: Any) -> None:
    cluster.apply(pod("app", LAST_WORDS.replace("LOG", "/var/log/app/app.log"), {"paths": "/var/log/app/app.log"}))
    cluster.wait_for_phase("app", "Running")
    with cluster.follow("app") as stream:
        lines = [next(stream.stdout) for _ in range(10)]
        cluster.kubectl("delete", "pod", "app", "--wait=false")
        lines += list(stream.stdout)
    numbers = numbered(lines, "line")
    assert numbers == list(range(1, len(numbers) + 1))
    assert lines[-1].rstrip().endswith("last")


def test_lets_a_job_complete_with_all_of_its_lines(cluster: Any) -> None:
    script = "{ for n in $(seq 500); do echo line $n; done; printf 'line 501 unfinished'; } >/data/logs/job.log"
    made = template(script, {"paths": "/data/logs/*.log"}, restartPolicy="Never")
    cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": made}})
    cluster.kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=240s")
    (done,) = cluster.get("pods", "-l", "job-name=job")["items"]
    assert done["status"]["phase"] == "Succeeded"
    (sidecar,) = done["status"]["initContainerStatuses"]
    assert sidecar["state"]["terminated"]["exitCode"] == 0
    assert numbered(cluster.logs(done["metadata"]["name"], least=501), "line") == list(range(1, 502))


def test_injects_every_pod_of_a_deployment(cluster: Any) -> None:
    made = template(LAST_WORDS.replace("LOG", "/logs/$HOSTNAME.log"), {"paths": "/logs/*.log", "format": "plain"})
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "app"}}, "template": made}
    cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=240s")
    pods = cluster.get("pods", "-l", "app=app")["items"]
    assert len(pods) == 2
    for each in pods:
        with cluster.follow(each["metadata"]["name"]) as stream:
            assert [next(stream.stdout).split()[1] for _ in range(3)] == ["1", "2", "3"]
            stream.terminate()


def test_ends_five_sidecars_soon_after_the_application(cluster: Any) -> None:
    names = ["a", "b", "c", "d", "e"]
    annotations = {f"{name}.paths": f"/logs/{name}.log" for name in names}
    script = "for n in $(seq 30); do for s in a b c d e; do echo line $n >>/logs/$s.log; done; sleep 0.1; done"
    cluster.apply(pod("app", script, annotations, restartPolicy="Never"))
    done = cluster.wait_for_phase("app", "Succeeded")
    ended = max(finished_at(status) for status in done["status"]["initContainerStatuses"])
    (app,) = done["status"]["containerStatuses"]
    assert (ended - finished_at(app)).total_seconds() <= 6 * len(names)  # on a busy machine too
    for name in names:
        assert numbered(cluster.logs("app", f"loghook-{name}", least=30), "line") == list(range(1, 31))


def finished_at(status: dict[str, Any]) -> datetime:
    assert status["state"]["terminated"]["exitCode"] == 0
    return datetime.fromisoformat(status["state"]["terminated"]["finishedAt"])


def test_loses_at_most_the_last_second_of_an_application_that_is_killed(cluster: Any) -> None:
    script = "trap '' TERM; n=0; while :; do echo \"line $((n += 1)) $(date +%s)\" >>/logs/app.log; sleep 0.1; done"
    made = pod("app", script, {"paths": "/logs/app.log"}, terminationGracePeriodSeconds=4)
    # What the application wrote, as seen by a container that the sidecar has nothing to do with.
    volume = {"name": "logs", "emptyDir": {}}
    made["spec"]["volumes"] = [volume]
    mounts = [{"name": "logs", "mountPath": "/logs"}]
    made["spec"]["containers"][0]["volumeMounts"] = mounts
    cluster.apply(made)
    cluster.wait_for_phase("app", "Running")
    with cluster.follow("app") as stream:
        lines = [next(stream.stdout) for _ in range(5)]
        killed_no_earlier_than = int(cluster.kubectl("exec", "app", "--", "date", "+%s").stdout) + 4
        cluster.kubectl("delete", "pod", "app", "--wait=false")
        lines += list(stream.stdout)
    numbers = numbered(lines, "line")
    assert numbers == list(range(1, len(numbers) + 1))
    assert int(lines[-1].split()[2]) >= killed_no_earlier_than - 1


def test_reads_what_init_containers_write(cluster: Any) -> None:
    made = pod("app", "sleep 1; echo from the app >>/logs/app.log", {"paths": "/logs/*.log"}, restartPolicy="Never")
    mounts = [{"name": "logs", "mountPath": "/logs"}]
    made["spec"]["volumes"] = [{"name": "logs", "emptyDir": {}}]
    made["spec"]["containers"][0]["volumeMounts"] = mounts
    made["spec"]["initContainers"] = [container("echo from init >/logs/init.log", "prepare", volumeMounts=mounts)]
    cluster.apply(made)
    cluster.wait_for_phase("app", "Succeeded")
    assert sorted(cluster.logs("app", least=2)) == ["from init", "from the app"]


def test_keeps_two_sub_paths_of_one_volume_apart(cluster: Any) -> None:
    env = [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    made = pod("app", "echo mine >>/logs/app.log; sleep 2", {"paths": "/logs/*.log"}, restartPolicy="Never")
    made["spec"]["volumes"] = [{"name": "logs", "emptyDir": {}}]
    mount = {"name": "logs", "mountPath": "/logs", "subPathExpr": "$(POD_NAME)/logs"}
    made["spec"]["containers"][0].update(volumeMounts=[mount], env=env)
    # The kubelet makes the sub-path for root, unless an init container has made it for the application.
    prepare = container("mkdir -p /all/app/logs", "prepare", volumeMounts=[{"name": "logs", "mountPath": "/all"}])
    made["spec"]["initContainers"] = [prepare]
    cluster.apply(made)
    cluster.wait_for_phase("app", "Succeeded")
    assert cluster.logs("app", least=1) == ["mine"]


def test_starts_with_a_volume_at_run(cluster: Any) -> None:
    """To which `/var/run` is a link: the mount that hides the token must not be made below a read-only one.

    The volume's part is named by a variable whose name is one that agents obey.
    """
    mount = {"name": "run", "mountPath": "/run", "subPathExpr": "$(HTTPS_PROXY)/$$(x)-$(POD_NAME)"}
    env = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "HTTPS_PROXY", "value": "of-$(POD_NAME)"},
    ]
    script = "mkdir -p /run/app; n=0; while :; do echo line $((n += 1)) >>/run/app/app.log; sleep 0.1; done"
    spec = {"volumes": [{"name": "run", "emptyDir": {}}], "securityContext": {"fsGroup": 10001}}
    app = container(script, env=env, volumeMounts=[mount])
    cluster.apply(pod("at-run", script, {"paths": "/run/app/*.log"}, **spec, containers=[app]))
    there = cluster.wait_for_phase("at-run", "Running")
    (sidecar,) = there["spec"]["initContainers"]
    assert [variable["name"][:17] for variable in sidecar["env"]] == ["LOGHOOK_SUB_PATH_"] * 2
    with cluster.follow("at-run") as stream:
        assert [next(stream.stdout) for _ in range(3)] == [f"line {number}\n" for number in (1, 2, 3)]
        cluster.kubectl("delete", "pod", "at-run", "--wait=false", "--grace-period=1")
        stream.stdout.read()


def test_streams_from_a_plain_container_too(cluster: Any) -> None:
    annotations = {"paths": "/logs/app.log", "native-sidecar": "false", "drain-seconds": "2"}
    cluster.apply(pod("app", LAST_WORDS.replace("LOG", "/logs/app.log"), annotations))
    there = cluster.wait_for_phase("app", "Running")
    assert [each["name"] for each in there["spec"]["containers"]] == ["app", "loghook"]
    assert there["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "app"
    with cluster.follow("app") as stream:
        lines = [next(stream.stdout) for _ in range(5)]
        cluster.kubectl("delete", "pod", "app", "--wait=false")
        lines += list(stream.stdout)
    assert lines[-1].rstrip().endswith("last")


def test_accepts_an_exported_pod_again(cluster: Any) -> None:
    cluster.apply(pod("app", "sleep 60", {"paths": "/logs/app.log"}))
    exported = cluster.get("pod", "app")
    cluster.kubectl("delete", "pod", "app", "--now")
    spec = {key: value for key, value in exported["spec"].items() if key != "nodeName"}
    metadata = {"name": "app", "annotations": exported["metadata"]["annotations"]}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    again = cluster.wait_for_phase("app", "Running")
    assert [each["name"] for each in again["spec"]["initContainers"]] == ["loghook"]


def test_shows_a_mistake_to_whoever_applies_it(cluster: Any) -> None:
    done = cluster.apply(pod("app", "true", {"path": "/logs/app.log", "drain-seconds": "soon"}), check=False)
    assert done.returncode == 1
    assert "LH101 loghook.dev/path: no such key, write loghook.dev/paths" in done.stderr
    assert "LH127 loghook.dev/drain-seconds" in done.stderr


def test_says_in_the_status_what_it_did(cluster: Any) -> None:
    cluster.apply(pod("app", "sleep 60", {"access.paths": "/logs/access.log"}))
    status = json.loads(cluster.get("pod", "app")["metadata"]["annotations"]["loghook.dev/status"])
    assert status["containers"] == ["loghook-access"]
