"""The controller against an API server on a real socket: what it writes and leaves alone, and its faults."""

import base64
import contextlib
import http.client
import io
import json
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certs.answers import ClusterError
from certs.authority import is_issued_by, names_of, new_authority, parse_certificate
from certs.health import LEVELS, Health, HealthServer, say, say_from
from certs.rotate import Found, Trust, trust

DAY = timedelta(days=1)
PATIENCE = 120.0  # seconds that anything may take; nothing comes near it unless it is broken
NAMES = ("loghook", "loghook.logs", "loghook.logs.svc", "loghook.logs.svc.cluster.local")
SECRET = "/api/v1/namespaces/logs/secrets/loghook-tls"  # noqa: S105  # a path
MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/loghook"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/checks"
DEPLOYMENT = "/apis/apps/v1/namespaces/logs/deployments/loghook"


def trusted(api: Any, now: datetime | None = None) -> Trust:
    return trust(Found(api.secret() or None, tuple(api.bundles())), NAMES, now or datetime.now(UTC))


def is_settled(api: Any) -> bool:
    """Whether the Secret is whole and every webhook has exactly its bundle, of one CA."""
    bundles = set(api.bundles())
    return bundles == {api.secret().get("ca.crt")} and trusted(api) == replace_problem(trusted(api)) and one_ca(api)


def replace_problem(found: Trust) -> Trust:
    return Trust("", found.serving, found.signing, found.trusted)


def one_ca(api: Any) -> bool:
    count: int = api.secret()["ca.crt"].count(b"BEGIN CERTIFICATE")
    return count == 1


def settle(api: Any) -> dict[str, bytes]:
    api.wait_for("Secret and caBundle fit together", lambda: is_settled(api))
    data: dict[str, bytes] = api.secret()
    return data


def writes(api: Any) -> list[str]:
    return [each for each in api.requests if each.split()[0] in ("POST", "PATCH", "DELETE")]


# What it writes


def test_a_cold_start_makes_the_secret_and_publishes_its_ca(api: Any, controllers: Any, openssl_verify: Any) -> None:
    assert controllers.make().run_once(PATIENCE)
    secret = api.get(SECRET)
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "loghook-certs"
    assert sorted(secret["data"]) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    data = settle(api)
    verdict = openssl_verify(api.bundles()[0], data["tls.crt"], "-verify_hostname", "loghook.logs.svc")
    assert verdict.returncode == 0, verdict.stderr
    assert names_of(parse_certificate(data["tls.crt"])) == NAMES
    assert writes(api) == [f"POST {SECRET.rpartition('/')[0]}", f"PATCH {MUTATING}"]


def test_nothing_is_written_where_nothing_has_to_change(api: Any, controllers: Any) -> None:
    assert controllers.make().run_once(PATIENCE)
    before = writes(api)
    assert controllers.make().run_once(PATIENCE)
    assert writes(api) == before


def test_every_webhook_of_every_configuration_gets_the_bundle_and_nothing_else_changes(
    api: Any, controllers: Any
) -> None:
    api.configure(names=("z.loghook.dev", "a.loghook.dev", "m.loghook.dev"))
    api.configure(VALIDATING, ("checks.loghook.dev",))
    before = api.get(MUTATING)
    assert controllers.make(validating=("checks",)).run_once(PATIENCE)
    bundle = api.secret()["ca.crt"]
    assert api.bundles() == [bundle] * 3
    assert api.bundles(VALIDATING) == [bundle]
    after = api.get(MUTATING)
    for webhook in after["webhooks"]:
        del webhook["clientConfig"]["caBundle"]
    assert after["webhooks"] == before["webhooks"]


