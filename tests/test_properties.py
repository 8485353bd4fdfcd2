"""What holds for any Pod: made ones with missing lists, nulls, odd names, many containers and mounts, and garbage.

`LOGHOOK_SOAK=1` makes many more of them.
"""

import base64
import copy
import json
import string
from collections.abc import Callable
from typing import Any

import jsonpatch
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhook.annotations.registry import KEYS, PREFIX
from webhook.config.loghook_yaml import Config, load
from webhook.diagnostics import CODES, Diagnostic, Reason, join
from webhook.inject import Injected, Outcome, Refused, Skipped, inject
from webhook.pod.view import PodError, view
from webhook.review import NotAReview, Reviews, answer

Pod = dict[str, Any]

CONFIGS = [
    Config(),
    load("defaults: {native-sidecar: 'false', paths: /var/log/app/*.log}\nimagePullSecrets: [mirror]"),
    load("policy: {enforce: true, ceiling: {cpu: null, memory: null}}\ndefaults: {on-error: warn, container: app}"),
    load("runAs: {user: unset}\nresources: {busybox: {cpuLimit: none}}\nimages: {registry: 'localhost:5000'}"),
    load("""
destinations:
  central:
    type: elasticsearch
    host: es
    index: "{namespace}-{label:app}-{field:team}"
    basic: {user: {secret: es, key: user}, password: {secret: es, key: password}}
    tls: {ca: {secret: es, key: ca.crt}}
  aggregator: {type: forward, host: fluentd, sharedKey: {secret: f, key: k}}
  private: {type: stdout, namespaces: [other]}
formats: {trade: {regex: '(?P<price>(?=[0-9])[0-9.]+)', types: {price: float}}}
labels: [app, absent]
defaults: {mode: agent, destination: central}
namespaces: {team: {defaults: {agent: vector}}}
"""),
]

# Pods.


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """As any list or map of a Pod may be: null."""
    return st.none() | strategy


