"""Made Pods: what a real kube-apiserver takes, it takes injected too.

A patch after which a Pod is invalid refuses the Pod, whatever the failurePolicy. The Pods are odd on purpose: mounts
inside of one another and not in normal form, sub-paths, all kinds of resources and users. Those that the API server
refuses by themselves prove nothing and are left out.
"""

import copy
import itertools
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonpatch
import msgspec
import pytest

from webhook.config.loghook_yaml import load
from webhook.inject import Injected, inject
from webhook.pod.view import view

pytestmark = pytest.mark.api

PODS = "/api/v1/namespaces/default/pods"
OURS = "loghook.dev/"
ROUNDS = 4_000 if os.environ.get("LOGHOOK_SOAK") else 400
CONFIGS = [
    load(""),
    load("imagePullSecrets: [mirror, other]"),
    load("runAs: {user: unset}\nresources: {busybox: {cpuLimit: none}}"),
    load("defaults: {native-sidecar: 'false'}"),
    load("policy: {ceiling: {cpu: 20m, memory: 40Mi, volumeSize: 2Mi}}"),
]
DIRECTORIES = [
    "/",
    "/bin",
    "/data",
    "/data/logs",
    "/etc",
    "/home/app/log",
    "/logs",
    "/loghook",
    "/loghook/app/logs",
    "/opt/app/logs",
    "/srv/x",
    "/tmp",  # noqa: S108 - a name in a Pod
    "/var",
    "/var/log",
    "/var/log/app",
    "/var/log/app/",
    "//var/log",
    "/var//log",
    "var/log",
    "/var/log/./app",
    "/var/log/app.log",
    "/var/run/secrets",
    "/var/run/secrets/kubernetes.io/serviceaccount",
]
PATHS = [
    "/var/log/app/*.log",
    "/var/log/app.log",
    "/var/log/*.log",
    "/var/log/app/deep/x.log",
    "/data/x.log",
    "/data/logs/[a-z]?.log",
    "/tmp/x.log",  # noqa: S108 - a name in a Pod
    "/opt/app/logs/*",
    "/logs/x.log",
    "/srv/x/*/y.log",
    "/loghook/x.log",
    "/home/app/log/x",
    "/var/log/日本/x.log",
    "/data/*/x",
]
VOLUMES: dict[str, dict[str, Any]] = {
    "logs": {"emptyDir": {}},
    "memory": {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    "v" * 63: {"emptyDir": {}},
    "settings": {"configMap": {"name": "x"}},
    "claim": {"persistentVolumeClaim": {"claimName": "x"}},
    "host": {"hostPath": {"path": "/x"}},
    "nfs": {"nfs": {"server": "a", "path": "/", "readOnly": True}},
}
QUANTITIES = {"cpu": "0 5m 10m 1 2", "memory": "0 1Mi 10Mi 64Mi 1Gi", "ephemeral-storage": "0 10Mi 1Gi"}
POD_KEYS = {
    "native-sidecar": "true false",
    "volume-size-limit": "none 5Mi 1.5Gi 1e7",
    "cpu-limit": "none 5m 1",
    "cpu-request": "1m 0.5 1u",
    "memory-limit": "16Mi 64M 1.5Gi",
    "memory-request": "5Mi 1e7",
    "drain-seconds": "0 600",
    "read-from": "end",
    "exclude": "* *.gz",
}
SPEC: dict[str, list[Any]] = {
    "restartPolicy": ["Never", "OnFailure", "Always"],
    "securityContext": [{"runAsUser": 1000}, {"runAsUser": 0}, {"runAsGroup": 5, "fsGroup": 7}, {"runAsNonRoot": True}],
    "shareProcessNamespace": [True],
    "hostNetwork": [True],
    "hostUsers": [False],
    "terminationGracePeriodSeconds": [0, 1],
    "imagePullSecrets": [[{"name": "mirror"}]],
    "os": [{"name": "linux"}],
    "activeDeadlineSeconds": [5],
}
CONTAINER: dict[str, list[Any]] = {
    "volumeMounts": [None],
    "securityContext": [{}, {"runAsUser": 0}, {"runAsUser": 65532}, {"runAsUser": 2**31 - 1, "runAsGroup": 2**31 - 1}],
    "workingDir": ["/data", "/opt/app"],
    "command": [["/opt/app/logs/run"], ["sh"]],
    "ports": [[{"containerPort": 80}]],
}


class Maker:
    """Pods by a seed: the same in every run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret

    def some(self, choices: dict[str, list[Any]], chance: float) -> dict[str, Any]:
        return {key: copy.deepcopy(self.random.choice(of)) for key, of in choices.items() if self.likely(chance)}

    def likely(self, chance: float) -> bool:
        return self.random.random() < chance

    def resources(self, *names: str) -> dict[str, Any]:
        made = {
            kind: {name: self.random.choice(QUANTITIES[name].split()) for name in names if self.likely(0.6)}
            for kind in ("requests", "limits")
            if self.likely(0.7)
        }
        return {**made, "requests": made["limits"]} if "limits" in made and self.likely(0.3) else made

    def mount(self) -> dict[str, Any]:
        made: dict[str, Any] = {"name": self.random.choice(list(VOLUMES)), "mountPath": self.random.choice(DIRECTORIES)}
        parts = {"subPath": ["a", "a/b", "日"]}, {"subPathExpr": ["$(A)", "$(B)/x", "$$(A)", "x", "$(A)$(B)", "$(C)"]}
        made |= self.some(self.random.choice(parts), 0.4)
        return made | self.some({"readOnly": [True]}, 0.15)

    def variables(self) -> Iterator[dict[str, Any]]:
        for name in "ABC":
            references = {"fieldRef": {"fieldPath": "metadata.name"}}, {"secretKeyRef": {"name": "s", "key": "k"}}
            value = {"value": self.random.choice(["x", "$(A)", "", "y/z", "$$"])}
            yield {"name": name, **(value if self.likely(0.6) else {"valueFrom": self.random.choice(references)})}

    def container(self, name: str) -> dict[str, Any]:
        made = {"name": name, "image": "x", **self.some(CONTAINER, 0.2)}
        if self.likely(0.7):
            mounts = (self.mount() for _ in range(self.random.randint(0, 4)))
            made["volumeMounts"] = list({mount["mountPath"]: mount for mount in mounts}.values())
        if self.likely(0.5):
            made["env"] = list(self.variables())
        if self.likely(0.5):
            made["resources"] = self.resources(*QUANTITIES)
        return made

    def annotations(self) -> dict[str, str]:
        said = {}
        for source in self.random.sample(["", "x.", "z" * 40 + "."], self.random.choice([1, 1, 2])):
            said[f"{OURS}{source}paths"] = ",".join(self.random.sample(PATHS, self.random.choice([1, 1, 2])))
            said |= self.some({f"{OURS}{source}container": ["web,app", "web,app", "app", "init"]}, 0.3)
        return said | self.some({OURS + key: values.split() for key, values in POD_KEYS.items()}, 0.1)

    def pod(self) -> dict[str, Any]:
        containers = [self.container(name) for name in ["app", "web", "a" * 63][: self.random.randint(1, 3)]]
        inits = [self.container(name) for name in ["init", "proxy"][: self.random.randint(0, 2)]]
        for each in inits:
            each.update(self.some({"restartPolicy": ["Always"]}, 0.4))
        if len(containers) > 1 and self.likely(0.4):  # two that write at the same place, each with its own variables
            containers[1]["volumeMounts"] = copy.deepcopy(containers[0].get("volumeMounts"))
        mounted = {mount["name"] for each in containers + inits for mount in each.get("volumeMounts") or []}
        volumes = [{"name": name, **VOLUMES[name]} for name in VOLUMES if name in mounted]
        spec = {"containers": containers, "initContainers": inits or None, **self.some(SPEC, 0.15)}
        spec |= {"volumes": volumes} if volumes else {}
        spec |= {"resources": self.resources("cpu", "memory")} if self.likely(0.25) else {}
        metadata = {"name": "app", "annotations": self.annotations()}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def unasked(pod: dict[str, Any]) -> dict[str, Any]:
    """The Pod without our annotations, so that no webhook is asked about it."""
    kept = {key: text for key, text in pod["metadata"]["annotations"].items() if not key.startswith(OURS)}
    return {**pod, "metadata": {**pod["metadata"], "annotations": kept}}


def as_webhooks_see_it(pod: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The Pod with the defaults that the API server has put into it."""
    spec = {key: value for key, value in answer["spec"].items() if key != "tolerations"}
    return {**pod, "spec": spec}


def test_takes_injected_what_it_takes(api: Any) -> None:
    def create(pod: dict[str, Any]) -> tuple[int, Any]:
        status, answer, _ = api.call("POST", PODS, unasked(pod), dryRun="All", fieldValidation="Strict")
        return status, answer

    injected = 0
    for seed, config in zip(range(ROUNDS), itertools.cycle(CONFIGS), strict=False):
        pod = Maker(seed).pod()
        status, answer = create(pod)
        for each in (pod, as_webhooks_see_it(pod, answer)) if status == 201 else ():
            outcome = inject(view(each), config)
            if isinstance(outcome, Injected):
                injected += 1
                ops = json.loads(msgspec.json.encode(outcome.ops))
                status, answer = create(jsonpatch.apply_patch(each, ops))
                assert status == 201, f"seed {seed}: {answer['message']}"
    assert injected > ROUNDS / 2


def expanded(expression: str, variables: dict[str, str]) -> str:
    """As k8s.io/kubernetes/third_party/forked/golang/expansion has it, of expressions that the Maker makes.

    Ours have names of our own for the same variables: what there is not is called alike in both.
    """
    kept = expression.replace("$$", "\0")
    return re.sub(r"\$\(([^)]*)\)", lambda found: variables.get(found[1], "<none>"), kept).replace("\0", "$")


def places(containers: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each part of a volume that is mounted: the volume's name, and the sub-path as the kubelet makes it out."""
    for container in containers:
        variables: dict[str, str] = {}
        for each in container.get("env") or []:
            reference = json.dumps(each.get("valueFrom"))
            variables[each["name"]] = reference if "valueFrom" in each else expanded(each["value"], variables)
        for mount in container.get("volumeMounts") or []:
            yield mount["name"], expanded(mount.get("subPathExpr", ""), variables) or mount.get("subPath", "")


def every(pod: dict[str, Any], choose: Callable[[str], bool]) -> list[dict[str, Any]]:
    spec = pod["spec"]
    return [each for each in [*spec["containers"], *(spec.get("initContainers") or [])] if choose(each["name"])]


def test_reads_where_the_application_writes() -> None:
    """No API server is needed for this: whatever a sidecar reads, some container of the Pod has at that very place."""
    compared = 0
    for seed in range(ROUNDS):
        pod = Maker(seed).pod()
        outcome = inject(view(pod), CONFIGS[0])
        if isinstance(outcome, Injected):
            after = jsonpatch.apply_patch(pod, json.loads(msgspec.json.encode(outcome.ops)))
            ours = set(places(every(after, lambda name: name.startswith("loghook")))) - {("loghook-token", "")}
            assert ours <= set(places(every(after, lambda name: not name.startswith("loghook")))), f"seed {seed}"
            compared += len(ours)
    assert compared > ROUNDS / 2
