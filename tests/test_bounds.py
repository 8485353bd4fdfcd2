"""The table of bounds: what is at one is taken, and what is one over it is the mistake of who asks for us."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from webhook.annotations.registry import KEYS
from webhook.bounds import BOUNDS, LARGE_REVIEW, Bound
from webhook.config.loghook_yaml import Config
from webhook.diagnostics import Reason
from webhook.inject import Injected, Refused, Skipped, inject
from webhook.pod.view import view
from webhook.review import answer

CODES = {bound.code: bound for bound in BOUNDS}
PATHS = {"loghook.dev/paths": "/var/log/app/*.log"}
Pod = dict[str, Any]


def pod(said: dict[str, str] | None = None, spec: dict[str, Any] | None = None, **metadata: Any) -> Pod:
    return {
        "metadata": {"name": "app", "annotations": PATHS | (said or {}), **metadata},
        "spec": {"containers": [{"name": "app"}], **(spec or {})},
    }


def of_app(**fields: Any) -> Pod:
    return pod(spec={"containers": [{"name": "app", **fields}]})


def annotated(size: int) -> Pod:
    """A Pod with so many bytes of annotations; each character takes two."""
    kept = sum(len(key) + len(value) for key, value in PATHS.items()) + 1
    return pod({"x": "é" * ((size - kept) // 2) + "y" * ((size - kept) % 2)})


def of_containers(count: int) -> Pod:
    init = [{"name": f"init-{number}"} for number in range(count // 2)]
    return pod(
        spec={"containers": [{"name": f"c-{number}"} for number in range(count - count // 2)], "initContainers": init}
    )


def reading(count: int) -> Pod:
    """32 paths in so many containers in all, on one volume."""
    names = [f"c{number}" for number in range(16)]
    said = {f"loghook.dev/s{number}.paths": f"/var/log/{number}/*.log" for number in range(31)}
    last = {"loghook.dev/last.paths": "/var/log/last.log", "loghook.dev/last.container": ",".join(names[: count - 248])}
    mount = {"name": "logs", "mountPath": "/var/log"}
    spec = {"containers": [{"name": name, "volumeMounts": [mount]} for name in names], "volumes": [{"name": "logs"}]}
    made = pod(said | last | {"loghook.dev/container": ",".join(names[:8])}, spec)
    del made["metadata"]["annotations"]["loghook.dev/paths"]
    return made


def referring(count: int) -> Pod:
    """A sub-path by a variable, beside others that refer to it."""
    values = ["$(A)" * min(100, count - 1 - before) for before in range(0, count - 1, 100)]
    env = [{"name": "A", "value": "x"}, *({"name": "B", "value": value} for value in values)]
    return of_app(env=env, volumeMounts=[{"name": "logs", "mountPath": "/var/log/app", "subPathExpr": "$(A)"}])


MAKERS: dict[str, Callable[[int], Pod]] = {
    "LH171": annotated,
    "LH172": lambda count: pod({f"loghook.dev/s{number}.format": "json" for number in range(count - 1)}),
    "LH173": lambda size: pod({"loghook.dev/fields": "a=" + "é" * ((size - 2) // 2) + "y" * (size % 2)}),
    "LH174": of_containers,
    "LH175": lambda count: of_app(volumeMounts=[{"name": "x", "mountPath": f"/x{number}"} for number in range(count)]),
    "LH176": lambda count: of_app(env=[{"name": f"V{number}"} for number in range(count)]),
    "LH177": lambda count: pod(spec={"volumes": [{"name": f"v{number}"} for number in range(count)]}),
    "LH178": lambda count: pod(ownerReferences=[{"kind": "Job"}] * count),
    "LH180": reading,
    "LH181": lambda count: pod(spec={"containers": [{"name": "a" * count}]}),
    "LH182": referring,
}

LONG = "a" * 513
LONG_TEXTS: dict[str, Pod] = {
    "the Pod's name": pod(name=LONG),
    "a label": pod(labels={"app": LONG}),
    "an owner": pod(ownerReferences=[{"kind": "Job", "name": LONG}]),
    "a container": of_app(name=LONG),
    "an init container": pod(spec={"initContainers": [{"name": LONG}]}),
    **{
        member: of_app(volumeMounts=[{"name": "x", "mountPath": "/x", member: LONG}])
        for member in ("name", "mountPath", "subPath", "subPathExpr")
    },
}


def codes(made: Pod) -> set[str]:
    outcome = inject(view(made), Config())
    return {found.code for found in outcome.diagnostics}


@pytest.mark.parametrize("bound", [bound for bound in BOUNDS if bound.count], ids=lambda bound: bound.code)
def test_a_pod_that_has_nothing_can_be_counted(bound: Bound) -> None:
    """No review that anybody may send is our bug; the API server asks us before it looks at the Pod."""
    assert bound.count is not None
    assert bound.count(view({})) == 0
    assert bound.count(view({"metadata": {"name": None}, "spec": {"containers": None}})) == 0


@pytest.mark.parametrize("code", MAKERS)
def test_takes_what_is_at_the_bound_and_refuses_one_more(code: str) -> None:
    most = CODES[code].most
    assert not codes(MAKERS[code](most)) & CODES.keys()
    outcome = inject(view(MAKERS[code](most + 1)), Config())
    assert isinstance(outcome, Refused)
    assert [found.code for found in outcome.diagnostics] == [code]
    assert f"{most:,}" in outcome.message


@pytest.mark.parametrize("code", MAKERS)
def test_obeys_on_error_and_leaves_alone_who_does_not_ask(code: str) -> None:
    made = MAKERS[code](CODES[code].most + 2)
    made["metadata"]["annotations"]["loghook.dev/on-error"] = "warn"
    if code == "LH172":
        del made["metadata"]["annotations"]["loghook.dev/paths"]
    warned = inject(view(made), Config())
    assert isinstance(warned, Skipped)
    assert (warned.reason, [found.code for found in warned.diagnostics]) == (Reason.MISTAKES, [code])
    made["metadata"]["annotations"]["loghook.dev/inject"] = "false"
    assert inject(view(made), Config()) == Skipped(Reason.OPTED_OUT)
    made["metadata"]["annotations"] = {"x": "y" * 300_000}
    assert inject(view(made), Config()) == Skipped(Reason.NOT_ASKED)


@pytest.mark.parametrize("where", LONG_TEXTS)
def test_bounds_each_text_that_is_written_once_for_every_source(where: str) -> None:
    assert codes(LONG_TEXTS[where]) == {"LH181"}


def test_bounds_the_patch() -> None:
    """By what costs most for each path: a fixed text on each record, in every source's configuration."""
    config = Config.model_validate({"destinations": {"central": {"type": "otlp", "host": "otlp.example"}}})
    fields = ",".join(f"k{number}={'v' * 200}" for number in range(16))
    said = {f"loghook.dev/s{number}.paths": f"/var/log/{number}.log" for number in range(32)}
    many = {f"loghook.dev/s{number}.fields": fields for number in range(32)}
    agent = {"loghook.dev/destination": "central", "loghook.dev/agent": "vector"}
    few = inject(view(pod(said | agent)), config)
    assert isinstance(few, Refused | Injected)
    made = pod(said | agent | many)
    del made["metadata"]["annotations"]["loghook.dev/paths"]
    outcome = inject(view(made), config)
    assert isinstance(outcome, Refused)
    assert {found.code for found in outcome.diagnostics} <= {"LH179", "LH147"}


