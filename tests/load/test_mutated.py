"""R7, R8, T1: whatever is sent, nothing breaks, no patch is wrong, and nothing outside of the process is touched."""

import asyncio
import base64
import hashlib
import json
import random
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import uvloop
from apiserver import Endpoints, patient
from mutations import Mutator
from replicas import Replica, one_replica

from webhook.config.loghook_yaml import load
from webhook.pod.view import PodError, view
from webhook.review import Answer, NotAReview, Reviews

CRASHES = Path(__file__).with_name("crashes")
"""Bodies that broke something once, here or in other webhooks, found and not listed. A run that breaks adds to them."""

CONFIGS = ["", "defaults: {on-error: warn, paths: /var/log/app/*.log}", "policy: {enforce: true}"]


class Outside:
    """What reaches out of the process, by the interpreter's own account (PEP 578), while it is watched."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_watched = False
        sys.addaudithook(self._note)  # for the rest of the process: there is no way to take it back

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_watched and event != "builtins.id":  # which looks at an object of ours
            self.seen.append(f"{event} {arguments!r:.100}")

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Watch; gives what was seen."""
        self.seen.clear()
        self._is_watched = True
        try:
            yield self.seen
        finally:
            self._is_watched = False


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside()


@pytest.fixture(scope="module")
def seeds(cases: Sequence[Any], bodies: Sequence[bytes]) -> list[bytes]:
    """Reviews of all golden Pods, and of a Deployment's."""
    return [review(case.pod) for case in cases] + list(bodies[1:2])


def review(pod: Any) -> bytes:
    """A review of `pod`."""
    request = {"uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE", "object": pod}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def keep(body: bytes) -> None:
    """Add a body that broke something to the corpus."""
    CRASHES.mkdir(exist_ok=True)
    (CRASHES / f"{hashlib.sha256(body).hexdigest()[:16]}.bin").write_bytes(body)


Apply = Callable[[Any, Any], Any]


class Judge:
    """Asks about bodies, and finds what is wrong with the answers."""

    def __init__(self, apply: Apply, additions_only: Callable[..., None], mends_only: Callable[..., None]) -> None:
        self.counts = {"refused": 0, "broken": 0, "patched": 0, "without": 0}
        self._cores = [Reviews(load(text)) for text in CONFIGS]
        self._apply, self._additions_only, self._mends_only = apply, additions_only, mends_only

    def answer(self, body: bytes, number: int = 0) -> Answer | None:
        """The answer under one of the configurations; None where the body is no review."""
        try:
            return self._cores[number % len(self._cores)].answer(body)
        except NotAReview:
            return None

    def judge(self, body: bytes, answer: Answer | None, number: int = 0, *, closely: bool = False) -> None:
        """Fail where the answer is wrong; `closely` takes ten times as long."""
        if answer is None:
            self.counts["refused"] += 1
            return
        response = json.loads(answer.body)["response"]
        try:
            sent = json.loads(body.decode(), strict=False)
        except (ValueError, RecursionError):  # broken where nobody reads, so the API server did not send it
            self.counts["broken"] += 1
            return
        assert response["uid"] == sent["request"]["uid"]
        assert response["allowed"] is True or response["status"]["code"] == 422
        if "patch" not in response:
            self.counts["without"] += 1
            return
        self.counts["patched"] += 1
        pod = sent["request"]["object"]
        ops = json.loads(base64.b64decode(response["patch"], validate=True))
        assert {op["op"] for op in ops} == {"add"}
        after = self._apply(pod, ops)
        if closely:
            self._check_ops(response, pod, after, ops)
            assert jsonpatch.apply_patch(pod, ops) == after
            sent["request"]["object"] = after
            again = self.answer(json.dumps(sent).encode(), number)
            if again is None:  # what is not ours is read closely the second time only, and no API server sends this
                with pytest.raises(PodError):
                    view(pod)
                return
            assert "patch" not in json.loads(again.body)["response"]

    def _check_ops(self, response: Any, pod: Any, after: Any, ops: list[dict[str, Any]]) -> None:
        """Only additions; but where a Pod is injected already, what is ours may be put back (LH304)."""
        if any(warning.startswith("LH304") for warning in response.get("warnings", ())):
            self._mends_only(pod, ops)
        else:
            self._additions_only(pod, after, ops)


@pytest.fixture
def judge(apply: Apply, additions_only: Callable[..., None], mends_only: Callable[..., None]) -> Judge:
    return Judge(apply, additions_only, mends_only)