def managed(*managers: str) -> list[dict[str, Any]]:
    return [{"manager": each, "operation": "Update", "fieldsV1": {"f:webhooks": {}}} for each in managers]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["helm", "loghook-certs"], ["helm"]),
        (["loghook-certs", "helm", "kubectl", "loghook-certs"], ["helm", "kubectl"]),
        (["helm", "cert-manager-cainjector"], ["helm", "cert-manager-cainjector"]),
        (["loghook-certs"], ["loghook-certs"]),  # an empty list would make the API server forget all owners
    ],
)
def test_gives_up_the_ownership_of_what_it_has_written(
    api: Any, controllers: Any, before: list[str], after: list[str]
) -> None:
    """Else nobody who applies on the server's side could ever write a caBundle of one's own."""
    for path in (MUTATING, VALIDATING):
        api.configure(path)
        api.edit(path, lambda found: found["metadata"].update(managedFields=managed(*before)))
    assert controllers.make(validating=("checks",)).run_once(PATIENCE)
    for path in (MUTATING, VALIDATING):
        assert api.get(path)["metadata"]["managedFields"] == managed(*after)
        assert api.bundles(path) == [api.secret()["ca.crt"]]


def test_leaves_a_configuration_alone_whose_ca_is_given_by_others(api: Any, controllers: Any) -> None:
    """As the chart marks it for certificates of one's own, in the same request that brings their CA."""
    controllers.start()
    settle(api)
    given = {"loghook.dev/ca-bundle": "provided"}
    api.edit(
        MUTATING, lambda found: found["metadata"].update(annotations=given, managedFields=managed("loghook-certs"))
    )
    api.edit(MUTATING, lambda found: found["webhooks"][0]["clientConfig"].update(caBundle="b3du"))
    before = writes(api)
    api.ask("leaf")
    api.wait_for("the next serving certificate", lambda: len(writes(api)) > len(before))
    assert api.bundles() == [b"own"]
    assert [each for each in writes(api)[len(before) :] if MUTATING in each] == []


def test_a_configuration_that_comes_later_is_waited_for(api: Any, controllers: Any) -> None:
    api.drop(MUTATING)
    controllers.start()
    data = api.wait_for("the Secret", api.secret)
    assert data["tls.crt"]
    api.configure()
    assert settle(api)["tls.crt"] == data["tls.crt"]


def test_a_configuration_that_is_made_anew_without_bundle_is_healed(api: Any, controllers: Any) -> None:
    controllers.start()
    data = settle(api)
    for _ in range(3):
        api.configure()
        assert settle(api) == data
    api.drop(MUTATING)
    api.configure(names=("pods.loghook.dev", "workloads.loghook.dev"))
    assert settle(api) == data


def test_what_is_not_ours_in_the_secret_stays(api: Any, controllers: Any) -> None:
    metadata = {
        "name": "loghook-tls",
        "annotations": {"mine": "kept", "loghook.dev/rotate": "ca"},
        "labels": {"a": "b"},
    }
    api.put(SECRET, {"type": "Opaque", "metadata": metadata, "data": {"note": base64.b64encode(b"kept").decode()}})
    assert controllers.make().run_once(PATIENCE)
    secret = api.get(SECRET)
    assert (secret["type"], secret["metadata"]["annotations"]) == ("Opaque", {"mine": "kept"})
    assert secret["metadata"]["labels"] == {"a": "b"}
    assert api.secret()["note"] == b"kept"
    settle(api)


def test_an_immutable_secret_is_replaced(api: Any, controllers: Any) -> None:
    assert controllers.make().run_once(PATIENCE)
    before = api.secret()
    api.edit(SECRET, lambda secret: secret.update(immutable=True))
    api.ask("leaf")
    assert controllers.make().run_once(PATIENCE)
    assert "immutable" not in api.get(SECRET)
    assert api.secret()["tls.crt"] != before["tls.crt"]
    assert api.secret()["ca.crt"] == before["ca.crt"]


def test_an_immutable_secret_is_given_its_owner_as_it_is(api: Any, controllers: Any) -> None:
    """One that came from a backup, say: only its data cannot be changed, and in them is the CA's key."""
    assert controllers.make().run_once(PATIENCE)
    api.edit(SECRET, lambda secret: secret.update(immutable=True))
    before = api.get(SECRET)
    api.put(DEPLOYMENT, {"metadata": {"name": "loghook"}})
    assert controllers.make(owner="loghook").run_once(PATIENCE)
    after = api.get(SECRET)
    assert [each["name"] for each in after["metadata"]["ownerReferences"]] == ["loghook"]
    assert (after["metadata"]["uid"], after["data"]) == (before["metadata"]["uid"], before["data"])