# On the bytes, before there are objects.


def review(made: Pod, padding: str = "") -> bytes:
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": "shop", "object": made, "padding": padding}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def filled(said: dict[str, str] | None = None, **metadata: Any) -> Pod:
    """A Pod of more values than are read, in a list that nobody looks at."""
    return pod(said, {"tolerations": [{}] * 40_000}, **metadata)


def test_counts_the_values_of_a_large_review() -> None:
    found = answer(review(filled(), " " * LARGE_REVIEW), Config())
    assert (found.decision, found.codes) == ("refused", ("LH170",))
    assert found.uid == "u"
    below = pod(spec={"tolerations": [{}] * 30_000})
    assert answer(review(below, " " * LARGE_REVIEW), Config()).decision == "injected"


def test_counts_the_bytes_of_annotations_that_are_not_read() -> None:
    found = answer(review(pod({"x": "é" * 800_000})), Config())
    assert (found.decision, found.codes) == ("refused", ("LH171",))


@pytest.mark.parametrize(
    ("said", "metadata", "decision", "reason"),
    [
        ({"loghook.dev/on-error": "warn"}, {}, "skipped", "mistakes"),
        ({"loghook.dev/on-error": "reject"}, {}, "refused", ""),
        ({"loghook.dev/on-error": "?"}, {}, "refused", ""),
        ({"loghook.dev/inject": "false"}, {}, "skipped", "opted-out"),
        ({}, {"labels": {"loghook.dev/inject": "false"}}, "skipped", "opted-out"),
        ({"x": 'a text, {"loghook.dev/on-error":"warn"}'}, {}, "refused", ""),
    ],
)
def test_heeds_what_a_large_review_says_of_mistakes(
    said: dict[str, str], metadata: dict[str, Any], decision: str, reason: str
) -> None:
    found = answer(review(filled(said, **metadata), " " * LARGE_REVIEW), Config())
    assert (found.decision, found.reason) == (decision, reason)


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        None,
        {"x": "y"},
        {"loghook.dev/status": "{}", "loghook.dev/config": ""},
        {"x": 'a text, {"loghook.dev/paths":"/x"}'},
        {"x": "loghook.dev/paths"},
    ],
)
def test_leaves_a_large_review_alone_that_does_not_ask(annotations: dict[str, str] | None) -> None:
    made = filled()
    made["metadata"]["annotations"] = annotations
    found = answer(review(made, " " * LARGE_REVIEW), Config())
    assert (found.decision, found.reason) == ("skipped", "not-asked")


