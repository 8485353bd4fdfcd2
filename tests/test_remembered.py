"""What is remembered changes no answer, and is bounded in bytes, keys included."""

import copy
import json
import os
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from profiled import calls
from reviews import pod as pod_of

from webhook.config.loghook_yaml import Config, load
from webhook.inject import Injected, inject
from webhook.pod.foreign import ForeignSpec
from webhook.pod.view import Pod as View
from webhook.pod.view import view
from webhook.remembered import Remembered
from webhook.review import Reviews

Pod = dict[str, Any]
Change = Callable[[Pod], object]

PODS = 10_000 if os.environ.get("LOGHOOK_SOAK") else 400

CONFIGS = [
    "",
    "imagePullSecrets: [mirror]\npolicy: {enforce: true}\ndefaults: {node-agent-hints: fluent-bit}",
    """
destinations:
  central: {type: elasticsearch, host: es, index: "{label:team}-{source}", tls: {ca: {secret: s, key: c}}}
  archive: {type: loki, host: loki, namespaces: [other]}
labels: [team, tier]
runAs: {user: unset}
defaults: {destination: central}
""",
    """
defaults: {native-sidecar: 'false', format: nginx}
namespaces: {other: {defaults: {drain-seconds: '7', container: side}}}
secrets: {required: true}
""",
]

# Everything that is read of a Pod, and values that make a difference.
ANNOTATIONS: dict[str, list[Any]] = {
    "loghook.dev/paths": ["/var/log/app/*.log", "/data/x.log,/data/deep/y.log", "/proc/x"],
    "loghook.dev/web.paths": ["/var/log/app/web.log", "/logs/*.log"],
    "loghook.dev/format": ["json", "log4j", "none such"],
    "loghook.dev/container": ["app", "side", "app,side"],
    "loghook.dev/mode": ["agent", "streaming"],
    "loghook.dev/agent": ["vector", "fluentd", "otel-collector"],
    "loghook.dev/destination": ["central", "archive"],
    "loghook.dev/node-agent-hints": ["datadog", "filebeat"],
    "loghook.dev/memory-limit": ["64Mi", "8Gi"],
    "loghook.dev/drain-seconds": ["0", "90"],
    "loghook.dev/native-sidecar": ["true", "false"],
    "loghook.dev/on-error": ["warn"],
    "loghook.dev/status": ["{}"],
    "loghook.dev/inject": ["true", "false"],
    "kubectl.kubernetes.io/default-container": ["side", "none"],
    "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": ["cache", "loghook-logs"],
    "fluentbit.io/parser_stdout-loghook": ["mine"],
    "large": ["x" * 200_000],
}
SPEC: dict[str, list[Any]] = {
    "restartPolicy": ["Never", "Always"],
    "terminationGracePeriodSeconds": [0, 3, 600],
    "shareProcessNamespace": [True],
    "securityContext": [{"runAsUser": 0}, {"runAsUser": 7, "runAsGroup": 8}],
    "resources": [{"limits": {"cpu": "2", "memory": "40Mi"}}, {"requests": {"cpu": "1"}}],
    "imagePullSecrets": [[], [{"name": "mirror"}]],
    "volumes": [None, [], [{"name": "logs", "emptyDir": {}}], [{"name": "logs", "configMap": {"name": "c"}}]],
    "initContainers": [
        [{"name": "proxy", "restartPolicy": "Always"}],
        [{"name": "app-init", "volumeMounts": [{"name": "logs", "mountPath": "/x"}]}],
        [{"name": "loghook", "volumeMounts": [{"name": "loghook-token", "mountPath": "/t", "readOnly": True}]}],
        [],
    ],
    "os": [{"name": "windows"}],
}
CONTAINER: dict[str, list[Any]] = {
    "name": ["app", "side", "web"],
    "volumeMounts": [
        None,
        [],
        [{"name": "logs", "mountPath": "/var/log"}],
        [{"name": "logs", "mountPath": "/var/log/app", "subPath": "a"}],
        [{"name": "logs", "mountPath": "/var/log/app", "subPathExpr": "$(NAME)"}],
        [{"name": "logs", "mountPath": "/data", "readOnly": True}],
        [{"name": "unfilled", "mountPath": "/data"}],
    ],
    "env": [[{"name": "NAME", "value": "one"}], [{"name": "NAME", "value": "two"}], None],
    "securityContext": [{"runAsUser": 1000}, {"runAsUser": 0}, {"runAsGroup": 5}, None],
    "resources": [
        {"limits": {"cpu": "1", "memory": "1Gi"}},
        {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}},
        None,
    ],
    "command": [["/var/log/app/run"], ["sh"]],
    "workingDir": ["/var/log/app", "/app"],
}
METADATA: dict[str, list[Any]] = {
    "name": ["one", "two", None],
    "generateName": ["web-", "job-"],
    "labels": [{"team": "shop"}, {"team": "web", "tier": "x"}, {"loghook.dev/inject": "false"}, None],
    "ownerReferences": [[{"kind": "ReplicaSet", "controller": True}], [{"kind": "StatefulSet", "controller": True}]],
}


