"""What the TLS port answers: every status, over real connections."""

import contextlib
import json
import socket
from typing import Any

import pytest

MIB = 1024 * 1024
LIMIT = 7 * MIB


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = iter(lambda: connection.recv(65536), b"")
    return b"".join(parts)


def test_a_review_is_answered_with_a_patch(server: Any, review: Any) -> None:
    reply = server.ask(body=review("u-42"))
    assert reply.status == 200
    response = reply.json["response"]
    assert (response["uid"], response["allowed"], response["patchType"]) == ("u-42", True, "JSONPatch")


def test_a_pod_that_asks_for_nothing_gets_no_patch(server: Any, review: Any) -> None:
    response = server.ask(body=review(annotated=False)).json["response"]
    assert response == {"uid": "u-1", "allowed": True}


def test_the_timeout_in_the_query_is_no_part_of_the_path(server: Any, review: Any) -> None:
    assert server.ask(path="/mutate?timeout=5s", body=review()).status == 200


def test_one_connection_is_kept_for_many_reviews(server: Any, review: Any) -> None:
    with contextlib.closing(server.connect()) as connection:
        used = connection.sock
        for number in range(3):
            reply = server.ask(body=review(f"u-{number}"), on=connection)
            assert reply.json["response"]["uid"] == f"u-{number}"
            assert "Connection" not in reply.headers
            assert connection.sock is used


def test_an_answer_does_not_tell_what_made_it(server: Any, review: Any) -> None:
    assert set(server.ask(body=review()).headers) == {"date", "content-type", "content-length"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/mutate/",
        "/Mutate",
        "//mutate",
        "/x",
    ],
)
def test_no_other_path_is_there(server: Any, method: str, path: str) -> None:
    reply = server.ask(method, path, b"{}")
    assert (reply.status, reply.json) == (404, {"error": "not found"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_no_other_method_is_taken(server: Any, method: str) -> None:
    reply = server.ask(method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_that_is_not_said_to_be_json_is_refused(server: Any, review: Any, media_type: str) -> None:
    reply = server.ask(body=review(), Content_Type=media_type)
    assert (reply.status, reply.json) == (415, {"error": "the Content-Type must be application/json"})


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_json_may_have_parameters(server: Any, review: Any, media_type: str) -> None:
    assert server.ask(body=review(), Content_Type=media_type).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"apiVersion": "v1", "kind": "Pod"}',
        b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {}}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"apiVersion": "\\ud800"}',
    ],
)
def test_what_is_no_review_is_a_bad_request(server: Any, body: bytes) -> None:
    reply = server.ask(body=body)
    assert reply.status == 400
    assert set(reply.json) == {"error"}


def test_a_bad_request_is_not_echoed(server: Any) -> None:
    reply = server.ask(body=json.dumps({"apiVersion": "CANARY", "kind": "CANARY", "CANARY": "CANARY"}).encode())
    assert reply.status == 400
    assert b"CANARY" not in reply.body


def test_a_body_of_exactly_seven_mebibytes_is_answered(server: Any, review: Any) -> None:
    assert server.ask(body=review(size=LIMIT)).status == 200


def test_a_body_of_one_byte_more_is_refused_and_the_connection_kept(server: Any, review: Any) -> None:
    with contextlib.closing(server.connect()) as connection:
        reply = server.ask(body=review(size=LIMIT + 1), on=connection)
        assert (reply.status, reply.json) == (413, {"error": "the body has more than 7340032 bytes"})
        assert server.ask(body=review(), on=connection).status == 200


def test_a_length_is_refused_before_the_body_comes(server: Any) -> None:
    head = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7340033\r\n\r\n"
    with server.open_socket() as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_a_body_without_a_length_is_counted(server: Any, review: Any, size: int, status: int) -> None:
    body = review(size=size)
    parts = (body[start : start + MIB] for start in range(0, size, MIB))
    with contextlib.closing(server.connect()) as connection:
        connection.request("POST", "/mutate", parts, {"Content-Type": "application/json"}, encode_chunked=True)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert server.ask(body=review(), on=connection).status == 200


def test_a_body_without_end_is_cut_off(server: Any, review: Any) -> None:
    head = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with server.open_socket() as connection:
        connection.sendall(head)
        with pytest.raises(OSError, match=r".+"):
            connection.sendall(chunk * 200)
    assert server.ask(body=review()).status == 200


def test_a_failure_of_ours_is_a_500_that_says_nothing(server: Any, review: Any) -> None:
    reply = server.ask(body=review("u-fail", name="make-the-core-fail", note="CANARY"))
    assert (reply.status, reply.json) == (500, {"error": "internal error"})
    line = server.line("failed to answer a review", uid="u-fail")
    assert (line["level"], line["error"]) == ("error", "builtins.KeyError")
    assert line["frames"][-1].endswith(" answer")
    assert server.ask(body=review()).status == 200


def test_a_secret_of_the_pod_is_in_no_line(server: Any, review: Any) -> None:
    for uid, name in (("u-kept", "web"), ("u-kept-failed", "make-the-core-fail")):
        server.ask(body=review(uid, name=name, note="S3CR3T-CANARY"))
    server.line("reviewed", uid="u-kept")
    server.line("failed to answer a review", uid="u-kept-failed")
    assert b"S3CR3T-CANARY" not in server.raw


def test_two_requests_at_once_are_answered_in_order(server: Any, review: Any) -> None:
    head = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    first, second = review("u-first", annotated=False), review("u-second", annotated=False)
    with server.open_socket() as connection:
        connection.sendall(head % (len(first), b"") + first + head % (len(second), b"Connection: close\r\n") + second)
        got = read_all(connection)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.index(b"u-first") < got.index(b"u-second")


def test_a_caller_that_waits_for_permission_gets_it(server: Any, review: Any) -> None:
    body = review()
    head = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with server.open_socket() as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_no_websocket_is_opened(server: Any) -> None:
    reply = server.ask(
        "GET",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert reply.status == 405


def test_a_caller_that_leaves_in_the_middle_harms_nobody(server: Any, review: Any) -> None:
    body = review()
    with server.open_socket() as connection:
        connection.sendall(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body[:50]))
    assert server.ask(body=body).status == 200


def test_what_is_no_http_is_refused_in_the_same_words(server: Any) -> None:
    with server.open_socket() as connection:
        connection.sendall(b"EHLO example.com\r\n\r\n")
        got = read_all(connection)
    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(got.partition(b"\r\n\r\n")[2]) == {"error": "Invalid HTTP request received."}
