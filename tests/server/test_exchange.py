"""Usual reviews go a short way, all else a long one: which is which, and that nobody can tell by the answer."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import httptools
import pytest

from webhook.server.exchange import SHORT_BYTES, Exchange, Reply, exchange

SECONDS = 60  # that anything may take


class Decider:
    """Decides nothing, or fails."""

    def at_once(self, body: bytes, arrival: object, query: bytes) -> Reply | None:
        raise RuntimeError(body, arrival, query)

    async def in_turn(self, body: bytes | bytearray, arrival: object, query: bytes) -> Reply:
        raise NotImplementedError(body, arrival, query)


class Head:
    """A connection that parses one head, and what came of it."""

    def __init__(self, head: bytes) -> None:
        self.url, self.headers = b"", list[tuple[bytes, bytes]]()
        self.found: Exchange | None = None
        self.is_aborted = False
        self.transport: Any = self
        self.parser: Any = httptools.HttpRequestParser(self)
        self.loop: Any = None
        self.tasks: set[Any] = set()
        self.server_state: Any = None
        with contextlib.suppress(httptools.HttpParserUpgrade):
            self.parser.feed_data(head)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.found = exchange(self, dict(self.headers), {b"/mutate": Decider()})

    def on_response_complete(self) -> None:
        raise AssertionError

    def abort(self) -> None:
        self.is_aborted = True


USUAL = (
    b"POST /mutate?timeout=5s HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-apiserver-admission\r\nContent-Length: 5600\r\n"
    b"Accept: application/json, */*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n"
)


@pytest.mark.parametrize(
    ("said", "instead", "is_short"),
    [
        (b"", b"", True),
        (b"?timeout=5s", b"", True),
        (b"5600", b"%d" % SHORT_BYTES, True),
        (b"5600", b"%d" % (SHORT_BYTES + 1), False),
        (b"Content-Length: 5600", b"Transfer-Encoding: chunked", False),
        (b"Content-Length: 5600\r\n", b"", False),
        (b"Content-Type: application/json", b"Content-Type: application/json; charset=utf-8", False),
        (b"Content-Type: application/json", b"Content-Type: text/plain", False),
        (b"Accept-Encoding: gzip", b"Expect: 100-continue", False),
        (b"Accept-Encoding: gzip", b"Connection: close", False),
        (b"Accept-Encoding: gzip", b"Connection: Upgrade\r\nUpgrade: websocket", False),
        (b"POST", b"PUT", False),
        (b"HTTP/1.1", b"HTTP/1.0", False),
        (b"/mutate", b"/mutate/", False),
        (b"/mutate", b"/", False),
        (b"/mutate", b"http://x/mutate", False),
        (b"timeout=5s", b"timeout=5s#there", False),
    ],
)
def test_what_goes_the_short_way(said: bytes, instead: bytes, *, is_short: bool) -> None:
    assert (Head(USUAL.replace(said, instead)).found is not None) == is_short


def test_nobody_waits_for_an_answer_that_does_not_come() -> None:
    head = Head(USUAL)
    assert head.found is not None
    with pytest.raises(RuntimeError):
        head.found._decide()  # noqa: SLF001  # what the loop calls
    assert head.is_aborted


@pytest.mark.parametrize("path", ["/mutate", "/validate", "/mutate?timeout=1s"])
@pytest.mark.parametrize(
    "of", [{}, {"annotated": False}, {"name": "make-the-core-fail"}, {"size": SHORT_BYTES}, None], ids=str
)
def test_both_ways_lead_to_the_same_answer(server: Any, review: Any, of: dict[str, Any] | None, path: str) -> None:
    body = b"{" if of is None else review("u-both", **of)
    short, long = (server.ask(path=path, body=body, Content_Type=f"application/json{more}") for more in ("", ";"))
    assert (short.status, short.body) == (long.status, long.body)
    undated = [[pair for pair in reply.headers.items() if pair[0] != "date"] for reply in (short, long)]
    assert undated[0] == undated[1]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def begun(length: int) -> bytes:
    """The head of a review with a body of so many bytes."""
    return USUAL.replace(b"5600", b"%d" % length)


def test_a_review_is_in_flight_until_it_is_answered(start: Any, review: Any) -> None:
    server, body = start(), review()

    def in_flight(count: int) -> bool:
        return f"\nloghook_reviews_in_flight {count}.0\n" in server.health("/metrics")[1]

    with server.open_socket() as caller:
        assert in_flight(0)
        caller.sendall(begun(len(body)) + body[:-1])
        wait_for(lambda: in_flight(1))
        caller.sendall(body[-1:])
        assert caller.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        wait_for(lambda: in_flight(0))


def test_bodies_that_are_not_finished_are_bounded_together(start: Any, review: Any) -> None:
    server = start(constants={"watch.UNFINISHED_BYTES": 200_000, "limits.READ_SECONDS": 240})
    with contextlib.ExitStack() as open_:
        for _ in range(8):
            caller = open_.enter_context(server.open_socket())
            caller.sendall(begun(SHORT_BYTES) + b" " * 60_000)
        crowded = 'loghook_connections_dropped_total{reason="crowded"} 5.0'
        wait_for(lambda: crowded in server.health("/metrics")[1])
        assert server.ask(body=review()).status == 200


def test_the_last_answer_before_the_end_says_so(start: Any, review: Any) -> None:
    server, body = start(drain_seconds=60), review()
    with server.open_socket() as caller:
        caller.sendall(begun(len(body)) + body[:-1])
        wait_for(lambda: "\nloghook_reviews_in_flight 1.0\n" in server.health("/metrics")[1])
        server.process.terminate()
        server.line("draining")
        caller.sendall(body[-1:])
        got = b"".join(iter(lambda: caller.recv(65536), b""))
    assert b"\r\nconnection: close\r\n" in got.partition(b"\r\n\r\n")[0] + b"\r\n"