def test_an_immutable_secret_is_kept_until_it_can_be_made_anew(api: Any, controllers: Any) -> None:
    assert controllers.make().run_once(PATIENCE)
    api.edit(SECRET, lambda secret: secret.update(immutable=True))
    api.ask("leaf")
    before = api.secret()
    assert controllers.make(owner="loghook").turn() > 0
    assert api.secret() == before
    api.put(DEPLOYMENT, {"metadata": {"name": "loghook"}})
    assert controllers.make(owner="loghook").run_once(PATIENCE)
    assert api.secret()["ca.key"] == before["ca.key"]


# Whose it is


def test_the_secret_belongs_to_the_deployment(api: Any, controllers: Any) -> None:
    api.put(DEPLOYMENT, {"metadata": {"name": "loghook"}})
    controllers.start(owner="loghook")
    data = settle(api)

    def owners() -> list[dict[str, str]]:
        found: list[dict[str, str]] = api.get(SECRET)["metadata"]["ownerReferences"]
        return found

    def reference() -> dict[str, str]:
        uid = api.get(DEPLOYMENT)["metadata"]["uid"]
        return {"apiVersion": "apps/v1", "kind": "Deployment", "name": "loghook", "uid": uid}

    assert owners() == [reference()]
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "7"}
    api.edit(SECRET, lambda secret: secret["metadata"]["ownerReferences"].append(other))
    api.drop(DEPLOYMENT)
    api.put(DEPLOYMENT, {"metadata": {"name": "loghook"}})
    api.wait_for("the new Deployment owns it", lambda: reference() in owners())
    assert owners() == [other, reference()]
    assert api.secret() == data


@pytest.mark.parametrize("is_going", [False, True])
def test_no_secret_is_left_behind_by_an_uninstall(api: Any, controllers: Any, *, is_going: bool) -> None:
    if is_going:
        api.put(DEPLOYMENT, {"metadata": {"name": "loghook", "deletionTimestamp": "2031-07-01T12:00:00Z"}})
    controller = controllers.make(owner="loghook")
    assert controller.turn() > 0
    assert writes(api) == []
    api.drop(DEPLOYMENT) if is_going else None
    api.put(DEPLOYMENT, {"metadata": {"name": "loghook"}})
    controller.turn()
    assert is_settled(api)


def test_a_secret_that_is_there_is_looked_after_without_its_owner(api: Any, controllers: Any) -> None:
    assert controllers.make().run_once(PATIENCE)
    api.ask("leaf")
    before = api.secret()
    controllers.make(owner="loghook").turn()
    assert api.secret()["tls.crt"] != before["tls.crt"]


# Asked for


def test_annotations_rotate_leaf_and_ca(api: Any, controllers: Any) -> None:
    controllers.start()
    first = settle(api)
    api.ask("leaf")
    api.wait_for("a new leaf", lambda: api.secret()["tls.crt"] != first["tls.crt"])
    second = settle(api)
    assert second["ca.crt"] == first["ca.crt"]
    api.ask("ca")
    api.wait_for("a new CA", lambda: api.secret()["ca.key"] != first["ca.key"])
    api.wait_for("a leaf of the new CA", lambda: api.secret()["tls.crt"] != second["tls.crt"])
    third = settle(api)
    assert third["ca.crt"] != first["ca.crt"]
    assert api.get(SECRET)["metadata"]["annotations"] == {}
    assert not is_issued_by(parse_certificate(third["tls.crt"]), parse_certificate(first["ca.crt"]))