def changed(pod: Pod, dice: random.Random) -> Pod:
    """`pod` with one thing of it another, or gone."""
    pod = copy.deepcopy(pod)
    app = dice.choice(pod["spec"]["containers"])
    metadata, spec = pod["metadata"], pod["spec"]
    places: list[tuple[dict[str, Any], dict[str, list[Any]]]] = [
        (metadata["annotations"], ANNOTATIONS),
        (metadata, METADATA),
        (spec, SPEC),
        (app, CONTAINER),
    ]
    place, table = dice.choice(places)
    key = dice.choice(list(table))
    if key in place and key not in {"name", "loghook.dev/paths"} and dice.random() < 0.5:
        del place[key]
    else:
        place[key] = dice.choice(table[key])
    return pod


def plain() -> Pod:
    metadata = {"name": "one", "annotations": {"loghook.dev/paths": "/var/log/app/*.log"}}
    return {"metadata": metadata, "spec": {"containers": [{"name": "app"}, {"name": "side"}]}}


def review_of(pod: Pod, namespace: str = "team") -> bytes:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": namespace, "object": pod, "dryRun": True}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@pytest.mark.parametrize("text", CONFIGS)
def test_pods_of_all_kinds_get_the_same_bytes_cold_and_warm(text: str) -> None:
    """Each Pod differs in one thing from one before, so that whatever is compared too coarsely is found."""
    dice = random.Random(f"{text}")  # noqa: S311 - dice that fall the same way each time
    warm = Reviews(load(text))
    pods = [plain()]
    decisions = set()
    for _ in range(PODS // len(CONFIGS)):
        pod = changed(dice.choice(pods[-40:]), dice)
        pods.append(pod)
        body = review_of(pod, dice.choice(["team", "other"]))
        cold = Reviews(load(text)).answer(body)
        for _ in range(3):  # made, made again and kept, remembered
            assert warm.answer(body) == cold
        decisions.add(cold.decision)
    assert decisions == {"injected", "refused", "skipped"}


def test_what_is_made_twice_is_kept() -> None:
    remembered: Remembered[str] = Remembered(limit=10_000, largest=5_000)
    assert remembered.is_new("key")
    assert not remembered.is_new("key")
    remembered.keep("key", "value", 10)
    assert remembered.find("key") == "value"
    assert remembered.find("other") is None


def test_the_oldest_gives_way_and_the_largest_is_never_kept() -> None:
    remembered: Remembered[int] = Remembered(limit=10_000, largest=5_000)
    for number in range(100):
        remembered.keep(number, number, 1_000)
        assert remembered.bytes <= 10_000
    assert remembered.find(0) is None
    assert remembered.find(99) == 99
    remembered.keep("large", 0, 5_000)
    assert remembered.find("large") is None


@pytest.mark.parametrize("letter", ["x", "😀"])
@pytest.mark.parametrize("size", [200, 20_000, 200_000])
def test_annotations_of_any_size_are_held_within_the_bound(size: int, letter: str) -> None:
    """Sixty dry runs with large annotations once took a server from 67 to 751 MiB."""
    reviews = Reviews(Config())
    bodies = [
        review_of(
            plain() | {"metadata": {"annotations": {"loghook.dev/paths": "/var/log/a/*", f"note-{n}": letter * size}}}
        )
        for n in range(60)
    ]
    for body in bodies[:5]:
        reviews.answer(body)
    tracemalloc.start()
    try:
        for body in (body for body in bodies for _ in range(3)):
            reviews.answer(body)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 12 * 2**20


@pytest.mark.parametrize("key", ["loghook.dev/fields", "loghook.dev/zzz"])
def test_annotations_of_ours_of_any_size_are_held_within_the_bound(key: str) -> None:
    reviews = Reviews(Config())
    tracemalloc.start()
    try:
        for number in range(60):
            said = {"loghook.dev/paths": "/var/log/a/*", key: f"{number}=" + "😀" * 100_000}
            for _ in range(3):
                reviews.answer(review_of(plain() | {"metadata": {"annotations": said}}))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 12 * 2**20


def test_variables_of_any_size_are_held_within_the_bound() -> None:
    """A sub-path's variables are part of what a plan is made from."""
    reviews = Reviews(Config())
    tracemalloc.start()
    try:
        for number in range(60):
            pod = plain()
            pod["spec"]["volumes"] = [{"name": "logs", "emptyDir": {}}]
            pod["spec"]["containers"][0] |= {
                "env": [{"name": "NAME", "value": f"{number}" + "😀" * 100_000}],
                "volumeMounts": [{"name": "logs", "mountPath": "/var/log/app", "subPathExpr": "$(NAME)"}],
            }
            for _ in range(3):
                reviews.answer(review_of(pod))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 12 * 2**20


@pytest.mark.parametrize("text", CONFIGS)
def test_a_foreign_pod_is_told_by_little(text: str) -> None:
    """What is not read of a Pod in which nothing is ours changes nothing."""
    dice = random.Random(f"{text} foreign")  # noqa: S311 - dice that fall the same way each time
    config, pods = load(text), [plain()]
    foreign = 0
    for _ in range(PODS // len(CONFIGS)):
        pods.append(changed(dice.choice(pods[-40:]), dice))
        written = json.dumps(pods[-1]["spec"])
        little = msgspec.json.decode(written, type=ForeignSpec)
        if not little.is_foreign:
            continue
        foreign += 1
        metadata = view(pods[-1]).metadata
        assert inject(View(metadata, little), config) == inject(View(metadata, view(pods[-1]).spec), config)
    assert foreign > PODS // len(CONFIGS) // 4


@pytest.mark.parametrize("named", [True, False])
def test_a_pod_with_a_name_of_its_own_is_not_compared_to_others(*, named: bool) -> None:
    reviews, pod = Reviews(Config()), plain()
    pod["metadata"] |= {"name": "one" if named else None, "generateName": "web-"}
    for _ in range(3):
        reviews.answer(review_of(pod))
    assert (reviews._known.bytes == 0) == named  # noqa: SLF001  # nothing else tells what is kept


def test_what_one_plan_becomes_is_remembered_by_all_that_the_patch_depends_on() -> None:
    """Each of these Pods has the same files, and another place for what is added."""
    text = "imagePullSecrets: [mirror]"
    config, dice = load(text), random.Random("surface")  # noqa: S311 - dice that fall the same way each time
    tables: dict[str, list[Any]] = {
        "volumes": [None, [], [{"name": "tmp", "emptyDir": {}}]],
        "initContainers": [None, [], [{"name": "setup"}], [{"name": "setup"}, {"name": "more"}]],
        "imagePullSecrets": [None, [], [{"name": "mirror"}]],
    }
    mounts = [None, [], [{"name": "tmp", "mountPath": "/tmp"}]]  # noqa: S108  # in a Pod
    patches = set()
    for _ in range(200):
        pod = plain()
        pod["spec"] |= {key: dice.choice(values) for key, values in tables.items()}
        for container in pod["spec"]["containers"]:
            container["volumeMounts"] = dice.choice(mounts)
        if dice.random() < 0.5:
            pod["spec"]["containers"].insert(1, {"name": "between"})
        pod["metadata"]["annotations"] |= dice.choice([{}, {"cluster-autoscaler.kubernetes.io/x": "y"}, EVICT])
        patches.add(patch_of(view(pod), config))
        assert patch_of(view(pod), config) == patch_of(view(pod), load(text))
    assert len(patches) > 20
    assert config.memory.injected.bytes > 0


EVICT = {"cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "tmp"}


def patch_of(pod: View, config: Config) -> bytes:
    outcome = inject(pod, config)
    assert isinstance(outcome, Injected)
    return outcome.patch


def test_a_pod_like_one_before_costs_sixty_calls_at_most() -> None:
    config, pod = Config(), view(plain())
    first = patch_of(pod, config)
    assert patch_of(pod, config) == first
    assert 0 < calls(lambda: patch_of(pod, config)) <= 60


def test_a_pod_like_none_before_costs_half_the_calls_that_it_did() -> None:
    """There were 350 when this was begun."""
    config, pod = Config(), view(plain())
    assert 0 < calls(lambda: patch_of(pod, config)) <= 175


def test_each_further_container_costs_twenty_five_calls_at_most() -> None:
    """Within the bounds none of them is counted, however many containers there are."""
    few, many = (view(pod_of(containers=count)) for count in (1, 101))
    patch_of(many, Config())  # what is made once is there
    assert calls(lambda: patch_of(many, Config())) - calls(lambda: patch_of(few, Config())) <= 25 * 100


def test_a_patch_is_the_operations_as_json() -> None:
    outcome = inject(view(plain()), Config())
    assert isinstance(outcome, Injected)
    assert json.loads(outcome.patch) == json.loads(msgspec.json.encode(outcome.ops))
