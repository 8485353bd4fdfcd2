"""What one connection may ask of the server: size of the head, and time."""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from webhook.server.limits import HEADERS, Limited
from webhook.server.line import Line
from webhook.server.turns import Turns
from webhook.server.watch import UNFINISHED_BYTES, Watch
from webhook.server.wire import HollowError, Wire

KIB = 1024


def first_line(connection: socket.socket) -> bytes:
    return connection.recv(65536).partition(b"\r\n")[0]


def slow_ones(server: Any) -> float:
    """How many connections were dropped for their slowness."""
    return dropped(server, "slow")


def dropped(server: Any, reason: str) -> float:
    """How many connections were dropped for this reason."""
    _, text = server.health("/metrics")
    (value,) = re.findall(rf'^loghook_connections_dropped_total{{reason="{reason}"}} (.+)$', text, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 65 * KIB), id="url"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * 65 * KIB), id="header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (b"X: x\r\n" * 11 * KIB), id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: %b" % (b"x" * 65 * KIB), id="header without end"),
        pytest.param(b"GET /%b" % (b"x" * 65 * KIB), id="url without end"),
    ],
)
def test_a_head_of_more_than_64_kib_is_refused(server: Any, head: bytes) -> None:
    with server.open_socket() as connection:
        connection.sendall(head)
        assert first_line(connection) == b"HTTP/1.1 431 Request Header Fields Too Large"
        assert connection.recv(1) == b""


@contextlib.contextmanager
def bare_connection(
    watch: Watch | None = None, wire: Callable[[socket.socket], Wire] = Wire
) -> Iterator[tuple[Limited, socket.socket]]:
    """A connection that is read when a test says so, and its other end."""

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        limited = Limited(
            watch or Watch(lambda _: None, lambda _: None),
            {},
            config=uvicorn.Config(nobody, log_config=None),
            server_state=ServerState(),
            app_state={},
        )
        Line(wire(ours), Turns(lambda: False), lambda _: None).begin(limited)
        yield limited, theirs


class Hollow(Wire):
    """A wire on which somebody sends nothing but records without content."""

    def read(self) -> bytes:
        raise HollowError("nothing in any of them")


def test_who_sends_records_without_content_is_dropped_and_counted() -> None:
    dropped: list[str] = []

    async def scenario() -> None:
        with bare_connection(Watch(lambda _: None, dropped.append), Hollow) as (limited, theirs):
            limited.transport.read()
            await asyncio.sleep(0)
            assert theirs.recv(1) == b""

    asyncio.run(scenario())
    assert dropped == ["hollow"]


@pytest.mark.parametrize(
    "before",
    [b"GET / HTTP/1.1\r\n", b"POST /mutate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"],
    ids=["in front", "behind a body"],
)
def test_no_more_headers_are_kept_than_there_may_be(before: bytes) -> None:
    """Not even until the end of what came in one go, which may be thousands."""

    async def scenario() -> int:
        with bare_connection() as (limited, theirs):
            theirs.sendall(before + b"X:x\r\n" * 3000)
            limited.transport.read()
            return len(limited.headers)

    assert asyncio.run(scenario()) <= HEADERS


def test_blank_lines_before_a_request_are_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser was called for each two of them."""
    calls: list[bytes] = []
    parse = HttpToolsProtocol.data_received

    def counted(protocol: HttpToolsProtocol, data: bytes) -> None:
        calls.append(data)
        parse(protocol, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", counted)

    async def scenario() -> None:
        with bare_connection() as (limited, theirs):
            theirs.sendall(b"\r\n" * 5000 + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            limited.transport.read()
            assert len(calls) == 1
            assert limited.is_answering

    asyncio.run(scenario())


def test_what_is_no_review_is_read_after_those_that_are() -> None:
    """Also where its connection has asked one before."""

    async def scenario() -> None:
        with bare_connection() as (limited, theirs):
            limited.credit()
            before = limited.transport.order
            theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            limited.transport.read()
            assert limited.transport.order is not before
            assert not limited.is_known

    asyncio.run(scenario())


def test_who_is_gone_holds_nothing() -> None:
    """An application may hear of it late."""

    async def scenario() -> None:
        dropped: list[str] = []
        watch = Watch(lambda _: None, dropped.append)
        with bare_connection(watch) as (limited, _), bare_connection(watch) as (other, _):
            limited.abort()
            limited.keeps(100)
            other.keeps(UNFINISHED_BYTES - 50)
            assert not dropped
            other.keeps(0)

    asyncio.run(scenario())


def test_a_head_of_less_is_taken(server: Any, review: Any) -> None:
    with contextlib.closing(server.connect()) as connection:
        connection.putrequest("POST", "/mutate?" + "x" * 30 * KIB)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("X-Long", "x" * 33 * KIB)
        body = review()
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        assert connection.getresponse().status == 200


def test_slow_callers_are_dropped_and_kept_connections_are_not(server: Any, review: Any) -> None:
    """All at once, since each takes the 5 seconds that a request has; and a second more until they are looked for."""
    before = slow_ones(server)
    half = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
    with contextlib.ExitStack() as open_:
        kept = open_.enter_context(contextlib.closing(server.connect()))
        used = kept.sock
        assert server.ask(body=review(), on=kept).status == 200
        silent_tcp = open_.enter_context(socket.create_connection(("127.0.0.1", server.port), 120))
        silent, half_head, half_body = (open_.enter_context(server.open_socket()) for _ in range(3))
        half_head.sendall(half)
        half_body.sendall(half + b"\r\n12345")
        for connection in (silent_tcp, silent, half_head, half_body):
            with contextlib.suppress(ConnectionError, ssl.SSLError):  # and no TimeoutError: that is one who is kept
                assert connection.recv(1) == b""
        assert server.ask(body=review(), on=kept).status == 200
        assert kept.sock is used
    assert slow_ones(server) == before + 4


def test_answers_that_nobody_reads_are_bounded(start: Any) -> None:
    """The kernel keeps little of them, and of what we keep the oldest goes."""
    server = start(constants={"watch.UNFINISHED_BYTES": 200 * KIB})
    body = json.dumps(asking_for_much()).encode()
    asked = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with contextlib.ExitStack() as open_:
        for _ in range(4):
            plain = open_.enter_context(socket.socket())
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
            plain.settimeout(120)
            plain.connect(("127.0.0.1", server.port))
            each = open_.enter_context(server.context.wrap_socket(plain, server_hostname="localhost"))
            each.sendall(asked % len(body) + body)
        until = time.monotonic() + 60
        while dropped(server, "crowded") < 1:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert server.ask(body=body).status == 200


def asking_for_much() -> dict[str, Any]:
    """A review whose answer is as long as any."""
    annotations = {f"loghook.dev/s{number}.paths": f"/var/log/a{number}/{number}.log" for number in range(32)}
    pod = {"metadata": {"name": "app", "annotations": annotations}, "spec": {"containers": [{"name": "app"}]}}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "operation": "CREATE", "namespace": "shop", "object": pod}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
