"""Clients that mean harm, as a process: `hostile.py JSON` with `port`, `seconds`, and how many are `silent` after their
handshake, `mute` before it, and `flood` with headers without end. Whoever is thrown out comes again.

It ends by itself, and says how long the longest of each sort was borne, in seconds. Only for servers of this machine.
"""

import asyncio
import json
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"
PAUSE_SECONDS = 0.5  # before one comes again
CHUNK = b"X-Flood: " + b"x" * 16_000 + b"\r\n"


class Client(asyncio.Protocol):
    """One connection, that says nothing by itself."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.lost.done():
            self.lost.set_result(None)


async def silent(client: Client) -> None:
    """Say nothing."""
    await client.lost


async def flood(client: Client) -> None:
    """Send headers for as long as somebody takes them."""
    client.transport.write(b"POST /mutate HTTP/1.1\r\nHost: x\r\n")
    while not client.lost.done() and not client.transport.is_closing():
        client.transport.write(CHUNK)
        await asyncio.sleep(0.01)
    await client.lost


async def again_and_again(
    port: int, end: float, context: ssl.SSLContext | None, harm: Callable[[Client], Awaitable[None]]
) -> float:
    """Connect, do harm, and come again; for how long it was borne at most."""
    longest = 0.0
    loop = asyncio.get_running_loop()
    while time.perf_counter() < end:
        try:
            _, client = await asyncio.wait_for(loop.create_connection(Client, HOST, port, ssl=context), 60)
        except (OSError, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        began = time.perf_counter()
        try:
            await asyncio.wait_for(harm(client), max(0.001, end - began))
            longest = max(longest, time.perf_counter() - began)
        except TimeoutError:
            longest = max(longest, time.perf_counter() - began)
        client.transport.abort()
        await asyncio.sleep(PAUSE_SECONDS)
    return longest


async def main(port: int, seconds: float, **counts: int) -> dict[str, Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sorts = {"silent": (context, silent), "mute": (None, silent), "flood": (context, flood)}
    end = time.perf_counter() + seconds
    longest: dict[str, float] = {}

    async def all_of(sort: str, count: int) -> None:
        with_tls, harm = sorts[sort]
        longest[sort] = max(await asyncio.gather(*(again_and_again(port, end, with_tls, harm) for _ in range(count))))

    await asyncio.gather(*(all_of(sort, count) for sort, count in counts.items()))
    return {sort: round(value, 1) for sort, value in longest.items()}


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    print(json.dumps(uvloop.run(main(**json.loads(sys.argv[1])))))  # noqa: T201  # for the parent
