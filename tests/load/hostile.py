"""Clients that mean harm, as a process: `hostile.py JSON` with `port`, `seconds`, and how many there are of each sort.

The sorts are those of `SORTS`. Whoever is thrown out comes again. It ends by itself, and says for how long the longest
of each sort was borne, in seconds, and how often they came. Only for servers of this machine, and it leaves processor
time to whoever else wants it, as if it were another one.
"""

import asyncio
import contextlib
import functools
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"
PAUSE_SECONDS = 0.5  # before one comes again
MIB = 1024 * 1024
HEAD = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNK = b"X-Flood: " + b"x" * 16_000 + b"\r\n"
TINY = b"X: x\r\n" * 2500
SMALL = HEAD + b"Content-Length: 2\r\n\r\n{}"


class Client(asyncio.Protocol):
    """One connection, that says nothing by itself."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        self.is_full = False

    def say(self, data: bytes) -> None:
        """Send `data`, unless there is nobody to send it to: uvloop's transports say that by an error."""
        with contextlib.suppress(RuntimeError):
            self.transport.write(data)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.lost.done():
            self.lost.set_result(None)


async def silent(client: Client) -> None:
    """Say nothing."""
    await client.lost


async def half(client: Client) -> None:
    """Begin a handshake, and leave it there."""
    client.say(client_hello())
    await client.lost


async def torn(client: Client) -> None:
    """Begin to begin one."""
    client.say(client_hello()[:20])
    await client.lost


def pouring(begin: bytes, chunk: bytes, pause: float = 0.01) -> "Harm":
    """Send something without end, for as long as somebody takes it."""

    async def harm(client: Client) -> None:
        client.say(begin)
        while not client.lost.done() and not client.transport.is_closing():
            if not client.is_full:
                client.say(chunk)
            await asyncio.sleep(pause)
        await client.lost

    return harm


@functools.cache
def client_hello() -> bytes:
    """The first bytes of a handshake."""
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        anybody().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


def anybody() -> ssl.SSLContext:
    """A context that trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


Harm = Callable[[Client], Awaitable[None]]
SORTS: dict[str, tuple[bool, Harm]] = {  # whether they shake hands, and what they do then
    "silent": (True, silent),
    "mute": (False, silent),
    "torn": (False, torn),
    "half": (False, half),
    "flood": (True, pouring(HEAD, CHUNK)),  # headers without end
    "tiny": (True, pouring(HEAD, TINY)),  # many small ones
    "bodies": (True, pouring(HEAD + b"Content-Length: 7340032\r\n\r\n", b" " * 65536)),
    "dawdling": (True, pouring(HEAD + b"Content-Length: 7340032\r\n\r\n" + b" " * 60_000, b" " * 20_000, 0.1)),
    "chunks": (True, pouring(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2500)),
    "pipeline": (True, pouring(b"", SMALL * 150)),  # request after request, whatever becomes of them
}


async def again_and_again(port: int, end: float, context: ssl.SSLContext | None, harm: Harm) -> tuple[float, int]:
    """Connect, do harm, and come again; for how long it was borne at most, and how often it came."""
    longest, came = 0.0, 0
    loop = asyncio.get_running_loop()
    while time.perf_counter() < end:
        try:
            _, client = await asyncio.wait_for(loop.create_connection(Client, HOST, port, ssl=context), 60)
        except (OSError, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        began = time.perf_counter()
        came += 1
        try:
            await asyncio.wait_for(harm(client), max(0.001, end - began))
            longest = max(longest, time.perf_counter() - began)
        except TimeoutError:
            longest = max(longest, time.perf_counter() - began)
        client.transport.abort()
        await asyncio.sleep(PAUSE_SECONDS)
    return longest, came


async def main(port: int, seconds: float, **counts: int) -> dict[str, Any]:
    context = anybody()
    end = time.perf_counter() + seconds
    found: dict[str, Any] = {}

    async def all_of(sort: str, count: int) -> None:
        has_tls, harm = SORTS[sort]
        each = (again_and_again(port, end, context if has_tls else None, harm) for _ in range(count))
        longest, came = zip(*await asyncio.gather(*each), strict=True)
        found[sort] = {"borne_seconds": round(max(longest), 1), "came": sum(came)}

    await asyncio.gather(*(all_of(sort, count) for sort, count in counts.items() if count))
    return found


if __name__ == "__main__":
    os.nice(19)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    print(json.dumps(uvloop.run(main(**json.loads(sys.argv[1])))))  # noqa: T201  # for the parent
