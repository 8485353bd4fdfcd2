"""What each answer of a server leads to: what is refused holds up nothing, and what is busy or away is tried again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parts import until
from ports import free_port
from receivers import Http
from shipments import SECRET, target
from shippers import SHIPPERS, Shipper

REASON = "no field for that"
TOLD = [
    (agent, type_) for type_ in ("otlp", "loki", "http", "splunk") for agent in SHIPPERS[type_]
]  # those that give up by themselves what is refused
BULK = b'{"took":1,"errors":true,"items":[{"create":{"status":400,"error":{"type":"x","reason":"%s"}}}]}'


def to(type_: str, port: int) -> Any:
    return target(type_, {"host": "127.0.0.1", "port": port, "tls": {"enabled": False}})


def server(agent: str, type_: str, refuse: Callable[[bytes], tuple[int, bytes] | None], port: int = 0) -> Http:
    by_otlp = agent == "otel-collector"
    return Http("otlp" if by_otlp else type_, port, refuse=refuse)


def line(text: str) -> str:
    return json.dumps({"time": "2026-11-29T11:22:33Z", "message": text})


def came(backend: Http, text: str) -> Callable[[], bool]:
    return lambda: any(text.encode() in body for body in list(backend.taken))


def asked(backend: Http, text: str) -> Callable[[], bool]:
    return lambda: any(text.encode() in body for _, _, body in list(backend.requests))


def all_taken(_: bytes) -> tuple[int, bytes] | None:
    return None


def refused(body: bytes) -> tuple[int, bytes] | None:
    """An answer whose body is a `google.rpc.Status` with that message, as OTLP has it, and a text to others."""
    return (400, bytes([0x12, len(REASON)]) + REASON.encode()) if b"poison" in body else None


@pytest.mark.parametrize(("agent", "type_"), TOLD)
def test_what_is_refused_holds_up_nothing_and_the_log_says_why(agent: str, type_: str, tmp_path: Path) -> None:
    with (
        server(agent, type_, refused) as backend,
        Shipper(agent, to(type_, backend.port), tmp_path, secret=SECRET) as shipper,
    ):
        for number in range(3):
            shipper.write(line(f"poison {number}"))
            assert until(asked(backend, f"poison {number}")), shipper.said
        shipper.write(line("good"))
        assert until(came(backend, "good")), shipper.said
        assert until(lambda: REASON in shipper.said), shipper.said
        tried = sum(b"poison" in body for _, _, body in backend.requests)
    assert tried == 3


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("agent", "type_"), TOLD)
def test_what_is_busy_is_tried_again(agent: str, type_: str, status: int, tmp_path: Path) -> None:
    answers = iter([status] * 3)

    def busy(_: bytes) -> tuple[int, bytes] | None:
        code = next(answers, None)
        return None if code is None else (code, b"busy")

    with (
        server(agent, type_, busy) as backend,
        Shipper(agent, to(type_, backend.port), tmp_path, secret=SECRET) as shipper,
    ):
        shipper.write(line("late"))
        assert until(came(backend, "late")), shipper.said


@pytest.mark.parametrize(("agent", "type_"), [*TOLD, ("fluent-bit", "elasticsearch"), ("fluent-bit", "datadog")])
def test_what_is_away_is_tried_until_it_is_there(agent: str, type_: str, tmp_path: Path) -> None:
    port = free_port()
    with Shipper(agent, to(type_, port), tmp_path, secret=SECRET) as shipper:
        shipper.write(line("early"))
        assert until(lambda: shipper.said.count("retry") >= 3 or shipper.said.count("Will retry") >= 3), shipper.said
        kind = "http" if type_ == "datadog" else type_
        with server(agent, kind, all_taken, port) as backend:
            assert until(came(backend, "early")), shipper.said


def test_refused_documents_hold_up_nothing_and_are_given_up_at_last(tmp_path: Path) -> None:
    """Fluent Bit tries a request again in which all was refused, as often as we say: here that is less."""

    def bulk(body: bytes) -> tuple[int, bytes] | None:
        return (200, BULK % REASON.encode()) if b"poison" in body else None

    with server("fluent-bit", "elasticsearch", bulk) as backend:
        shipper = Shipper("fluent-bit", to("elasticsearch", backend.port), tmp_path)
        shipper.change('"retry_limit": 500', '"retry_limit": 2')
        with shipper:
            for number in range(30):
                shipper.write(line(f"poison {number}"))
                assert until(asked(backend, f"poison {number}")), shipper.said
            shipper.write(line("good"))
            assert until(came(backend, "good")), shipper.said
            assert until(lambda: "cannot be retried" in shipper.said), shipper.said
            assert REASON in shipper.said