def test_a_wrong_word_is_told_once_and_changes_nothing(
    api: Any, controllers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    controller = controllers.make()
    controller.turn()
    before = api.secret()
    api.ask("everything")
    controller.turn()
    controller.turn()
    assert api.secret() == before
    assert capsys.readouterr().out.count("the annotation loghook.dev/rotate must be leaf or ca") == 1


# Several at once


def test_many_cold_starts_at_once_agree_on_one_ca(api: Any, controllers: Any) -> None:
    made: list[bytes] = []
    api.told.append(lambda path, value: made.append(value["data"]["ca.crt"]) if path == SECRET and value else None)
    racers = [controllers.make() for _ in range(12)]
    gate = threading.Barrier(len(racers))
    results: list[bool] = []

    def race(controller: Any) -> None:
        gate.wait()
        results.append(controller.run_once(PATIENCE))

    threads = [threading.Thread(target=race, args=(each,)) for each in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == [True] * len(racers)
    assert len(set(made)) == 1
    assert is_settled(api)


def test_two_controllers_rotate_once_for_one_request(api: Any, controllers: Any) -> None:
    keys: list[str] = []
    api.told.append(lambda path, value: keys.append(value["data"]["ca.key"]) if path == SECRET and value else None)
    controllers.start()
    controllers.start()
    settle(api)
    for _ in range(3):
        before = api.secret()["ca.key"]
        api.ask("ca")
        api.wait_for("a new CA", lambda before=before: api.secret()["ca.key"] != before)
        settle(api)
    assert len(set(keys)) == 4


# Faults


FAULTS: dict[str, dict[str, Any]] = {
    "conflict": {"what": "status", "status": 409},
    "expired": {"what": "status", "status": 410},
    "throttled": {"what": "status", "status": 429, "headers": {"Retry-After": "0"}},
    "throttled without a word": {"what": "status", "status": 429},
    "internal error": {"what": "status", "status": 500},
    "unavailable": {"what": "status", "status": 503, "headers": {"Retry-After": "soon"}},
    "forbidden": {"what": "status", "status": 403},
    "unauthorized": {"what": "status", "status": 401},
    "reset": {"what": "reset"},
    "answer lost": {"what": "lost"},
    "half open": {"what": "silent"},
    "drip": {"what": "drip"},
    "drip of an error": {"what": "drip", "status": 500},
    "torn": {"what": "torn"},
    "torn error": {"what": "torn", "status": 503},
    "another server": {"what": "page"},
}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "WATCH"])
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_each_request_is_got_over(api: Any, controllers: Any, fault: Any, name: str, method: str) -> None:
    left = [2]

    def fail(asked: str, path: str) -> Any:
        del path
        if asked == method and left[0]:
            left[0] -= 1
            return fault(**FAULTS[name])
        return None

    if method == "PATCH":
        assert controllers.make().run_once(PATIENCE)
        api.fault = fail
        api.configure()
        api.ask("ca")
    api.fault = fail
    controllers.start()
    api.wait_for("the fault", lambda: left[0] < 2)
    settle(api)


def test_an_api_server_that_is_away_is_waited_for(api: Any, controllers: Any) -> None:
    controller = controllers.start()
    data = settle(api)
    api.stop()
    api.configure()  # Helm was at work through another one
    api.drop(SECRET)
    api.wait_for("a failure", lambda: b'failures_total{reason="unreachable"} 0.0' not in controller._health.text())  # noqa: SLF001  # what a scraper sees
    api.start()
    assert settle(api)["ca.key"] != data["ca.key"]


def test_a_watch_that_says_nothing_is_made_up_for_by_looking(api: Any, controllers: Any, fault: Any) -> None:
    api.fault = lambda method, path: fault("silent") if method == "WATCH" and path else None
    controllers.start()
    settle(api)
    api.configure()
    settle(api)


def test_a_watch_that_ends_with_410_begins_anew(api: Any, controllers: Any, fault: Any) -> None:
    api.fault = lambda method, path: fault("status", 410) if method == "EVENT" and path else None
    controllers.start()
    settle(api)
    api.wait_for("more watches", lambda: sum(each.startswith("WATCH") for each in api.requests) > 4)


@pytest.mark.parametrize(
    ("after", "bounds"), [("7", (7, 7)), ("9999", (30, 30)), ("-1", (0.1, 1)), ("soon", (0.1, 1)), ("", (0.1, 1))]
)
def test_the_server_says_how_long_to_stay_away(
    api: Any, controllers: Any, fault: Any, after: str, bounds: tuple[float, float]
) -> None:
    api.fault = lambda *_: fault("status", 429, {"Retry-After": after})
    assert bounds[0] <= controllers.make().turn() <= bounds[1]