def test_no_mutated_review_breaks_anything(
    judge: Judge, seeds: list[bytes], outside: Outside, size: Any, report: Any
) -> None:
    """R7, in-process. A hundredth is judged closely."""
    for number, body in enumerate(seeds):
        judge.judge(body, judge.answer(body, number), number)  # whatever is imported late is imported now
    mutator = Mutator(seeds, seed=random.randrange(2**32) if size(0, 1) else 7)
    touched: list[str] = []
    for number in range(size(100_000, 1_000_000)):
        body = mutator.next()
        try:
            with outside.watched() as seen:
                answer = judge.answer(body, number)
            touched += seen
            judge.judge(body, answer, number, closely=number % 100 == 0)
        except Exception:
            keep(body)
            raise
    report(**judge.counts)
    assert touched == []
    assert min(judge.counts[sort] for sort in ("refused", "patched", "without")) > size(2_000, 20_000)


def test_whatever_broke_once_breaks_no_more(judge: Judge) -> None:
    files = sorted(CRASHES.glob("*.bin"))
    assert files
    for number in range(len(CONFIGS)):
        for file in files:
            body = file.read_bytes()
            judge.judge(body, judge.answer(body, number), number, closely=True)


def test_what_reaches_outside_would_be_seen(outside: Outside) -> None:
    """The control: the kinds of things that a review must never cause."""
    with outside.watched() as seen:
        eval("1 + 1")  # noqa: S307  # it must be noticed
        Path("/nowhere").exists()
        with pytest.raises(OSError, match="nowhere"):
            Path("/nowhere").read_text()
        asyncio.new_event_loop().close()
    events = {each.split(" ")[0] for each in seen}
    assert {"compile", "exec", "open", "socket.__new__"} <= events


def test_two_appliers_agree_about_every_patch(judge: Judge, cases: Sequence[Any], size: Any, report: Any) -> None:
    """R8: Pods of the golden cases with annotations of all sorts, each pair of them judged closely."""
    mutator = Mutator([], seed=8)
    dice = random.Random(8)
    pods = [json.dumps(case.pod) for case in cases]
    wanted = size(1_000, 10_000)
    pairs = 0
    while judge.counts["patched"] < wanted / 4 or pairs < wanted:
        pod = json.loads(dice.choice(pods))
        mutator.annotate(pod)
        if dice.random() < 0.6:  # right ones, or most would be refused
            pod["metadata"]["annotations"] = {
                "loghook.dev/paths": "/var/log/new/app.log",
                "loghook.dev/on-error": "warn",
            }
        body = review(pod)
        judge.judge(body, judge.answer(body, pairs), pairs, closely=True)
        pairs += 1
    report(pairs=pairs, **judge.counts)


def requests(mutator: Mutator, dice: random.Random) -> Iterator[bytes]:
    """Requests whose bodies are anything, mostly as the API server would send them."""
    while True:
        body = mutator.next() if dice.random() < 0.7 else dice.randbytes(dice.choice((0, 1, 100, 5000)))
        method = dice.choice(("POST",) * 20 + ("GET", "PUT", "DELETE"))
        path = dice.choice(("/mutate?timeout=5s",) * 20 + ("/", "/mutate/", "/validate", "/metrics", "/..%2f"))
        media = dice.choice(("application/json",) * 20 + ("text/plain", "application/json;x=y", ""))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        yield head.encode() + body


def test_no_bytes_over_tls_bring_the_server_down(
    pki: Path, tmp_path: Path, context: ssl.SSLContext, seeds: list[bytes], size: Any, report: Any
) -> None:
    """R7, over real connections: only these statuses, and never one of ours."""
    count = size(10_000, 100_000)

    async def scenario() -> None:
        async with one_replica(pki, tmp_path, drain_seconds=0) as replica:
            server = patient(context, Endpoints([replica.port]))
            source = requests(Mutator(seeds, seed=9), random.Random(9))
            statuses: dict[int, int] = {}

            async def call() -> None:
                for _ in range(count // 25):
                    reply = await server.send(next(source))
                    statuses[reply.status] = statuses.get(reply.status, 0) + 1

            await asyncio.gather(*(call() for _ in range(25)))
            server.close()
            report(**{str(status): number for status, number in sorted(statuses.items())})
            assert sum(statuses.values()) == count
            assert statuses.keys() == {200, 400, 404, 405, 415}
            await check(replica)

    async def check(replica: Replica) -> None:
        metric = replica.metric
        assert await asyncio.to_thread(metric, "loghook_requests_refused_total", status="500") == 0
        assert await asyncio.to_thread(metric, "loghook_ready") == 1

    uvloop.run(scenario())
