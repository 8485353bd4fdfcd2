"""Reviews that cost: legal or forged requests of at most 7 MiB, alone, in a process that has nothing else to do.

Each stood for half a second to minutes of processor time, or for hundreds of megabytes, before there were bounds. The
figures are the process's own: processor time, and resident memory above that before the request.
"""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
from apiserver import percentile
from costly import BODY_BYTES, CPU_SECONDS, PEAK_BYTES, slowness
from scenes import peak_mib, scene

TRIES = 3
CHART_MIB = 256
P99_RATIO = 4
"""Of genuine reviews beside the worst to the same callers' in peace, in the same run."""

LOAD = Path(__file__).parents[1] / "load"

_METER = """
import json, re, sys, time
from pathlib import Path
from webhook.config.loghook_yaml import load
from webhook.review import NotAReview, Reviews
from webhook.validation import Validations

def kibibytes(name):
    return int(re.search(name + r":\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

warm, body = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()
of = {"mutate": Reviews, "validate": Validations}[sys.argv[4]]
reviews = of(load(sys.argv[3]))
reviews.answer(warm)
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before, started = kibibytes("VmRSS"), time.process_time()
try:
    said = reviews.answer(body)
    decision, codes = said.decision, said.codes
except NotAReview:
    decision, codes = "not a review", ()
if sys.argv[5:]:
    waste = bytearray(100 << 20)
    while time.process_time() < started + 0.3: pass
used, peak = time.process_time() - started, (kibibytes("VmHWM") - before) * 1024
print(json.dumps([used, peak, decision, codes]))
"""
_CONFIG = """
destinations:
  central: {type: otlp, host: otlp.example}
  search: {type: elasticsearch, host: es.example, index: "{label:app}-{source}"}
labels: [app]
"""

PATHS = {"loghook.dev/paths": "/var/log/app/*.log"}
SOURCES = {f"loghook.dev/s{number}.paths": f"/var/log/app/{number}a*.log" for number in range(32)}
APP = {"name": "app"}


def review(annotations: dict[str, str], *containers: dict[str, Any], **metadata: Any) -> str:
    spec = {"containers": containers or [APP], "volumes": [{"name": "data", "emptyDir": {}}]}
    made = {"metadata": {"name": "app", "annotations": annotations, **metadata}, "spec": spec}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": "shop", "object": made}
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def filled(place: str, item: str) -> str:
    """A review with as many of `item` in `place` as 7 MiB hold."""
    lists = {
        "ownerReferences": ('"name":"app","annotations"', '"name":"app","ownerReferences":[%s],"annotations"'),
        "containers": ('"containers":[{"name":"app"}]', '"containers":[%s]'),
        "initContainers": ('"containers":', '"initContainers":[%s],"containers":'),
        "volumes": ('"volumes":[{"name":"data","emptyDir":{}}]', '"volumes":[%s]'),
        "imagePullSecrets": ('"volumes":', '"imagePullSecrets":[%s],"volumes":'),
        "volumeMounts": ('{"name":"app"}', '{"name":"app","volumeMounts":[%s]}'),
        "env": ('{"name":"app"}', '{"name":"app","env":[%s]}'),
        "args": ('{"name":"app"}', '{"name":"app","args":[%s]}'),
        "requests": ('{"name":"app"}', '{"name":"app","resources":{"requests":{%s}}}'),
        "labels": ('"name":"app","annotations"', '"name":"app","labels":{%s},"annotations"'),
        "annotations": ('"annotations":{', '"annotations":{%s,'),
        "nobody": ('"volumes":', '"nobody":[%s],"volumes":'),
        "twice": ('"containers":', '"containers":[%s],"containers":'),
    }
    there, here = lists[place]
    text = review(PATHS)
    room = BODY_BYTES - len(text) - 100
    count = room // (len(item.encode()) + 8) if "%" in item else room // (len(item.encode()) + 1)
    items = (item % f"{number:x}" if "%" in item else item for number in range(count))
    return text.replace(there, here % ",".join(items), 1)