class Hours(threading.Event):
    """What a controller stops by, where waiting takes no time: `waits` are for how long it would have, in seconds."""

    def __init__(self, most: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._most, self._meanwhile = most, meanwhile

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self._meanwhile()
        if len(self.waits) >= self._most:
            self.set()
        return self.is_set()


def test_news_do_not_hurry_what_the_server_has_put_off(api: Any, controllers: Any, fault: Any) -> None:
    controller = controllers.make()
    api.fault = lambda *_: fault("status", 429, {"Retry-After": "7"})
    controller._stop = hours = Hours(1, controller._wake.set)  # noqa: SLF001  # no other way to spend no time
    controller._wake.set()  # noqa: SLF001  # as a watch does
    controller.run()
    assert hours.waits[0] == 7


@pytest.mark.parametrize("how", ["ends", "fails"])
def test_a_watch_that_ends_at_once_is_begun_later_each_time(
    api: Any, controllers: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    del api
    monkeypatch.setattr("certs.controller.MOST_BACKOFF_SECONDS", 5.0)
    controller = controllers.make()

    def watch(*_: Any) -> None:
        if how == "fails":
            raise ClusterError("it does not answer", "unreachable")

    monkeypatch.setattr(controller._cluster, "watch", watch)  # noqa: SLF001  # as above
    controller._stop = hours = Hours(8)  # noqa: SLF001  # as above
    controller._follow(None, "loghook-tls")  # noqa: SLF001  # what its thread does
    wished = [0.5, 1, 2, 4, 5, 5, 5, 5]
    assert all(most / 2 <= each <= most for each, most in zip(hours.waits, wished, strict=True))


def test_a_conflict_that_stays_is_told_and_tried_later_each_time(
    api: Any, controllers: Any, fault: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where the Secret is being deleted, and whoever put a finalizer on it takes its time."""
    monkeypatch.setattr("certs.controller.MOST_BACKOFF_SECONDS", 5.0)
    api.fault = lambda method, _: fault("status", 409, {}, "object is being deleted") if method == "POST" else None
    controller = controllers.make()
    delays = [controller.turn() for _ in range(8)]
    assert delays[0] <= 0.2
    assert delays[-1] >= 2.5
    assert capsys.readouterr().out.count("object is being deleted") == 1
    api.fault = lambda *_: None
    assert controller.run_once(PATIENCE)


def test_whoever_else_writes_the_bundle_does_not_make_it_a_race(
    api: Any, controllers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GitOps tool, say, that puts back at once what it knows."""
    controller = controllers.make()
    controller._stop = hours = Hours(60, api.configure)  # noqa: SLF001  # as above
    controller._wake.wait = hours.wait  # noqa: SLF001  # as above
    controller.run()
    assert 0.5 in hours.waits[20:]  # the longest, here
    assert capsys.readouterr().out.count("somebody else keeps writing") == 1


def test_lines_that_nobody_takes_end_nothing(api: Any, controllers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert controllers.make().run_once(PATIENCE)
    settle(api)


# Probes


def test_callers_that_say_nothing_keep_no_probe_away() -> None:
    health = Health()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(HealthServer(health, 0))
        server.start()
        for _ in range(40):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), PATIENCE))
            caller.sendall(b"GET /healthz HTTP/1.1\r\nX-Drip: ")
        for _ in range(3):
            probe = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
            probe.request("GET", "/healthz")
            assert probe.getresponse().read() == b"ok\n"
            probe.close()
        server.shutdown()


def test_an_odd_secret_or_webhook_does_not_end_the_loop(api: Any, controllers: Any) -> None:
    controller = controllers.make()
    api.put(SECRET, {"metadata": {"name": "loghook-tls"}, "data": {"ca.crt": 7}})
    assert controller.turn() > 0
    api.put(SECRET, {"metadata": {"name": "loghook-tls"}, "data": None})
    api.edit(MUTATING, lambda found: found.update(webhooks=None))
    controller.turn()
    assert trusted(api).problem == ""


# Time


@pytest.mark.parametrize("ahead", [400 * DAY, -10 * DAY, 5000 * DAY])
def test_the_api_server_s_clock_counts(api: Any, controllers: Any, ahead: timedelta) -> None:
    controllers.make().run_once(PATIENCE)
    first = api.secret()
    api.ahead = ahead
    assert controllers.make().run_once(PATIENCE)
    there = datetime.now(UTC) + ahead
    assert trusted(api, there).problem == ""
    assert api.secret()["ca.key"] == first["ca.key"]
    assert api.secret()["tls.crt"] != first["tls.crt"]


def test_a_certificate_is_renewed_when_its_time_has_come_while_nothing_changes(api: Any, controllers: Any) -> None:
    controllers.start()
    first = settle(api)
    api.ahead = 61 * DAY
    api.wait_for("a new leaf", lambda: api.secret()["tls.crt"] != first["tls.crt"])
    assert api.secret()["ca.crt"] == first["ca.crt"]


# Secrecy


def pieces(*pems: bytes) -> set[str]:
    """Pieces of the keys' bodies, in PEM and in the base64 of it that goes over the wire."""
    found = set()
    for pem in pems:
        for text in (pem.decode().split("-----")[2].replace("\n", ""), base64.b64encode(pem).decode()):
            found |= {text[at : at + 16] for at in range(40, len(text) - 16, 16)}
    return found


def test_no_key_gets_into_lines_metrics_or_errors(
    api: Any, controllers: Any, fault: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server quotes what it was sent, as admission plugins do; and everything else goes wrong, too."""
    controller = controllers.make()
    controller.turn()
    data = api.secret()
    keys = pieces(data["ca.key"], data["tls.key"])
    quoted = data["ca.key"].decode() + json.dumps(api.get(SECRET)["data"])
    texts = []
    for each in [each for each in FAULTS.values() if "status" in each]:
        told = {**each, "message": f"admission plugin refuses {quoted}"}
        for method in ("GET", "PATCH", "POST"):
            api.fault = lambda asked, _, method=method, told=told: fault(**told) if asked == method else None
            api.ask("leaf")
            controller.turn()
            try:
                controller._cluster.observe()  # noqa: SLF001  # what it raises is what could be logged
            except ClusterError as error:
                texts.append(f"{error} {error!r} {error.args}")
    captured = capsys.readouterr()
    texts += [captured.out, captured.err, controller._health.text().decode()]  # noqa: SLF001  # what a scraper sees
    keys |= pieces(api.secret()["ca.key"], api.secret()["tls.key"])
    everything = "".join(texts)
    assert "HTTP 403: admission plugin refuses" in everything
    assert [piece for piece in keys if piece in everything] == []


def test_every_line_is_json(api: Any, controllers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    controller = controllers.make()
    controller.turn()
    api.drop(MUTATING)
    api.ask("ca")
    controller.turn()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"time", "level", "message"} <= set.intersection(*(set(line) for line in lines))
    assert "waiting for the webhook configuration loghook" in [line["message"] for line in lines]


def test_the_bundle_of_another_ca_hands_over_without_a_gap(api: Any, controllers: Any) -> None:
    other = new_authority(datetime.now(UTC))
    pem = base64.b64encode(other.certificate_pem()).decode()
    api.edit(MUTATING, lambda found: found["webhooks"][0]["clientConfig"].update(caBundle=pem))
    seen: list[list[bytes]] = []
    api.told.append(lambda path, _: seen.append(api.bundles()) if path == MUTATING else None)
    controllers.start()
    data = settle(api)
    assert data["ca.key"] != other.key_pem()
    assert other.certificate_pem() in seen[0][0]
    assert other.certificate_pem() not in seen[-1][0]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        say_from("warning")
        for level in LEVELS:
            say(level, level)
    finally:
        say_from("info")
    say("info", "again")
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == [
        "warning",
        "error",
        "again",
    ]
