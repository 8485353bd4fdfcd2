"""The reader in real Pods on a real node, in a namespace that enforces Pod Security `restricted`.

All Pods are created at once, so that their waiting overlaps; each test looks at one of them.
"""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cluster, missing, namespace, wait_for
from .test_node import container, numbered

pytestmark = pytest.mark.cluster

LOG = "/var/log/app/app.log"
LIMIT_MIB, TIMES = 16, 20

# Twenty times what the volume may hold, 1 MiB each tenth of a second, in lines of 64 bytes.
TOO_MUCH = f"""
yes 0123456789012345678901234567890123456789012345678901234567890123 | head -c 66560 >/scratch/block
for n in $(seq {LIMIT_MIB * TIMES}); do
  for m in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat /scratch/block; done >>{LOG}
  sleep 0.1
done
"""
LINES = LIMIT_MIB * TIMES * 16 * (66560 // 65)

BURST = f"""
trap 'seq 11 200010 | sed "s/^/line /" >>{LOG}; exit 0' TERM
seq 1 10 | sed "s/^/line /" >>{LOG}
while :; do sleep 0.1; done
"""

# An application that crashes and begins its file anew, each time with longer lines.
CRASHES = f"""
n=$(cat /keep/n 2>/dev/null || echo 0); echo $((n + 1)) >/keep/n
for m in $(seq 20); do echo "run $n line $m $(seq -s- $((n * 20)))"; done >{LOG}
sleep 3
[ "$n" -ge 3 ]
"""

EVERY_TENTH = f'n=0; while :; do echo "line $((n += 1))" >>{LOG}; sleep 0.1; done'
EMPTY = [{"name": "keep", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
MOUNTS = [{"name": "keep", "mountPath": "/keep"}, {"name": "tmp", "mountPath": "/scratch"}]


def template(script: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    said = {"paths": LOG, "engine": "reader", **annotations}
    return {
        "metadata": {"annotations": {f"loghook.dev/{key}": value for key, value in said.items()}},
        "spec": {
            "terminationGracePeriodSeconds": 30,
            "containers": [container(script, volumeMounts=MOUNTS)],
            "volumes": EMPTY,
            **spec,
        },
    }


def pod(name: str, script: str, annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    made = template(script, annotations, **{"restartPolicy": "Never", **spec})
    return {"apiVersion": "v1", "kind": "Pod", **made, "metadata": {"name": name, **made["metadata"]}}


def job() -> dict[str, Any]:
    made = template(f"seq 500 | sed 's/^/line /' >>{LOG}; printf 'line 501' >>{LOG}", {}, restartPolicy="Never")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": made}}


@pytest.fixture(scope="module")
def pods(shared_cluster: Cluster, product_image: None) -> Cluster:
    """The namespace with all Pods of this module in it."""
    del product_image
    size = f"{LIMIT_MIB}Mi"
    kept = pod("burst", BURST, {})
    kept["metadata"]["finalizers"] = ["loghook.dev/counted"]
    shared_cluster.apply(
        pod("freed", TOO_MUCH, {"free": "true", "volume-size-limit": size}),
        pod("filled", f"{TOO_MUCH}sleep 100000", {"volume-size-limit": size}),  # until the kubelet looks
        kept,
        pod("crashing", CRASHES, {}, restartPolicy="OnFailure"),
        pod("killed", EVERY_TENTH, {"killed.paths": LOG, "paths": "/var/log/other/x.log"}),
        job(),
    )
    return shared_cluster


def ended(cluster: Cluster, name: str, seconds: float = 240) -> Any:
    """The Pod, once it has ended one way or the other."""
    return cluster.wait_for_phase(name, "Succeeded", "Failed", seconds=seconds)


def last_words(there: Any) -> str:
    """The termination message of the reader."""
    (status,) = there["status"]["initContainerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 0
    message: str = status["state"]["terminated"]["message"]
    return message


def test_has_a_burst_of_200_000_lines_that_is_written_just_before_deletion(pods: Cluster) -> None:
    """Counted by the reader, since the kubelet keeps less of a stream; the Pod stays until that was read."""
    pods.wait_for_phase("burst", "Running")
    wait_for("the first lines", lambda: len(pods.logs("burst")) == 10)
    pods.kubectl("delete", "pod", "burst", "--wait=false")
    done = ended(pods, "burst")
    written = "".join(f"line {number}\n" for number in range(1, 200_011))
    assert last_words(done).startswith(f"200010 lines, {len(written)} bytes of 1 files ")
    pods.kubectl("patch", "pod", "burst", "--type=merge", "--patch", '{"metadata": {"finalizers": null}}')


def test_lets_a_job_complete_and_says_what_it_did(pods: Cluster) -> None:
    pods.kubectl("wait", "--for=condition=Complete", "job/job", "--timeout=240s")
    (done,) = pods.get("pods", "-l", "job-name=job")["items"]
    name = done["metadata"]["name"]
    assert numbered(pods.logs(name, least=501), "line") == list(range(1, 502))
    assert last_words(done).startswith("501 lines, ")


def test_reads_every_run_of_an_application_that_begins_its_file_anew(pods: Cluster) -> None:
    done = ended(pods, "crashing")
    lines = pods.logs("crashing", least=80)
    runs = [tuple(map(int, re.findall(r"run (\d+) line (\d+) ", line)[0])) for line in lines]
    assert sorted(runs) == [(run, line) for run in range(4) for line in range(1, 21)]
    assert done["status"]["phase"] == "Succeeded"


def test_loses_nothing_when_it_is_killed(pods: Cluster) -> None:
    """As the kernel does where memory is short: the kubelet starts the container again."""
    if not os.environ.get("CLUSTER"):
        missing("a node on this machine, to kill a process of it")
    pods.wait_for_phase("killed", "Running")
    wait_for("lines", lambda: len(pods.logs("killed", "loghook-killed")) > 20)
    before = pods.logs("killed", "loghook-killed")
    victims = [int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline") if _is_victim(each)]
    assert len(victims) == 1
    os.kill(victims[0], signal.SIGKILL)

    def runs_again() -> bool:
        statuses = pods.get("pod", "killed")["status"]["initContainerStatuses"]
        (status,) = [each for each in statuses if each["name"] == "loghook-killed"]
        return bool(status["restartCount"] == 1 and "running" in status["state"])

    wait_for("a new reader", runs_again)
    (begins, *_) = numbered(pods.logs("killed", "loghook-killed", least=6), "line")

    def of_the_first() -> list[str]:
        return pods.kubectl("logs", "killed", "-c", "loghook-killed", "--previous").stdout.splitlines()

    wait_for("the last lines of the first one", lambda: numbered(of_the_first(), "line")[-1] >= begins - 1)
    first = of_the_first()
    assert first[: len(before)] == before
    numbers = numbered(first + pods.logs("killed", "loghook-killed"), "line")
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    assert len(numbers) - len(set(numbers)) <= 2**18 // 7
    assert numbers == sorted(numbers) or len(numbers) > len(set(numbers))
    pods.kubectl("delete", "pod", "killed", "--wait=false", "--grace-period=1")


def _is_victim(cmdline: Path) -> bool:
    try:
        return b"/var/lib/loghook/reader-killed.offsets" in cmdline.read_bytes()
    except OSError:
        return False


def test_an_application_that_writes_twenty_times_its_volume_is_not_evicted(pods: Cluster) -> None:
    done = ended(pods, "freed")
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert last_words(done).startswith(f"{LINES} lines, ")


def test_without_freeing_it_is_evicted(pods: Cluster) -> None:
    done = ended(pods, "filled")
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["reason"] == "Evicted"


def test_frees_nothing_of_files_that_it_may_not_write(node: Any, product_image: None) -> None:
    """An application of uid 0, with its usual mode 0644: the lines come, and that nothing is freed is said once."""
    del node, product_image
    with namespace("reader-root") as root:
        labels = "pod-security.kubernetes.io/enforce=privileged"
        root.kubectl("label", "namespace", "reader-root", "--overwrite", labels)
        made = pod("app", f"umask 022; seq 100000 | sed 's/^/line /' >>{LOG}", {"free": "true"})
        made["spec"]["containers"][0]["securityContext"] = {"runAsUser": 0}
        root.apply(made)
        done = ended(root, "app")
        lines = root.logs("app", least=100_001)
        assert numbered(lines, "line") == list(range(1, 100_001))
        said = [line for line in lines if line.startswith("loghook: ")]
        assert said == ["loghook: nothing is freed of /var/log/app: uid 65532 may not write its files"]
        assert done["status"]["phase"] == "Succeeded"