def chained(count: int) -> dict[str, Any]:
    env = [{"name": f"V{number}", "value": f"$(V{number - 1})"} for number in range(1, count)]
    mount = {"name": "data", "mountPath": "/var/log/app", "subPathExpr": f"$(V{count - 1})"}
    return {"name": "app", "env": [{"name": "V0", "value": "x"}, *env], "volumeMounts": [mount]}


def deep(number: int) -> dict[str, Any]:
    mounts = [{"name": "data", "mountPath": "/" + "a/" * (place % 60) + "b" * place} for place in range(250)]
    return {"name": f"c{number}", "volumeMounts": mounts}


NINE_THOUSAND = {f"loghook.dev/s{number}.format": "jsonn" for number in range(9000)}
MULTILINE = {f"{key[:-5]}multiline-start": "[ -\ufffd]" * 50 for key in list(SOURCES)[:12]}
BRACKETS = {key: ",".join(["/var/log/" + "[" * 500] * 8) for key in list(SOURCES)[:16]}
ALIKE = [f"{'ab' * 30}{number:02x}" for number in range(256)]
EXCLUDES = ",".join(f"{'*a' * 100}{number}" for number in range(16))
IN_EIGHT = {"loghook.dev/container": ",".join(f"c{number}" for number in range(8))}

CASES: dict[str, Callable[[], str]] = {
    "expressions": lambda: review(SOURCES | MULTILINE),
    "formats": lambda: review(PATHS | NINE_THOUSAND),
    "formats-within-the-bound": lambda: review(PATHS | dict(list(NINE_THOUSAND.items())[:250])),
    "brackets": lambda: review(BRACKETS),
    "empty-mounts": lambda: review(SOURCES, APP | {"volumeMounts": [{}] * 200_000}),
    "mounts-within-the-bound": lambda: review(
        {f"loghook.dev/s{number}.paths": "/" + "a/" * 60 + f"{number}.log" for number in range(32)},
        *map(deep, range(60)),
    ),
    "chain": lambda: review(PATHS, chained(150_000)),
    "chain-within-the-bound": lambda: review(PATHS, chained(1024)),
    "one-name": lambda: review(SOURCES, *[APP] * 45_000),
    "one-name-within-the-bound": lambda: review(SOURCES, *[APP] * 256),
    "emoji": lambda: review(PATHS | {"x": "a" * 2_800_000 + "😀"}),
    "names-alike": lambda: review(
        {**SOURCES, **{f"{key[:-5]}container": "ab" * 31 for key in SOURCES}}, *({"name": name} for name in ALIKE)
    ),
    "excludes": lambda: review(
        SOURCES | IN_EIGHT | {f"{key[:-5]}exclude": EXCLUDES for key in SOURCES},
        *({"name": f"c{number}"} for number in range(8)),
    ),
    "what-an-agent-cannot": lambda: review(
        SOURCES | {"loghook.dev/destination": "central", "loghook.dev/agent": "fluentd"}
    ),
    "long-texts": lambda: review(
        PATHS, {"name": "a" * 2_000_000 + "😀", "workingDir": "/b" * 500_000, "command": ["/c" * 500_000]}
    ),
    **{
        f"filled-{place}": lambda place=place, item=item: filled(place, item)  # type: ignore[misc]  # mypy infers no lambda with defaults
        for place, item in {
            **dict.fromkeys(
                ("ownerReferences", "containers", "initContainers", "volumes", "volumeMounts", "env"), "{}"
            ),
            **dict.fromkeys(("imagePullSecrets", "nobody", "twice"), "{}"),
            "args": '"ab"',
            "requests": '"%s":1',
            "labels": '"%s":""',
            "annotations": '"%s":""',
        }.items()
    },
}


def mounting(text: str = "", **more: Any) -> dict[str, Any]:
    """An application that mounts where the paths are, with `text` somewhere."""
    mount = {"name": "data", "mountPath": "/var/log/app"}
    return APP | {"volumeMounts": [mount | dict.fromkeys(more.pop("members", ()), text)]} | more


