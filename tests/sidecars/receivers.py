"""Backends that agents deliver to, as far as a test needs them: real sockets on loopback, and what came in."""

import gzip
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

import msgpack_reader
import protobuf_reader

__all__ = ["Forward", "Http", "Received"]


class Received(NamedTuple):
    """One record: its time in nanoseconds since 1970 or as the backend writes it, and its fields."""

    time: Any
    fields: dict[str, Any]


class Http:
    """A backend that speaks HTTP, by its name: `http`, `elasticsearch`, `splunk`, `loki`, `otlp`.

    `requests` has the path, the headers and the unpacked body of each; `records` what was in them. `refuse` gives the
    answer to a body that is not taken, None for one that is; `taken` are the latter.
    """

    def __init__(
        self,
        kind: str,
        port: int = 0,
        context: ssl.SSLContext | None = None,
        refuse: Callable[[bytes], tuple[int, bytes] | None] = lambda _: None,
    ) -> None:
        self._read, self._answer = _KINDS[kind]
        self._refuse = refuse
        self.taken: list[bytes] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        if context is not None:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                refusal = receiver._refuse(body)
                if refusal is None:
                    receiver.taken.append(body)
                status, answer = refusal or receiver._answer(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    @property
    def records(self) -> list[Received]:
        """What came in so far."""
        return [record for _, _, body in list(self.requests) for record in self._read(body)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lines(body: bytes) -> Iterator[Any]:
    yield from map(json.loads, filter(None, body.split(b"\n")))


def _json_lines(body: bytes) -> Iterator[Received]:
    for record in _lines(body):
        yield Received(record.pop("@timestamp"), record)


def _bulk(body: bytes) -> Iterator[Received]:
    lines = list(_lines(body))
    for record in lines[1::2]:
        yield Received(record.pop("@timestamp"), record)


def _bulk_answer(body: bytes) -> tuple[int, bytes]:
    created = [{"create": {"status": 201}} for _ in range(body.count(b"\n") // 2)]
    return 200, json.dumps({"took": 1, "errors": False, "items": created}).encode()


def _hec(body: bytes) -> Iterator[Received]:
    decoder, text, place = json.JSONDecoder(), body.decode(), 0
    while place < len(text.rstrip()):
        event, place = decoder.raw_decode(text, place)
        yield Received(event["time"], event["event"])


def _loki(body: bytes) -> Iterator[Received]:
    for stream in json.loads(body)["streams"]:
        for time, line, *_ in stream["values"]:
            yield Received(int(time), {**json.loads(line), "labels": stream["stream"]})


def _otlp(body: bytes) -> Iterator[Received]:
    """The fields that are read are those of opentelemetry/proto/logs/v1/logs.proto."""
    for resource in protobuf_reader.messages(body, 1):
        for scope in protobuf_reader.messages(resource, 2):
            for record in protobuf_reader.messages(scope, 2):
                (time,) = protobuf_reader.numbers(record, 1)
                pairs = (protobuf_reader.pair(each) for each in protobuf_reader.messages(record, 6))
                body_of = [protobuf_reader.value(each) for each in protobuf_reader.messages(record, 5)]
                yield Received(time, {**dict(pairs), "body": body_of[0] if body_of else None})


_Read = Callable[[bytes], Iterator[Received]]
_Answer = Callable[[bytes], tuple[int, bytes]]
_KINDS: dict[str, tuple[_Read, _Answer]] = {
    "http": (_json_lines, lambda _: (200, b"")),
    "elasticsearch": (_bulk, _bulk_answer),
    "splunk": (_hec, lambda _: (200, b'{"text":"Success","code":0}')),
    "loki": (_loki, lambda _: (204, b"")),
    "otlp": (_otlp, lambda _: (200, b"")),
}


class Forward:
    """A backend that speaks Fluentd's forward protocol, and acknowledges each chunk.

    Source: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
    """

    def __init__(self, port: int = 0) -> None:
        self.records: list[Received] = []
        self.tags: set[str] = set()
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                receiver._serve(self.request)

        socketserver.ThreadingTCPServer.daemon_threads = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _serve(self, connection: socket.socket) -> None:
        held = b""
        while piece := connection.recv(1 << 16):
            held += piece
            try:
                (tag, entries, *options), held = msgpack_reader.read(held)
            except IndexError:
                continue  # there is more to come
            self.tags.add(tag)
            several = entries if isinstance(entries, list) else msgpack_reader.read_all(_unpacked(entries, options))
            self.records += map(_entry, several)
            if options and "chunk" in options[0]:
                connection.sendall(msgpack_reader.write({"ack": options[0]["chunk"]}))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unpacked(entries: bytes, options: list[dict[str, Any]]) -> bytes:
    return gzip.decompress(entries) if options and options[0].get("compressed") == "gzip" else entries


def _entry(entry: list[Any]) -> Received:
    time, fields = entry
    if isinstance(time, list):  # with metadata
        time = time[0]
    return Received(int.from_bytes(time[:4], "big") * 10**9 + int.from_bytes(time[4:], "big"), fields)