def test_is_not_misled_by_a_list_that_comes_twice() -> None:
    """The last one of a name holds, and the first one is read all the same."""
    text = review(pod(), " " * LARGE_REVIEW).decode()
    twice = text.replace('"containers":', '"containers": [' + ",".join(["{}"] * 70_000) + '], "containers":')
    assert answer(twice.encode(), Config()).codes == ("LH170",)


# No value is our bug.

quantities = st.one_of(
    st.sampled_from(
        ["none", "1e40", "1e999", "1e-999", "-1e40", "9e18", "1Ei", "9" * 32, "0." + "9" * 32, ".1", "1n", "0"]
    ),
    st.builds("{}{}".format, st.integers(0, 10**20), st.sampled_from(["", "m", "k", "Ki", "Mi", "Gi", "E", "e3"])),
    st.text(max_size=8),
)
values = st.one_of(quantities, st.sampled_from([key.example for key in KEYS.values()]), st.text(max_size=40))
ceilings = st.none() | quantities


@given(
    said=st.dictionaries(st.sampled_from(sorted(KEYS)), values, max_size=8),
    ceiling=st.fixed_dictionaries(dict.fromkeys(("cpu", "memory", "volumeSize"), ceilings)),
    enforce=st.booleans(),
    level=st.none() | st.dictionaries(st.sampled_from(["cpu", "memory"]), quantities, max_size=2),
)
@settings(max_examples=100_000 if os.environ.get("LOGHOOK_SOAK") else 300, deadline=None)
def test_decides_whatever_any_key_and_any_ceiling_say(
    *, said: dict[str, str], ceiling: dict[str, str | None], enforce: bool, level: dict[str, str] | None
) -> None:
    destinations = {"central": {"type": "elasticsearch", "host": "es.example"}}
    policy = {"ceiling": ceiling, "enforce": enforce}
    try:
        config = Config.model_validate({"policy": policy, "destinations": destinations})
    except ValidationError:
        return
    spec = {"resources": {"limits": level}} if level is not None else {}
    made = pod({f"loghook.dev/{name}": value for name, value in said.items()}, spec)
    outcome = inject(view(made), config)
    assert isinstance(outcome, Injected | Skipped | Refused)


@pytest.mark.parametrize("key", ["cpu-request", "cpu-limit", "memory-request", "memory-limit", "volume-size-limit"])
@pytest.mark.parametrize("ceiling", [None, "2"])
def test_takes_no_quantity_that_kubernetes_would_cut(key: str, ceiling: str | None) -> None:
    config = Config.model_validate({"policy": {"ceiling": {"cpu": ceiling, "memory": None, "volumeSize": None}}})
    assert {found.code for found in inject(view(pod({f"loghook.dev/{key}": "1e40"})), config).diagnostics} == {"LH126"}