MILLIONS = "a" * 6_500_000
ONE_TEXT: dict[str, Callable[[], str]] = {
    # One long text, that is written once for every source, or once for every container.
    "label": lambda: review(SOURCES | {"loghook.dev/destination": "search"}, labels={"app": MILLIONS}),
    **{
        f"container-of-{agent}": lambda agent=agent: review(  # type: ignore[misc]  # mypy infers no lambda with defaults
            SOURCES | {"loghook.dev/destination": "central", "loghook.dev/agent": agent}, {"name": MILLIONS}
        )
        for agent in ("vector", "otel-collector")
    },
    "sub-path": lambda: review(SOURCES, mounting(MILLIONS, members=["subPath"])),
    "volume": lambda: review(SOURCES, mounting(MILLIONS, members=["name"])),
    "references": lambda: review(SOURCES, mounting("$(A)" * 200_000, members=["subPathExpr"], env=[{"name": "A"}])),
    "references-in-a-variable": lambda: review(
        PATHS,
        mounting("$(B)", members=["subPathExpr"], env=[{"name": "A"}, {"name": "B", "value": "$(A)" * 1_600_000}]),
    ),
    "owner": lambda: review(
        PATHS | {"loghook.dev/destination": "central"},
        *({"name": f"c{number}"} for number in range(256)),
        ownerReferences=[{"kind": "Job", "controller": True, "name": "-1" * 3_000_000}],
    ),
    "working-directory": lambda: review(
        SOURCES | IN_EIGHT, *({"name": f"c{number}", "workingDir": "//" + "a/" * 400_000} for number in range(8))
    ),
    "loghook": lambda: review(PATHS, {"name": f"loghook-{MILLIONS}😀"}),
    "quantity": lambda: review(PATHS, APP | {"resources": {"limits": {"cpu": f"{MILLIONS}😀"}}}),
    "quantity-behind-a-space": lambda: review(PATHS, APP | {"resources": {"limits": {"cpu": f" {MILLIONS}😀"}}}),
}
CASES |= {f"one-text-{name}": make for name, make in ONE_TEXT.items()}

DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment"}


def applied(made: str, **request: Any) -> str:
    """The review of a Deployment whose template is the Pod of the review `made`."""
    whole = json.loads(made)
    template = {"spec": {"template": whole["request"]["object"]}}
    whole["request"] |= {"kind": DEPLOYMENT, "object": template, **request}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def beside(**said: Any) -> dict[str, Any]:
    """A Deployment that says something in annotations of its own."""
    return {"metadata": {"name": "web", "annotations": said}, "spec": {"template": {}}}


MANY_OF_OURS = [{f"loghook.dev/{name}{number}": "" for number in range(60_000)} for name in "ab"]

APPLIED: dict[str, Callable[[], str]] = {
    **{
        name: lambda name=name: applied(CASES[name]())  # type: ignore[misc]  # as above
        for name in ("expressions", "formats", "one-text-label", "one-text-container-of-vector", "one-text-owner")
    },
    "boolean": lambda: applied(review(PATHS | {"loghook.dev/inject": f"{MILLIONS}😀"})),
    "quantity": lambda: applied(CASES["one-text-quantity"]()),
    "kind": lambda: applied(review(PATHS), kind=DEPLOYMENT | {"kind": f"{MILLIONS}😀"}),
    "generated": lambda: applied(review(PATHS), object=beside() | {"metadata": {"generateName": f"{MILLIONS}😀"}}),
    "annotations": lambda: applied(
        review(PATHS), object=beside(**MANY_OF_OURS[0]), oldObject=beside(**MANY_OF_OURS[1]), operation="UPDATE"
    ),
    "annotations-of-a-pod": lambda: applied(
        review(PATHS),
        kind={"group": "", "version": "v1", "kind": "Pod"},
        object=beside(**MANY_OF_OURS[0]),
        oldObject=beside(**MANY_OF_OURS[1]),
    ),
    "members": lambda: applied(review(PATHS), object={f"k{number}": 0 for number in range(60_000)} | beside()),
}