def an_object(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


container_names = st.sampled_from(["app", "web", "worker", "loghook", "loghook-a", "a" * 63, "", "Ünï", "a.b/c~d", "-"])
volume_names = st.sampled_from(["logs", "data", "loghook-logs", "loghook-logs-2", "loghook-token", "~/", "v" * 63, ""])
directories = st.sampled_from(
    [
        "/var/log",
        "/var/log/app",
        "/var/log/app/",
        "/var/log/app2",
        "/var",
        "/",
        "/data",
        "/data/logs",
        "/tmp",  # noqa: S108 - a name in a Pod
        "/etc/app",
        "/usr/lib",
        "/loghook",
        "/loghook/app",
        "/run",
        "/opt/app/logs",
        "",
        "relative",
        "/dev/shm",  # noqa: S108 - a name in a Pod
        "/var/run/secrets/kubernetes.io/serviceaccount",
    ]
)
small_text = st.text(max_size=12)
quantities = st.sampled_from(["1", "100m", "1Gi", "0", "", "x", "1e3", "-1", 1, 0.5, "5m", "64Mi"])
resources = an_object(
    {},
    {
        name: maybe(st.dictionaries(st.sampled_from(["cpu", "memory", "ephemeral-storage", "gpu"]), quantities))
        for name in ("requests", "limits")
    },
)
mounts = an_object(
    {"name": volume_names, "mountPath": directories},
    {
        "readOnly": maybe(st.booleans()),
        "subPath": maybe(st.sampled_from(["", "a", "a/b"])),
        "subPathExpr": maybe(st.sampled_from(["", "$(A)", "$(B)/$(C)", "$$(A)", "$(", "x"])),
        "future": small_text,
    },
)
variables = an_object(
    {"name": st.sampled_from(["A", "B", "C", "D"])},
    {
        "value": maybe(st.sampled_from(["", "x", "$(A)", "$(B)", "$(C)$(D)", "$$(A)"])),
        "valueFrom": maybe(
            st.sampled_from([{}, {"fieldRef": {"fieldPath": "metadata.name"}}, {"secretKeyRef": {"name": "s"}}])
        ),
    },
)
users = maybe(
    an_object({}, {name: maybe(st.sampled_from([0, 1, 1000, 65532])) for name in ("runAsUser", "runAsGroup")})
)
containers = an_object(
    {"name": container_names},
    {
        "image": small_text,
        "command": maybe(st.lists(directories, max_size=2)),
        "args": maybe(st.lists(directories, max_size=2)),
        "workingDir": maybe(directories),
        "env": maybe(st.lists(variables, max_size=4)),
        "envFrom": maybe(st.just([{}])),
        "volumeMounts": maybe(st.lists(mounts, max_size=4)),
        "resources": maybe(resources),
        "securityContext": users,
        "restartPolicy": maybe(st.sampled_from(["Always", "OnFailure"])),
        "zzz": st.just({"future": [None, 1.5]}),
    },
)
kinds_of_volumes = [
    "emptyDir",
    "hostPath",
    "persistentVolumeClaim",
    "configMap",
    "secret",
    "projected",
    "image",
    "csi",
    "downwardAPI",
    "future",
]
volumes = st.builds(
    lambda name, source, of: {"name": name, **({source: of} if source else {})},
    volume_names,
    st.sampled_from(["", *kinds_of_volumes]),
    st.sampled_from([{}, {"readOnly": True}, {"claimName": "data"}]),
)
specs = an_object(
    {"containers": st.lists(containers, min_size=1, max_size=5)},
    {
        "initContainers": maybe(st.lists(containers, max_size=4)),
        "volumes": maybe(st.lists(volumes, max_size=5)),
        "restartPolicy": maybe(st.sampled_from(["Always", "Never", "OnFailure"])),
        "os": maybe(st.sampled_from([{"name": "linux"}, {"name": "windows"}, {}])),
        "securityContext": users,
        "shareProcessNamespace": maybe(st.booleans()),
        "terminationGracePeriodSeconds": maybe(st.sampled_from([0, 1, 30, 2**63])),
        "resources": maybe(resources),
        "imagePullSecrets": maybe(st.lists(st.sampled_from([{}, {"name": "mirror"}, {"name": "own"}]), max_size=2)),
        "hostNetwork": st.booleans(),
    },
)

# Annotations.

paths = st.sampled_from(
    [
        "/var/log/app/*.log",
        "/var/log/app/app.log",
        "/var/log/app/deep/x.log",
        "/var/log/app2/x.log",
        "/data/x.log",
        "/data/logs/[a-z]?.log",
        "/tmp/x.log",  # noqa: S108 - a name in a Pod
        "/opt/app/logs/*",
        "/etc/app/x.log",
        "/loghook/x.log",
        "/x.log",
    ]
)
path_lists = st.lists(paths, min_size=1, max_size=3).map(",".join)
source_names = st.sampled_from(["", "a.", "b.", "a-long-name."])
right = st.sampled_from(
    [
        ("container", "app"),
        ("container", "web,worker"),
        ("container", "a" * 63),
        ("read-from", "end"),
        ("exclude", ""),
        ("exclude", "*.old,x?"),
        ("time-zone", "UTC"),
        ("format", "nginx"),
        ("format", "trade"),
        ("mode", "agent"),
        ("mode", "streaming"),
        ("destination", "central"),
        ("destination", "aggregator"),
        ("destination", "private"),
        ("fields", "team=a$(b)${c}"),
        ("multiline-start", "^(?=[0-9])"),
    ]
)
pod_keys = st.sampled_from(
    [
        ("native-sidecar", "false"),
        ("native-sidecar", "true"),
        ("on-error", "warn"),
        ("inject", "true"),
        ("volume-size-limit", "none"),
        ("cpu-limit", "5m"),
        ("memory-request", "64Mi"),
        ("drain-seconds", "600"),
        ("drain-seconds", "0"),
        ("engine", "fluent-bit"),
        ("offsets", "true"),
        ("agent", "fluent-bit"),
        ("agent", "otel-collector"),
        ("node-agent-hints", "filebeat"),
        ("node-agent-hints", "datadog"),
    ]
)
garbage = st.tuples(st.sampled_from([*KEYS, "x", "status", "config", "a.b.paths", "A.paths", ".paths", ""]), small_text)
of_others = st.sampled_from(
    [
        ("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes", "cache"),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes", ""),
        ("kubectl.kubernetes.io/default-container", "worker"),
        ("kubernetes.io/config.source", "api"),
        ("~1/~0", "x"),
        ("loghook.dev", "x"),
    ]
)


@st.composite
def annotations(draw: st.DrawFn, *, with_garbage: bool = True) -> dict[str, str]:
    said = {
        f"{PREFIX}{name}paths": value for name, value in draw(st.lists(st.tuples(source_names, path_lists), max_size=3))
    }
    for name, (key, value) in draw(st.lists(st.tuples(source_names, right), max_size=3)):
        said[f"{PREFIX}{name}{key}"] = value
    said |= {PREFIX + key: value for key, value in draw(st.lists(pod_keys, max_size=2))}
    said |= dict(draw(st.lists(of_others, max_size=2)))
    if with_garbage:
        said |= {PREFIX + key: value for key, value in draw(st.lists(garbage, max_size=2))}
    return said


@st.composite
def pods(draw: st.DrawFn, *, with_garbage: bool = True) -> Pod:
    metadata = draw(
        an_object(
            {"annotations": maybe(annotations(with_garbage=with_garbage))},
            {
                "name": maybe(small_text),
                "generateName": maybe(small_text),
                "labels": maybe(st.sampled_from([{}, {PREFIX + "inject": "false"}, {"app": "x"}])),
                "ownerReferences": maybe(st.just([{"kind": "ReplicaSet", "controller": True, "uid": "x"}])),
            },
        )
    )
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": draw(specs)}


@st.composite
def good_pods(draw: st.DrawFn) -> Pod:
    """Pods that are mostly injected: names are unique and not ours, and every source has paths."""
    pod = copy.deepcopy(draw(pods(with_garbage=False)))
    spec = pod["spec"]
    for number, container in enumerate([*spec["containers"], *(spec.get("initContainers") or [])]):
        container["name"] = ["app", "web", "worker"][number] if number < 3 else f"c{number}"
        for mount in container.get("volumeMounts") or []:
            mount["name"] = mount["name"].replace("loghook", "volume")
            mount["mountPath"] = mount["mountPath"].replace("relative", "/srv/x") or "/srv/y"
    for volume in spec.get("volumes") or []:
        volume["name"] = volume["name"].replace("loghook", "volume")
    for key in ("os", "restartPolicy"):
        spec.pop(key, None)
    said = dict(pod["metadata"]["annotations"] or {})
    for key in [key for key in said if key.startswith((PREFIX + "a-", PREFIX + "a.", PREFIX + "b."))]:
        said.setdefault(f"{key.rpartition('.')[0]}.paths", "/var/log/app/*.log")
    said.setdefault(PREFIX + "paths", "/data/x.log")
    pod["metadata"]["annotations"] = said
    pod["metadata"]["labels"] = None
    return pod


# What holds.


def decide(pod: Pod, config: Config) -> Outcome:
    return inject(view(pod), config, "team")


def ops_of(outcome: Outcome) -> list[dict[str, Any]]:
    ops: list[dict[str, Any]] = msgspec.json.decode(
        msgspec.json.encode(() if isinstance(outcome, Refused) else outcome.ops)
    )
    return ops


def check(
    pod: Pod,
    config: Config,
    additions_only: Callable[..., None],
    apply: Callable[..., Any],
    violations: Callable[..., list[str]],
) -> Outcome:
    """All that must be true of what becomes of `pod`."""
    received = copy.deepcopy(pod)
    outcome = decide(pod, config)
    assert pod == received
    ops = ops_of(outcome)
    after = jsonpatch.apply_patch(received, ops)
    assert after == apply(pod, ops)
    additions_only(pod, after, ops)
    assert ops == ops_of(decide(pod, config)), "the same input, the same patch"
    for found in outcome.diagnostics:
        assert len(str(found)) <= 256
        assert str(found).isprintable()
    if isinstance(outcome, Refused):
        assert 0 < len(outcome.message) <= 1000
    again = decide(after, config)
    assert ops_of(again) == []
    if isinstance(outcome, Injected):
        assert isinstance(again, Skipped), again
        assert again.reason is Reason.ALREADY_INJECTED
        ours = [each for key in ("initContainers", "containers") for each in after["spec"].get(key) or []]
        ours = [each for each in ours if each["name"] in {added.name for added in outcome.sidecars}]
        assert len(ours) == len(outcome.sidecars) > 0
        assert [found for sidecar in ours for found in violations(sidecar, after["spec"])] == []
    return outcome


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(pod=pods(), config=st.sampled_from(CONFIGS))
def test_keeps_every_promise_to_any_pod(
    pod: Pod,
    config: Config,
    additions_only: Callable[..., None],
    apply: Callable[..., Any],
    violations: Callable[..., list[str]],
) -> None:
    check(pod, config, additions_only, apply, violations)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(pod=good_pods(), config=st.sampled_from(CONFIGS))
def test_keeps_every_promise_to_pods_that_ask_rightly(
    pod: Pod,
    config: Config,
    additions_only: Callable[..., None],
    apply: Callable[..., Any],
    violations: Callable[..., list[str]],
) -> None:
    check(pod, config, additions_only, apply, violations)


def test_is_tried_with_pods_that_are_injected_refused_and_left_alone() -> None:
    """The strategies themselves: without this the promises might be kept to nobody."""
    seen: dict[str, int] = {}

    @settings(max_examples=100, database=None, suppress_health_check=list(HealthCheck))
    @given(pod=good_pods() | pods(), config=st.sampled_from(CONFIGS))
    def count(pod: Pod, config: Config) -> None:
        kind = type(decide(pod, config)).__name__
        seen[kind] = seen.get(kind, 0) + 1

    count()
    assert min(seen.get(kind, 0) for kind in ("Injected", "Refused", "Skipped")) >= 10, seen


# Whatever may be in a review.

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
flat = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)
json_values = flat | st.lists(flat, max_size=3) | st.dictionaries(st.text(max_size=5), flat, max_size=3)


