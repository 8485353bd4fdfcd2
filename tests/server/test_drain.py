"""The end of the process: TERM goes away politely, INT at once."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest


def test_after_term_answers_go_on_and_each_ends_its_connection(start: Any, review: Any) -> None:
    server = start(60)
    with contextlib.closing(server.connect()) as kept, contextlib.closing(server.connect()) as idle:
        assert "Connection" not in server.ask(body=review(), on=kept).headers
        server.ask(body=review(), on=idle)
        server.process.send_signal(signal.SIGTERM)
        server.line("draining", connections=2)
        assert server.health("/readyz") == (503, "draining\n")
        assert server.health("/healthz") == (200, "ok\n")
        reply = server.ask(body=review("u-late"), on=kept)
        assert (reply.status, reply.headers["Connection"]) == (200, "close")
        assert server.ask(body=review("u-new")).headers["Connection"] == "close"
        assert server.ask("GET", "/other").headers["Connection"] == "close"
        reply = server.ask(body=review("u-idle"), on=idle)
        assert (reply.status, reply.headers["Connection"]) == (200, "close")
    assert server.end() == 0
    for uid in ("u-late", "u-new", "u-idle"):
        server.line("reviewed", uid=uid)


@pytest.mark.parametrize("sign", [signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_other_signals_of_supervisors_drain_like_term(start: Any, review: Any, sign: signal.Signals) -> None:
    server = start(60)
    with contextlib.closing(server.connect()) as kept:
        server.ask(body=review(), on=kept)
        server.process.send_signal(sign)
        server.line("draining", connections=1)
        reply = server.ask(body=review("u-late"), on=kept)
        assert (reply.status, reply.headers["Connection"]) == (200, "close")
    assert server.end() == 0


def test_hup_has_the_files_read_again(start: Any, review: Any, tmp_path: Path) -> None:
    """Also where nothing tells by looking that they have changed, as on a file system with coarse times."""
    file = tmp_path / "loghook.yaml"
    file.write_text("images: {registry: one.example.com}\n")
    server = start(60, config=str(file))
    was = file.stat()
    file.write_text("images: {registry: two.example.com}\n")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    server.process.send_signal(signal.SIGHUP)
    server.line("took over a new configuration")
    server.line("took over a new certificate")
    assert server.ask(body=review()).status == 200
    assert server.end(signal.SIGTERM) == 0


def test_a_review_that_is_half_received_at_term_is_answered(start: Any, review: Any) -> None:
    server = start(60, constants={"limits.READ_SECONDS": 60})
    body = review()
    with server.open_socket() as connection:
        connection.sendall(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body[:50]))
        server.ask("GET", "/")  # what was sent before is received by now
        server.process.send_signal(signal.SIGTERM)
        server.line("draining")
        connection.sendall(body[50:])
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in got
    assert server.end() == 0


def test_an_idle_connection_does_not_hold_the_end_beyond_the_drain(start: Any, review: Any) -> None:
    server = start(1)
    with contextlib.closing(server.connect()) as idle:
        server.ask(body=review(), on=idle)
        assert server.end(signal.SIGTERM) == 0
        server.line("ending", connections=1)


def test_without_connections_the_end_comes_soon(start: Any) -> None:
    server = start(600)
    assert server.end(signal.SIGTERM) == 0  # within its patience, a fifth of what the drain may take


def test_int_ends_at_once_also_in_a_drain(start: Any, review: Any) -> None:
    server = start(600)
    with contextlib.closing(server.connect()) as kept:
        server.ask(body=review("u-last"), on=kept)
        server.process.send_signal(signal.SIGTERM)
        server.line("draining")
        assert server.end(signal.SIGINT) == 0
    server.line("reviewed", uid="u-last")


def test_int_ends_at_once(start: Any) -> None:
    server = start(600)
    with contextlib.closing(server.connect()):
        assert server.end(signal.SIGINT) == 0