def measured(tmp_path: Any, body: bytes, where: str = "mutate", *waste: str) -> tuple[float, int, str, list[str]]:
    (tmp_path / "warm").write_bytes(review(PATHS).encode())
    (tmp_path / "body").write_bytes(body)
    command = [sys.executable, "-c", _METER, tmp_path / "warm", tmp_path / "body", _CONFIG, where, *waste]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    used, peak, decision, codes = json.loads(done.stdout)
    return used, peak, decision, codes


@pytest.mark.parametrize("attack", CASES)
def test_costs_no_more_than_its_share(tmp_path: Any, attack: str) -> None:
    body = CASES[attack]().encode()
    assert len(body) <= BODY_BYTES
    assert check_cost(tmp_path, body, "mutate") in {"injected", "skipped", "refused"}


def check_cost(tmp_path: Any, body: bytes, where: str) -> str:
    """What was decided, where that cost no more than it may."""
    for _ in range(TRIES):  # what costs too much does so each time
        used, peak, decision, codes = measured(tmp_path, body, where)
        if used < CPU_SECONDS:
            break
    assert used < CPU_SECONDS * slowness(), (used, decision, codes)
    assert peak < PEAK_BYTES, (peak, decision, codes)
    return decision


@pytest.mark.parametrize("attack", APPLIED)
def test_costs_no_more_where_it_is_applied(tmp_path: Any, attack: str) -> None:
    """What brings Pods may be as large, and is as bounded."""
    body = APPLIED[attack]().encode()
    assert len(body) <= BODY_BYTES
    check_cost(tmp_path, body, "validate")


def test_would_notice_what_costs_more(tmp_path: Any) -> None:
    """The control: the meter sees 300 ms and 100 MiB."""
    used, peak, _, _ = measured(tmp_path, review(PATHS).encode(), "mutate", "waste")
    assert used > CPU_SECONDS
    assert peak > PEAK_BYTES


_ATTACKER = """
import asyncio, itertools, ssl, sys
from pathlib import Path
from apiserver import ApiServer, Endpoints

async def attack(folder, port, count):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    bodies = [file.read_bytes() for file in sorted(Path(folder).glob("*.json"))]
    server = ApiServer(context, Endpoints([port]), timeout=30, tries=1)
    await asyncio.gather(*(server.ask(body) for body in itertools.islice(itertools.cycle(bodies), count)))
    server.close()

asyncio.run(attack(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def test_many_of_the_worst_at_once_harm_nobody(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, bodies: Sequence[bytes], size: Any, report: Any
) -> None:
    """Beside genuine callers, whose reviews have their turns among them, in a server with the chart's limit."""
    for name, make in CASES.items():
        (tmp_path / f"{name}.json").write_bytes(make().encode())

    async def scenario() -> dict[str, Any]:
        async with scene(pki, tmp_path, context, bodies, drain_seconds=0) as one:
            await one.peace(size(1, 5))
            calm = len(one.callers.latencies)
            given = [str(tmp_path), str(one.replica.port), str(size(30, 100))]
            attacker = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _ATTACKER, *given, env={**os.environ, "PYTHONPATH": str(LOAD)}
            )
            assert await attacker.wait() == 0
            p99 = [percentile(part, 0.99) for part in (one.callers.latencies[:calm], one.callers.latencies[calm:])]
            failures = one.callers.failures + one.failures
            return {
                "failures": failures,
                "mib": peak_mib(one.replica),
                "p99_ms": [round(1000 * each, 1) for each in p99],
            }

    found = uvloop.run(scenario())
    report(**found)
    assert found["failures"] == []
    assert found["mib"] < CHART_MIB
    peace, war = found["p99_ms"]
    assert size(0, war / peace) <= P99_RATIO