def review_of(pod: Any, **more: Any) -> bytes:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": "team", "object": pod, **more}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A Pod in which something, anywhere, is replaced by something else."""
    pod = copy.deepcopy(draw(pods()))  # what the strategies share is not to be changed
    pod["metadata"]["annotations"] = {PREFIX + "paths": "/var/log/app/*.log"}
    place: Any = pod
    while isinstance(place, dict | list) and place:
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 3)) == 0:
            place[key] = draw(json_values)
            break
        place = place[key]
    return pod


@given(pod=broken() | json_values, config=st.sampled_from(CONFIGS))
def test_answers_or_names_the_caller_wrong_whatever_comes(pod: Any, config: Config) -> None:
    try:
        found = answer(review_of(pod), config)
    except NotAReview:
        return
    body = json.loads(found.body)
    assert body["response"]["uid"] == "u"
    if isinstance(pod, dict) and "patch" in body["response"]:
        jsonpatch.apply_patch(pod, json.loads(base64.b64decode(body["response"]["patch"])))


@given(body=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_never_takes_garbage_for_a_review(body: bytes) -> None:
    try:
        answer(body, Config())
    except NotAReview:
        return
    raise AssertionError


@given(pod=broken(), config=st.sampled_from(CONFIGS))
def test_views_a_pod_or_says_where_it_is_none(pod: Any, config: Config) -> None:
    try:
        seen = view(pod)
    except PodError:
        return
    inject(seen, config)


def unremembering(config: Config) -> Config:
    """`config` without what was made under it."""
    copied = config.model_copy()
    copied.__dict__.pop("memory", None)
    return copied


@given(several=st.lists(st.tuples(pods() | good_pods(), st.sampled_from(["team", "kube-system"])), max_size=4))
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_remembers_nothing_that_changes_an_answer(several: list[tuple[Pod, str]]) -> None:
    reviews = Reviews(CONFIGS[1])
    for pod, namespace in several * 3:
        body = review_of(pod, namespace=namespace)
        assert reviews.answer(body) == answer(body, unremembering(CONFIGS[1]))


@given(
    code=st.sampled_from(sorted(CODES)),
    key=st.text(max_size=120),
    value=st.none() | st.text(max_size=300),
    detail=st.text(max_size=300),
    count=st.integers(1, 40),
)
def test_says_anything_in_a_printable_line(code: str, key: str, value: str | None, detail: str, count: int) -> None:
    names = {name for each in CODES.values() for _, name, _, _ in string.Formatter().parse(each.fix) if name}
    found = Diagnostic(code, key, value, dict.fromkeys(names - {"key"}, detail))
    assert str(found).isprintable()
    assert str(found).startswith(code + " ")
    assert len(str(found)) <= 256
    line = join([found] * count)
    assert len(line) <= 1000
    assert line.isprintable()
